"""CSV files as units of work: listing, headers, byte ranges cut at record ends, and blocks of whole records."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import IO, Any, Optional

from apache_beam.io import filesystems

from millrace.base.errors import DataError
from millrace.components.example_gen import csv_text
from millrace.components.example_gen.options import Options
from millrace.tables.files import GZIP, unzipped
from millrace.tables.headers import Header, read_header

_PROBE_BYTES = 64 << 10
_COUNT_BYTES = 8 << 20


@dataclasses.dataclass(frozen=True)
class ByteRange:
    """A unit of work: the records of one file whose preceding line end lies in [start, end).

    Attributes:
        group: index of the input split that the file belongs to.
        index: place of this range among all ranges, which is the order of the output's shards.
        start: first byte; the first byte after the header for a file's first range.
        end: byte after the last, or None for the rest of the file (a compressed file is one range).
        first: whether the first record begins at `start` itself.
    """

    group: int
    index: int
    path: str
    start: int
    end: Optional[int]
    first: bool


@dataclasses.dataclass(frozen=True)
class RecordBlock:
    """Whole records, and where in the (decompressed) file they begin."""

    text: bytes
    offset: int


@contextlib.contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Opens a file of any filesystem that Beam knows, decompressed where it begins like gzip."""
    with _raw(path) as stream, unzipped(stream, path) as content:
        yield content


def is_compressed(path: str) -> bool:
    """Whether a file begins like gzip."""
    with _raw(path) as stream:
        return bool(stream.read(len(GZIP)) == GZIP)


def _raw(path: str) -> Any:
    return filesystems.FileSystems.open(path, compression_type=filesystems.CompressionTypes.UNCOMPRESSED)


def header_of(path: str, options: Options) -> Header:
    """The column names of a CSV file.

    Raises:
        DataError: the file is empty, or its header is blank, not UTF-8 or not text.
    """
    with opened(path) as file:
        return read_header(file, path, options.delimiter, options.header, options.header_line)


def count_quotes(path: str, start: int, end: Optional[int]) -> int:
    """Number of quotes between two bytes of a file that is not compressed."""
    quotes = 0
    with opened(path) as file:
        file.seek(start)
        left = end - start if end is not None else None
        while left is None or left > 0:
            text = file.read(_COUNT_BYTES if left is None else min(left, _COUNT_BYTES))
            if not text:
                break
            quotes += text.count(csv_text.QUOTE)
            left = None if left is None else left - len(text)
    return quotes


def blocks(work: ByteRange, odd_at_start: bool, odd_at_end: bool, options: Options) -> Iterator[RecordBlock]:
    """Reads the records of a range.

    Args:
        work: the range.
        odd_at_start: whether the number of quotes between the header and `work.start` is odd.
        odd_at_end: the same for `work.end`.
        options: `block_bytes` bounds the blocks, but for a record that is larger.

    Yields:
        Blocks of whole records, in order.

    Raises:
        DataError: a quote is not closed at the end of the file.
    """
    with opened(work.path) as file:
        stop = None if work.end is None else _record_after(file, work.end, odd_at_end)
        start = work.start if work.first else _record_after(file, work.start, odd_at_start)
        if start is None:
            return
        file.seek(start)
        yield from _blocks_between(file, work.path, start, stop, options.block_bytes)


def _record_after(file: IO[bytes], offset: int, odd: bool) -> Optional[int]:
    """Where the first record begins whose preceding line end lies at `offset` or after; None at the file's end."""
    file.seek(offset)
    while text := file.read(_PROBE_BYTES):
        end, odd = csv_text.first_record_end(text, odd)
        if end is not None:
            return offset + end
        offset += len(text)
    return None


def _blocks_between(file: IO[bytes], path: str, start: int, stop: Optional[int], size: int) -> Iterator[RecordBlock]:
    rest, offset = b"", start
    while True:
        position = offset + len(rest)
        wanted = max(size, len(rest)) if stop is None else min(max(size, len(rest)), stop - position)
        text = file.read(wanted) if wanted > 0 else b""
        if not text:
            break
        text = rest + text
        end = csv_text.last_record_end(text)
        if end:
            yield RecordBlock(text[:end], offset)
        rest, offset = text[end:], offset + end
    if rest.count(csv_text.QUOTE) % 2:
        line = line_number(path, offset)
        raise DataError("a quote is opened and never closed", f"{path}, line {line}", _QUOTE_ADVICE)
    if rest:
        yield RecordBlock(rest, offset)


_QUOTE_ADVICE = "double each quote inside a quoted cell, and quote a cell that holds one"


def line_number(path: str, offset: int) -> int:
    """The number, from 1, of the line that holds a byte of the (decompressed) file."""
    lines = 1
    with opened(path) as file:
        while offset > 0 and (text := file.read(min(offset, _COUNT_BYTES))):
            lines += text.count(csv_text.LINE_END)
            offset -= len(text)
    return lines
