"""Spans and versions in file patterns, with the rules of TFX's ExampleGen driver.

A pattern may hold `{SPAN}`, or `{YYYY}`, `{MM}` and `{DD}` (the span is then the number of days since 1970-01-01), and
beside a span `{VERSION}`, wherever it likes. `{SPAN:3}` is a span of three digits. The driver takes the newest span,
or the one that it is told, and of that span the newest version.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional

_TOKEN = re.compile(r"\{(?:(?P<number>SPAN|VERSION)(?::(?P<width>.*?))?|(?P<date>YYYY|MM|DD))\}")
_DATE = {"YYYY": 4, "MM": 2, "DD": 2}
EPOCH = datetime.date(1970, 1, 1)
"""The day of span 0, where a span is a day."""
# What stands for any text within a folder's or a file's name, in a file pattern and in a regular expression.
_WILDCARDS = {"*": "[^/]*", "?": "[^/]", "[": "[", "]": "]"}


@dataclass(frozen=True)
class PatternToken:
    """One token of a pattern.

    Args:
        name: SPAN, VERSION, YYYY, MM or DD.
        width: its digits; None for as many as there are.
        start: where it begins in the pattern.
        end: the place after it.
    """

    name: str
    width: Optional[int]
    start: int
    end: int


class SpanVersion(NamedTuple):
    """A span and a version; None for what a pattern has no token of."""

    span: Optional[int]
    version: Optional[int]


@dataclass(frozen=True)
class FilePattern:
    """A file pattern whose tokens are understood; `FilePattern.parse` makes one.

    Args:
        text: the pattern as it is written.
        tokens: its tokens, in their order.
    """

    text: str
    tokens: tuple[PatternToken, ...]

    @classmethod
    def parse(cls, text: str) -> "FilePattern":
        """Reads a pattern.

        Args:
            text: a pattern below the data's folder, with `/` between folders.

        Raises:
            ValueError: it says what TFX's driver refuses: a token twice, a span beside a date, a date that lacks a
                part, or a width that is no positive number.
        """
        tokens = tuple(_token(match) for match in _TOKEN.finditer(text))
        names = [token.name for token in tokens]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{text} has {{{name}}} more than once")
        parts = [part for part in _DATE if part in names]
        if parts and "SPAN" in names:
            raise ValueError(f"{text} has a span beside a date, which is a span already")
        if parts and len(parts) < len(_DATE):
            raise ValueError(f"{text} has not all of {{YYYY}}, {{MM}} and {{DD}}")
        return cls(text, tokens)

    @property
    def kind(self) -> frozenset[str]:
        """The names of its tokens."""
        return frozenset(token.name for token in self.tokens)

    @property
    def by_day(self) -> bool:
        """Whether a span is a day of the calendar."""
        return "YYYY" in self.kind

    def span_name(self, span: int) -> str:
        """A span as people call it: its number, or its day."""
        return str(EPOCH + datetime.timedelta(span)) if self.by_day else str(span)

    @property
    def has_span(self) -> bool:
        """Whether a span is part of it, as a number or as a date."""
        return bool(self.kind - {"VERSION"})

    @property
    def has_version(self) -> bool:
        """Whether a version is part of it."""
        return "VERSION" in self.kind

    @property
    def glob(self) -> str:
        """The same files, of any span and version, as a pattern without tokens."""
        return self._with({token.name: "*" for token in self.tokens})

    def at(self, span: Optional[int] = None, version: Optional[int] = None) -> "FilePattern":
        """The pattern with a span and a version written in, as TFX writes them; what is None stays as it is.

        Raises:
            ValueError: a number has more digits than its token takes, or the calendar has no such day.
        """
        values = {}
        if span is not None and "SPAN" not in self.kind:
            day = _day(span)
            values = {"YYYY": f"{day.year:04}", "MM": f"{day.month:02}", "DD": f"{day.day:02}"}
        for token in self.tokens:
            number = {"SPAN": span, "VERSION": version}.get(token.name)
            if number is not None:
                values[token.name] = _digits(number, token)
        return FilePattern.parse(self._with(values))

    def place(self, path: str) -> SpanVersion:
        """The span and the version of a file.

        Args:
            path: a path below the data's folder that `glob` matches.

        Raises:
            ValueError: what stands in a token's place is no number, or no day of the calendar.
        """
        match = re.match(self._regex(), path)
        if match is None:
            raise ValueError("its name is too short")
        numbers = {name: int(text) for name, text in match.groupdict().items()}
        if "YYYY" in numbers:
            day = datetime.date(numbers["YYYY"], numbers["MM"], numbers["DD"])
            return SpanVersion((day - EPOCH).days, numbers.get("VERSION"))
        return SpanVersion(numbers.get("SPAN"), numbers.get("VERSION"))

    def _with(self, values: Mapping[str, str]) -> str:
        """The text with a value in place of each token that has one."""
        parts, end = [], 0
        for token in self.tokens:
            parts += [self.text[end : token.start], values.get(token.name, self.text[token.start : token.end])]
            end = token.end
        return "".join([*parts, self.text[end:]])

    def _regex(self) -> str:
        parts, end = [], 0
        for token in self.tokens:
            parts += [_WILDCARDS.get(letter, re.escape(letter)) for letter in self.text[end : token.start]]
            parts.append(f"(?P<{token.name}>{f'.{{{token.width}}}' if token.width else '.*'})")
            end = token.end
        return "".join([*parts, *(_WILDCARDS.get(letter, re.escape(letter)) for letter in self.text[end:])])


def _token(match: re.Match[str]) -> PatternToken:
    width = match["width"]
    if match["date"]:
        return PatternToken(match["date"], _DATE[match["date"]], match.start(), match.end())
    if width and not (width.isdecimal() and int(width)):
        raise ValueError(f"{match.string} has {match[0]}, where the number of digits is no positive number")
    return PatternToken(match["number"], int(width) if width else None, match.start(), match.end())


def _digits(number: int, token: PatternToken) -> str:
    digits = str(number).zfill(token.width or 0)
    if token.width is not None and len(digits) > token.width:
        raise ValueError(f"{number} has more digits than {{{token.name}:{token.width}}} takes")
    return digits


def _day(span: int) -> datetime.date:
    try:
        return EPOCH + datetime.timedelta(span)
    except OverflowError as error:
        raise ValueError(f"the calendar has no day for span {span}") from error


def check_patterns(texts: Sequence[str], span: Optional[int], version: Optional[int]) -> None:
    """Checks the patterns of all splits as TFX's driver does, before it is started.

    Args:
        texts: a pattern a split.
        span: the span that is asked for; None for the newest.
        version: the version that is asked for; None for the newest.

    Raises:
        ValueError: a pattern is none, the splits' patterns have different tokens, a version has no span beside it, or
            what is asked for has no place in the patterns.
    """
    patterns = [FilePattern.parse(text) for text in texts]
    for pattern in patterns:
        if pattern.kind != patterns[0].kind:
            raise ValueError(f"{patterns[0].text} and {pattern.text} differ in their {{SPAN}}, {{VERSION}} or date")
        if span is not None and not pattern.has_span:
            raise ValueError(f"a span is asked for, and {pattern.text} has no {{SPAN}} and no date")
        if version is not None and not pattern.has_version:
            raise ValueError(f"a version is asked for, and {pattern.text} has no {{VERSION}}")
        pattern.at(span, version)
        if version is None and pattern.has_version and not pattern.has_span:
            raise ValueError(f"{pattern.text} has a {{VERSION}} and no {{SPAN}} that it is a version of")
