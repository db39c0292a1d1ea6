"""Statistics of the labels: the same as NumPy's over all of them, whatever the batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.base.errors import InputRefused
from millrace.features.label import Label
from millrace.training.tasks import learning_task

REGRESSION = Label(column="price", task="regression")
THREE = Label(column="kind", task="multiclass", classes=("a", "b", "c"))


@given(st.lists(st.floats(1e6, 1e6 + 100), min_size=2, max_size=40), st.integers(1, 10))
def test_a_regression_labels_mean_and_deviation_are_numpys(values: list[float], size: int) -> None:
    array = np.array([*values, np.nan], np.float64)
    if len(set(values)) == 1:
        return
    stats = learning_task(REGRESSION).statistics(np.split(array, range(size, len(array), size)), complete=True)
    assert stats.rows == len(values)
    assert stats.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert stats.deviation == pytest.approx(np.std(values), rel=1e-6, abs=1e-7)


def test_classes_are_counted_and_weighted() -> None:
    stats = learning_task(THREE).statistics([np.array([0, 0, 0, -1]), np.array([2])], complete=True)
    assert (stats.rows, stats.class_counts) == (4, (3, 0, 1))
    assert stats.balanced_weights() == pytest.approx((4 / 6, 0.0, 2.0))


def test_every_batch_counts_for_the_weights_though_two_have_shown_two_classes() -> None:
    batches = [np.array([0, 2, 0]), np.array([2, -1]), np.array([1, 0, 0, 0])]
    stats = learning_task(THREE).statistics(batches, complete=True)
    assert (stats.rows, stats.class_counts) == (8, (5, 1, 2))
    assert stats.balanced_weights() == pytest.approx((8 / 15, 8 / 3, 8 / 6))


def test_two_classes_are_enough_when_nobody_wants_the_counts() -> None:
    def batches() -> object:
        yield np.array([0, 1])
        raise AssertionError("read on")

    assert learning_task(THREE).statistics(batches(), complete=False).rows == 2


@pytest.mark.parametrize(
    ("label", "values", "message"),
    [
        (THREE, [1, 1, -1], "every training row has the same label, 'b'"),
        (THREE, [-1, -1], "no training row has a label that is one of a, b, c"),
        (REGRESSION, [3.0, 3.0], "every training row has the same label, 3"),
        (REGRESSION, [np.nan], "no training row has a label"),
    ],
)
def test_labels_that_teach_nothing_are_refused(label: Label, values: list[float], message: str) -> None:
    with pytest.raises(InputRefused, match=message):
        learning_task(label).statistics([np.array(values)], complete=True)


@given(st.lists(st.integers(-1, 2), min_size=1, max_size=60), st.integers(1, 7))
def test_classes_are_counted_over_all_batches_however_they_are_cut(ids: list[int], size: int) -> None:
    array = np.array(ids)
    known = array[array >= 0]
    if len(set(known)) < 2:
        return
    stats = learning_task(THREE).statistics(np.split(array, range(size, len(array), size)), complete=True)
    assert stats.rows == len(known)
    assert stats.class_counts == tuple(np.bincount(known, minlength=3))
    weights = np.array(stats.balanced_weights())
    assert weights[known].mean() == pytest.approx(1.0)
    totals = weights * stats.class_counts
    assert totals[totals > 0] == pytest.approx(stats.rows / len(set(known)))
