"""Labels of many classes and of several columns: example pipelines from a configuration to a pushed model."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

pytestmark = pytest.mark.slow

FILMS = """
name: films
data: {path: ../data, pattern: films.csv, rules: table, splits: {train: 3, eval: 1}}
label: {column: genres, task: multilabel, classes: [action, comedy, drama], separator: "|"}
features:
  budget: {kind: numeric, scale: log}
  studio: {kind: categorical}
model: {hidden_units: [16]}
training: {steps: 300, learning_rate: 0.01}
evaluation:
  metrics:
    - AUC
    - {metric: AUC, averaging: micro, name: auc_micro}
    - {metric: Recall, class: comedy}
    - ExampleCount
  slices: [[studio]]
  min_slice_size: 50
  thresholds:
    - {metric: AUC, at_least: 0.7}
    - {metric: AUC, class: action, at_least: 0.8}
    - {metric: auc_micro, worse_by_at_most: 0.05}
"""
TRIPS = """
name: trips
data: {path: ../data, pattern: trips.csv, rules: table, splits: {train: 3, eval: 1}, where: not is_missing(trip_miles)}
label:
  outputs:
    tipped: {column: big_tipper, task: binary}
    tip: {column: tips, task: regression, loss_weight: 0.5}
features:
  fare: {kind: numeric, scale: log}
  trip_miles: {kind: numeric}
  payment_type: {kind: categorical}
model: {hidden_units: [16]}
training: {steps: 300, learning_rate: 0.01}
evaluation:
  metrics: [AUC, BinaryAccuracy, MeanAbsoluteError, R2Score, ExampleCount]
  slices: [[payment_type]]
  min_slice_size: 50
  thresholds:
    - {metric: AUC, at_least: 0.8}
    - {metric: R2Score, at_least: 0.1}
    - {metric: MeanAbsoluteError, worse_by_at_most: 0.5}
"""


def films(rows: int) -> pd.DataFrame:
    """Films whose genres follow from what they cost and who made them; some have none of the classes."""
    random = np.random.default_rng(5)
    budget, studio = random.lognormal(16, 1, rows).round(), random.choice(["Big", "Small", "Other"], rows)
    genres = []
    for cost, maker in zip(budget, studio, strict=True):
        chances = {"action": cost > 2e7, "comedy": maker == "Small", "drama": random.random() < 0.4, "noir": True}
        genres.append("|".join(name for name, chance in chances.items() if random.random() < (0.9 if chance else 0.1)))
    return pd.DataFrame({"budget": budget, "studio": studio, "genres": genres})


def pushed(project, name: str):
    """Runs a pipeline twice, compiles it, and gives its pushed model and the second run's report."""
    for seed in (3, 4):
        finished = project.millrace("run", "-c", f"conf/{name}.yaml", "--set", f"training.seed={seed}", "--push")
        assert finished.code == 0, finished.output
    runs = project.folder / "runs" / name
    compiled = project.millrace("compile", "-c", f"conf/{name}.yaml", "--runner", "kubeflow", "-o", f"{name}.json")
    assert compiled.code == 0, compiled.output
    version = sorted((runs / "serving" / name).iterdir())[-1]
    reports = sorted(runs.rglob("Evaluator/evaluation/*/gate_report.json"), key=lambda file: file.stat().st_mtime)
    return tf.saved_model.load(str(version)), json.loads(reports[-1].read_text())


@pytest.mark.thorough
def test_films_of_several_genres_to_a_pushed_model_that_names_them(project):
    films(3000).to_csv(project.data / "films.csv", index=False)
    (project.folder / "conf" / "films.yaml").write_text(FILMS)
    model, report = pushed(project, "films")
    answer = model.signatures["predict_json"](
        budget=tf.constant([3e8, 1e5], tf.float64), studio=tf.constant(["Small", "Other"])
    )
    first, second = ({name.decode() for name in row} - {""} for row in answer["labels"].numpy())
    assert {"action", "comedy"} <= first and not {"action", "comedy"} & second
    measured = {(row["metric"], row["slice"]) for row in report["rows"]}
    assert measured == {("AUC", "overall"), ("auc (action)", "overall"), ("auc_micro", "overall")}
    assert {"auc", "auc_micro", "recall (comedy)", "auc (action)"} <= set(report["metrics"])
    # Of the rows that have a class, each class has its own number.
    small = next(one for one in report["slices"] if one["slice"] == "studio=Small")
    assert small["classes"][1] > small["classes"][0]


@pytest.mark.thorough
def test_trips_with_a_class_and_a_number_to_a_pushed_model_that_gives_both(project):
    (project.folder / "conf" / "trips.yaml").write_text(TRIPS)
    model, report = pushed(project, "trips")
    answer = model.signatures["predict_json"](
        fare=tf.constant([40.0, 40.0], tf.float64),
        trip_miles=tf.constant([15.0, 15.0], tf.float64),
        payment_type=tf.constant(["Credit Card", "Cash"]),
    )
    assert set(answer) == {"tipped", "tipped_label", "tipped_classes", "tip"}
    card, cash = answer["tip"].numpy()
    assert card > cash + 1 and answer["tipped"].numpy()[0] > answer["tipped"].numpy()[1]
    assert {row["metric"] for row in report["rows"]} == {"AUC (tipped)", "R2Score (tip)", "MeanAbsoluteError (tip)"}
    assert all(row["verdict"] == "pass" for row in report["rows"])
    # Nobody who pays in cash tips: a slice of one class, of which an AUC says nothing.
    [cash_slice] = [one for one in report["slices"] if one["slice"] == "payment_type=Cash"]
    assert cash_slice["output_classes"]["tipped"][1] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("label.outputs.tip.column=big_tipper", "there are more outputs than labels"),
        ("label.outputs.tip.task=multilabel", "a multilabel label needs its classes listed"),
        ("label.outputs.tip.column=tps", "the label tps is not a column of the data; did you mean tips"),
        (
            "evaluation.metrics=[{metric: AUC, output: tiped}, R2Score, MeanAbsoluteError]",
            "tiped is no output of the label",
        ),
        ("features.tips={kind: numeric}", "tips is the label; it cannot be a feature too"),
    ],
)
def test_outputs_that_fit_nothing_are_refused_before_anything_runs(project, change, said):
    (project.folder / "conf" / "trips.yaml").write_text(TRIPS)
    refused = project.millrace("run", "-c", "conf/trips.yaml", "--set", change)
    assert refused.code == 2 and said in " ".join(refused.output.split()), refused.output
