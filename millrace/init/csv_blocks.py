"""Blocks of a CSV table as columns of raw cells: the whole of it, or parts that lie evenly in it."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Optional

import pyarrow as pa
import pyarrow.csv as arrow_csv

from millrace.base.errors import DataError
from millrace.init.dialect import Dialect
from millrace.init.sources import Source, first_bytes
from millrace.tables.files import is_gzip, opened
from millrace.tables.headers import read_header

_BLOCK, _LEAST_BLOCK = 8 << 20, 64 << 10
_PARTS = 32
# A gzipped table is about a fifth of its text.
_UNZIPPED = 5
_ROW_ADVICE = "give every line as many cells as the header, and quote a cell that holds a delimiter or a line end"


def csv_bytes(source: Source, dialect: Dialect) -> int:
    """Bytes of the rows, without headers; estimated for a gzipped file."""
    return sum(_bytes_of(file, dialect) for file in source.files)


def _bytes_of(file: Path, dialect: Dialect) -> int:
    start = first_bytes(file)
    header = _header_bytes(file, dialect)
    size = file.stat().st_size
    if not is_gzip(file):
        return max(size - header, 1)
    return max((len(start) if len(start) < (1 << 20) else size * _UNZIPPED) - header, 1)


def csv_blocks(source: Source, dialect: Dialect, size: int, whole_bytes: int) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Reads blocks.

    Args:
        source: the files.
        dialect: how they are written.
        size: bytes of all rows.
        whole_bytes: the most that is read; what is larger is read in parts.

    Yields:
        Batches of binary columns, and the bytes of text that each stands for.

    Raises:
        DataError: a line has another number of cells than the header, or a quote is never closed.
    """
    for file in source.files:
        share = whole_bytes * _bytes_of(file, dialect) // max(size, 1)
        if size <= whole_bytes:
            yield from _whole(file, dialect, None)
        elif is_gzip(file):
            yield from _whole(file, dialect, share)
        else:
            yield from _parts(file, dialect, share)


def _whole(file: Path, dialect: Dialect, most: Optional[int]) -> Iterator[tuple[pa.RecordBatch, int]]:
    """A file from its beginning, as far as `most` bytes of text."""
    read = 0
    options = _read_options(dialect, _BLOCK), _parse_options(dialect), _cells(dialect)
    try:
        with _rows(file, dialect) as stream, arrow_csv.open_csv(stream, *options) as reader:
            for batch in reader:
                yield batch, _text_bytes(batch)
                read += _text_bytes(batch)
                if most is not None and read >= most:
                    return
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        raise _refusal(file, dialect, error) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error}", where=str(file), remedy="write the file again") from error


@contextlib.contextmanager
def _rows(file: Path, dialect: Dialect) -> Iterator[pa.NativeFile]:
    """The text behind the header, as a stream of Arrow's own.

    Arrow reads ahead in threads that may still be at it when a table is refused. If they held anything of Python's, a
    stream or a handler of rows, they would wait for Python's lock when the interpreter ends, and abort the process.
    """
    header = _header_bytes(file, dialect)
    with pa.OSFile(os.fsencode(file)) as stored:
        text = pa.CompressedInputStream(stored, "gzip") if is_gzip(file) else stored
        with text:
            text.read(header)
            yield text


def _header_bytes(file: Path, dialect: Dialect) -> int:
    """Bytes of the header, and of what stands above it."""
    with opened(file) as stream:
        return read_header(stream, str(file), dialect.delimiter, "csv", dialect.header_line).size


def _parts(file: Path, dialect: Dialect, share: int) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Blocks at even distances; a line that is cut, or torn from its quote, is left out."""
    size = file.stat().st_size
    block = min(max(share // _PARTS, _LEAST_BLOCK), _BLOCK)
    count = max(share // block, 1)
    header = _header_bytes(file, dialect)
    with open(file, "rb") as stream:
        for place in range(count):
            stream.seek(max(place * (size // count), header))
            if place:
                stream.readline()
            text = stream.read(block)
            text = text[: text.rfind(b"\n") + 1]
            if not text.strip():
                continue
            table = arrow_csv.read_csv(
                pa.py_buffer(text),
                _read_options(dialect, len(text) + 1),
                arrow_csv.ParseOptions(
                    delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=lambda _: "skip"
                ),
                _cells(dialect),
            )
            for batch in table.combine_chunks().to_batches():
                yield batch, len(text)


def _read_options(dialect: Dialect, block: int) -> arrow_csv.ReadOptions:
    names = [str(place) for place in range(len(dialect.names))]
    return arrow_csv.ReadOptions(use_threads=False, block_size=block, column_names=names)


def _parse_options(
    dialect: Dialect, on_misfit: Optional[Callable[[arrow_csv.InvalidRow], str]] = None
) -> arrow_csv.ParseOptions:
    return arrow_csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=on_misfit)


def _cells(dialect: Dialect) -> arrow_csv.ConvertOptions:
    types = {str(place): pa.binary() for place in range(len(dialect.names))}
    return arrow_csv.ConvertOptions(column_types=types, check_utf8=False)


def _text_bytes(batch: pa.RecordBatch) -> int:
    """About the text that a batch was: its cells, and a delimiter after each."""
    offsets = 4 * (batch.num_rows + 1) * batch.num_columns
    return max(batch.nbytes - offsets, 0) + batch.num_rows * batch.num_columns


def _refusal(file: Path, dialect: Dialect, error: Exception) -> DataError:
    """Reads the file again, in this thread alone, to say which row has too many or too few cells."""
    misfits: list[arrow_csv.InvalidRow] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        misfits.append(row)
        return "error"

    with contextlib.suppress(pa.ArrowInvalid), _rows(file, dialect) as stream:
        arrow_csv.read_csv(stream, _read_options(dialect, _BLOCK), _parse_options(dialect, note), _cells(dialect))
    if not misfits:
        return DataError(f"this is not a CSV table: {error}", where=str(file), remedy=_ROW_ADVICE)
    row = misfits[0]
    where = f"{file}, line {row.number + dialect.header_line}" if row.number is not None else str(file)
    begun = " ".join(row.text[:60].split()) + ("..." if len(row.text) > 60 else "")
    return DataError(
        f"a line has {row.actual_columns} cells, the header names {len(dialect.names)} columns: {begun}",
        where=where,
        remedy=_ROW_ADVICE,
    )
