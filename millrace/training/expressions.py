"""Derived columns in TensorFlow: what an expression makes of the raw columns.

A derived column is dense, [n]: float64 with NaN, or text with "", where there is no value, which is how
`millrace.training.columns` reads a missing value of any column; so every kind of feature reads it as it reads the rest.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from millrace.base.errors import ConfigError, InputRefused
from millrace.features.description import FeatureTable
from millrace.features.expression import (
    SIGNATURES,
    ColumnValue,
    Constant,
    Expression,
    ValueKind,
    as_compared,
    columns_of,
    is_of_project,
    kind_of,
)
from millrace.project import dotted
from millrace.training import columns
from millrace.training.columns import Cells, Column
from millrace.training.date_parts import date_fields


def with_derived_columns(inputs: Mapping[str, Column], table: FeatureTable) -> dict[str, Column]:
    """Adds a table's derived columns to the raw ones.

    Args:
        inputs: a batch of raw columns by name.
        table: the features.

    Returns:
        The raw columns, and each derived one under its feature's name.

    Raises:
        InputRefused: an expression reads a column that is not there, or of a type that does not fit.
        ConfigError: a function of the project's cannot be imported, or gives what is no column.
    """
    known = dict(inputs)
    for name, expression in table.derived().items():
        sources = {source: columns.column_of(known, source) for source in columns_of(expression)}
        _require_kinds(name, expression, sources)
        cells = {source: _cells(column) for source, column in sources.items()}
        compared = as_compared(expression, {source for source, one in sources.items() if one.dtype == tf.float32})
        known[name] = _with_missing(_Evaluation(f"features.{name}.expression", cells).of(compared))
    return known


def _require_kinds(name: str, expression: Expression, sources: Mapping[str, Column]) -> None:
    kinds: dict[str, ValueKind] = {
        source: "text" if column.dtype == tf.string else "number" for source, column in sources.items()
    }
    try:
        kind_of(expression, kinds)
    except ValueError as error:
        raise InputRefused(
            f"{error}",
            where=f"features.{name}.expression",
            remedy="change the expression, or the column's type in the schema",
        ) from error


def _cells(column: Column) -> Cells:
    return columns.texts(column) if column.dtype == tf.string else columns.numbers(column)


def _with_missing(cells: Cells) -> tf.Tensor:
    values, present = cells
    if values.dtype == tf.string:
        return tf.where(present, values, "")
    return tf.where(present, tf.cast(values, tf.float64), tf.constant(float("nan"), tf.float64))


class _Evaluation:
    """One expression's evaluation; constants stay scalars, which the operations spread over the rows.

    Args:
        key: the configuration's key of the expression, for messages.
        cells: the columns that it reads.
    """

    def __init__(self, key: str, cells: Mapping[str, Cells]) -> None:
        self._key, self._cells = key, cells

    def of(self, expression: Expression) -> Cells:
        if isinstance(expression, ColumnValue):
            return self._cells[expression.name]
        if isinstance(expression, Constant):
            is_text = isinstance(expression.value, str)
            return Cells(tf.constant(expression.value, tf.string if is_text else tf.float64), tf.constant(True))
        arguments = [self.of(argument) for argument in expression.arguments]
        if expression.name in _DATE_PARTS:
            written, format_ = expression.arguments[0], expression.arguments[1]
            assert isinstance(format_, Constant)
            fields, present = date_fields(self.of(written), str(format_.value))
            return Cells(tf.cast(fields[expression.name], tf.float64), present)
        if is_of_project(expression.name):
            return self._of_project(expression.name, arguments)
        if expression.name in _OF_CELLS:
            return _OF_CELLS[expression.name](*arguments)
        values = _OF_VALUES[expression.name](*_alike([argument.values for argument in arguments], expression.name))
        present = _all([argument.present for argument in arguments])
        if values.dtype.is_floating:  # a division by zero, the logarithm of a negative number
            present = tf.logical_and(present, tf.math.is_finite(values))
        return Cells(values, present)

    def _of_project(self, path: str, arguments: list[Cells]) -> Cells:
        function = dotted.load(path, self._key)
        rows = tf.shape(next(iter(self._cells.values())).values)
        result = function(*(tf.broadcast_to(_with_missing(one), rows) for one in arguments))
        if not isinstance(result, tf.Tensor) or result.shape.rank not in (None, 1):
            given = f"{result.dtype.name} {result.shape}" if isinstance(result, tf.Tensor) else type(result).__name__
            raise ConfigError(
                f"{self._key}: {path} returned {given}, and one value a row is needed",
                where=dotted.defined_at(function, path),
                remedy="return a tensor [n] of numbers (NaN where there is no value) or of texts",
            )
        return _cells(result)


def _alike(values: list[tf.Tensor], name: str) -> list[tf.Tensor]:
    """Flags as numbers where an operation is on numbers, and the other way round."""
    if name == "not":
        return [_flag(value) for value in values]
    return [tf.cast(value, tf.float64) if value.dtype == tf.bool else value for value in values]


def _flag(values: tf.Tensor) -> tf.Tensor:
    return values if values.dtype == tf.bool else tf.not_equal(values, 0.0)


def _all(flags: list[tf.Tensor]) -> tf.Tensor:
    result = flags[0]
    for flag in flags[1:]:
        result = tf.logical_and(result, flag)
    return result


def _and(*parts: Cells) -> Cells:
    """As in SQL: false when one part is false, even where another has no value."""
    return _junction(parts, decided_by=False)


def _or(*parts: Cells) -> Cells:
    return _junction(parts, decided_by=True)


def _junction(parts: tuple[Cells, ...], decided_by: bool) -> Cells:
    decided = tf.constant(False)
    for values, present in parts:
        decides = _flag(values) if decided_by else tf.logical_not(_flag(values))
        decided = tf.logical_or(decided, tf.logical_and(decides, present))
    there = tf.logical_or(decided, _all([part.present for part in parts]))
    return Cells(decided if decided_by else tf.logical_not(decided), there)


def _where(condition: Cells, first: Cells, second: Cells) -> Cells:
    chosen = _flag(condition.values)
    values = _alike([first.values, second.values], "where")
    present = tf.where(chosen, first.present, second.present)
    return Cells(tf.where(chosen, *values), tf.logical_and(condition.present, present))


def _coalesce(*parts: Cells) -> Cells:
    result = parts[0]
    for part in parts[1:]:
        values = _alike([result.values, part.values], "coalesce")
        result = Cells(tf.where(result.present, *values), tf.logical_or(result.present, part.present))
    return result


def _is_missing(part: Cells) -> Cells:
    return Cells(tf.logical_not(part.present), tf.ones_like(part.present))


def _folded(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def fold(first: Any, *others: Any) -> Any:
        for other in others:
            first = function(first, other)
        return first

    return fold


_DATE_PARTS = frozenset(name for name, one in SIGNATURES.items() if one.takes == ("date", "format"))
_OF_CELLS: Mapping[str, Callable[..., Cells]] = {
    "and": _and,
    "or": _or,
    "where": _where,
    "coalesce": _coalesce,
    "is_missing": _is_missing,
}
_OF_VALUES: Mapping[str, Callable[..., Any]] = {
    "+": tf.add,
    "-": tf.subtract,
    "*": tf.multiply,
    "/": tf.divide,
    "//": tf.math.floordiv,
    "%": tf.math.floormod,
    "**": tf.pow,
    "negative": tf.negative,
    "==": tf.equal,
    "!=": tf.not_equal,
    "<": tf.less,
    "<=": tf.less_equal,
    ">": tf.greater,
    ">=": tf.greater_equal,
    "not": tf.logical_not,
    "abs": tf.abs,
    "ceil": tf.math.ceil,
    "exp": tf.exp,
    "floor": tf.floor,
    "log": tf.math.log,
    "round": tf.round,
    "sqrt": tf.sqrt,
    "max": _folded(tf.maximum),
    "min": _folded(tf.minimum),
    "len": lambda text: tf.cast(tf.strings.length(text, unit="UTF8_CHAR"), tf.float64),
    "lower": lambda text: tf.strings.lower(
        tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace"), encoding="utf-8"
    ),
}
