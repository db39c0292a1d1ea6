"""Which rows of a batch meet the condition of `data.where`, an expression of `millrace.features.expression`.

What `millrace.training.expressions` does in TensorFlow's graph for a derived feature is done here in Arrow, before
there is a graph: with the same meaning, for the operations that `Signature.in_conditions` names.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.base.errors import DataError
from millrace.components.example_gen.row_values import scalars
from millrace.features.expression import ColumnValue, Constant, Expression, ValueKind, as_compared, columns_of, kind_of

WHERE = "data.where"
# Kleene's logic of three values, as in SQL: what is missing is neither true nor false.
_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "and": pc.and_kleene,
    "or": pc.or_kleene,
    "not": pc.invert,
    "is_missing": pc.is_null,
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "+": pc.add,
    "-": pc.subtract,
    "*": pc.multiply,
    "/": pc.divide,
    "negative": pc.negate,
    "abs": pc.abs,
    "min": lambda *values: pc.min_element_wise(*values, skip_nulls=False),
    "max": lambda *values: pc.max_element_wise(*values, skip_nulls=False),
    "len": lambda text: pc.utf8_length(text).cast(pa.float64()),
    "lower": pc.utf8_lower,
}


def wanted(batch: pa.RecordBatch, condition: Expression) -> np.ndarray:
    """The rows that meet a condition.

    Args:
        batch: features, as `examples` says.
        condition: what a row must meet.

    Returns:
        bool [rows]; a row for which the condition is neither true nor false is not wanted.

    Raises:
        DataError: a column is not there, has several values a row, or holds text where a number is asked for or the
            other way round.
    """
    columns = {name: _values(batch, name) for name in columns_of(condition)}
    kinds: dict[str, ValueKind] = {
        name: "text" if pa.types.is_string(values.type) else "number"
        for name, values in columns.items()
        if not pa.types.is_null(values.type)
    }
    try:
        kind_of(condition, kinds)
    except ValueError as error:
        remedy = "compare a column of text with texts in quotes, and one of numbers with numbers"
        raise DataError(str(error), WHERE, remedy) from error
    single = {name for name in columns if _is_single(batch, name)}
    return np.asarray(pc.fill_null(_flag(_evaluated(as_compared(condition, single), columns)), False))


def _is_single(batch: pa.RecordBatch, name: str) -> bool:
    kind = batch.schema.field(name).type
    return not pa.types.is_null(kind) and pa.types.is_float32(kind.value_type)


def _values(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Texts or float64; null where there is no value, as `millrace.training.columns` decides it."""
    values = scalars(batch, name, WHERE)
    if pa.types.is_null(values.type):
        return values
    if pa.types.is_large_binary(values.type):
        try:
            texts = pc.ascii_trim_whitespace(values.cast(pa.large_string()).cast(pa.string()))
        except pa.ArrowInvalid as error:
            raise DataError(f"{name} holds bytes that are not UTF-8", WHERE, "set data.rules to table") from error
        return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    return _finite(values.cast(pa.float64(), safe=False))


def _evaluated(expression: Expression, columns: Mapping[str, pa.Array]) -> Any:
    if isinstance(expression, ColumnValue):
        return columns[expression.name]
    if isinstance(expression, Constant):
        return pa.scalar(expression.value)
    name, arguments = expression.name, [_evaluated(argument, columns) for argument in expression.arguments]
    if name in ("and", "or", "not"):
        flags = list(map(_flag, arguments))
        return functools.reduce(_OPERATIONS[name], flags) if len(flags) > 1 else _OPERATIONS[name](*flags)
    empty = [one for one in arguments if pa.types.is_null(one.type)]
    if empty and name != "is_missing":
        return empty[0]
    numbers = [one.cast(pa.float64()) if pa.types.is_boolean(one.type) else one for one in arguments]
    result = _OPERATIONS[name](*numbers)
    return _finite(result) if pa.types.is_floating(result.type) else result


def _finite(numbers: Any) -> Any:
    """What is infinite or no number has no value: a division by zero, a sum that is too large."""
    return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, numbers.type))


def _flag(value: Any) -> Any:
    """A number counts as a flag: true unless it is 0."""
    if pa.types.is_null(value.type):
        return value.cast(pa.bool_())
    return value if pa.types.is_boolean(value.type) else pc.not_equal(value.cast(pa.float64()), 0.0)
