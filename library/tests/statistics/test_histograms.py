"""Bars from TFDV's two histograms, beside the numbers that were counted."""

import math

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl

from millrace.statistics.columns import columns_by_name, of_all_rows
from millrace.statistics.histograms import shared_bounds, shares_between


def column(numbers, kind=pa.float32()):
    cells = pa.array([[number] for number in numbers], pa.large_list(kind))
    batch = pa.RecordBatch.from_arrays([cells], ["x"])
    return columns_by_name(of_all_rows(stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())))["x"]


@pytest.mark.parametrize("numbers", [[0] * 700 + [1] * 300, [1, 2, 2, 3, 3, 3, 5] * 40, list(range(-4, 15)) * 30])
def test_each_of_few_whole_numbers_has_a_bar_with_its_share(numbers):
    seen = column(numbers, pa.int64())
    bounds = shared_bounds([seen])
    assert [bound + 0.5 for bound in bounds[:-1]] == list(range(min(numbers), max(numbers) + 1))
    exact = [numbers.count(number) / len(numbers) for number in range(min(numbers), max(numbers) + 1)]
    assert shares_between(seen, bounds) == pytest.approx(exact, abs=0.02)


def test_bars_of_many_numbers_are_near_those_that_are_counted():
    numbers = np.random.default_rng(3).normal(10.0, 2.0, 20_000)
    seen = column(numbers)
    bounds = shared_bounds([seen])
    counted, _ = np.histogram(np.clip(numbers, bounds[0], bounds[-1]), bounds)
    assert len(bounds) == 21
    assert shares_between(seen, bounds) == pytest.approx(counted / len(numbers), abs=0.03)


def test_a_long_tail_is_the_last_bar_and_not_all_of_them():
    """Of fares to 20 dollars and one of 700 the picture was a single bar."""
    numbers = [*np.linspace(3.0, 20.0, 999), 700.0]
    seen = column(numbers)
    bounds = shared_bounds([seen])
    shares = shares_between(seen, bounds)
    assert bounds[-1] < 60 and sum(share > 0.01 for share in shares) > 5
    assert sum(shares) == pytest.approx(1.0) and shares[-1] > 0, "it is in the picture"


def test_two_splits_share_their_bounds():
    low, high = column(np.linspace(0, 10, 500)), column(np.linspace(20, 30, 500))
    bounds = shared_bounds([low, high])
    assert (bounds[0], bounds[-1]) == (pytest.approx(0), pytest.approx(30))
    assert sum(shares_between(low, bounds)[:8]) == pytest.approx(1.0, abs=0.02)
    assert sum(shares_between(high, bounds)[12:]) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("numbers", [[math.nan] * 5, []])
def test_without_a_number_there_are_no_bars(numbers):
    seen = column(numbers)
    assert shared_bounds([seen]) == () and shares_between(seen, ()) == ()


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # TFDV's variance of infinities
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # its bounds, in 32 bits with numpy 2
@pytest.mark.parametrize("numbers", [[7.5] * 9, [math.inf] * 3 + [1.0, 2.0], [-3e38, 3e38], [math.nan, 4.0]])
def test_odd_numbers_have_bars_too(numbers):
    seen = column(numbers)
    bounds = shared_bounds([seen])
    assert all(map(math.isfinite, bounds)) and list(bounds) == sorted(bounds)
    shares = shares_between(seen, bounds)
    assert sum(shares) == pytest.approx(1.0) if bounds else shares == ()


def test_texts_have_none():
    cells = pa.array([[b"a"], [b"b"]], pa.large_list(pa.large_binary()))
    batch = pa.RecordBatch.from_arrays([cells], ["x"])
    text = columns_by_name(of_all_rows(stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())))["x"]
    assert shared_bounds([text]) == () and shares_between(text, (0.0, 1.0)) == ()
