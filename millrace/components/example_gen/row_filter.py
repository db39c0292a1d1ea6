"""Which rows of a batch meet the condition of `data.where`, by columns; `millrace.tables.conditions` reads the text."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.base.errors import DataError
from millrace.components.example_gen.row_values import scalars
from millrace.tables.conditions import Combination, Comparison, Condition, Constant, Membership, Missing, Negation

WHERE = "data.where"
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def wanted(batch: pa.RecordBatch, condition: Condition) -> np.ndarray:
    """The rows that meet a condition.

    Args:
        batch: features, as `examples` says.
        condition: what a row must meet.

    Returns:
        bool [rows].

    Raises:
        DataError: a column is not there, has several values a row, or holds text where a number is asked for or the
            other way round.
    """
    return np.asarray(pc.fill_null(_truth(batch, condition), False))


def _truth(batch: pa.RecordBatch, condition: Condition) -> pa.Array:
    """True, false or null for each row."""
    if isinstance(condition, Combination):
        join = pc.or_kleene if condition.any_of else pc.and_kleene
        first, *others = (_truth(batch, part) for part in condition.parts)
        for other in others:
            first = join(first, other)
        return first
    if isinstance(condition, Negation):
        return pc.invert(_truth(batch, condition.part))
    values = scalars(batch, condition.column, WHERE)
    if isinstance(condition, Missing):
        return values.is_null()
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), pa.bool_())
    if isinstance(condition, Comparison):
        return _compared(values, condition)
    assert isinstance(condition, Membership)
    one_of = [_compared(values, Comparison(condition.column, "==", value)) for value in condition.values]
    truth = one_of[0]
    for other in one_of[1:]:
        truth = pc.or_(truth, other)
    return truth


def _compared(values: pa.Array, comparison: Comparison) -> pa.Array:
    constant = comparison.value
    is_text = pa.types.is_large_binary(values.type)
    if is_text != isinstance(constant, str):
        raise _unfit(comparison.column, constant, is_text)
    if isinstance(constant, str):
        return _COMPARE[comparison.operator](values, pa.scalar(constant.encode(), values.type))
    if isinstance(constant, float) and pa.types.is_integer(values.type):
        values = values.cast(pa.float64(), safe=False)
    # A float of a table has 32 bits, and is compared with the nearest of 32 bits: 0.1 is 0.1.
    number = pa.scalar(float(constant) if pa.types.is_floating(values.type) else constant, values.type)
    return _COMPARE[comparison.operator](values, number)


def _unfit(column: str, constant: Constant, is_text: bool) -> DataError:
    holds, other = ("text", "a number") if is_text else ("numbers", "a text")
    return DataError(
        f"{column} holds {holds}, and is compared with {other}, {constant!r}",
        WHERE,
        "write a text in quotes and a number without; a value that stands for none belongs in data.missing",
    )
