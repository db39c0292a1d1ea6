"""Features that are more than one value of a table: example pipelines, by the real command, to a pushed model."""

import json

import numpy as np
import pytest
import yaml

pytestmark = pytest.mark.slow

SHOP = """
name: shop
data: {path: ../data, pattern: "*.jsonl", format: jsonl, splits: {train: 4, eval: 1, test: 1}}
label: {column: bought, task: binary}
features:
  pace: {kind: numeric, expression: len(pages_text) / minutes, indicator: true}
  evening: {kind: categorical, expression: 'hour(began, "%Y-%m-%d %H:%M") >= 18'}
  tags: {kind: bag}
  basket: {kind: bag, weights: amounts, encode: embedding}
  pages: {kind: sequence, encoder: gru, max_length: 5}
  pages_text: {kind: text, encoder: models.last.last_word, dimension: 4}
  prices: {kind: sequence, values: numbers, encoder: convolution, max_length: 5}
model: {hidden_units: [16]}
training: {steps: 300, learning_rate: 0.01}
evaluation: {metrics: [AUC, ExampleCount], thresholds: [{metric: AUC, at_least: 0.8}]}
"""
ENCODER = '''"""An encoder of one's own."""

from typing import Any


def last_word(values: Any, present: Any, feature: Any) -> Any:
    """The embedding of the first word there is."""
    return values[:, 0, :]
'''


def visits(rows: int) -> list[dict]:
    """Visits to a shop: who was led to the till bought something, and who came for a gift."""
    random = np.random.default_rng(5)
    made = []
    for _ in range(rows):
        pages = random.choice(["home", "list", "item", "till"], int(random.integers(1, 6))).tolist()
        tags = random.choice(["gift", "new", "sale", "seen"], int(random.integers(0, 3))).tolist()
        basket = random.integers(100, 110, int(random.integers(0, 4))).tolist()
        bought = (pages[-1] == "till") + ("gift" in tags) + random.normal(0, 0.3) > 0.5
        visit = {"pages": pages, "tags": tags, "basket": basket, "amounts": [1.0] * len(basket)}
        visit |= {"pages_text": " ".join(pages), "prices": random.normal(9, 2, len(pages)).round(2).tolist()}
        visit |= {"minutes": int(random.integers(0, 9)), "began": f"2031-01-06 {random.integers(8, 23):02}:30"}
        made.append({**visit, "bought": int(bought)})
    return made


def test_lists_and_derived_features_from_json_lines_to_a_pushed_model(project):
    text = "".join(json.dumps(visit) + "\n" for visit in visits(1500))
    (project.data / "visits.jsonl").write_text(text)
    (project.folder / "models" / "last.py").write_text(ENCODER)
    (project.folder / "conf" / "shop.yaml").write_text(SHOP)
    finished = project.millrace("run", "-c", "conf/shop.yaml")
    assert finished.code == 0, finished.output
    [version] = (project.folder / "runs" / "shop" / "serving" / "shop").iterdir()
    about = json.loads((version / "assets.extra" / "millrace.json").read_text())
    assert set(about["inputs"]) == set(visits(1)[0]) - {"bought"}
    assert yaml.safe_load(SHOP)["features"].keys() - set(about["inputs"]) == {"pace", "evening"}
