"""Which rows are the worst: plain arrays; the step itself runs in test_pipeline."""

import numpy as np
import pytest

from custom_components.hard_examples.ranking import losses, worst


def test_the_loss_of_a_class_is_that_of_its_probability():
    binary = losses(np.array([1, 0, -1]), np.array([0.25, 0.25, 0.5]))
    np.testing.assert_allclose(binary, [-np.log(0.25), -np.log(0.75), np.nan])
    several = losses(np.array([2, 0]), np.array([[0.1, 0.2, 0.7], [0.0, 0.5, 0.5]]))
    assert several[0] == pytest.approx(-np.log(0.7))
    assert np.isfinite(several[1]), "a probability of 0 must not hide the other rows behind an infinite loss"


def test_the_loss_of_a_number_is_its_distance():
    np.testing.assert_allclose(losses(np.float32([10, np.nan]), np.float32([7.5, 1.0])), [2.5, np.nan])


def test_the_worst_come_first_and_unknown_ones_never():
    assert worst(np.array([1.0, np.nan, 3.0, 3.0, 0.5]), 3) == [2, 3, 0]
    assert worst(np.array([np.nan]), 3) == []
