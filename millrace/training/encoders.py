"""What Transform does with every raw column, driven by the feature table.

Each kind of feature has one function below. Discrete kinds give ids from 0 to `id_count` - 1, of which 0 stands for a
missing value; the model reads the sizes with `id_count`, so the layout of the ids is known in this file only.
"""

from collections.abc import Callable, Mapping
from typing import Any, Union

import tensorflow as tf
import tensorflow_transform as tft

from millrace.base.errors import InputRefused
from millrace.features.description import (
    Bag,
    Bucketized,
    Categorical,
    Crossed,
    Datetime,
    Feature,
    FeatureTable,
    Hashed,
    Image,
    Label,
    Numeric,
    SequenceFeature,
    Text,
    Vector,
)
from millrace.features.keys import label_weight_key, missing_key, transformed_key, vocabulary_name
from millrace.training import columns
from millrace.training.columns import Column
from millrace.training.date_parts import date_vector
from millrace.training.expressions import with_derived_columns
from millrace.training.images import encode_image
from millrace.training.many_values import encode_bag, encode_sequence

UNKNOWN_CLASS = -1
"""The class id of a row whose label is missing or not among the classes. Training gives such a row no weight."""

Tensors = dict[str, tf.Tensor]
Discrete = Union[Bucketized, Categorical, Hashed, Crossed]

_PART_SEPARATOR = "\x1f"
_BETWEEN_WORDS = r"[^\pL\pM\pN']+"


def encode_features(inputs: Mapping[str, Column], table: FeatureTable) -> Tensors:
    """Turns raw columns into the transformed features of a table.

    Args:
        inputs: a batch of raw columns by name, as the schema types them; each dense, sparse or ragged.
        table: the features.

    Returns:
        By `transformed_key`: float32 [n] for a numeric feature (and its indicator under `missing_key`), float32
        [n, length] for a vector, float32 [n, width] for a datetime, int64 [n] for a discrete feature, int64
        [n, max_tokens] for text; for bags, sequences and images as
        `millrace.training.many_values` and `millrace.training.images` say.

    Raises:
        InputRefused: a column is not there, or its type does not fit the feature's kind.
    """
    inputs = with_derived_columns(inputs, table)
    outputs: Tensors = {}
    for name, feature in table.features.items():
        if isinstance(feature, Bag):
            outputs.update(encode_bag(name, feature, inputs))
        elif not isinstance(feature, Crossed):
            encode = _ENCODERS[feature.kind]
            outputs.update(encode(name, feature, columns.column_of(inputs, name)))
    for name, feature in table.features.items():
        if isinstance(feature, Crossed):
            outputs[transformed_key(name)] = _cross(feature, table, inputs, outputs)
    return outputs


def encode_labels(inputs: Mapping[str, Column], table: FeatureTable) -> Tensors:
    """Turns the label, and its weight where it has one, into what is learned.

    Args:
        inputs: a batch of raw columns by name.
        table: the label.

    Returns:
        The label under its `transformed_key`, as `encode_label` gives it; the weight under its `label_weight_key`,
        float32 [n], NaN where it is missing.

    Raises:
        InputRefused: a column is not there, or a weight or a regression label is text.
    """
    label = table.label
    outputs = {transformed_key(label.column): encode_label(label, inputs)}
    if label.weight:
        column = columns.column_of(inputs, label.weight)
        columns.require_numbers(column, label.weight, "weight, which is a numeric")
        outputs[label_weight_key(label.weight)] = _number_or_nan(column)
    return outputs


def _number_or_nan(column: Column) -> tf.Tensor:
    values, present = columns.numbers(column)
    unknown = tf.fill(tf.shape(values), tf.constant(float("nan"), tf.float64))
    return tf.cast(tf.where(present, values, unknown), tf.float32)


def encode_label(label: Label, inputs: Mapping[str, Column]) -> tf.Tensor:
    """Turns the label's column into what is learned.

    Args:
        label: its description.
        inputs: a batch of raw columns by name.

    Returns:
        Class ids int64 [n], `UNKNOWN_CLASS` where the label is missing or not among the classes; of a regression
        float32 [n] in the label's own unit, NaN where it is missing.

    Raises:
        InputRefused: the column is not there, or a regression label is text.
    """
    column = columns.column_of(inputs, label.column)
    if label.task == "regression":
        columns.require_numbers(column, label.column, "regression label, which is a numeric")
        return _number_or_nan(column)
    values, present = columns.texts(column)
    names = tf.strings.strip(tf.constant([str(name) for name in label.classes]))
    matches = tf.logical_and(tf.equal(values[:, tf.newaxis], names[tf.newaxis, :]), present[:, tf.newaxis])
    ids = tf.argmax(tf.cast(matches, tf.int32), axis=1)
    return tf.where(tf.reduce_any(matches, axis=1), ids, tf.constant(UNKNOWN_CLASS, tf.int64))


