"""The scores of a cross-validation as a file, and how often their interval holds what it is meant to hold."""

import math

import numpy as np
import pytest

from millrace.statistics import fold_scores
from millrace.statistics.fold_scores import FoldScores, interval


def test_scores_come_back_as_they_were_written(tmp_path):
    labels, predictions = np.array([0, 1, 1]), np.array([[0.2], [0.7], [0.4]], np.float32)
    fold_scores.write(str(tmp_path), FoldScores(labels, predictions, np.ones(3), np.array([0, 0, 2]), 40, 1.5))
    read = fold_scores.read(str(tmp_path))
    assert (read.count, read.learned_rows, read.seconds) == (3, 40, 1.5)
    assert np.array_equal(read.labels, labels) and np.array_equal(read.predictions, predictions)


def test_a_folder_without_scores_has_none(tmp_path):
    assert fold_scores.read(str(tmp_path)) is None


def test_the_interval_is_students_with_nadeau_and_bengios_variance():
    low, high = interval([0.8, 0.9, 0.7, math.nan], learned_rows=80, held_rows=10)
    reach = 4.302653 * 0.1 * math.sqrt(1 / 3 + 10 / 80)
    assert (low, high) == pytest.approx((0.8 - reach, 0.8 + reach), abs=1e-6)


@pytest.mark.parametrize("values", [[], [0.5], [0.5, math.nan]])
def test_fewer_than_two_values_have_no_interval(values):
    assert interval(values, 80, 10) is None


def test_it_holds_what_the_model_of_two_thirds_of_the_rows_scores_of_the_world():
    random, weights, held = np.random.default_rng(3), np.array([1.0, -0.5, 0.2, 0.0, 0.0]), 0
    world = random.normal(size=(20_000, 5))
    of_world = world @ weights + random.normal(size=len(world))
    for _ in range(100):
        x = random.normal(size=(180, 5))
        y = x @ weights + random.normal(size=len(x))
        pushed = np.linalg.lstsq(x[:120], y[:120], rcond=None)[0]
        error = np.sqrt(np.mean((world @ pushed - of_world) ** 2))
        folds = np.arange(150) % 10
        values = []
        for fold in range(10):
            learned = (folds != fold) & (folds != (fold + 1) % 10)
            fitted = np.linalg.lstsq(x[:150][learned], y[:150][learned], rcond=None)[0]
            values.append(np.sqrt(np.mean((x[:150][folds == fold] @ fitted - y[:150][folds == fold]) ** 2)))
        low, high = interval(values, 120, 15)
        held += low <= error <= high
    assert held >= 92
