"""The calendar beside Python's own, of integers, arrays and tensors."""

import calendar
from datetime import date

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from millrace.features.calendar import days_of_month, days_since_1970, full_year, month_and_day

EPOCH = date(1970, 1, 1)


@given(st.dates(date(1, 1, 1), date(9999, 12, 31)))
def test_days_are_counted_as_python_counts_them(day):
    days = (day - EPOCH).days
    assert days_since_1970(day.year, day.month, day.day) == days
    assert month_and_day(days) == (day.month, day.day)
    assert days_of_month(day.year, day.month) == calendar.monthrange(day.year, day.month)[1]


def test_two_digits_are_the_years_of_posix():
    assert [full_year(short) for short in (0, 68, 69, 70, 99)] == [2000, 2068, 1969, 1970, 1999]


@pytest.mark.parametrize("of", [np.array, lambda values: tf.constant(values, tf.int64)], ids=["array", "tensor"])
def test_arrays_and_tensors_have_the_same_calendar(of):
    dates = [date(1900, 2, 28), date(1969, 12, 31), date(2000, 2, 29), date(2100, 3, 1), date(2031, 12, 5)]
    year, month, day = (of([getattr(one, part) for one in dates]) for part in ("year", "month", "day"))
    days = days_since_1970(year, month, day)
    assert np.asarray(days).tolist() == [(one - EPOCH).days for one in dates]
    assert [np.asarray(part).tolist() for part in month_and_day(days)] == [
        [one.month for one in dates],
        [one.day for one in dates],
    ]
    assert np.asarray(days_of_month(year, month)).tolist() == [28, 31, 29, 31, 31]
    assert np.asarray(full_year(of([0, 68, 69]))).tolist() == [2000, 2068, 1969]
