"""Statistics as plain values, compared but for how sums are rounded."""

from typing import Any

import pytest


def assert_close(seen: Any, expected: Any, where: str = "") -> None:
    """Checks that two statistics as plain values are equal, numbers to nine digits.

    NumPy 2 leaves what TFDV makes of a column of single precision in single precision, where NumPy 1 made it double:
    give both sides a column of double precision, on which they agree with either.
    """
    if isinstance(expected, dict):
        assert seen.keys() == expected.keys(), where
        for key in expected:
            assert_close(seen[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(seen) == len(expected), where
        for place, (one, other) in enumerate(zip(seen, expected, strict=True)):
            assert_close(one, other, f"{where}[{place}]")
    elif isinstance(expected, float):
        assert seen == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), where
    else:
        assert seen == expected, where
