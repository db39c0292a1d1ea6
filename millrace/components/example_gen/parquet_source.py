"""Parquet files as units of work, and their row groups as features, with the rules of TFX's Parquet executor.

That executor hands each row as Python values to `tfx.components.example_gen.utils.dict_to_example`, where a value that
Python takes for false (null, 0, 0.0, False, an empty string, an empty list) becomes a Feature without a kind.
"""

import dataclasses
from collections.abc import Iterator
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io import filesystems

from millrace.base.errors import DataError
from millrace.components.example_gen import csv_cells, parquet_values
from millrace.components.example_gen.options import Options
from millrace.tables.column_reading import number_refusal, read_cells, without_values

_TYPE_ADVICE = "write the column as integers, floats, strings or lists of these"


@dataclasses.dataclass(frozen=True)
class RowGroups:
    """A unit of work: row groups `start` to `end` of one file; `group` and `index` as in `csv_source.Range`."""

    group: int
    index: int
    path: str
    start: int
    end: int


def row_group_ranges(path: str, options: Options) -> list[tuple[int, int]]:
    """Cuts a file into runs of row groups of about `range_bytes`.

    Raises:
        DataError: the file is not Parquet, or two of its columns have one name.
    """
    with _opened(path) as file:
        metadata = _parquet(file, path).metadata
        sizes = [metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups)]
    runs: list[tuple[int, int]] = []
    start = 0
    for place in range(len(sizes)):
        if sum(sizes[start : place + 1]) >= options.range_bytes or place == len(sizes) - 1:
            runs.append((start, place + 1))
            start = place + 1
    return runs


