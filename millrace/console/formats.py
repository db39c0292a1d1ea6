"""How numbers and times are written on a page: short, with the whole of it in the title."""

import math
import re
from datetime import datetime
from typing import Optional, Union

from markupsafe import Markup

from millrace.base.numbers import rounded, seconds
from millrace.base.visible import visible

_DIGITS = 3
NOTHING = "–"
_SEPARATOR = re.compile(r"(?<=[/,:=])(?=[^\s/,:=])")


def number(value: Optional[float], digits: int = _DIGITS) -> Markup:
    """A number to three significant digits, with all of it in the title.

    Args:
        value: None and NaN are a dash.
        digits: significant ones.
    """
    if value is None or math.isnan(value):
        return Markup(NOTHING)
    short = rounded(value, digits)
    exact = str(value)
    return Markup("{}").format(short) if short == exact else Markup('<span title="{}">{}</span>').format(exact, short)


def grouped(value: Optional[int]) -> str:
    """A count with its thousands apart; a dash for None."""
    return NOTHING if value is None else f"{value:,}"


def share(value: Optional[float]) -> str:
    """A share in percent; a dash for None."""
    return NOTHING if value is None or math.isnan(value) else f"{value:.1%}"


def breakable(value: object) -> Markup:
    """A path, or what else is long and has no spaces, with the places where a browser may fold it: behind a separator.

    Args:
        value: what is read; nothing for None.
    """
    parts = _SEPARATOR.split("" if value is None else visible(str(value)))
    return Markup("<wbr>").join(parts)


def duration(value: Optional[float]) -> str:
    """Seconds as a person says them: `4.2 s`, `3 min 20 s`, `2 h 5 min`; a dash for None."""
    if value is None:
        return NOTHING
    if value < 100:
        return f"{seconds(value)} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def ago(at: Union[float, str, None], now: float) -> Markup:
    """A time as it lies from now, with the exact one in the title.

    Args:
        at: seconds since the epoch, or ISO 8601; a dash for nothing and for 0, at which nothing began.
        now: seconds since the epoch.
    """
    if not at:
        return Markup(NOTHING)
    exact = _local(at)
    return _time(exact, _distance(now - exact.timestamp(), exact))


def moment(at: Union[float, str, None]) -> Markup:
    """A time as such, for a file that is read at another one; as `ago` otherwise."""
    return _time(_local(at), f"{_local(at):%Y-%m-%d %H:%M %Z}") if at else Markup(NOTHING)


def _local(at: Union[float, str]) -> datetime:
    return (datetime.fromisoformat(at) if isinstance(at, str) else datetime.fromtimestamp(at)).astimezone()


def _time(exact: datetime, words: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        exact.isoformat(timespec="seconds"), f"{exact:%Y-%m-%d %H:%M:%S %Z}", words
    )


def _distance(passed: float, exact: datetime) -> str:
    if passed < 45:
        return "just now"
    if passed < 90 * 60:
        return f"{round(passed / 60)} min ago"
    if passed < 36 * 3600:
        return f"{round(passed / 3600)} h ago"
    if passed < 14 * 86400:
        return f"{round(passed / 86400)} days ago"
    return f"{exact:%Y-%m-%d}"
