"""Raw columns as Transform hands them over (dense, sparse or ragged; numbers or text), read as one value per row.

Many columns are read together as [n, columns] by `numbers_together` and `texts_together`, a few operations for all:
a graph of ten operations for each of a thousand columns takes longer to write and load than to run.

What counts as missing is decided here, once: no value in the example, a NaN or infinite number, and text that is
empty once the spaces around it are gone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Union

import numpy as np
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.base.names import nearest

Column = Union[tf.Tensor, tf.SparseTensor, tf.RaggedTensor]


class Cells(NamedTuple):
    """One value per row: `values` [n], and `present` [n], false where the value is missing and means nothing.

    Of several columns together both are [n, columns].
    """

    values: tf.Tensor
    present: tf.Tensor


def column_of(inputs: Mapping[str, Column], name: str) -> Column:
    """Looks a column up.

    Args:
        inputs: a batch of raw columns by name.
        name: the column's name.

    Returns:
        The column, dense or sparse; a ragged one as sparse.

    Raises:
        InputRefused: it is not there; the remedy has the nearest names.
    """
    if name in inputs:
        column = inputs[name]
        return column.to_sparse() if isinstance(column, tf.RaggedTensor) else column
    near = nearest(name, inputs, count=3)
    raise InputRefused(
        f"the column {name!r} is not in the data's schema",
        where=f"features.{name}",
        remedy=f"name one of {', '.join(near or sorted(inputs))}, or add the column to the schema file",
    )


def require_numbers(column: Column, name: str, kind: str) -> None:
    """Checks that a column holds numbers.

    Args:
        column: the column.
        name: its name, for the message.
        kind: the kind of the feature that reads it, for the message.

    Raises:
        InputRefused: it holds text.
    """
    if column.dtype == tf.string:
        raise InputRefused(
            f"a {kind} feature needs numbers, but the column {name!r} holds text (BYTES in the schema)",
            where=f"features.{name}",
            remedy="make it categorical, hashed or text, or clean the column so that its type is INT or FLOAT",
        )


def cells(column: Column) -> Cells:
    """Reads the first value of each row, in the column's own type."""
    if isinstance(column, tf.SparseTensor):
        first, present = _first_of_sparse(column)
    else:
        first = tf.reshape(column, [tf.shape(column)[0], -1])[:, 0]
        present = tf.ones_like(first, dtype=tf.bool)
    return Cells(first, tf.logical_and(present, _means_something(first)))


def numbers(column: Column) -> Cells:
    """Reads one number per row, as float64 so that times and identifiers keep their digits; 0 where missing."""
    first, present = cells(column)
    values = tf.cast(first, tf.float64)
    return Cells(tf.where(present, values, tf.zeros_like(values)), present)


def number_or_nan(column: Column) -> tf.Tensor:
    """Reads one number a row, float32 [n], NaN where it is missing."""
    values, present = numbers(column)
    unknown = tf.fill(tf.shape(values), tf.constant(float("nan"), tf.float64))
    return tf.cast(tf.where(present, values, unknown), tf.float32)


def texts(column: Column) -> Cells:
    """Reads one text a row, without the spaces around it; numbers as `canonical_text` writes them, "" where missing."""
    first, present = cells(column)
    values = as_text(first)
    return Cells(tf.where(present, values, tf.zeros_like(values)), present)


def numbers_together(inputs: Mapping[str, Column], names: Sequence[str], kind: str) -> Cells:
    """Reads several columns as `numbers` reads one.

    Args:
        inputs: a batch of raw columns by name.
        names: the columns.
        kind: the kind of the features that read them, for the message.

    Returns:
        float64 [n, columns], 0 where missing.

    Raises:
        InputRefused: a column is not there, or holds text.
    """
    for name in names:
        require_numbers(column_of(inputs, name), name, kind)
    return _together(inputs, names, lambda values: tf.cast(values, tf.float64))


def texts_together(inputs: Mapping[str, Column], names: Sequence[str]) -> Cells:
    """Reads several columns as `texts` reads one, as string [n, columns].

    Args:
        inputs: a batch of raw columns by name.
        names: the columns.

    Raises:
        InputRefused: a column is not there.
    """
    return _together(inputs, names, as_text)