def id_count(name: str, feature: Feature, tft_output: tft.TFTransformOutput) -> int:
    """Counts the ids that a discrete or text feature can take, those of missing and unseen values included.

    Args:
        name: the feature's name in the table.
        feature: its description; a bucketized, categorical, hashed, crossed or text feature.
        tft_output: what Transform learned from the training data.

    Returns:
        One more than the greatest id.

    Raises:
        TypeError: the feature is a number, a vector or a date.
    """
    if isinstance(feature, (Categorical, Text)):
        return 1 + tft_output.vocabulary_size_by_name(vocabulary_name(name)) + feature.oov_buckets
    if isinstance(feature, Bucketized):
        return 1 + (len(feature.boundaries) + 1 if feature.boundaries else feature.buckets)
    if isinstance(feature, Hashed):
        return 1 + feature.buckets
    if isinstance(feature, Crossed):
        return feature.buckets
    raise TypeError(f"{name} is {feature.kind}, which has no ids")


def _numeric(name: str, feature: Numeric, column: Column) -> Tensors:
    columns.require_numbers(column, name, feature.kind)
    values, present = columns.numbers(column)
    if feature.scale == "log":
        values = _log(values)
    offset, spread, mean = _scaling(feature, columns.present_only(columns.Cells(values, present)))
    filled = tf.where(present, values, tf.fill(tf.shape(values), _stand_in(feature, mean)))
    scaled = tf.math.divide_no_nan(filled - offset, spread)
    if feature.scale == "minmax":
        scaled = tf.clip_by_value(scaled, 0.0, 1.0)
    outputs = {transformed_key(name): tf.cast(scaled, tf.float32)}
    if feature.indicator:
        outputs[missing_key(name)] = tf.cast(tf.logical_not(present), tf.float32)
    return outputs


def _log(values: tf.Tensor) -> tf.Tensor:
    return tf.math.log1p(tf.maximum(values, tf.zeros_like(values)))


def _stand_in(feature: Numeric, mean: tf.Tensor) -> tf.Tensor:
    """What a missing value becomes, before it is scaled."""
    if feature.missing == "mean":
        return mean
    constant = tf.constant(feature.missing, tf.float64)
    return _log(constant) if feature.scale == "log" else constant


