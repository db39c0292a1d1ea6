"""Numbers in words, at the ends of what a float can be."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.base.numbers import exact, rounded


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (3, 6, "3"),
        (3.0, 4, "3"),
        (-0.25, 4, "-0.25"),
        (0.123456789, 4, "0.1235"),
        (12345.6, 4, "12346"),
        (1234567.8, 6, "1234568"),
        (999.96, 4, "1000"),
        (1e20, 6, "1e+20"),
        (math.inf, 4, "inf"),
        (-math.inf, 6, "-inf"),
        (math.nan, 6, "nan"),
    ],
)
def test_a_measured_number(value, digits, written):
    assert rounded(value, digits) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.1, "0.1"),
        (0.10000000149011612, "0.1"),
        (0.123456789012345, "0.123456789012345"),
        (2.0, "2"),
        (math.inf, "inf"),
    ],
)
def test_a_limit(value, written):
    assert exact(value) == written


@given(st.floats(allow_nan=False))
def test_a_limit_reads_back_as_the_same_number_or_as_the_same_32_bit_one(value):
    again = float(exact(value))
    assert again == value or struct.pack("f", again) == struct.pack("f", value)
