"""What a cross-validation's scores add to the gate report: each threshold's interval, and whether it lies inside."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from millrace.components.evaluator import tfma_results
from millrace.components.evaluator.eval_config import eval_config
from millrace.components.evaluator.folds import with_folds
from millrace.components.evaluator.judging import Baseline, Measured, Overall, ThresholdCheck, ValueBound, judge
from millrace.components.evaluator.section import Evaluation
from millrace.features.label import Label
from millrace.statistics import fold_scores
from millrace.statistics.fold_scores import FoldScores, interval

# TFMA's own combiners turn arrays of one value into numbers in a way that numpy discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning")

RANDOM = np.random.default_rng(6)
LABELS = RANDOM.integers(0, 2, 300)
SCORES = np.clip(LABELS * 0.3 + RANDOM.uniform(0.0, 0.7, 300), 0.0, 1.0).astype(np.float32)
FOLDS = np.arange(300) % 10
BINARY = Label(column="y", task="binary", classes=("no", "yes"))


def reported(folder, *, thresholds, metrics=("AUC", "BinaryAccuracy"), label=BINARY, checks=None):
    evaluation = Evaluation(metrics=metrics, thresholds=thresholds)
    config = tfma_results.with_example_count(eval_config(label, evaluation))
    checks = checks or [
        ThresholdCheck("AUC", "overall", ValueBound(lower=0.5), Measured(0.9), 60, measured_as="auc"),
        ThresholdCheck("BinaryAccuracy", "overall", ValueBound(0.7), Measured(0.8), 60, measured_as="binary_accuracy"),
        ThresholdCheck("AUC", "city=Rome", ValueBound(lower=0.5), Measured(0.9), 200, measured_as="auc"),
    ]  # fmt: skip
    return with_folds(judge(checks, 100, Baseline(), Overall()), checks, config, str(folder))


@pytest.fixture
def folder(tmp_path):
    scores = FoldScores(LABELS, SCORES[:, None], np.ones(300), FOLDS, learned_rows=240, seconds=12.34)
    fold_scores.write(str(tmp_path), scores)
    return tmp_path


def without_each(metric, labels, scores):
    return [metric(labels[fold != FOLDS], scores[fold != FOLDS]) for fold in range(10)]


def test_a_threshold_has_the_value_of_all_folds_together_and_its_interval(folder):
    report = reported(folder, thresholds=[{"metric": "AUC", "at_least": 0.5}])
    pooled = roc_auc_score(LABELS, SCORES)
    expected = interval(pooled, without_each(roc_auc_score, LABELS, SCORES), 240, 30)
    auc, accuracy, of_slice = (row.folds for row in report.rows)
    assert auc.value == pytest.approx(pooled, abs=2e-3)
    assert auc.interval == pytest.approx(expected, abs=5e-3) or auc.interval[1] == 1.0
    assert (auc.count, auc.rows, auc.learned_rows, auc.inside) == (10, 300, 240, False)
    assert accuracy.value == pytest.approx(accuracy_score(LABELS, SCORES > 0.5))
    expected = interval(accuracy.value, without_each(accuracy_score, LABELS, SCORES > 0.5), 240, 30)
    assert accuracy.interval == pytest.approx(expected)
    assert accuracy.inside == (accuracy.interval[0] < 0.7 < accuracy.interval[1])
    assert of_slice is None, "a fold of a slice is a handful of rows"


def test_the_text_says_what_the_numbers_are_of_what_they_cost_and_what_they_settle(folder):
    text = reported(folder, thresholds=[{"metric": "AUC", "at_least": 0.5}]).to_text()
    assert (
        "folds: 10 models that were trained as this one, each on 240 rows, are scored on the 300 rows of train and "
        "eval that they did not see (12.3 s)"
    ) in text
    assert "at least 0.5 lies outside" in text


def test_the_verdict_stays_that_of_the_thresholds(folder, tmp_path):
    with_, without = (
        reported(where, thresholds=[{"metric": "AUC", "at_least": 0.5}]) for where in (folder, tmp_path / "nothing")
    )
    assert with_.blessed == without.blessed and with_.reason == without.reason
    assert all(row.folds is None for row in without.rows)


def test_a_metric_whose_interval_would_not_hold_has_none_and_says_why(tmp_path):
    labels = (np.arange(300) % 10 == np.arange(300) // 10 % 10).astype(int)
    fold_scores.write(str(tmp_path), FoldScores(labels, SCORES[:, None], np.ones(300), FOLDS, 240, 1.0))
    auc, accuracy, _ = (row.folds for row in reported(tmp_path, thresholds=[{"metric": "AUC", "at_least": 0.5}]).rows)
    assert auc.value == pytest.approx(roc_auc_score(labels, SCORES), abs=2e-3)
    assert (auc.interval, auc.inside) == (None, False)
    assert "no interval: with fewer than 50 rows of a class none holds; at least 0.5" in auc.words()
    assert accuracy.interval is not None


def test_of_several_classes_and_of_numbers(tmp_path):
    three = Label(column="y", task="multiclass", classes=("a", "b", "c"))
    ids = np.arange(300) % 3
    probabilities = (np.eye(3)[ids] * 0.4 + RANDOM.uniform(0, 0.6, (300, 3))).astype(np.float32)
    fold_scores.write(str(tmp_path), FoldScores(ids, probabilities, np.ones(300), FOLDS, 240, 1.0))
    name = "sparse_categorical_accuracy"
    bound = ValueBound(lower=0.9)
    check = ThresholdCheck("SparseCategoricalAccuracy", "overall", bound, Measured(0.9), 60, measured_as=name)
    thresholds = [{"metric": "SparseCategoricalAccuracy", "at_least": 0.9}]
    metrics = ("SparseCategoricalAccuracy", "AUC")
    [row] = reported(tmp_path, thresholds=thresholds, metrics=metrics, label=three, checks=[check]).rows
    assert row.folds.value == pytest.approx(np.mean(probabilities.argmax(axis=1) == ids))
    price = Label(column="y", task="regression")
    values = RANDOM.normal(100.0, 10.0, 300).astype(np.float32)
    guesses = (values + RANDOM.normal(0.0, 5.0, 300)).astype(np.float32)[:, None]
    fold_scores.write(str(tmp_path), FoldScores(values, guesses, np.ones(300), FOLDS, 240, 1.0))
    name = "root_mean_squared_error"
    check = ThresholdCheck("RootMeanSquaredError", "overall", ValueBound(upper=5.0), Measured(5), 60, measured_as=name)
    thresholds = [{"metric": "RootMeanSquaredError", "at_most": 5.0}]
    [row] = reported(
        tmp_path, thresholds=thresholds, metrics=(thresholds[0]["metric"],), label=price, checks=[check]
    ).rows
    assert row.folds.value == pytest.approx(5.0, abs=0.5) and row.folds.inside
    assert "at most 5 lies inside, which so few rows do not settle" in row.folds.words()
