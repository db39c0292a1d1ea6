"""Folds of a small table: each row is predicted once, by a model that has not seen it; the export stays as it was."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from millrace.base.errors import InputRefused
from millrace.features.description import FeatureTable
from millrace.statistics import fold_scores
from millrace.training import fitting, folds
from models.trainer import run_fn

SCHEMA = """
feature { name: "label" type: BYTES }
feature { name: "who" type: BYTES }
feature { name: "told" type: FLOAT }
"""


def table_of(transform: Any, folder: Any, told: Any, counts: tuple[int, int] = (80, 40)) -> Any:
    """Each row has a name of its own, and `told` says its label as far as a function lets it."""
    random = np.random.default_rng(4)
    label = {"column": "label", "task": "binary", "classes": ["no", "yes"]}
    features = {"who": {"kind": "categorical"}, "told": {"kind": "numeric"}}
    described = FeatureTable.model_validate({"label": label, "features": features})
    made = [
        {"who": f"row{number}", "label": ["no", "yes"][is_yes], "told": told(is_yes, random)}
        for number, is_yes in enumerate(map(int, random.integers(0, 2, sum(counts))))
    ]
    made[3].pop("label")
    return transform(folder, SCHEMA, described, {"train": made[: counts[0]], "eval": made[counts[0] :]})


@pytest.fixture(scope="module")
def known(transform: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return table_of(transform, tmp_path_factory.mktemp("known"), lambda is_yes, random: is_yes + random.normal(0, 0.2))


def arguments(data: Any, out: Any, asked: Any, **training: Any) -> Any:
    args = data.fn_args(out, training={"steps": 60, "validate_every": 20, **training})
    args.custom_config["folds"] = asked
    return args


def test_each_row_with_a_label_is_scored_once_and_what_is_told_is_learned(known: Any, tmp_path: Any) -> None:
    run_fn(arguments(known, tmp_path, 4))
    scores = fold_scores.read(str(tmp_path))
    assert scores is not None
    assert len(scores.labels) == 119 and scores.count == 4 and scores.learned_rows == 60
    assert np.bincount(scores.folds).tolist() == [30, 30, 30, 29]
    yes = [int(scores.labels[scores.folds == fold].sum()) for fold in range(4)]
    assert max(yes) - min(yes) <= 1, "each fold has its share of each class"
    assert roc_auc_score(scores.labels, scores.predictions[:, 0]) > 0.95


def test_a_row_is_not_predicted_by_a_model_that_has_seen_it(transform: Any, tmp_path: Any) -> None:
    data = table_of(transform, tmp_path / "data", lambda is_yes, random: 0.0)
    run_fn(arguments(data, tmp_path, 4, steps=200, validate_every=100, patience=None))
    scores = fold_scores.read(str(tmp_path))
    assert scores is not None
    exported = tf.saved_model.load(f"{tmp_path}/Format-Serving").signatures["serving_default"]
    learned = exported(examples=tf.constant(data.raw["train"]))["probabilities"].numpy()
    labels = [b"yes" in record for record in data.raw["train"]]
    assert roc_auc_score(labels, learned) > 0.95, "the names were learned by heart"
    assert roc_auc_score(scores.labels, scores.predictions[:, 0]) < 0.7


def test_the_exported_model_is_the_same_with_folds_and_without(known: Any, tmp_path: Any) -> None:
    answers = []
    for name, asked in (("with", 3), ("without", 0)):
        run_fn(arguments(known, tmp_path / name, asked))
        model = tf.saved_model.load(f"{tmp_path}/{name}/Format-Serving").signatures["serving_default"]
        answers.append(model(examples=tf.constant(known.raw["eval"]))["probabilities"].numpy())
    assert np.allclose(*answers, atol=1e-6)
    assert fold_scores.read(f"{tmp_path}/without") is None


def test_no_fold_is_begun_beyond_the_time_and_each_row_is_beside_its_own_prediction(
    known: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(folds, "_MOST_SECONDS", 0.0)
    run_fn(arguments(known, tmp_path, 5))
    scores = fold_scores.read(str(tmp_path))
    assert scores is not None and scores.count == 3
    assert len(scores.labels) == len(scores.predictions) == len(scores.weights) == 72
    assert roc_auc_score(scores.labels, scores.predictions[:, 0]) > 0.95


@pytest.mark.parametrize(
    ("asked", "few_rows", "rows", "count"),
    [("auto", 1_000, 119, 10), ("auto", 119, 119, 0), ("auto", 1_000, 40, 0), (3, 10, 119, 3)],
)
def test_auto_makes_ten_of_a_small_table(known: Any, tmp_path: Any, monkeypatch, asked, few_rows, rows, count) -> None:
    job = fitting.prepare(arguments(known, tmp_path, asked))
    monkeypatch.setattr(folds, "FEW_ROWS", few_rows)
    labels = np.array([0, 1] * 60)[:rows] if rows > 100 else np.array([0] * 36 + [1] * 4)
    small = folds._is_small(job) or asked != "auto"
    assert (folds._count(asked, labels, "binary") if small else 0) == count


def test_more_folds_than_rows_of_a_class_are_refused(known: Any, tmp_path: Any) -> None:
    job = fitting.prepare(arguments(known, tmp_path, 80))
    with pytest.raises(InputRefused, match="80 folds need as many rows of each class") as refused:
        folds.cross_validate(job, fitting.build(job), f"{tmp_path}/Format-Serving")
    assert refused.value.where == "evaluation.folds" and "at most" in refused.value.remedy


def test_a_fold_that_diverges_leaves_no_scores_and_the_model(known: Any, tmp_path: Any, caplog) -> None:
    job = fitting.prepare(arguments(known, tmp_path, 3, learning_rate=0.001))
    model = fitting.build(job)
    model.optimizer.learning_rate.assign(0.001)
    wild = replace(job, config=replace(job.config, training={**job.config.training, "learning_rate": 1e30}))
    folds.cross_validate(wild, model, f"{tmp_path}/Format-Serving")
    assert fold_scores.read(str(tmp_path)) is None
    assert any("no folds" in message for message in caplog.messages)