def batches(work: RowGroups, options: Options) -> Iterator[pa.RecordBatch]:
    """Reads row groups as features.

    Yields:
        Batches of `large_list` columns (see `examples`), of about `block_bytes`.

    Raises:
        DataError: a column has a type, or a value, that TFX's executor does not take.
    """
    with _opened(work.path) as file:
        parquet = _parquet(file, work.path)
        groups = list(range(work.start, work.end))
        rows = sum(parquet.metadata.row_group(place).num_rows for place in groups)
        size = sum(parquet.metadata.row_group(place).total_byte_size for place in groups)
        at_once = max(1, min(rows, options.block_bytes * max(rows, 1) // max(size, 1)))
        for batch in parquet.iter_batches(at_once, row_groups=groups):
            columns = [
                feature_of(column, name, work.path, options)
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _opened(path: str) -> IO[bytes]:
    return filesystems.FileSystems.open(path, compression_type=filesystems.CompressionTypes.UNCOMPRESSED)


def _parquet(file: IO[bytes], path: str) -> pq.ParquetFile:
    try:
        parquet = pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        advice = "give Parquet files, or CSV files with the format csv; narrow the input pattern"
        raise DataError(f"this is not a Parquet file: {error}", path, advice) from error
    names = parquet.schema_arrow.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"two columns are named {twice[0]!r}", path, "give each column a name of its own")
    return parquet


def feature_of(column: pa.Array, name: str, path: str, options: Options) -> pa.Array:
    """Makes a feature of an Arrow column of any source.

    Args:
        column: numbers, flags, texts, bytes, or lists of these; with `options.values` all also dates and decimals.
        name: its name.
        path: of the file, for messages.
        options: how to read.

    Returns:
        `large_list` of int64, float32 or large_binary (see `examples`), or nulls.

    Raises:
        DataError: it has a type, or a value, that an example cannot hold.
    """
    if options.values == "all":
        column = parquet_values.prepared(column)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return _lists(column, name, path)
    if pa.types.is_fixed_size_list(column.type):
        return _lists(parquet_values.plain_lists(column), name, path)
    if name in options.columns:
        column = _read(column, name, path, options)
    if column.null_count == len(column) and not _known(column.type):
        return pa.nulls(len(column))
    values = _cleaned(_values(column, name, path), options)
    present = np.asarray(pc.fill_null(_truthy(column, values), False))
    if options.values == "all" and not pa.types.is_large_binary(values.type):
        present = np.asarray(column.is_valid())
    offsets = np.concatenate(([0], np.cumsum(present)))
    return _with_nulls(offsets, values.filter(pa.array(present)), present)


def _read(column: pa.Array, name: str, path: str, options: Options) -> pa.Array:
    """A column that is read in a way of its own: numbers that stand for no value become null, texts may be numbers."""
    reading = options.columns[name]
    if not _is_bytes(column.type):
        return without_values(column, reading.missing)
    cells, unreadable = read_cells(_cleaned(_values(column, name, path), options).cast(pa.binary()), reading)
    if len(unreadable):
        what, remedy = number_refusal(name, column[int(unreadable[0])].as_py())
        raise DataError(what, path, remedy)
    if not reading.number:
        return cells
    return pc.if_else(pc.equal(pc.binary_length(cells), 0), None, cells).cast(pa.string()).cast(pa.float64())


def _cleaned(values: pa.Array, options: Options) -> pa.Array:
    """Texts cleaned as cells of a CSV file are; a missing one is empty."""
    if not pa.types.is_large_binary(values.type):
        return values
    texts = csv_cells.cleaned(
        pc.fill_null(values, b"").cast(pa.binary()), options.strip_spaces, options.missing, options.values == "all"
    )
    return texts.cast(pa.large_binary())


def _lists(column: pa.Array, name: str, path: str) -> pa.Array:
    """Lists keep every value, zeros too; an empty list is as good as none."""
    flat = column.flatten()
    sizes = np.asarray(pc.fill_null(pc.list_value_length(column), 0)).astype(np.int64)
    if flat.null_count:
        raise DataError(f"column {name!r} has lists with nulls inside", path, "fill the nulls, or leave them out")
    values = pa.array([], pa.int64()) if len(flat) == 0 and not _known(flat.type) else _values(flat, name, path)
    return _with_nulls(np.concatenate(([0], np.cumsum(sizes))), values, sizes > 0)


def _with_nulls(offsets: np.ndarray, values: pa.Array, present: np.ndarray) -> pa.Array:
    lists = pa.LargeListArray.from_arrays(pa.array(offsets.astype(np.int64)), values)
    if present.all():
        return lists
    bits = pa.array(present).buffers()[1]
    return pa.Array.from_buffers(lists.type, len(lists), [bits, lists.buffers()[1]], children=[values])


def _known(kind: pa.DataType) -> bool:
    return pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or _is_bytes(kind)


def _is_bytes(kind: pa.DataType) -> bool:
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _values(column: pa.Array, name: str, path: str) -> pa.Array:
    """Scalars as int64, float32 or large_binary."""
    kind = column.type
    if pa.types.is_floating(kind):
        with np.errstate(over="ignore"):
            return pa.array(np.asarray(column.cast(pa.float64()).fill_null(0)).astype(np.float32))
    if _is_bytes(kind):
        return (column.cast(pa.binary()) if pa.types.is_fixed_size_binary(kind) else column).cast(pa.large_binary())
    if not _known(kind):
        raise DataError(f"column {name!r} has type {kind}, which an example cannot hold", path, _TYPE_ADVICE)
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid as error:
        what = f"column {name!r} has integers that do not fit 64 bits with a sign"
        raise DataError(what, path, _TYPE_ADVICE) from error


def _truthy(column: pa.Array, values: pa.Array) -> pa.Array:
    """Which scalars Python takes for true; a double may round to a zero of 32 bits and still be one of them."""
    if pa.types.is_large_binary(values.type):
        return pc.greater(pc.binary_length(values), 0)
    numbers = column.cast(pa.float64()) if pa.types.is_floating(column.type) else values
    return pc.not_equal(numbers, pa.scalar(0, numbers.type))
