"""The calibration error is that of the world and not that of a sample, and its interval says so."""

import numpy as np
import pytest

from millrace.statistics.calibration import bin_starts, calibration_error

RARE = (0.3, 15.0)


def sharper(times):
    """What is so where log odds are said to be so many times what they are."""
    return lambda said: 1 / (1 + np.exp(-np.log(said / (1 - said)) / times))


@pytest.mark.parametrize("rows", [150, 2_000])
@pytest.mark.parametrize(
    ("shape", "truth"),
    [
        ((2.0, 2.0), sharper(1.0)),
        ((1.0, 1.0), sharper(1.5)),
        ((20.0, 0.4), sharper(2.0)),
        (RARE, sharper(1.0)),
        (RARE, lambda said: np.minimum(2 * said, 1)),
    ],
)
def test_the_interval_holds_the_error_of_the_world(rows, shape, truth):
    random = np.random.default_rng(7)
    world = np.sort(np.clip(random.beta(*shape, 100_000), 1e-6, 1 - 1e-6))
    of_world = np.mean([abs(np.mean(part - truth(part))) for part in np.array_split(world, 10)])
    held, values = 0, []
    for _ in range(100):
        said = random.choice(world, rows)
        error = calibration_error(said, (random.random(rows) < truth(said)).astype(float), np.ones(rows))
        held += error.interval[0] <= of_world + 1e-9 and of_world <= error.interval[1]
        values.append(error.value)
    assert held >= 92
    if rows == 2_000 or not of_world:
        assert np.mean(values) == pytest.approx(of_world, abs=0.006)


def test_chance_is_what_a_perfect_model_shows():
    random = np.random.default_rng(2)
    probabilities = random.uniform(0.2, 0.8, 500)
    shown = []
    for _ in range(200):
        labels = random.random(500) < probabilities
        parts = np.array_split(np.argsort(probabilities, kind="stable"), 10)
        shown.append(np.mean([abs(np.mean(labels[part] - probabilities[part])) for part in parts]))
    error = calibration_error(probabilities, labels.astype(float), np.ones(500))
    assert error.chance == pytest.approx(np.mean(shown), rel=0.05)


def test_the_order_of_rows_of_one_probability_makes_no_difference():
    labels = np.repeat([0.0, 1.0], 1_000)
    error = calibration_error(np.full(2_000, 0.5), labels, np.ones(2_000))
    assert error.value == error.interval[0] == 0.0
    random = np.random.default_rng(0)
    said = random.choice([0.1, 0.3, 0.6], 2_000)
    so = (random.random(2_000) < said).astype(float)
    by_label = np.argsort(so, kind="stable")
    sorted_ = calibration_error(said[by_label], so[by_label], np.ones(2_000))
    shuffled = calibration_error(said, so, np.ones(2_000))
    assert sorted_.interval == pytest.approx(shuffled.interval) and sorted_.value == shuffled.value == 0.0


def test_equal_values_are_in_one_bin():
    values = np.array([1, 1, 1, 2, 2, 3, 4, 5, 5, 5])
    assert bin_starts(values, 5).tolist() == [0, 3, 6, 7]
    assert bin_starts(np.arange(100), 10).tolist() == list(range(0, 100, 10))
    assert bin_starts(np.ones(7), 10).tolist() == [0]


def test_a_row_that_weighs_nothing_is_none():
    random = np.random.default_rng(3)
    said = random.uniform(size=400)
    so, weights = (random.random(400) < said**2).astype(float), (np.arange(400) % 2).astype(float)
    half = calibration_error(said[1::2], so[1::2], np.ones(200))
    weighted = calibration_error(said, so, weights)
    assert weighted.interval == pytest.approx(half.interval) and weighted.value == pytest.approx(half.value)


def test_one_row_has_an_error():
    assert calibration_error(np.array([0.9]), np.array([0.0]), np.ones(1)).value == pytest.approx(0.9, abs=0.5)
