"""Rows as a client has them in JSON, for the signature that takes a tensor a raw column.

TensorFlow Serving wants every key in every row, no `null`, numbers of the tensor's type and lists of one length. Here a
key may be absent or `null` where nothing is known, a whole number stands for a float, lists are as long as they are,
and a column goes by its own name. What cannot be read is told by row and column, with what the model reads. The model
is asked with the same tensors: NaN and `""` for missing, as `millrace.training.signatures` says.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from millrace.base.names import did_you_mean
from millrace.model_server.about import MANY, About, ModelColumn
from millrace.model_server.json_tensor import COLUMNAR, ROW, Infos, Tensors, decode_base64, invalid, is_base64

# float64, the tensors' type, tells all whole numbers up to here from each other.
_MOST_EXACT = 2**53
_LONGEST_SHOWN = 60


def takes(about: About, infos: Infos) -> bool:
    """Whether a signature is the one that takes a tensor a raw column.

    Args:
        about: what the model says of itself.
        infos: the signature's inputs.
    """
    return bool(about.columns) and {column.input for column in about.columns} == set(infos)


def read_rows(document: Mapping[str, Any], about: About, infos: Infos) -> tuple[str, Tensors]:
    """Reads the tensors of a Predict request.

    Args:
        document: the parsed body, with `instances` or `inputs`.
        about: what the model reads.
        infos: the signature's inputs.

    Returns:
        The format, `ROW` or `COLUMNAR`, and a tensor for each input.

    Raises:
        tf.errors.InvalidArgumentError: a value cannot be read, or a key is no column's.
    """
    if (ROW in document) == (COLUMNAR in document):
        raise invalid('a request has either "instances", a list of rows, or "inputs", an object of columns')
    form = ROW if ROW in document else COLUMNAR
    by_name = {
        **{column.input: column for column in about.columns},
        **{column.name: column for column in about.columns},
    }
    values = _of_rows(document[ROW], about, by_name) if form == ROW else _of_columns(document[COLUMNAR], about, by_name)
    return form, {
        column.input: _tensor(
            [_value(value, column, row) for row, value in enumerate(values[column.name])], column, infos
        )
        for column in about.columns
    }


def _of_rows(rows: Any, about: About, by_name: Mapping[str, ModelColumn]) -> dict[str, list[Any]]:
    if isinstance(rows, dict):  # one row is a request, too
        rows = [rows]
    if not isinstance(rows, list) or not rows:
        raise invalid('"instances" is a list of rows, each an object such as {"COLUMN": VALUE}')
    values: dict[str, list[Any]] = {column.name: [None] * len(rows) for column in about.columns}
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or is_base64(row):
            raise invalid(f'row {number + 1} is {_shown(row)}, and a row is an object such as {{"COLUMN": VALUE}}')
        for key, value in row.items():
            column = by_name.get(key)
            if column is not None:
                values[column.name][number] = value
            elif key not in about.unread:
                raise _unknown(f"row {number + 1}", key, about)
    return values


def _of_columns(columns: Any, about: About, by_name: Mapping[str, ModelColumn]) -> dict[str, list[Any]]:
    if not isinstance(columns, dict) or not columns:
        raise invalid('"inputs" is an object of columns, each a list with a value a row')
    values: dict[str, list[Any]] = {}
    lengths: dict[int, str] = {}
    for key, given in columns.items():
        column = by_name.get(key)
        if column is None and key not in about.unread:
            raise _unknown("inputs", key, about)
        if not isinstance(given, list):
            raise invalid(f"inputs.{key} is {_shown(given)}, and a column is a list with a value a row")
        lengths.setdefault(len(given), key)
        if column is not None:
            values[column.name] = given
    if len(lengths) > 1:
        (one, first), (other, second) = list(lengths.items())[:2]
        raise invalid(f"inputs.{first} has {one} values and inputs.{second} has {other}: one a row is needed")
    return {column.name: values.get(column.name, [None] * next(iter(lengths))) for column in about.columns}


def _value(value: Any, column: ModelColumn, row: int) -> Any:
    """A number, bytes, or a list of these; NaN, `b""` or an empty list where nothing is known."""
    if value is None or _is_na(value, column):
        if _must_be_there(column):
            raise invalid(
                f"{_place(row, column)} is missing: {column.expected}, which the schema promises in every row"
            )
        return _nothing(column)
    if column.values == 1:
        return _scalar(value, column, row)
    if not isinstance(value, list):
        raise _misfit(value, column, row)
    if column.values != MANY and value and len(value) != column.values:
        raise invalid(f"{_place(row, column)} has {len(value)} values, and the model reads {column.expected}")
    values = [_one_nothing(column) if one is None else _scalar(one, column, row) for one in value]
    return values or _nothing(column)


def _scalar(value: Any, column: ModelColumn, row: int) -> Any:
    if column.type == "BYTES":
        try:
            if isinstance(value, dict):
                return decode_base64(value)
            if isinstance(value, str) and not column.image:
                return value.encode()
        except tf.errors.InvalidArgumentError as error:
            raise invalid(f"{_place(row, column)}: {error.message}") from error
        except UnicodeEncodeError as error:
            raise invalid(
                f"{_place(row, column)} has half of a character, {value[error.start]!a}, as UTF-8 has none"
            ) from error
        raise _misfit(value, column, row)
    if not isinstance(value, (int, float)):
        raise _misfit(value, column, row)
    if column.type == "INT" and isinstance(value, float) and not math.isnan(value) and not value.is_integer():
        raise _misfit(value, column, row)
    if column.type == "INT" and abs(value) > _MOST_EXACT:
        raise invalid(f"{_place(row, column)} is {_shown(value)}: whole numbers are exact up to 2**53")
    try:
        return float(value)
    except OverflowError as error:
        raise _misfit(value, column, row) from error


def _is_na(value: Any, column: ModelColumn) -> bool:
    """Whether a value stands for none where the model reads numbers; the model itself knows those among texts."""
    if column.type == "BYTES":
        return False
    if isinstance(value, str):
        return value.strip() in ("", *column.missing)
    return isinstance(value, float) and math.isnan(value)


def _must_be_there(column: ModelColumn) -> bool:
    """Whether the model has nothing to take in the place of a missing value."""
    return column.required and column.type == "INT"


def _nothing(column: ModelColumn) -> Any:
    if column.values == 1:
        return _one_nothing(column)
    return [] if column.values == MANY else [_one_nothing(column)] * int(column.values)


def _one_nothing(column: ModelColumn) -> Any:
    return b"" if column.type == "BYTES" else math.nan


def _tensor(values: Sequence[Any], column: ModelColumn, infos: Infos) -> Any:
    """Lists end in what is no value, as long as the longest, and never empty."""
    if column.values == MANY:
        longest = max(1, *map(len, values))
        values = [[*one, *[_one_nothing(column)] * (longest - len(one))] for one in values]
    info = infos[column.input]
    dtype = tf.as_dtype(info.dtype)
    array = np.array(values, object if dtype == tf.string else dtype.as_numpy_dtype)
    return tf.make_tensor_proto(array, dtype=dtype, shape=array.shape)


def _misfit(value: Any, column: ModelColumn, row: int) -> tf.errors.InvalidArgumentError:
    quoted = column.type == "BYTES" and column.values == 1 and not column.image
    hint = f'; write "{value}"' if quoted and isinstance(value, (int, float)) and not isinstance(value, bool) else ""
    return invalid(
        f"{_place(row, column)} is {_shown(value)}, and the model reads {column.expected}"
        f"{'' if _must_be_there(column) else ', or null where nothing is known'}{hint}"
    )


def _unknown(where: str, key: str, about: About) -> tf.errors.InvalidArgumentError:
    names = [column.name for column in about.columns]
    meant = did_you_mean(key, names) or f"; it reads {', '.join(names)}"
    return invalid(f"{where} has {_quoted(key)}, which is no column that the model knows{meant}")


def _quoted(key: str) -> str:
    """A key as a message names it: one with spaces at its ends is otherwise not told from the column."""
    return key if key == key.strip() and key.isprintable() and key else _shown(key)


def _place(row: int, column: ModelColumn) -> str:
    return f"{column.name} of row {row + 1}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
