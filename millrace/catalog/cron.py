"""Cron expressions: whether one can be read, and whether it ever comes true.

The fields are those of unix-cron, which Vertex AI reads, with seconds in front for Kubeflow Pipelines; `TZ=` or
`CRON_TZ=` before them names a time zone of the IANA database.
"""

import re
import zoneinfo
from typing import Optional

from millrace.base.names import did_you_mean

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# What a field is called, and its first and last value.
_FIELDS = (("second", 0, 59), ("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))


def cron_problem(expression: str) -> str:
    """What is wrong with a cron expression; empty when nothing is.

    Args:
        expression: five fields (minute, hour, day, month, weekday), or six with seconds first.
    """
    zone = re.match(r"(?:CRON_)?TZ=(\S*)\s+", expression)
    if zone and (problem := time_zone_problem(zone[1])):
        return problem
    words = expression[zone.end() if zone else 0 :].split()
    if len(words) not in (5, 6):
        return f"{expression!r} has {len(words)} fields, and five are needed: minute, hour, day, month, weekday"
    fields = _FIELDS[-len(words) :]
    values: dict[str, Optional[set[int]]] = {}
    for word, (name, first, last) in zip(words, fields, strict=True):
        try:
            values[name] = _values(word, name, first, last)
        except ValueError:
            return f"{word!r} is no {name} of a cron expression, {first} to {last}"
    days, months = values["day"], values["month"] or set(range(1, 13))
    if days and not values["weekday"] and not any(min(days) <= _LONGEST_MONTHS[month - 1] for month in months):
        return f"{expression!r} never comes: no such month has a day {min(days)}"
    return ""


def time_zone_problem(name: str) -> str:
    """What is wrong with a time zone's name; empty when nothing is, or where this machine knows no time zones."""
    known = zoneinfo.available_timezones()
    return f"there is no time zone {name}{did_you_mean(name, known)}" if known and name not in known else ""


def _values(word: str, name: str, first: int, last: int) -> Optional[set[int]]:
    """The values of a field; None for any.

    Raises:
        ValueError: it is no such field.
    """
    if word in ("*", "?"):
        return None
    values: set[int] = set()
    for part in word.split(","):
        whole, stepped, step = part.partition("/")
        if stepped and (not re.fullmatch("[0-9]{1,2}", step) or int(step) == 0):
            raise ValueError(step)
        low, ranged, high = whole.partition("-")
        if whole == "*":
            begin, end = first, last
        else:
            begin = _number(low, name)
            end = _number(high, name) if ranged else (last if stepped else begin)
        if not first <= begin <= end <= last:
            raise ValueError(part)
        values |= set(range(begin, end + 1, int(step or 1)))
    return values


def _number(word: str, name: str) -> int:
    names = {"month": _MONTHS, "weekday": _DAYS}.get(name, ())
    if word.lower() in names:
        return names.index(word.lower()) + (name == "month")
    if not re.fullmatch("[0-9]{1,2}", word):
        raise ValueError(word)
    return int(word)