def as_text(values: tf.Tensor) -> tf.Tensor:
    """Writes values as text: a whole number without a decimal point whether it came as an integer or as a float."""
    if values.dtype == tf.string:
        return tf.strings.strip(values)
    if not values.dtype.is_floating:
        return tf.strings.as_string(values)
    whole = tf.logical_and(tf.equal(values, tf.floor(values)), tf.less(tf.abs(values), 2.0**53))
    digits = tf.strings.as_string(tf.cast(tf.where(whole, values, tf.zeros_like(values)), tf.int64))
    return tf.where(whole, digits, tf.strings.as_string(values, shortest=True))


def as_utf8(values: tf.Tensor) -> tf.Tensor:
    """Text whose stray bytes, if any, are replaced, so that lower-casing cannot fail on them."""
    return tf.strings.unicode_transcode(as_text(values), "UTF-8", "UTF-8", errors="replace")


def present_only(cells: Cells) -> tf.Tensor:
    """The values that are there, in one list, for an analyzer that must not see the others."""
    return tf.gather_nd(cells.values, tf.where(cells.present))


def _together(inputs: Mapping[str, Column], names: Sequence[str], convert: Callable[[tf.Tensor], tf.Tensor]) -> Cells:
    """Columns of one type are joined first and read then; at the end they are put into the order of the names."""
    of_type: dict[tuple[tf.DType, bool], list[int]] = {}
    for place, name in enumerate(names):
        column = column_of(inputs, name)
        of_type.setdefault((column.dtype, isinstance(column, tf.SparseTensor)), []).append(place)
    values, present = [], []
    for (_, is_sparse), places in of_type.items():
        first, there = (_join_sparse if is_sparse else _join_dense)([column_of(inputs, names[at]) for at in places])
        there = tf.logical_and(there, _means_something(first))
        converted = convert(first)
        values.append(tf.where(there, converted, tf.zeros_like(converted)))
        present.append(there)
    if len(values) == 1:
        return Cells(values[0], present[0])
    order = np.argsort([place for places in of_type.values() for place in places])
    return Cells(*(tf.gather(tf.concat(parts, axis=1), order, axis=1) for parts in (values, present)))


def _join_dense(columns: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    rows = [
        column if column.shape.rank == 2 and column.shape[1] == 1 else cells(column).values[:, tf.newaxis]
        for column in columns
    ]
    joined = tf.concat(rows, axis=1)
    return joined, tf.ones_like(joined, dtype=tf.bool)


def _join_sparse(columns: Sequence[tf.SparseTensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """The first value of each row of each column: all values in one list, put where their row and column meet."""
    if len(columns) == 1:
        first, there = _first_of_sparse(columns[0])
        return first[:, tf.newaxis], there[:, tf.newaxis]
    lengths = tf.stack(tf.shape_n([column.values for column in columns], out_type=tf.int64))[:, 0]
    indices = tf.concat([column.indices for column in columns], axis=0)
    values = tf.concat([column.values for column in columns], axis=0)
    of_column = tf.repeat(tf.range(len(columns), dtype=tf.int64), lengths)
    first = tf.where(tf.equal(indices[:, 1], 0))[:, 0]
    at = tf.stack([tf.gather(indices[:, 0], first), tf.gather(of_column, first)], axis=1)
    shape = tf.stack([columns[0].dense_shape[0], tf.constant(len(columns), tf.int64)])
    place = tf.scatter_nd(at, tf.range(1, tf.size(first) + 1), shape)
    padded = tf.concat([tf.zeros([1], values.dtype), tf.gather(values, first)], axis=0)
    joined = tf.ensure_shape(tf.gather(padded, place), [None, len(columns)])
    return joined, tf.greater(tf.ensure_shape(place, [None, len(columns)]), 0)


def _first_of_sparse(column: tf.SparseTensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Few ops on purpose: Transform traces them five times over for every column."""
    filled, was_empty = tf.sparse.fill_empty_rows(column, tf.zeros([], dtype=column.dtype))
    first = tf.where(tf.equal(filled.indices[:, 1], 0))[:, 0]
    return tf.gather(filled.values, first), tf.logical_not(was_empty)


def _means_something(values: tf.Tensor) -> tf.Tensor:
    if values.dtype == tf.string:
        return tf.greater(tf.strings.length(tf.strings.strip(values)), 0)
    if values.dtype.is_floating:
        return tf.math.is_finite(values)
    return tf.ones_like(values, dtype=tf.bool)
