"""Tells columns of dates and times, and in which format they are written."""

import functools
import re
from datetime import datetime, timezone
from typing import Optional

from millrace.features.date_formats import example, pattern
from millrace.features.description import Datetime
from millrace.init.columns import Column
from millrace.init.names import words_of

_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d",
    "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y",
    "%B %d, %Y", "%b %d %Y", "%d-%B-%Y", "%B %d %Y", "%d%b%Y", "%Y-%b-%d",
    "%b-%Y", "%b %Y", "%B %Y", "%B-%Y", "%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y", "%b-%y",
)  # fmt: skip
_TIMES = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_BETWEEN = (" ", "T", ", ", "-")
_MOST_LOOKED_AT = 1_000
_ENOUGH = 0.98
_TIME_WORDS = frozenset(
    "time date timestamp ts at on created updated modified datetime day when epoch since".split()  # noqa: SIM905 (a table)
)
_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=timezone.utc), datetime(2100, 1, 1, tzinfo=timezone.utc)


def find_date(column: Column) -> Optional[tuple[Datetime, str]]:
    """Tells whether a column holds dates or times.

    Returns:
        The feature, and what a person should decide where two formats fit alike (else an empty text); None when the
        column holds something else.
    """
    if column.is_number:
        return _of_numbers(column)
    values = sorted(set(column.words))[: _MOST_LOOKED_AT * 50]
    values = values[:: max(len(values) // _MOST_LOOKED_AT, 1)]
    # An odd text may stand first or last among the sorted, such as 0000-00-00 or unknown.
    probes = {values[place] for place in (0, len(values) // 2, -1)} if values else set()
    if not any(character.isdigit() for probe in probes for character in probe) or len(values[len(values) // 2]) > 40:
        return None
    shapes = {_shape(probe) for probe in probes}
    likely = [
        one
        for one, shape in _shapes().items()
        # Fractions of a second and an offset may follow; patterns are costly, shapes are not.
        if any(probe.startswith(shape) for probe in shapes)
    ]
    shares = {format: _share(format, values) for format in likely}
    best = max(shares.values(), default=0.0)
    if best < _ENOUGH:
        return None
    format, *rivals = (format for format, share in shares.items() if share == best)
    # May is both a short and a long name.
    rivals = [rival for rival in rivals if rival.replace("%B", "%b") != format.replace("%B", "%b")]
    doubt = f"every value reads as {rivals[0]} too: which is it?" if rivals else ""
    return _feature(format, values), doubt


@functools.cache
def _shapes() -> dict[str, str]:
    """The shape of a value of each format."""
    moments = (f"{date}{between}{time}" for date in _DATES for between in _BETWEEN for time in _TIMES)
    return {format: _shape(example(format)) for format in (*_DATES, *_TIMES, *moments)}


def _shape(value: str) -> str:
    """A value with each run of digits as 0, of letters as a, and of spaces as one."""
    return re.sub(r"[0-9]+", "0", re.sub(r"[^\W\d_]+", "a", re.sub(r"\s+", " ", value)))


def _share(format: str, values: list[str]) -> float:
    compiled = re.compile(pattern(format))
    return sum(compiled.fullmatch(value) is not None for value in values) / len(values)


def _feature(format: str, values: list[str]) -> Datetime:
    parts: list[str] = []
    if "%d" in format:
        parts += ["trend", "month", "day", "weekday"]
    elif "%m" in format or "%b" in format.lower():
        parts += ["trend", "month"]
    if "%H" in format or "%I" in format:
        hour = format.index("%H" if "%H" in format else "%I")
        place = len(re.findall("%", format[:hour])) + 1
        compiled = re.compile(pattern(format))
        hours = {match[place] for value in values if (match := compiled.fullmatch(value))}
        parts += ["hour"] if len(hours) > 1 or not parts else []
    return Datetime(format=format, parts=tuple(parts))


def _of_numbers(column: Column) -> Optional[tuple[Datetime, str]]:
    """Seconds or milliseconds since 1970, or digits such as 20311224: only where the name speaks of time as well."""
    if not column.whole or not _TIME_WORDS & set(words_of(column.name)) or column.type != "INT":
        return None
    for format, scale in (("unix", 1.0), ("unix_ms", 1000.0)):
        if _EARLIEST.timestamp() * scale <= column.low and column.high <= _LATEST.timestamp() * scale:
            return Datetime(format=format, parts=("trend", "month", "weekday", "hour")), ""
    values = [str(int(value)) for value in column.numbers[:_MOST_LOOKED_AT] if value == value]
    if column.low >= 19000101 and column.high <= 21001231 and _share("%Y%m%d", values) == 1.0:
        return Datetime(format="%Y%m%d", parts=("trend", "month", "day", "weekday")), ""
    return None
