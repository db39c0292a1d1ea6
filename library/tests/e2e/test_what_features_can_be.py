"""Features that are more than one value of a table: example pipelines, by the real command, to a pushed model."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from sklearn.datasets import load_digits

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


@pytest.mark.thorough
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


DIGITS = """
name: digits
label: {task: multiclass, classes: ["0", "1", "2"]}
model: {hidden_units: []}
training: {steps: 200, learning_rate: 0.003}
evaluation: {metrics: [SparseCategoricalAccuracy], thresholds: [{metric: SparseCategoricalAccuracy, at_least: 0.8}]}
"""
DIGIT = {"kind": "image", "height": 8, "width": 8, "channels": 1, "augment": {"shift": 0.1}}


def written(folder: Path) -> list[tuple[str, int]]:
    """scikit-learn's 0, 1 and 2 as PNG files in a folder for each; their paths below it, and what they show."""
    found = load_digits(n_class=3)
    paths = []
    for place, (image, digit) in enumerate(zip(found.images, found.target, strict=True)):
        path = Path(str(digit)) / f"{place}.png"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(tf.io.encode_png(np.uint8(image * 15)[..., None]).numpy())
        paths.append((str(path), int(digit)))
    return paths


@pytest.mark.thorough
def test_images_in_a_folder_for_each_class_to_a_pushed_model(project):
    written(project.data / "digits")
    values = yaml.safe_load(DIGITS)
    values["data"] = {"path": "../data/digits", "format": "image_folders", "splits": {"train": 4, "eval": 1, "test": 1}}
    values["label"]["column"] = "class"
    values["features"] = {"image": DIGIT}
    (project.folder / "conf" / "digits.yaml").write_text(yaml.safe_dump(values))
    finished = project.millrace("run", "-c", "conf/digits.yaml")
    assert finished.code == 0, finished.output
    assert list((project.folder / "runs" / "digits" / "serving" / "digits").iterdir())


ENCODERS = '''"""An encoder of one's own."""

from typing import Any

import keras


def lit_rows_and_columns(image: Any, feature: Any) -> Any:
    """How much of each row and of each column of an image is lit."""
    rows = keras.layers.Reshape((feature.height,))(keras.ops.mean(image, axis=(2, 3)))
    return keras.layers.Concatenate(name="lit")([rows, keras.ops.mean(image, axis=(1, 3))])
'''


@pytest.mark.thorough
def test_a_table_of_paths_with_an_encoder_of_ones_own_to_a_pushed_model(project):
    table = written(project.data / "scans")
    lines = "".join(f"scans/{path},{digit},{'aaab'[place % 4]}\n" for place, (path, digit) in enumerate(table))
    (project.data / "scans.csv").write_text(f"photo,digit,part\n{lines}")
    (project.folder / "models" / "lit.py").write_text(ENCODERS)
    values = yaml.safe_load(DIGITS) | {"name": "scans"}
    by_part = {"by": "column", "column": "part", "values": {"train": ["a"], "eval": ["b"]}}
    values["data"] = {"path": "../data", "pattern": "scans.csv", "images": ["photo"], "splits": by_part}
    values["label"]["column"] = "digit"
    values["features"] = {"photo": {**DIGIT, "encoder": "models.lit.lit_rows_and_columns"}}
    (project.folder / "conf" / "scans.yaml").write_text(yaml.safe_dump(values))
    finished = project.millrace("run", "-c", "conf/scans.yaml")
    assert finished.code == 0, finished.output
    runs = project.folder / "runs" / "scans"
    # A blessing keeps a copy of the report.
    measured = json.loads(next(runs.rglob("Evaluator/evaluation/*/gate_report.json")).read_text())
    assert measured["examples"] == len(table) // 4, "the rows of part b"
    [version] = (runs / "serving" / "scans").iterdir()
    predict = tf.saved_model.load(str(version)).signatures["predict_json"]
    asked = tf.constant([(project.data / "scans" / path).read_bytes() for path, _ in table[3::4]])
    right = predict(photo=asked)["label"].numpy() == [str(digit).encode() for _, digit in table[3::4]]
    assert right.mean() == pytest.approx(measured["metrics"]["sparse_categorical_accuracy"], abs=1e-6)
    # Two images that this encoder alone cannot tell apart, and a third.
    rising, falling, dark = np.zeros((3, 8, 8, 1), np.uint8)
    rising[[1, 6], [6, 1]] = falling[[1, 6], [1, 6]] = 255
    drawn = tf.constant([tf.io.encode_png(image).numpy() for image in (rising, falling, dark)])
    first, second, third = predict(photo=drawn)["probabilities"].numpy()
    assert first == pytest.approx(second, abs=1e-6) and first != pytest.approx(third, abs=1e-3)


def test_an_image_that_is_none_is_told_by_its_path(project):
    table = written(project.data)[:50]
    (project.data / table[7][0]).write_bytes(b"no image at all")
    lines = "".join(f"{path},{digit}\n" for path, digit in table)
    (project.data / "digits.csv").write_text(f"photo,digit\n{lines}")
    values = yaml.safe_load(DIGITS)
    values["data"] = {"path": "../data", "pattern": "digits.csv", "images": ["photo"]}
    values["label"]["column"] = "digit"
    values["features"] = {"photo": DIGIT}
    (project.folder / "conf" / "digits.yaml").write_text(yaml.safe_dump(values))
    finished = project.millrace("run", "-c", "conf/digits.yaml")
    assert finished.code == 2 and "Traceback" not in finished.output
    assert f"data/{table[7][0]}: this is no image that can be read" in " ".join(finished.output.split())
