"""A table's column in the type that a model reads: what fits is converted, what does not is told with its row."""

from typing import Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.base.errors import DataError
from millrace.components.example_gen import csv_source, csv_text, csv_types
from millrace.components.example_gen.csv_source import RecordBlock
from millrace.components.example_gen.csv_types import ColumnType
from millrace.model_server.about import MANY, ModelColumn
from millrace.tables.headers import decoded

_CSV_TYPES = {"INT": ColumnType.INT, "FLOAT": ColumnType.FLOAT, "BYTES": ColumnType.STRING}
_VALUE_TYPES = {"INT": pa.int64(), "FLOAT": pa.float32(), "BYTES": pa.large_binary()}
_LONGEST_SHOWN = 40
# float32 has no room for larger whole numbers.
_MOST_EXACT = 2**24


def cells_as_model_reads(
    cells: pa.Array, name: str, column: Optional[ModelColumn], block: RecordBlock, path: str
) -> pa.Array:
    """Reads the cells of a CSV file.

    Args:
        cells: binary array, cleaned; an empty value is an empty cell.
        name: of the column.
        column: what the model reads; None for a column that it does not, which stays text.
        block: the records that the cells are of, for the message of a refusal.
        path: the file.

    Returns:
        `large_list` of int64, float32 or large_binary.

    Raises:
        DataError: a cell is no number, or no whole one, where the model reads these; with its line.
    """
    kind = _CSV_TYPES[column.type] if column else ColumnType.STRING
    if column is None or csv_types.infer(cells) <= kind:
        return csv_types.convert(cells, kind)
    read = cells
    if column.type == "INT":  # a column of whole numbers with gaps is often written as floats: 3.0
        read = pc.replace_substring_regex(cells.view(pa.string()), r"^(-?[0-9]{1,18})\.0*$", r"\1").view(pa.binary())
        if csv_types.infer(read) <= kind:
            return csv_types.convert(read, kind)
    row = next(row for row, cell in enumerate(read.to_pylist()) if csv_types.infer_cell(cell) > kind)
    line = csv_source.line_number(path, block.offset)
    line += block.text.count(csv_text.LINE_END, 0, int(csv_text.record_starts(block.text)[row]))
    raise _misfit(column, repr(_shown(decoded(cells[row].as_py()))), f"{path}, line {line}")


def as_model_reads(values: pa.Array, column: ModelColumn, first: int, table: str) -> pa.Array:
    """Converts a feature.

    Args:
        values: `large_list` of int64, float32 or large_binary, or nulls.
        column: what the model reads.
        first: the number of the first row, from 1, for the message of a refusal.
        table: what the rows are of, for the same.

    Returns:
        `large_list` of the type that the model reads. Where the schema promises a value and there is none, it is the
        one that the model takes for missing: NaN, or an empty text.

    Raises:
        DataError: the values are of another type, a row has too many or too few, or an integer that the schema promises
            is missing.
    """
    wanted = _VALUE_TYPES[column.type]
    if pa.types.is_null(values.type):
        values = pa.array([None] * len(values), pa.large_list(wanted))
    offsets = np.asarray(values.offsets)
    sizes = np.diff(offsets)
    if column.values != MANY:
        others = np.flatnonzero((sizes != 0) & (sizes != column.values))
        if len(others):
            raise _misfit(column, f"{sizes[others[0]]} values", f"{table}, row {first + others[0]}")
    flat = _flat(values.values.slice(offsets[0], offsets[-1] - offsets[0]), wanted, column, sizes, first, table)
    offsets = offsets - offsets[0]
    empty = np.flatnonzero(sizes == 0)
    if not column.required or not len(empty):
        return pa.LargeListArray.from_arrays(pa.array(offsets), flat)
    if column.type == "INT":
        raise DataError(
            f"{column.name} is missing, a whole number that the schema promises in every row",
            f"{table}, row {first + empty[0]}",
            "fill it in, or let the schema say that it may be missing, and train again",
        )
    return _filled(flat, sizes, 1 if column.values == MANY else int(column.values))


def _flat(
    values: pa.Array, wanted: pa.DataType, column: ModelColumn, sizes: np.ndarray, first: int, table: str
) -> pa.Array:
    if values.type == wanted or not len(values):
        return values if values.type == wanted else pa.array([], wanted)
    if column.type == "FLOAT" and pa.types.is_int64(values.type):
        return values.cast(pa.float32(), safe=False)
    place = 0
    if column.type == "INT" and pa.types.is_float32(values.type):
        numbers = np.asarray(values)
        with np.errstate(invalid="ignore"):
            fits = (numbers == np.floor(numbers)) & (np.abs(numbers) <= _MOST_EXACT)
        if fits.all():
            return pa.array(numbers.astype(np.int64))
        place = int(np.flatnonzero(~fits)[0])
    row = first + int(np.searchsorted(np.cumsum(sizes), place, side="right"))
    value = values[place].as_py()
    shown = repr(_shown(decoded(value))) if isinstance(value, bytes) else f"{value:g}"
    raise _misfit(column, shown, f"{table}, row {row}")


def _filled(values: pa.Array, sizes: np.ndarray, each: int) -> pa.Array:
    """With as many values as a row has to have in the rows that have none."""
    is_text = pa.types.is_large_binary(values.type)
    nothing = pa.array([b""], values.type) if is_text else pa.array([np.nan], values.type)
    filled = np.where(sizes == 0, each, sizes)
    own = np.repeat(sizes > 0, filled)
    places = np.where(own, np.cumsum(own) - 1, len(values))
    return pa.LargeListArray.from_arrays(
        pa.array(np.concatenate(([0], np.cumsum(filled)))), pa.concat_arrays([values, nothing]).take(pa.array(places))
    )


def _misfit(column: ModelColumn, found: str, where: str) -> DataError:
    promised = column.required and column.type == "INT"  # of another type the model takes what is missing
    remedy = f"write {column.expected}{'' if promised else ', or nothing where nothing is known'}"
    return DataError(f"{column.name} has {found}, and the model reads {column.expected}", where, remedy)


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
