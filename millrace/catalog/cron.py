"""Cron expressions: whether one can be read, whether it ever comes true, and when it does.

The fields are those of unix-cron, which Vertex AI reads, with seconds in front for Kubeflow Pipelines; `TZ=` or
`CRON_TZ=` before them names a time zone of the IANA database.
"""

import re
import zoneinfo
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Optional

from millrace.base.names import did_you_mean
from millrace.base.numbers import counted

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# Eight years lie between two leap days where one falls on a century.
_FARTHEST_DAYS = 8 * 366
_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
# What a field is called, and its first and last value.
_FIELDS = (("second", 0, 59), ("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))


@dataclass(frozen=True)
class Cron:
    """An expression that is read; `Cron.parse` makes one. A field is None where it takes any value.

    Args:
        zone: the time zone that it names; empty for this machine's.
        seconds: 0 to 59; second 0 alone where it has five fields.
        minutes: 0 to 59.
        hours: 0 to 23.
        days: of the month, 1 to 31.
        months: 1 to 12.
        weekdays: 0 to 6 from Sunday.
    """

    zone: str
    seconds: Optional[frozenset[int]]
    minutes: Optional[frozenset[int]]
    hours: Optional[frozenset[int]]
    days: Optional[frozenset[int]]
    months: Optional[frozenset[int]]
    weekdays: Optional[frozenset[int]]

    @classmethod
    def parse(cls, expression: str) -> "Cron":
        """Reads an expression.

        Args:
            expression: five fields (minute, hour, day, month, weekday), or six with seconds first.

        Raises:
            ValueError: it says what is wrong with it.
        """
        zone = re.match(r"(?:CRON_)?TZ=(\S*)\s+", expression)
        if zone and (problem := time_zone_problem(zone[1])):
            raise ValueError(problem)
        words = expression[zone.end() if zone else 0 :].split()
        if len(words) not in (5, 6):
            if words and words[0] in _NAMED:
                raise ValueError(f"{words[0]} is no cron expression here; write its five fields: {_NAMED[words[0]]}")
            has = counted(len(words), "field")
            raise ValueError(f"{expression!r} has {has}, and five are needed: minute, hour, day, month, weekday")
        values: dict[str, Optional[frozenset[int]]] = {"second": frozenset([0])}
        for word, (name, first, last) in zip(words, _FIELDS[-len(words) :], strict=True):
            try:
                values[name] = _values(word, name, first, last)
            except ValueError as error:
                raise ValueError(f"{word!r} is no {name} of a cron expression, {first} to {last}") from error
        days, months, weekdays = values["day"], values["month"] or range(1, 13), values["weekday"]
        if days and not weekdays and not any(min(days) <= _LONGEST_MONTHS[month - 1] for month in months):
            raise ValueError(f"{expression!r} never comes: no such month has a day {min(days)}")
        # 7 is Sunday, as 0 is.
        weekdays = weekdays and frozenset(day % 7 for day in weekdays)
        named = (values["second"], values["minute"], values["hour"], days, values["month"], weekdays)
        return cls(zone[1] if zone else "", *named)

    def comes_on(self, day: date) -> bool:
        """Whether it comes on a day; as in unix-cron one of day and weekday is enough where both are said."""
        if self.months and day.month not in self.months:
            return False
        of_month = self.days is None or day.day in self.days
        of_week = self.weekdays is None or day.isoweekday() % 7 in self.weekdays
        return (of_month or of_week) if self.days and self.weekdays else (of_month and of_week)

    def next_after(self, at: float) -> Optional[float]:
        """When it comes next.

        A time that the clocks leave out in spring comes when they have gone forward, and one that they show twice in
        autumn comes the first time: once, as in Vertex AI's scheduler.

        Args:
            at: seconds since the epoch.

        Returns:
            Seconds since the epoch, after `at`; None when it does not come in the next eight years, which is as long
            as a 29 February may be away.
        """
        zone = zoneinfo.ZoneInfo(self.zone) if self.zone else None
        day = datetime.fromtimestamp(at, zone).date()
        times = [
            time(hour, minute, second)
            for hour in sorted(self.hours or range(24))
            for minute in sorted(self.minutes or range(60))
            for second in sorted(self.seconds or range(60))
        ]
        for days in range(_FARTHEST_DAYS):
            if not self.comes_on(one := day + timedelta(days)):
                continue
            # A time that the clocks leave out lies after the gap by the offset before it.
            moments = (datetime.combine(one, moment, zone).timestamp() for moment in times)
            if (soonest := min((moment for moment in moments if moment > at), default=None)) is not None:
                return soonest
        return None


def cron_problem(expression: str) -> str:
    """What is wrong with a cron expression; empty when nothing is.

    Args:
        expression: five fields (minute, hour, day, month, weekday), or six with seconds first.
    """
    try:
        Cron.parse(expression)
    except ValueError as error:
        return str(error)
    return ""


def seconds_problem(expression: str) -> str:
    """What is wrong where only the five fields of unix-cron are read; empty when nothing is.

    Args:
        expression: one that can be read.
    """
    if Cron.parse(expression).seconds == frozenset([0]):
        return ""
    return f"{expression!r} has seconds; write five fields: minute, hour, day, month, weekday"


def time_zone_problem(name: str) -> str:
    """What is wrong with a time zone's name; empty when nothing is, or where this machine knows no time zones."""
    # `localtime` is another zone on each machine.
    known = zoneinfo.available_timezones() - {"localtime"}
    return f"there is no time zone {name}{did_you_mean(name, known)}" if known and name not in known else ""


def _values(word: str, name: str, first: int, last: int) -> Optional[frozenset[int]]:
    """The values of a field; None for any.

    Raises:
        ValueError: it is no such field.
    """
    if word in ("*", "?", "*/1"):
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
    return frozenset(values)


def _number(word: str, name: str) -> int:
    names = {"month": _MONTHS, "weekday": _DAYS}.get(name, ())
    if word.lower() in names:
        return names.index(word.lower()) + (name == "month")
    if not re.fullmatch("[0-9]{1,2}", word):
        raise ValueError(word)
    return int(word)
