r"""Formats of dates and times, as patterns that Python's `re` and TensorFlow's RE2 read alike.

A format is written in the directives of `time.strftime` below, or is `unix` or `unix_ms`: seconds or milliseconds
since 1970. Fractions of a second and an offset from UTC may follow a time; they are passed over.

| `%Y %y` | year, with or without century (69 to 99 are 1969 to 1999) | `%H %I` | hour, of 24 or of 12 |
| `%m %d` | month, day                                               | `%M %S` | minute, second       |
| `%b %B` | month's name in English, short or long                   | `%p`    | AM or PM             |
"""

import re
from collections.abc import Sequence

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]

_GROUPS = {
    "Y": r"([12][0-9]{3})",
    "y": r"([0-9]{2})",
    "m": r"(1[0-2]|0?[1-9])",
    "d": r"(3[01]|[12][0-9]|0?[1-9])",
    "H": r"(2[0-3]|[01]?[0-9])",
    "I": r"(1[0-2]|0?[1-9])",
    "M": r"([0-5]?[0-9])",
    "S": r"([0-5]?[0-9]|60)",
    "p": r"([AaPp])\.?[Mm]\.?",
    "b": rf"((?i:{'|'.join(MONTHS)}))",
    "B": rf"((?i:{'|'.join(_LONG)}))",
}
# Digits that follow each other without anything between them have a fixed width.
_FIXED = {
    "m": r"(1[0-2]|0[1-9])",
    "d": r"(3[01]|[12][0-9]|0[1-9])",
    "H": r"(2[0-3]|[01][0-9])",
    "M": r"([0-5][0-9])",
    "S": r"([0-5][0-9])",
}
_AFTER_TIME = r"(?:[.,][0-9]+)? ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2})?"
_DIRECTIVE = re.compile(r"%(.)")
UNIX = {"unix": 1.0, "unix_ms": 1000.0}


def check_format(format: str) -> None:
    """Raises `ValueError` when a format has a directive that is not known, one twice, or none."""
    if format in UNIX:
        return
    letters = directives(format)
    unknown = [directive for directive in letters if directive not in _GROUPS]
    if unknown:
        raise ValueError(f"%{unknown[0]} is not known in a date's format; known are %{' %'.join(_GROUPS)}")
    if not letters:
        raise ValueError("a date's format is unix, unix_ms, or has directives such as %Y-%m-%d")
    if len(set(letters)) < len(letters):
        raise ValueError("a date's format names each part once")


def directives(format: str) -> Sequence[str]:
    """The letters of a format's directives, in order; the groups of `pattern` are in this order too."""
    return [match[1] for match in _DIRECTIVE.finditer(format)]


def pattern(format: str) -> str:
    """A regular expression that matches a whole value of a format, one group a directive."""
    parts, position = [], 0
    tight = re.search(r"%[A-Za-z]%", format) is not None
    for match in _DIRECTIVE.finditer(format):
        parts.append(re.escape(format[position : match.start()]))
        parts.append((_FIXED if tight else {}).get(match[1], _GROUPS[match[1]]))
        position = match.end()
    parts.append(re.escape(format[position:]))
    if format.endswith(("%S", "%M")):
        parts.append(_AFTER_TIME)
    return "".join(parts).replace(r"\ ", " +")


def example(format: str) -> str:
    """A value of a format: the beginning of 1970."""
    values = {"Y": "1970", "y": "70", "m": "01", "d": "01", "H": "00", "I": "12", "M": "00", "S": "00", "p": "AM"}
    values.update({"b": "Jan", "B": "January"})
    return _DIRECTIVE.sub(lambda match: values[match[1]], format)
