"""NA values of a request: a text or number that stands for no value in the data does so when the model is asked, too.

ExampleGen has taken them out of the examples before a training reads these; who asks the model goes on sending them.
"""

import math
from collections.abc import Mapping, Sequence

import tensorflow as tf

from millrace.training.columns import Column


def without_na_values(raw: Mapping[str, Column], na_values: Mapping[str, Sequence[str]]) -> dict[str, Column]:
    """Takes the NA values out of raw columns, a few operations for all columns of one type.

    Args:
        raw: a batch of raw columns by name.
        na_values: the texts that stand for no value, by column; a column of numbers has those that are numbers.

    Returns:
        The columns: a text becomes `""`, a float NaN, and an integer is no longer there. An integer that the schema
        requires in every row stays what it is.
    """
    columns = dict(raw)
    alike: dict[tuple[tf.DType, tuple[str, ...]], list[str]] = {}
    for name, texts in na_values.items():
        if name in columns and not (columns[name].dtype.is_integer and isinstance(columns[name], tf.Tensor)):
            alike.setdefault((columns[name].dtype, tuple(texts)), []).append(name)
    for (dtype, texts), names in alike.items():
        wanted = list(texts) if dtype == tf.string else _numbers(texts, dtype)
        if not wanted:
            continue
        flat = [_flat(columns[name]) for name in names]
        lengths = tf.stack(tf.shape_n(flat))[:, 0]
        values = tf.concat(flat, axis=0)
        compared = tf.strings.strip(values) if dtype == tf.string else values
        stands_in = tf.reduce_any(tf.equal(compared[:, tf.newaxis], tf.constant(wanted, dtype)), axis=1)
        if dtype.is_integer:
            for name, there in zip(names, tf.split(~stands_in, lengths, num=len(names)), strict=True):
                columns[name] = tf.sparse.retain(columns[name], there)
            continue
        nothing = tf.constant("" if dtype == tf.string else math.nan, dtype)
        for name, part in zip(
            names, tf.split(tf.where(stands_in, nothing, values), lengths, num=len(names)), strict=True
        ):
            columns[name] = _with_values(columns[name], part)
    return columns


def _flat(column: Column) -> tf.Tensor:
    return tf.reshape(column, [-1]) if isinstance(column, tf.Tensor) else column.values


def _with_values(column: Column, values: tf.Tensor) -> Column:
    return tf.reshape(values, tf.shape(column)) if isinstance(column, tf.Tensor) else column.with_values(values)


def _numbers(texts: Sequence[str], dtype: tf.DType) -> list[float]:
    """Those of the texts that are numbers of a type."""
    numbers: list[float] = []
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            continue
        if not dtype.is_integer:
            numbers.append(number)
        elif number.is_integer() and abs(number) < 2.0**53:
            numbers.append(int(number))
    return numbers