def _scaling(feature: Numeric, seen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Offset, spread and mean of the values that are there; finite even when the training data held none."""
    one, zero = tf.ones([], tf.float64), tf.zeros([], tf.float64)
    wants_mean = feature.missing == "mean" or feature.scale in ("zscore", "log")
    mean = _finite(tft.mean(seen)) if wants_mean else zero
    if feature.scale == "none":
        return zero, one, mean
    if feature.scale == "minmax":
        low, high = tft.min(seen), tft.max(seen)
        return _finite(low), tf.maximum(_finite(high) - _finite(low), zero), mean
    return mean, tf.sqrt(_finite(tft.var(seen))), mean


def _finite(value: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_finite(value), value, tf.zeros_like(value))


def _bucketized(name: str, feature: Bucketized, column: Column) -> Tensors:
    columns.require_numbers(column, name, feature.kind)
    values, present = columns.numbers(column)
    numbers = tf.cast(values, tf.float32)
    if feature.boundaries:
        edges = tf.constant(feature.boundaries, tf.float32)
    else:
        precision = min(0.01, 1.0 / feature.buckets)
        edges = tft.quantiles(columns.present_only(columns.Cells(numbers, present)), feature.buckets, epsilon=precision)
    ids = tf.searchsorted(tf.reshape(edges, [-1]), numbers, side="right", out_type=tf.int64)
    return {transformed_key(name): _or_missing(ids, present)}


def _categorical(name: str, feature: Categorical, column: Column) -> Tensors:
    values, present = columns.texts(column)
    vocabulary = tft.vocabulary(
        columns.present_only(columns.Cells(values, present)),
        top_k=feature.top_k,
        frequency_threshold=feature.min_count if feature.min_count > 1 else None,
        vocab_filename=vocabulary_name(name),
    )
    ids = tft.apply_vocabulary(values, vocabulary, num_oov_buckets=feature.oov_buckets)
    return {transformed_key(name): _or_missing(ids, present)}


def _hashed(name: str, feature: Hashed, column: Column) -> Tensors:
    values, present = columns.texts(column)
    return {transformed_key(name): _or_missing(tf.strings.to_hash_bucket_fast(values, feature.buckets), present)}


def _or_missing(ids: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """Moves ids up by one, so that 0 is free for a missing value."""
    return tf.where(present, ids + 1, tf.zeros_like(ids))


def _cross(feature: Crossed, table: FeatureTable, inputs: Mapping[str, Column], outputs: Tensors) -> tf.Tensor:
    parts = []
    for part in feature.of:
        if isinstance(table.features[part], Bucketized):
            parts.append(tf.strings.as_string(outputs[transformed_key(part)]))
        else:
            parts.append(columns.texts(columns.column_of(inputs, part)).values)
    return tf.strings.to_hash_bucket_fast(tf.strings.join(parts, separator=_PART_SEPARATOR), feature.buckets)


def _vector(name: str, feature: Vector, column: Column) -> Tensors:
    columns.require_numbers(column, name, feature.kind)
    if isinstance(column, tf.SparseTensor):
        dense = _vector_of_sparse(feature.length, column)
    else:
        width = 1 if column.shape.rank == 1 else column.shape[-1]
        if width != feature.length:
            raise InputRefused(
                f"the schema gives the column {name!r} {width} values per row, the feature {feature.length}",
                where=f"features.{name}.length",
                remedy="make the feature's length and the schema's shape the same",
            )
        dense = tf.reshape(column, [-1, feature.length])
    values = tf.cast(dense, tf.float32)
    return {transformed_key(name): tf.where(tf.math.is_finite(values), values, tf.zeros_like(values))}


def _vector_of_sparse(length: int, column: tf.SparseTensor) -> tf.Tensor:
    """The first `length` values of each row; a shorter row ends in zeros."""
    inside = tf.sparse.retain(column, tf.less(column.indices[:, 1], length))
    shape = tf.stack([column.dense_shape[0], tf.constant(length, tf.int64)])
    dense = tf.sparse.to_dense(tf.SparseTensor(inside.indices, inside.values, shape))
    return tf.ensure_shape(dense, [None, length])


def _text(name: str, feature: Text, column: Column) -> Tensors:
    words = _words(column)[:, : feature.max_tokens]
    vocabulary = tft.vocabulary(words.flat_values, top_k=feature.top_k, vocab_filename=vocabulary_name(name))
    ids = tft.apply_vocabulary(words.flat_values, vocabulary, num_oov_buckets=feature.oov_buckets)
    padded = words.with_flat_values(ids + 1).to_tensor(default_value=0, shape=[None, feature.max_tokens])
    return {transformed_key(name): padded}


def _words(column: Column) -> tf.RaggedTensor:
    """The lower-case words of each row; several texts in one row count as one."""
    if isinstance(column, tf.SparseTensor):
        rows = tf.RaggedTensor.from_sparse(column).with_flat_values(columns.as_utf8(column.values))
        text = tf.strings.reduce_join(rows, axis=1, separator=" ")
    else:
        flat = tf.reshape(columns.as_utf8(tf.reshape(column, [-1])), [tf.shape(column)[0], -1])
        text = tf.strings.reduce_join(flat, axis=1, separator=" ")
    spaced = tf.strings.regex_replace(tf.strings.lower(text, encoding="utf-8"), _BETWEEN_WORDS, " ")
    return tf.strings.split(spaced)


def _datetime(name: str, feature: Datetime, column: Column) -> Tensors:
    return {transformed_key(name): date_vector(name, feature, column)}


def _sequence(name: str, feature: SequenceFeature, column: Column) -> Tensors:
    return {transformed_key(name): encode_sequence(name, feature, column)}


def _image(name: str, feature: Image, column: Column) -> Tensors:
    return {transformed_key(name): encode_image(name, feature, column)}


_ENCODERS: Mapping[str, Callable[[str, Any, Column], Tensors]] = {
    "numeric": _numeric,
    "bucketized": _bucketized,
    "categorical": _categorical,
    "hashed": _hashed,
    "vector": _vector,
    "text": _text,
    "datetime": _datetime,
    "sequence": _sequence,
    "image": _image,
}
