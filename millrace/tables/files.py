"""Finds the files of a table and opens them, as TFX's file systems and ExampleGen do."""

import contextlib
import fnmatch
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Optional, cast

from millrace.base.errors import DataError
from millrace.tables.patterns import FilePattern, SpanVersion
from millrace.tables.windows import MissingSpans, SpanRange, find_window

GZIP = b"\x1f\x8b"
_MAGIC = re.compile(r"[*?\[]")


def matching(names: Iterable[str], pattern: str) -> list[str]:
    """The names that a pattern matches, sorted; TensorFlow's file systems match one that begins with a dot too.

    Args:
        names: of files, without folders.
        pattern: with `*`, `?` and `[...]`, as in a shell.
    """
    return sorted(name for name in names if fnmatch.fnmatchcase(name, pattern))


def find(folder: Path, pattern: str) -> list[Path]:
    """The files of this machine that a pattern without tokens matches, sorted.

    Args:
        folder: where the pattern begins.
        pattern: names with `*`, `?` and `[...]`, and `/` between folders; `**` is no more than `*`.
    """
    return [path for path in _matched(folder, pattern) if path.is_file()]


def _matched(folder: Path, pattern: str) -> list[Path]:
    """The files and folders that a pattern matches, sorted."""
    paths = [folder]
    for part in pattern.split("/"):
        paths = [below for above in paths for below in _below(above, part)]
    return sorted(path for path in paths if path.exists())


def _below(folder: Path, part: str) -> list[Path]:
    if not _MAGIC.search(part):
        return [folder / part]
    return [folder / name for name in matching((path.name for path in _entries(folder)), part)]


def _entries(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from folder.iterdir()


def chosen_window(
    folder: Path, texts: Sequence[str], asked: SpanRange, version: Optional[int], missing: MissingSpans
) -> list[Path]:
    """The files that ExampleGen will read of a window of spans.

    Args:
        folder: the data's folder, on this machine.
        texts: a file pattern a split.
        asked: which spans.
        version: the version that is asked for.
        missing: what becomes of a window with a gap.

    Returns:
        The files of each split, one split after the other, the oldest span first.

    Raises:
        DataError: as `find_window`.
    """
    written = [FilePattern.parse(text).at(version=version) for text in texts]
    names = {
        pattern.text: [path.relative_to(folder).as_posix() for path in _matched(folder, pattern.glob)]
        for pattern in written
    }
    window = find_window(str(folder), names, asked, missing)
    return [file for pattern in written for one in window.patterns(pattern.text) for file in find(folder, one)]


def chosen(folder: Path, texts: Sequence[str], span: Optional[int], version: Optional[int]) -> list[Path]:
    """The files that ExampleGen will read: of the newest span and version, where none is asked for.

    Args:
        folder: the data's folder, on this machine.
        texts: a file pattern a split.
        span: the span that is asked for.
        version: the version that is asked for.

    Returns:
        The files of each split, one split after the other; none of a split whose pattern matches none.

    Raises:
        DataError: a file has no number in a token's place, the newest is named otherwise than TFX will look for it, or
            the splits have different spans or versions.
    """
    patterns = [FilePattern.parse(text).at(span, version) for text in texts]
    newest = {pattern.text: place for pattern in patterns if (place := _newest(folder, pattern))}
    if len(set(newest.values())) > 1:
        places = "; ".join(f"{text}: {_in_words(place)}" for text, place in newest.items())
        raise DataError(
            f"the newest files of the splits are of different spans or versions ({places})",
            where=str(folder),
            remedy="add what is missing, or set data.span and data.version to what all of them have",
        )
    files: list[Path] = []
    for pattern in patterns:
        place = newest.get(pattern.text, SpanVersion(None, None))
        written = pattern.at(place.span, place.version).text
        matches = [] if pattern.tokens and pattern.text not in newest else find(folder, written)
        if pattern.text in newest and not matches:
            folders = _matched(folder, written)
            raise DataError(
                f"the newest that matches {pattern.text} is of {_in_words(place)}, and {written} "
                + ("is a folder" if folders else "matches none"),
                where=str(folders[0] if folders else folder),
                remedy="name the files in it, as in {SPAN}/*.csv, or move the folder away"
                if folders
                else "say the number of digits where zeros lead, as in {SPAN:3}",
            )
        files += matches
    return files


def _newest(folder: Path, pattern: FilePattern) -> Optional[SpanVersion]:
    """The newest span and version that a pattern matches, a folder's too as in TFX's driver; None without one."""
    if not pattern.tokens:
        return None
    places = []
    for file in _matched(folder, pattern.glob):
        try:
            places.append(pattern.place(file.relative_to(folder).as_posix()))
        except ValueError as error:
            raise DataError(
                f"it matches {pattern.text}, but not every token with a number or a day: {error}",
                where=str(file),
                remedy="rename it, or narrow the pattern",
            ) from error
    return max(places, key=lambda place: (place.span or 0, place.version or 0), default=None)


def _in_words(place: SpanVersion) -> str:
    parts = [f"{name} {number}" for name, number in place._asdict().items() if number is not None]
    return ", ".join(parts)


def is_gzip(file: Path) -> bool:
    """Whether a file begins like gzip, whatever it is called."""
    with file.open("rb") as stream:
        return stream.read(len(GZIP)) == GZIP


@contextlib.contextmanager
def unzipped(stream: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """A stream's content, decompressed where it begins like gzip, whatever the file is called.

    Args:
        stream: a file of any file system, at its beginning; it can seek.
        name: what to call it in a message.

    Raises:
        DataError: while it is read, when the gzip data is damaged.
    """
    magic = stream.read(len(GZIP))
    stream.seek(0)
    if magic != GZIP:
        yield stream
        return
    try:
        with gzip.GzipFile(fileobj=stream) as content:
            yield cast(IO[bytes], content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"the gzip data is damaged: {error}", where=name, remedy="write the file again") from error


@contextlib.contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """A file of this machine, decompressed where it begins like gzip.

    Raises:
        DataError: it cannot be read, or its gzip data is damaged.
    """
    try:
        stream = file.open("rb")
    except OSError as error:
        remedy = "let whoever runs this read it, or leave it out of the pattern"
        raise DataError(f"cannot be read: {error.strerror}", where=str(file), remedy=remedy) from error
    with stream, unzipped(stream, str(file)) as content:
        yield content
