"""Numbers in words, at the ends of what a float can be."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.base.numbers import counted, exact, rounded, seconds, share, size


@pytest.mark.parametrize(
    ("count", "written"),
    [(0, "0 bytes"), (1023, "1,023 bytes"), (1024, "1.0 KiB"), (1_685_008, "1.6 MiB"), (3 << 41, "6,144.0 GiB")],
)
def test_the_size_of_files(count, written):
    assert size(count) == written


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


def test_times_shares_and_counts_are_written_in_one_way() -> None:
    assert [seconds(value) for value in (0, 0.04, 12.35, 99.94, 208.4)] == ["0.0", "0.0", "12.3", "99.9", "208"]
    assert [share(1, 3), share(0, 5), share(0, 0), share(5, 5)] == ["33.33%", "0.00%", "0.00%", "100.00%"]
    assert [counted(count, "error") for count in (0, 1, 2, 1200)] == ["0 errors", "1 error", "2 errors", "1,200 errors"]
