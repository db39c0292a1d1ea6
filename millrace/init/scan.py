"""Reads a table once, by columns and in blocks: counts, types, limits, and an even sample of its rows.

Memory is bounded by the sample and by the distinct values that are counted, not by the table. A table of more than
`WHOLE_BYTES` is read in parts that lie evenly in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.base.errors import DataError
from millrace.init.column_scan import ColumnScan, scan_of
from millrace.init.columns import Column
from millrace.init.csv_blocks import csv_blocks, csv_bytes
from millrace.init.dialect import Dialect, find_dialect
from millrace.init.images import with_images
from millrace.init.na_values import ALWAYS
from millrace.init.parquet_blocks import parquet_blocks, parquet_names, parquet_rows
from millrace.init.readings import as_meant
from millrace.init.record_blocks import read_records
from millrace.init.sources import Source

WHOLE_BYTES = 512 << 20
SAMPLE_ROWS = 50_000
_SAMPLE_CELLS = 4_000_000
_COUNTED_CELLS = 2_000_000
_BLOCK_ROWS = 65_536
_MOST_COUNTED, _LEAST_COUNTED = 50_000, 2_000


@dataclass(frozen=True)
class ScannedTable:
    """What was seen of a table.

    Attributes:
        source: its files.
        columns: its columns, in the files' order.
        rows: rows in all; estimated unless `complete`.
        rows_read: rows that were looked at.
        complete: whether every row was looked at.
        dialect: how CSV files are written; None for other formats.
        missing: its NA values, where no column has one of them for a value.
        stray_spaces: whether values have spaces around them.
        blank_rows: rows of empty cells alone, which are none of `rows`.
    """

    source: Source
    columns: tuple[Column, ...]
    rows: int
    rows_read: int
    complete: bool
    dialect: Optional[Dialect]
    missing: tuple[str, ...]
    stray_spaces: bool
    blank_rows: int = 0

    def column(self, name: str) -> Column:
        """The column of a name."""
        return next(column for column in self.columns if column.name == name)


def scan(source: Source, dialect: Optional[Dialect] = None, whole_bytes: int = WHOLE_BYTES) -> ScannedTable:
    """Looks at a table.

    Args:
        source: its files.
        dialect: how CSV files are written; found where it is None.
        whole_bytes: how much of it is read before it is read in parts.

    Raises:
        DataError: it cannot be read as a table, or has no row.
    """
    if source.format == "csv":
        dialect = dialect or find_dialect(source)
    names, size, blocks, stored = _open(source, dialect, whole_bytes)
    sampling = _Sampling(len(names))
    # TFX reads these itself: no key of the configuration says how.
    verbatim = source.format == "tfrecord"
    scans: list[ColumnScan] = []
    rows_read = bytes_read = 0
    blank_rows = 0
    for every, length in blocks:
        block = every if dialect is None else _without_blank(every)
        blank_rows += every.num_rows - block.num_rows
        if not scans:
            scans = [
                scan_of(name, column.type, sampling.counted, verbatim)
                for name, column in zip(names, block.columns, strict=True)
            ]
        picks = sampling.picks(block.num_rows, length, size)
        for accumulator, column in zip(scans, block.columns, strict=True):
            accumulator.add(column, picks)
        rows_read += block.num_rows
        bytes_read += length
    if not rows_read:
        raise DataError("there are column names and no row", where=str(source.files[0]), remedy="put the data there")
    rows = stored if stored is not None else round(rows_read * max(size / max(bytes_read, 1), 1.0))
    # Records of an unknown number are the beginning of a table, however small its files are.
    complete = rows_read == stored if stored is not None else dialect is not None and size <= whole_bytes
    missing = _na_values(scans)
    columns = [accumulator.finish() for accumulator in scans]
    semicolons = dialect is not None and dialect.delimiter == ";"
    return ScannedTable(
        source,
        tuple(columns if verbatim else (_as_meant(column, missing, semicolons, source) for column in columns)),
        rows_read if complete else max(rows, rows_read),
        rows_read,
        complete,
        dialect,
        missing,
        any(accumulator.stray_spaces for accumulator in scans),
        blank_rows,
    )


def _as_meant(column: Column, missing: tuple[str, ...], semicolons: bool, source: Source) -> Column:
    # Of image folders the path is told beside the image, and names single rows.
    pictured = source.format != "image_folders" or column.name != "path"
    column = with_images(column, source.folder) if pictured else column
    return column if column.image else as_meant(column, missing, semicolons)


Blocks = Iterator[tuple[pa.RecordBatch, int]]
OpenedTable = tuple[tuple[str, ...], int, Blocks, Optional[int]]


def _open(source: Source, dialect: Optional[Dialect], whole_bytes: int) -> OpenedTable:
    """Names, bytes, blocks with the bytes that each stands for, and the number of rows where it is known."""
    if dialect is None:
        return _open_parquet(source, whole_bytes) if source.format == "parquet" else _open_records(source, whole_bytes)
    size = csv_bytes(source, dialect)
    return dialect.names, size, csv_blocks(source, dialect, size, whole_bytes), None


def _open_parquet(source: Source, whole_bytes: int) -> OpenedTable:
    size, rows = parquet_rows(source)
    return parquet_names(source), size, parquet_blocks(source, size, whole_bytes), rows


def _open_records(source: Source, whole_bytes: int) -> OpenedTable:
    """Of what is not read the size is told from the files', which are about as large as the columns."""
    table, whole = read_records(source, whole_bytes)
    size = table.nbytes if whole else max(sum(file.stat().st_size for file in source.files), table.nbytes + 1)
    batches = table.to_batches(_BLOCK_ROWS)
    return tuple(table.column_names), size, ((batch, batch.nbytes) for batch in batches), len(table) if whole else None


def _without_blank(block: pa.RecordBatch) -> pa.RecordBatch:
    """A block of cells without the rows that have nothing in any of them."""
    blank = np.ones(block.num_rows, bool)
    for column in block.columns:
        if not blank.any():
            return block
        blank &= np.asarray(pc.binary_length(column)) == 0
    return block.filter(pa.array(~blank)) if blank.any() else block


class _Sampling:
    """Which rows of each block go into the sample, and how many distinct values are counted per column."""

    def __init__(self, columns: int) -> None:
        self._rows = max(min(SAMPLE_ROWS, _SAMPLE_CELLS // max(columns, 1)), 1_000)
        self.counted = min(max(_COUNTED_CELLS // max(columns, 1), _LEAST_COUNTED), _MOST_COUNTED)
        self._stride = 0

    def picks(self, rows: int, length: int, size: int) -> np.ndarray:
        if not self._stride:
            expected = rows * max(size / max(length, 1), 1.0)
            self._stride = max(int(expected / self._rows), 1)
        return np.arange(0, rows, self._stride)


def _na_values(scans: list[ColumnScan]) -> tuple[str, ...]:
    """The NA values that are a value of no column: those that are listed, in that order, then the unlisted."""
    of_columns = [set(accumulator.na_values()) for accumulator in scans]
    values = {
        value
        for value in set().union(*of_columns)
        if all(value in own or not one.has(value) for one, own in zip(scans, of_columns, strict=True))
    }
    listed = {value: place for place, value in enumerate(ALWAYS)}
    return tuple(sorted(values, key=lambda value: (listed.get(value, len(listed)), value)))
