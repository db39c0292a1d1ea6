"""The scores of a cross-validation as a file, and how often their interval holds what it is meant to hold."""

import math

import numpy as np
import pytest
from sklearn.metrics import r2_score

from millrace.statistics import fold_scores
from millrace.statistics.fold_scores import FoldScores, interval


def root_mean_squared_error(labels, predictions):
    return np.sqrt(np.mean((labels - predictions) ** 2))


def test_scores_come_back_as_they_were_written(tmp_path):
    labels, predictions = np.array([0, 1, 1]), np.array([[0.2], [0.7], [0.4]], np.float32)
    fold_scores.write(str(tmp_path), FoldScores(labels, predictions, np.ones(3), np.array([0, 0, 2]), 40, 1.5))
    read = fold_scores.read(str(tmp_path))
    assert (read.count, read.learned_rows, read.seconds) == (3, 40, 1.5)
    assert np.array_equal(read.labels, labels) and np.array_equal(read.predictions, predictions)


def test_a_folder_without_scores_has_none(tmp_path):
    assert fold_scores.read(str(tmp_path)) is None


def test_the_interval_of_a_mean_is_students_with_nadeau_and_bengios_variance():
    folds = np.array([0.8, 0.9, 0.7])
    without = [(folds.sum() - fold) / 2 for fold in folds]
    low, high = interval(0.8, without, learned_rows=80, held_rows=10)
    reach = 4.302653 * 0.1 * math.sqrt(1 / 3 + 10 / 80)
    assert (low, high) == pytest.approx((0.8 - reach, 0.8 + reach), abs=1e-6)


@pytest.mark.parametrize("without", [[], [0.5], [0.5, math.nan]])
def test_fewer_than_two_folds_or_one_without_a_value_have_no_interval(without):
    assert interval(0.5, without, 80, 10) is None


@pytest.mark.parametrize(("rows", "signal"), [(75, 0.5), (150, 0.5), (150, 1.0)])
@pytest.mark.parametrize("metric", [r2_score, root_mean_squared_error])
def test_it_holds_what_the_model_of_two_thirds_of_the_rows_scores_of_the_world(rows, signal, metric):
    random, weights = np.random.default_rng(3), signal * np.array([1.0, -0.5, 0.2, 0.0, 0.0])
    world = random.normal(size=(10_000, 5))
    of_world = world @ weights + random.normal(size=len(world))
    held, values, truths = 0, [], []
    for _ in range(100):
        x = random.normal(size=(rows, 5))
        y = x @ weights + random.normal(size=len(x))
        pushed = np.linalg.lstsq(x[: rows * 4 // 5], y[: rows * 4 // 5], rcond=None)[0]
        folds, predicted = np.arange(rows) % 10, np.empty(rows)
        for fold in range(10):
            learned = (folds != fold) & (folds != (fold + 1) % 10)
            predicted[folds == fold] = x[folds == fold] @ np.linalg.lstsq(x[learned], y[learned], rcond=None)[0]
        without = [metric(y[folds != fold], predicted[folds != fold]) for fold in range(10)]
        values.append(metric(y, predicted))
        truths.append(metric(of_world, world @ pushed))
        low, high = interval(values[-1], without, rows * 4 // 5, rows / 10)
        held += low <= truths[-1] <= high
    assert held >= 92
    assert np.mean(values) == pytest.approx(np.mean(truths), abs=0.04), "and not the mean of R2 over folds"
