"""Lists of Parquet and of SequenceExamples, divided by group and by stratum: example pipelines to a pushed model."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

pytestmark = pytest.mark.slow

DELIVERIES = """
name: deliveries
data:
  path: ../data
  pattern: deliveries.parquet
  format: parquet
  rules: table
  splits: {by: group, column: customer, shares: {train: 2, eval: 1}}
  key: customer
statistics: {slices: [[region]]}
label: {column: late, task: binary}
features:
  effort: {kind: numeric, expression: 'log(models.effort.effort(miles, stops))'}
  goods: {kind: bag, weights: amounts}
model: {hidden_units: [8], members: 1}
training: {batch_size: 64, steps: 150, seed: 20}
tuning:
  enabled: true
  trials: 2
  steps: 30
  objective: {metric: Recall, thresholds: 0.5}
  space: {learning_rate: {values: [0.005, 0.2]}}
evaluation: {metrics: [AUC, ExampleCount], thresholds: [{metric: AUC, at_least: 0.75}]}
"""
EFFORT = '''"""What a delivery takes."""

import tensorflow as tf


def effort(miles: tf.Tensor, stops: tf.Tensor) -> tf.Tensor:
    """Miles, and two more for each stop."""
    return miles + 2 * stops
'''


def deliveries(rows: int) -> pd.DataFrame:
    """Deliveries: long ways and pianos are late, but for one in ten that is the other way round."""
    random = np.random.default_rng(7)
    miles, stops = random.uniform(1, 20, rows).round(1), random.integers(0, 10, rows)
    goods = [
        random.choice(["book", "lamp", "piano"], size, replace=False).tolist() for size in random.integers(0, 4, rows)
    ]
    late = (miles + 2 * stops > 20) | np.array(["piano" in some for some in goods])
    return pd.DataFrame(
        {
            "customer": [f"c{number}" for number in random.integers(0, rows // 5, rows)],
            "region": random.choice(["north", "south", "west"], rows, p=[0.5, 0.3, 0.2]),
            "miles": miles,
            "stops": stops,
            "goods": goods,
            "amounts": [[1.0] * len(some) for some in goods],
            "late": (late ^ (random.random(rows) < 0.1)).astype(int),
        }
    )


def examples(project: Any, name: str) -> dict[str, list[dict[str, list]]]:
    """The examples of a pipeline's only run, by split, as lists of values."""
    [made] = (project.folder / "runs" / name).rglob("ExampleGen/examples/*")
    found: dict[str, list[dict[str, list]]] = {}
    for file in made.glob("Split-*/*.gz"):
        rows = found.setdefault(file.parent.name.removeprefix("Split-"), [])
        for record in tf.data.TFRecordDataset(str(file), "GZIP").as_numpy_iterator():
            values = tf.train.Example.FromString(record).features.feature
            rows.append(
                {key: list(getattr(one, one.WhichOneof("kind") or "int64_list").value) for key, one in values.items()}
            )
    return found


def pushed(project: Any, name: str) -> Any:
    """What a pipeline's pushed model answers to a request in JSON."""
    [version] = (project.folder / "runs" / name / "serving" / name).iterdir()
    model = tf.saved_model.load(str(version))
    return lambda **request: model.signatures["predict_json"](**request)


@pytest.mark.thorough
def test_deliveries_of_parquet_divided_by_customer_to_a_pushed_model(project):
    table = deliveries(900)
    table.to_parquet(project.data / "deliveries.parquet")
    (project.folder / "models" / "effort.py").write_text(EFFORT)
    (project.folder / "conf" / "deliveries.yaml").write_text(DELIVERIES)
    finished = project.millrace("run", "-c", "conf/deliveries.yaml")
    assert finished.code == 0, finished.output
    splits = examples(project, "deliveries")
    customers = {split: {row["customer"][0].decode() for row in rows} for split, rows in splits.items()}
    assert sum(map(len, splits.values())) == len(table)
    assert not customers["train"] & customers["eval"] and set().union(*customers.values()) == set(table.customer)

    shown = project.millrace(
        "schema", "show", "goods", "-c", "conf/deliveries.yaml", "--slice", "region_west", "--json"
    )
    [goods] = json.loads(shown.output)["features"]
    for split, rows in splits.items():
        west = [row["goods"] for row in rows if row["region"] == [b"west"]]
        counts = Counter(one.decode() for some in west for one in some)
        assert goods["seen"][split]["rows"] == len(west) and goods["seen"][split]["values"] == counts

    # A cautious rate calls every delivery late at first, which this metric likes; by the loss the bold one is better.
    [best] = (project.folder / "runs" / "deliveries").rglob("best_hyperparameters.txt")
    assert json.loads(best.read_text())["values"]["learning_rate"] == 0.005

    way = {"miles": tf.constant([2, 2, 18], tf.float64), "stops": tf.constant([1, 1, 9], tf.float64)}
    goods = tf.constant([["book", "lamp"], ["piano", ""], ["", ""]])
    amounts = tf.constant([[1, 1], [1, np.nan], [np.nan, np.nan]], tf.float64)
    near, heavy, far = pushed(project, "deliveries")(**way, goods=goods, amounts=amounts)["probabilities"].numpy()
    assert near < 0.5 < min(heavy, far)
    compiled = project.millrace(
        "compile", "-c", "conf/deliveries.yaml", "--runner", "kubeflow", "-o", "deliveries.json"
    )
    assert compiled.code == 0, compiled.output


