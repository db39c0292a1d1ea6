"""The type of a CSV column, decided and applied by columns, with the rules of tfx_bsl's `csv_decoder`.

There a cell is an integer if Python's `int` takes its bytes and it fits 64 bits, text if `int` takes it and it does
not fit, else a float if `float` takes it, else text; a column has the highest type of its cells. Here the plain
numbers are recognised by vectorised patterns that are narrower than Python's, and every other distinct cell goes
through Python itself, so that the rules stay Python's.
"""

import enum
from collections.abc import Callable
from typing import Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class ColumnType(enum.IntEnum):
    """Types in the order in which they override each other; UNKNOWN is a column without any value."""

    UNKNOWN = 0
    INT = 1
    FLOAT = 2
    STRING = 3


_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_PLAIN_INT = r"^-?[0-9]{1,18}$"
_EXPONENT = r"[eE][-+]?[0-9]{1,2}"
_PLAIN_FLOAT = rf"^-?(([0-9]{{1,40}}\.[0-9]{{0,40}}|\.[0-9]{{1,40}})({_EXPONENT})?|[0-9]{{1,18}}{_EXPONENT})$"
_DIGIT, _DASH, _DOT, _OTHER = 1, 2, 4, 8
_CLASSES = np.full(256, _OTHER, np.uint8)
_CLASSES[ord("0") : ord("9") + 1] = _DIGIT
_CLASSES[ord("-")] = _DASH
_CLASSES[ord(".")] = _DOT
_LONGEST_INT = 18
_LONGEST_FLOAT = 40


def infer_cell(cell: bytes) -> ColumnType:
    """The type of one cell, as `csv_decoder._InferValueType` has it."""
    if not cell:
        return ColumnType.UNKNOWN
    try:
        return ColumnType.INT if _INT64_MIN <= int(cell) <= _INT64_MAX else ColumnType.STRING
    except ValueError:
        pass
    try:
        float(cell)
    except ValueError:
        return ColumnType.STRING
    return ColumnType.FLOAT


def infer(column: pa.Array) -> ColumnType:
    """The type of a column of cells.

    Args:
        column: binary array; an empty value is an empty cell.
    """
    sizes = _sizes(column)
    filled = np.flatnonzero(sizes)
    if len(filled) == 0:
        return ColumnType.UNKNOWN
    first = infer_cell(column[int(filled[0])].as_py())
    if first == ColumnType.STRING:
        return first
    simple = _simple_numbers(column, sizes)
    return simple if simple is not None else _infer_by_pattern(column)


