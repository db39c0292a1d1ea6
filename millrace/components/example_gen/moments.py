"""Dates and times of a column as seconds since 1970, for a split by time."""

import re
from collections.abc import Callable
from typing import Any, Optional

import numpy as np
import pyarrow as pa

from millrace.features.calendar import SECONDS_PER_DAY, days_of_month, days_since_1970, full_year
from millrace.features.date_formats import MONTHS, UNIX, directives, pattern

NO_MOMENT = np.iinfo(np.int64).min
# The years that `%Y` takes, 1000 to 2999; what a number says beyond them is no time that anybody wrote down.
FIRST = days_since_1970(1000, 1, 1) * SECONDS_PER_DAY
LAST = days_since_1970(3000, 1, 1) * SECONDS_PER_DAY - 1


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
    year = int(parts["Y"]) if "Y" in parts else full_year(int(parts.get("y", 70)))
    name = (parts.get("b") or parts.get("B") or "")[:3].lower()
    month = MONTHS.index(name) + 1 if name else int(parts.get("m", 1))
    day = int(parts.get("d", 1))
    if day > days_of_month(year, month):
        return None
    hour = int(parts.get("H") or parts.get("I") or 0)
    if "I" in parts and "p" in parts:
        hour = hour % 12 + (12 if parts["p"] in "Pp" else 0)
    in_the_day = hour * 3600 + int(parts.get("M", 0)) * 60 + int(parts.get("S", 0))
    return int(days_since_1970(year, month, day)) * SECONDS_PER_DAY + in_the_day
