"""Dates and times of a column as seconds since 1970, for a split by time."""

import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, Optional

import numpy as np
import pyarrow as pa

from millrace.features.date_formats import MONTHS, UNIX, directives, pattern

_CENTURY_ENDS = 69  # of %y: 69 to 99 are 1969 to 1999, as POSIX has it
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
NO_MOMENT = np.iinfo(np.int64).min
# The years that `%Y` takes, 1000 to 2999; what a number says beyond them is no time that anybody wrote down.
FIRST = int((datetime(1000, 1, 1, tzinfo=timezone.utc) - _EPOCH).total_seconds())
LAST = int((datetime(3000, 1, 1, tzinfo=timezone.utc) - _EPOCH).total_seconds()) - 1


def seconds(values: pa.Array, format: str) -> np.ndarray:
    """Reads moments.

    Args:
        values: one value a row: text, or numbers where the format is `unix` or `unix_ms` or consists of digits.
        format: as `millrace.features.date_formats` says.

    Returns:
        Whole seconds since 1970, int64 [rows]; `NO_MOMENT` where a row has none, one that is not of the format,
        or one that is not within `FIRST` and `LAST`.
    """
    if pa.types.is_null(values.type):
        return np.full(len(values), NO_MOMENT)
    encoded = values.dictionary_encode()
    distinct = encoded.dictionary
    if format not in UNIX:
        read = _reader(format)
        moments = [read(value) for value in distinct.to_pylist()]
    elif pa.types.is_large_binary(values.type):
        moments = [None] * len(distinct)
    else:
        numbers = np.floor(np.asarray(distinct, np.float64) / UNIX[format])
        moments = [int(number) if FIRST <= number <= LAST else None for number in numbers]
    # The last entry is that of the rows without a value.
    table = np.array([*(NO_MOMENT if moment is None else moment for moment in moments), NO_MOMENT], np.int64)
    return table[np.asarray(encoded.indices.fill_null(len(distinct)))]


def _reader(format: str) -> Callable[[Any], Optional[int]]:
    matches, letters = re.compile(pattern(format)).fullmatch, directives(format)

    def read(value: Any) -> Optional[int]:
        text = value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else f"{value:.0f}"
        match = matches(text)
        return _moment(dict(zip(letters, match.groups(), strict=True))) if match else None

    return read


def _moment(parts: dict[str, str]) -> Optional[int]:
    """Seconds since 1970 of the parts of a date, by their directives; None for a day that no calendar has."""
    short = int(parts.get("y", 70))
    year = int(parts["Y"]) if "Y" in parts else short + (2000 if short < _CENTURY_ENDS else 1900)
    name = (parts.get("b") or parts.get("B") or "")[:3].lower()
    month = MONTHS.index(name) + 1 if name else int(parts.get("m", 1))
    hour = int(parts.get("H") or parts.get("I") or 0)
    if "I" in parts and "p" in parts:
        hour = hour % 12 + (12 if parts["p"] in "Pp" else 0)
    try:
        day = datetime(year, month, int(parts.get("d", 1)), tzinfo=timezone.utc)
    except ValueError:
        return None
    return int((day - _EPOCH).total_seconds()) + hour * 3600 + int(parts.get("M", 0)) * 60 + int(parts.get("S", 0))
