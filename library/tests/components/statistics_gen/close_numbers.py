"""Statistics as plain values, compared but for how numbers are rounded."""

from typing import Any, Optional

import pytest


def assert_close(
    seen: Any, expected: Any, where: str = "", relative: float = 1e-9, of_bars: Optional[float] = None
) -> None:
    """Checks that two statistics as plain values are equal, but for how numbers are rounded.

    Args:
        seen: ours.
        expected: TFDV's.
        where: what is compared, for the message.
        relative: how far numbers may be apart.
        of_bars: the same, for the counts of a histogram's bars: where NumPy is 2, TFDV counts a column of single
            precision in single precision, and on columns of double precision they agree with either.
    """
    if isinstance(expected, dict):
        assert seen.keys() == expected.keys(), where
        for key in expected:
            bars = of_bars if key == "sampleCount" else None
            assert_close(seen[key], expected[key], f"{where}.{key}", bars or relative, of_bars)
    elif isinstance(expected, list):
        assert len(seen) == len(expected), where
        for place, (one, other) in enumerate(zip(seen, expected, strict=True)):
            assert_close(one, other, f"{where}[{place}]", relative, of_bars)
    elif isinstance(expected, float):
        assert seen == pytest.approx(expected, rel=relative, abs=1e-9, nan_ok=True), where
    else:
        assert seen == expected, where
