"""Windows of spans: the last ones that are there, or those up to one of them, each in its newest version."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Optional

from millrace.base.errors import DataError
from millrace.base.numbers import counted
from millrace.tables.patterns import EPOCH, FilePattern, SpanVersion

MissingSpans = Literal["refuse", "warn"]
# Of the spans that are missing, how many a message names.
_MOST_NAMED = 5
# The patterns of a window's spans are one text, as TFX has a pattern for each split; no file's name has a line's end.
_BETWEEN = "\n"


@dataclass(frozen=True)
class SpanRange:
    """Which spans are asked for, in the words of TFX's RangeConfig.

    Args:
        num_spans: how many span numbers, the last one included.
        start: the span before which none is read.
        end: the last span; None for the newest that is there.
    """

    num_spans: int
    start: int = 0
    end: Optional[int] = None


@dataclass(frozen=True)
class SpanWindow:
    """The spans of a range that are there.

    Args:
        places: each span with its newest version, ascending, at least one.
        missing: the spans between the first and the last that are not there.
        by_day: whether a span is a day of the calendar.
    """

    places: tuple[SpanVersion, ...]
    missing: tuple[int, ...]
    by_day: bool

    @property
    def newest(self) -> SpanVersion:
        """The last span and its version."""
        return self.places[-1]

    def patterns(self, text: str) -> list[str]:
        """A file pattern with each of the spans, and its version, written in."""
        pattern = FilePattern.parse(text)
        return [pattern.at(place.span, place.version).text for place in self.places]

    def versions(self) -> dict[str, Optional[int]]:
        """The version of each span, None without one; a span that is a day by its date."""
        return {self.name(place.span or 0): place.version for place in self.places}

    def name(self, span: int) -> str:
        """A span as a person names it: a day by its date."""
        return str(EPOCH + datetime.timedelta(span)) if self.by_day else str(span)

    @property
    def lack(self) -> str:
        """A sentence on the spans that are missing; empty where none is."""
        if not self.missing:
            return ""
        names = [self.name(span) for span in self.missing]
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        first, last = (self.name(place.span or 0) for place in (self.places[0], self.newest))
        what = counted(len(names), "day" if self.by_day else "span")
        verb = "is" if len(names) == 1 else "are"
        return f"of the window {first} to {last} {what} {verb} not there: {', '.join(names[:_MOST_NAMED])}{more}"


def find_window(
    folder: str, names: Mapping[str, Sequence[str]], asked: SpanRange, missing: MissingSpans = "refuse"
) -> SpanWindow:
    """The spans of a range, from the names of files.

    A span counts as there when every split has it. Before the oldest that is there none is missing: a window grows
    until it is full.

    Args:
        folder: the data's, for messages.
        names: of each split's pattern, the paths below the folder that its `glob` matches.
        asked: which spans.
        missing: what becomes of a window with a gap.

    Raises:
        DataError: a path has no number in a token's place, the splits have different versions of a span, or not all of
            them have the last one; no span is there; or one is missing and may not be.
    """
    by_day = FilePattern.parse(next(iter(names))).by_day
    of_splits = [_newest_versions(folder, FilePattern.parse(text), paths) for text, paths in names.items()]
    common = {span: version for span, version in of_splits[0].items() if all(span in split for split in of_splits)}
    oldest = min(common, default=0)
    end = max((span for split in of_splits for span in split), default=0) if asked.end is None else asked.end
    start = max(asked.start, oldest, end - asked.num_spans + 1)
    places = tuple(SpanVersion(span, common[span]) for span in range(start, end + 1) if span in common)
    window = SpanWindow(places, tuple(span for span in range(start, end + 1) if span not in common), by_day)
    if not places or window.newest.span != end:
        whole = "span" if len(of_splits) == 1 else "span of every split"
        nothing = f"there is no {whole} {window.name(end)}" if any(of_splits) else "no file has a span"
        raise DataError(
            f"{nothing}, the last of the window that data.window asks for",
            where=folder,
            remedy="add its files, or name a span that is there: data.span",
        )
    for place in places:
        if any(split[place.span or 0] != place.version for split in of_splits):
            raise DataError(
                f"the splits have different versions of span {window.name(place.span or 0)}",
                where=folder,
                remedy="add what is missing, or set data.version to what all of them have",
            )
    if window.missing and missing == "refuse":
        raise DataError(
            window.lack,
            where=folder,
            remedy="add the files, or set data.window.missing: warn to learn from the others",
        )
    return window


def _newest_versions(folder: str, pattern: FilePattern, paths: Sequence[str]) -> dict[int, Optional[int]]:
    newest: dict[int, Optional[int]] = {}
    for path in paths:
        try:
            span, version = pattern.place(path)
        except ValueError as error:
            raise DataError(
                f"it matches {pattern.text}, but not every token with a number or a day: {error}",
                where=f"{folder}/{path}",
                remedy="rename it, or narrow the pattern",
            ) from error
        if span is not None:
            newest[span] = max(newest.get(span, version), version, key=lambda one: -1 if one is None else one)
    return newest


def joined(patterns: Sequence[str]) -> str:
    """The patterns of a window's spans as the one pattern that TFX keeps for a split."""
    return _BETWEEN.join(patterns)


def single_patterns(text: str) -> list[str]:
    """The patterns of a split; the text itself where they are not several."""
    return text.split(_BETWEEN)


def in_words(versions: Mapping[str, Optional[int]]) -> str:
    """A window as a person reads it: `5 spans, 2024-01-01 to 2024-01-05`, and which version is not the first.

    Args:
        versions: as `SpanWindow.versions` gives them, at least one.
    """
    names = list(versions)
    ends = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    lowest = min((version for version in versions.values() if version is not None), default=None)
    again = [f"{name} in version {version}" for name, version in versions.items() if version != lowest]
    return f"{counted(len(names), 'span')}, {ends}" + (f" ({', '.join(again[:_MOST_NAMED])})" if again else "")