def _simple_numbers(column: pa.Array, sizes: np.ndarray) -> Optional[ColumnType]:
    """INT or FLOAT where every cell is digits, at most one leading dash and one dot; None where that is unsure."""
    offsets = _offsets(column)
    data = np.frombuffer(column.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    present = int(np.bitwise_or.reduce(_CLASSES[data]))
    if present & _OTHER:
        return None
    digits = sizes
    if present & _DASH:
        leading = np.zeros(len(sizes), bool)
        leading[sizes > 0] = data[offsets[:-1][sizes > 0]] == ord("-")
        if int(leading.sum()) != int((data == ord("-")).sum()):
            return None
        digits = digits - leading
    if not present & _DOT:
        return ColumnType.INT if _all_within(digits, sizes, _LONGEST_INT) else None
    dotted = np.searchsorted(offsets, np.flatnonzero(data == ord(".")), side="right") - 1
    if len(dotted) > 1 and not np.diff(dotted).all():
        return None
    digits = np.array(digits)
    digits[dotted] -= 1
    whole = np.ones(len(sizes), bool)
    whole[dotted] = False
    if not _all_within(digits, sizes, _LONGEST_FLOAT) or digits[whole].max(initial=0) > _LONGEST_INT:
        return None
    return ColumnType.FLOAT


def _all_within(digits: np.ndarray, sizes: np.ndarray, longest: int) -> bool:
    """Whether every filled cell has at least one digit and at most so many."""
    return bool(digits.max() <= longest and ((digits > 0) | (sizes == 0)).all())


def _infer_by_pattern(column: pa.Array) -> ColumnType:
    plain_int, plain_float, odd = _patterns(column)
    inferred = ColumnType.INT if plain_int.any() else ColumnType.UNKNOWN
    if plain_float.any():
        inferred = ColumnType.FLOAT
    for cell in column.filter(pa.array(odd)).unique().to_pylist():
        inferred = max(inferred, infer_cell(cell))
        if inferred == ColumnType.STRING:
            break
    return inferred


def _patterns(column: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which cells are plainly integers, plainly floats, or neither (and not empty)."""
    plain_int = np.asarray(pc.match_substring_regex(column, _PLAIN_INT))
    plain_float = np.asarray(pc.match_substring_regex(column, _PLAIN_FLOAT))
    return plain_int, plain_float, ~(plain_int | plain_float) & (_sizes(column) > 0)


def convert(column: pa.Array, kind: ColumnType) -> pa.Array:
    """A column of cells as a feature.

    Args:
        column: binary array; an empty cell becomes an empty list.
        kind: the type of the whole column, at least that of these cells.

    Returns:
        `large_list` of int64, float32 or large_binary, or nulls for UNKNOWN: what tfx_bsl decodes from the examples
        that TFX would have written.
    """
    if kind == ColumnType.UNKNOWN:
        return pa.nulls(len(column))
    sizes = _sizes(column)
    offsets = np.concatenate(([0], np.cumsum(sizes > 0)))
    if kind == ColumnType.STRING:
        values = _without_empty(column, sizes)
    else:
        values = _numbers(column.filter(pa.array(sizes > 0)), kind)
    return pa.LargeListArray.from_arrays(pa.array(offsets), values)


def _without_empty(column: pa.Array, sizes: np.ndarray) -> pa.Array:
    """The filled cells; the bytes are shared, since an empty cell has none."""
    offsets = _offsets(column)
    kept = np.append(offsets[:-1][sizes > 0], offsets[-1]).astype(np.int64)
    buffers = [None, pa.py_buffer(kept), column.buffers()[2]]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(kept) - 1, buffers)


def _numbers(cells: pa.Array, kind: ColumnType) -> pa.Array:
    target, python = (pa.int64(), int) if kind == ColumnType.INT else (pa.float64(), float)
    if len(cells) and _simple_numbers(cells, _sizes(cells)) is None:
        values = _odd_numbers(cells, target, python)
    else:
        values = cells.cast(pa.string()).cast(target)
    if kind == ColumnType.INT:
        return values
    with np.errstate(over="ignore"):
        return pa.array(np.asarray(values).astype(np.float32))


def _odd_numbers(cells: pa.Array, target: pa.DataType, python: Callable[[bytes], float]) -> pa.Array:
    """Numbers of which some need Python's own reading, once per distinct text."""
    plain_int, _, odd = _patterns(cells)
    plain = plain_int if pa.types.is_integer(target) else ~odd
    out = np.empty(len(cells), target.to_pandas_dtype())
    out[plain] = np.asarray(cells.filter(pa.array(plain)).cast(pa.string()).cast(target))
    encoded = cells.filter(pa.array(~plain)).dictionary_encode()
    distinct = np.array([python(cell) for cell in encoded.dictionary.to_pylist()], out.dtype)
    if len(distinct):
        out[~plain] = distinct[np.asarray(encoded.indices)]
    return pa.array(out)


def _offsets(column: pa.Array) -> np.ndarray:
    if column.buffers()[1] is None:
        return np.zeros(1, np.int32)
    return np.frombuffer(column.buffers()[1], np.int32, column.offset + len(column) + 1)[column.offset :]


def _sizes(column: pa.Array) -> np.ndarray:
    return np.diff(_offsets(column)).astype(np.int64)