READINGS = """
name: machines
data:
  path: ../data/machines
  format: sequence_example
  splits: {by: stratum, column: broke, shares: {train: 3, eval: 1, test: 1}}
label: {column: broke, task: binary}
features:
  maker: {kind: categorical}
  states: {kind: sequence, encoder: mean, max_length: 6}
  heat: {kind: sequence, values: numbers, encoder: convolution, max_length: 6}
model: {hidden_units: [8], members: 1}
training: {batch_size: 64, steps: 120, learning_rate: 0.02, seed: 20}
evaluation: {folds: 3, metrics: [AUC, ExampleCount], thresholds: [{metric: AUC, at_least: 0.8}]}
"""


def machine(random: np.random.Generator, broke: bool) -> tf.train.SequenceExample:
    """A machine's last hours: one that broke had stalled, and was hot at the end."""
    example = tf.train.SequenceExample()
    context, lists = example.context.feature, example.feature_lists.feature_list
    context["maker"].bytes_list.value.append(random.choice([b"Ada", b"Bell"]))
    context["broke"].int64_list.value.append(int(broke))
    hours = int(random.integers(2, 7))
    for hour in range(hours):
        # In an hour there are no states or some, and always one heat.
        states = random.choice([b"idle", b"run"], int(random.integers(0, 2))).tolist()
        hot = broke and hour == hours - 1
        lists["states"].feature.add().bytes_list.value.extend([b"run", b"stall"] if hot else states)
        lists["heat"].feature.add().float_list.value.append(random.normal(90 if hot else 60, 5))
    return example


@pytest.mark.thorough
def test_sequence_examples_divided_by_stratum_to_a_pushed_model(project):
    random = np.random.default_rng(11)
    broke = random.permutation([True] * 100 + [False] * 500)
    (project.data / "machines").mkdir()
    with tf.io.TFRecordWriter(str(project.data / "machines" / "a.tfrecord.gz"), "GZIP") as writer:
        for one in broke:
            writer.write(machine(random, one).SerializeToString())
    (project.folder / "conf" / "machines.yaml").write_text(READINGS)
    finished = project.millrace("run", "-c", "conf/machines.yaml")
    assert finished.code == 0, finished.output
    splits = examples(project, "machines")
    counts = {split: Counter(row["broke"][0] for row in rows) for split, rows in splits.items()}
    assert counts == {"train": {0: 300, 1: 60}, "eval": {0: 100, 1: 20}, "test": {0: 100, 1: 20}}
    assert all(2 <= len(row["heat"]) <= 6 for row in splits["train"]), "the hours' values, one after the other"

    predict = pushed(project, "machines")
    states, heat = [["run", "idle", ""], ["run", "run", "stall"]], [[60, 61, np.nan], [60, 58, 90]]
    makers = tf.constant(["Ada", "Ada"])
    answer = predict(maker=makers, states=tf.constant(states), heat=tf.constant(heat, tf.float64))["probabilities"]
    well, broken = answer.numpy()
    assert well < 0.5 < broken
    # What ends in nothing beside a longer row is the same machine alone.
    short = predict(maker=makers[:1], states=tf.constant([states[0][:2]]), heat=tf.constant([heat[0][:2]], tf.float64))
    assert short["probabilities"].numpy()[0] == pytest.approx(well, abs=1e-6)
