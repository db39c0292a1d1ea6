"""The calibration error is that of the world and not that of a sample, and its interval says so."""

import numpy as np
import pytest

from millrace.statistics.calibration import calibration_error


@pytest.mark.parametrize(("sharper", "least"), [(1.0, 95), (1.5, 88), (2.5, 88)])
def test_the_interval_holds_the_error_of_the_world(sharper, least):
    random = np.random.default_rng(7)
    scores = random.normal(0.0, 1.5, 200_000)
    said, so = 1 / (1 + np.exp(-sharper * scores)), 1 / (1 + np.exp(-scores))
    of_world = np.mean([abs(np.mean(said[part] - so[part])) for part in np.array_split(np.argsort(said), 10)])
    held, values = 0, []
    for _ in range(100):
        rows = random.integers(0, len(scores), 2_000)
        error = calibration_error(said[rows], (random.random(2_000) < so[rows]).astype(float))
        held += error.interval[0] <= of_world <= error.interval[1]
        values.append(error.value)
    assert held >= least
    assert np.mean(values) == pytest.approx(of_world, abs=0.7 * error.chance)


def test_chance_is_what_a_perfect_model_shows():
    random = np.random.default_rng(2)
    probabilities = random.uniform(0.2, 0.8, 500)
    shown = []
    for _ in range(200):
        labels = random.random(500) < probabilities
        parts = np.array_split(np.argsort(probabilities, kind="stable"), 10)
        shown.append(np.mean([abs(np.mean(labels[part] - probabilities[part])) for part in parts]))
    assert calibration_error(probabilities, labels.astype(float)).chance == pytest.approx(np.mean(shown), rel=0.05)


def test_one_row_has_an_error():
    assert calibration_error(np.array([0.9]), np.array([0.0])).value == pytest.approx(0.9, abs=0.5)
