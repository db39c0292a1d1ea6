"""Columns with several values in a row, in Transform: bags and sequences, as tensors of one width.

Ids go from 1; 0 is a place without a value, so that a row with fewer values ends in zeros.
"""

from collections.abc import Mapping
from typing import Any, Optional

import tensorflow as tf
import tensorflow_transform as tft

from millrace.features.description import Bag, SequenceFeature
from millrace.features.keys import transformed_key, vocabulary_name, weights_key
from millrace.training import columns
from millrace.training.columns import Column

_NO_ID = tf.int64.max


def encode_bag(name: str, feature: Bag, inputs: Mapping[str, Column]) -> dict[str, tf.Tensor]:
    """Turns a column of several categories into ids.

    Args:
        name: the column's name.
        feature: its description.
        inputs: a batch of raw columns by name.

    Returns:
        By key, int64 [n, max_values] ids: each once, ascending, which is by frequency; with weights in the column's own
        order, and beside them float32 [n, max_values], 0 where there is no value or no weight.

    Raises:
        InputRefused: a column is not there, or the weights are texts.
    """
    values = texts_in_rows(columns.column_of(inputs, name), feature.separator)
    if feature.weights is None:
        ids = values.with_flat_values(_ids(name, feature, values.flat_values))
        return {transformed_key(name): _each_once(ids, feature.max_values)}
    weighing = columns.column_of(inputs, feature.weights)
    columns.require_numbers(weighing, feature.weights, "bag's weights, which are numeric")
    weights = _rows(weighing).with_flat_values(tf.cast(_rows(weighing).flat_values, tf.float32))
    shape = [None, feature.max_values]
    padded = values.to_tensor(default_value="", shape=shape)
    beside = weights.to_tensor(default_value=float("nan"), shape=shape)
    present = tf.logical_and(tf.not_equal(padded, ""), tf.math.is_finite(beside))
    vocabulary = _vocabulary(name, feature, tf.boolean_mask(padded, present))
    ids = tft.apply_vocabulary(padded, vocabulary, num_oov_buckets=feature.oov_buckets) + 1
    return {
        transformed_key(name): tf.where(present, ids, tf.zeros_like(ids)),
        weights_key(name): tf.where(present, beside, tf.zeros_like(beside)),
    }


def encode_sequence(name: str, feature: SequenceFeature, column: Column) -> tf.Tensor:
    """Turns a column of values in an order into what an encoder reads.

    Args:
        name: the column's name.
        feature: its description.
        column: the column, dense or sparse.

    Returns:
        Of categories int64 [n, max_length] ids; of numbers float32 [n, max_length, 2], each scaled number and 1.0, or
        twice 0.0 where there is none.

    Raises:
        InputRefused: numbers are wanted, and the column holds texts.
    """
    if feature.values == "categories":
        values = _cut(texts_in_rows(column, feature.separator), feature)
        ids = values.with_flat_values(_ids(name, feature, values.flat_values))
        return ids.to_tensor(default_value=0, shape=[None, feature.max_length])
    columns.require_numbers(column, name, "sequence (values: numbers)")
    numbers = _cut(_rows(column), feature)
    flat = tf.cast(numbers.flat_values, tf.float64)
    seen = tf.boolean_mask(flat, tf.math.is_finite(flat))
    mean, spread = tft.mean(seen), tf.sqrt(tft.var(seen))
    scaled = tf.math.divide_no_nan(flat - mean, spread)
    # Without a single value to learn from, mean and spread are NaN.
    there = tf.math.is_finite(scaled)
    pair = tf.stack([tf.where(there, scaled, tf.zeros_like(scaled)), tf.cast(there, tf.float64)], axis=1)
    padded = numbers.with_flat_values(tf.cast(pair, tf.float32)).to_tensor(shape=[None, feature.max_length, 2])
    return tf.ensure_shape(padded, [None, feature.max_length, 2])


def _rows(column: Column) -> tf.RaggedTensor:
    if isinstance(column, tf.SparseTensor):
        # What a request leaves out may lie between values, which RaggedTensor.from_sparse refuses.
        return tf.RaggedTensor.from_value_rowids(column.values, column.indices[:, 0], column.dense_shape[0])
    return tf.RaggedTensor.from_tensor(tf.reshape(column, [tf.shape(column)[0], -1]))


def texts_in_rows(column: Column, separator: Optional[str]) -> tf.RaggedTensor:
    """The values of each row as text; those that mean nothing are left out.

    Args:
        column: dense or sparse, of any type.
        separator: what cuts a text into several; None leaves each value whole.
    """
    rows = _rows(column)
    if rows.dtype.is_floating:
        rows = tf.ragged.boolean_mask(rows, rows.with_flat_values(tf.math.is_finite(rows.flat_values)))
    rows = rows.with_flat_values(columns.as_text(rows.flat_values))
    if separator is not None:
        rows = tf.strings.split(rows, sep=separator).merge_dims(1, 2)
        rows = rows.with_flat_values(tf.strings.strip(rows.flat_values))
    return tf.ragged.boolean_mask(rows, rows.with_flat_values(tf.not_equal(rows.flat_values, "")))


def _cut(rows: tf.RaggedTensor, feature: SequenceFeature) -> tf.RaggedTensor:
    return rows[:, -feature.max_length :] if feature.keep == "last" else rows[:, : feature.max_length]


def _vocabulary(name: str, feature: Any, values: tf.Tensor) -> Any:
    return tft.vocabulary(
        values,
        top_k=feature.top_k,
        frequency_threshold=feature.min_count if feature.min_count > 1 else None,
        vocab_filename=vocabulary_name(name),
    )


def _ids(name: str, feature: Any, values: tf.Tensor) -> tf.Tensor:
    return tft.apply_vocabulary(values, _vocabulary(name, feature, values), num_oov_buckets=feature.oov_buckets) + 1


def _each_once(ids: tf.RaggedTensor, width: int) -> tf.Tensor:
    ordered = tf.sort(ids.to_tensor(default_value=_NO_ID), axis=1)
    before = tf.concat([tf.fill([tf.shape(ordered)[0], 1], tf.constant(-1, tf.int64)), ordered[:, :-1]], axis=1)
    first = tf.logical_and(tf.not_equal(ordered, before[:, : tf.shape(ordered)[1]]), tf.less(ordered, _NO_ID))
    return tf.ragged.boolean_mask(ordered, first).to_tensor(default_value=0, shape=[None, width])
