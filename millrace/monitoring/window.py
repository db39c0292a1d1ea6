"""Windows of time: how long they are, where they begin, and which one a person means."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from millrace.base import clock
from millrace.base.errors import BadInput

_LAST = re.compile(r"last(?:~(?P<back>[0-9]{1,5}))?")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}
_FORMS = "last, last~1, now, a time such as 2031-01-31T14:00, or START/END"
# An answer reaches the log a moment after it was given.
SETTLE = timedelta(seconds=30)


@dataclass(frozen=True, order=True)
class Window:
    """A span of time.

    Args:
        start: its first moment, in UTC.
        end: the first moment after it.
    """

    start: datetime
    end: datetime

    @property
    def before(self) -> "Window":
        """The window of the same length that ends where this one begins."""
        return Window(self.start - (self.end - self.start), self.start)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()

    def __str__(self) -> str:
        start, end = (one.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00") for one in (self.start, self.end))
        return f"{start} to {end.removeprefix(start[:11])} UTC"


def length_of(text: str) -> timedelta:
    """How long the windows of a configuration are.

    Args:
        text: `monitoring.window`, which the configuration has checked.
    """
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])


def window_at(moment: datetime, length: timedelta) -> Window:
    """The window that holds a moment: windows follow each other from the epoch on.

    Args:
        moment: with a zone.
        length: of each.
    """
    seconds = length.total_seconds()
    start = datetime.fromtimestamp(moment.timestamp() // seconds * seconds, timezone.utc)
    return Window(start, start + length)


def last_window(now: datetime, length: timedelta) -> Window:
    """The newest window that is over, and whose answers are in the log.

    Args:
        now: with a zone.
        length: of each.
    """
    return window_at(now - SETTLE, length).before


def window_of(text: str, length: timedelta, now: datetime) -> Window:
    """The window that a person means.

    Args:
        text: `last`, the newest that is over; `last~N`, so many before that; `now`, the one that goes on, up to now; a
            time, for the window that holds it; `START/END`. Times as ISO 8601 has them, in UTC where they have no zone.
        length: of each window.
        now: with a zone.

    Raises:
        BadInput: it is none of these, is empty, lies ahead, or beyond the years that there are.
    """
    try:
        window = _named(text, length, now)
        # What it is compared with is looked up, too.
        _ = window.before
    except (OverflowError, ValueError) as error:
        raise BadInput(f"the window {text} lies beyond the years 1 to 9999", remedy=f"name it as {_FORMS}") from error
    if window.end < window.start:
        end, _, start = text.partition("/")
        raise BadInput(f"the window {text} ends before it begins", remedy=f"name the start first: {start}/{end}")
    if window.start >= now:
        raise BadInput(f"the window {window} has not begun", remedy=f"name it as {_FORMS}")
    if window.end == window.start:
        raise BadInput(f"the window {text} ends when it begins", remedy=f"name it as {_FORMS}")
    return window


def _named(text: str, length: timedelta, now: datetime) -> Window:
    if of_last := _LAST.fullmatch(text):
        window, back = last_window(now, length), length * int(of_last["back"] or 0)
        return Window(window.start - back, window.end - back)
    if text == "now":
        return Window(window_at(now, length).start, now.astimezone(timezone.utc))
    start, slash, end = text.partition("/")
    return Window(_moment(start), _moment(end)) if slash else window_at(_moment(text), length)


def _moment(text: str) -> datetime:
    try:
        return clock.moment(text).astimezone(timezone.utc)
    except ValueError as error:
        raise BadInput(f"{text!r} is no window", remedy=f"name it as {_FORMS}") from error
