"""What Transform does with every raw column, driven by the feature table.

Each kind of feature has one function below; those that a stack can hold take all of its columns at once. Discrete
kinds give ids from 0 to `id_count` - 1, of which 0 stands for a missing value; the model asks `id_rows` for their
layout, so it is known in this file only.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Union

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from millrace.base.errors import InputRefused
from millrace.features.description import (
    Bag,
    Bucketized,
    Categorical,
    Crossed,
    Feature,
    FeatureTable,
    Hashed,
    Numeric,
    Text,
    Vector,
)
from millrace.features.keys import label_weight_key, transformed_key, vocabulary_name
from millrace.features.stacks import Stack, stacks
from millrace.training import columns
from millrace.training.columns import Column
from millrace.training.date_parts import date_vector
from millrace.training.expressions import with_derived_columns
from millrace.training.images import encode_image
from millrace.training.many_values import encode_bag, encode_sequence
from millrace.training.tasks import learning_task

Tensors = dict[str, tf.Tensor]
Discrete = Union[Bucketized, Categorical, Hashed, Crossed]

_PART_SEPARATOR = "\x1f"
# What no column's number holds.
_AFTER_COLUMN = ":"
# Parts of the training data between which a number's place is interpolated.
_PLACES = 32
_LARGE = 1e37
_BETWEEN_WORDS = r"[^\pL\pM\pN']+"


def encode_features(inputs: Mapping[str, Column], table: FeatureTable) -> Tensors:
    """Turns raw columns into the transformed features of a table.

    Args:
        inputs: a batch of raw columns by name, as the schema types them; each dense, sparse or ragged.
        table: the features.

    Returns:
        By the keys of `millrace.features.stacks.stacks`: float32 [n] for a numeric feature (its place among the
        training data under `place_key`, its indicator under `missing_key`), float32 [n, length] for a vector, float32
        [n, width] for a datetime, int64 [n] for a discrete feature, int64 [n, max_tokens] for text; for bags, sequences
        and images as `millrace.training.many_values` and `millrace.training.images` say. Of columns that share a key
        [n, columns] in place of [n].

    Raises:
        InputRefused: a column is not there, or its type does not fit the feature's kind.
    """
    inputs = with_derived_columns(inputs, table)
    outputs: Tensors = {}
    for stack in stacks(table):
        feature = stack.feature
        if isinstance(feature, Crossed):
            outputs[stack.key] = _cross(feature, table, inputs, outputs)
        elif isinstance(feature, Bag):
            outputs.update(encode_bag(stack.name, feature, inputs))
        elif feature.kind in _TOGETHER:
            encoded = _TOGETHER[feature.kind](stack, feature, inputs)
            outputs.update(encoded if stack.shared else {key: tensor[:, 0] for key, tensor in encoded.items()})
        else:
            outputs[stack.key] = _ALONE[feature.kind](stack.name, feature, columns.column_of(inputs, stack.name))
    return outputs


def encode_labels(inputs: Mapping[str, Column], table: FeatureTable) -> Tensors:
    """Turns the label of each output, and their weight where they have one, into what is learned.

    Args:
        inputs: a batch of raw columns by name.
        table: the label.

    Returns:
        By the `transformed_key` of its column, each label as its task encodes it: class ids int64 [n], `UNKNOWN_CLASS`
        where it is missing or not among the classes; float32 [n, classes] of 1.0 for each class that a multilabel row
        has; of a regression float32 [n] in the label's own unit, NaN where it is missing. Under its `label_weight_key`
        the weight, float32 [n], NaN where it is missing.

    Raises:
        InputRefused: a column is not there, or a weight or a regression label is text.
    """
    label = table.label
    outputs = {transformed_key(one.column): learning_task(one).encode(inputs) for one in label.by_output().values()}
    if label.weight:
        column = columns.column_of(inputs, label.weight)
        columns.require_numbers(column, label.weight, "weight, which is a numeric")
        outputs[label_weight_key(label.weight)] = columns.number_or_nan(column)
    return outputs


class IdRows(NamedTuple):
    """Where the ids of a stack stand in one table.

    Attributes:
        offsets: what is added to each column's ids, int64 [columns].
        rows: of the table.
    """

    offsets: np.ndarray
    rows: int


def id_rows(stack: Stack, tft_output: tft.TFTransformOutput) -> IdRows:
    """Lays the ids of a stack of discrete features, or of a text, out as rows of one table.

    Args:
        stack: bucketized, categorical, hashed, crossed or text features.
        tft_output: what Transform learned from the training data.

    Raises:
        TypeError: the features are numbers, vectors or dates.
    """
    feature, count = stack.feature, len(stack.names)
    if stack.shared and isinstance(feature, Categorical):
        words = tft_output.vocabulary_size_by_name(f"{stack.key}_vocabulary")
        return IdRows(np.zeros(count, np.int64), count * (1 + feature.oov_buckets) + words)
    each = id_count(stack.name, feature, tft_output)
    return IdRows(np.arange(count, dtype=np.int64) * each, count * each)


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


def _numeric(stack: Stack, feature: Numeric, inputs: Mapping[str, Column]) -> Tensors:
    values, present = columns.numbers_together(inputs, stack.names, feature.kind)
    if feature.scale == "log":
        values = _log(values)
    low, high = _limits(values, present)
    offset, spread, mean = _scaling(feature, values, present, low, high)
    filled = tf.where(present, values, tf.broadcast_to(_stand_in(feature, mean), tf.shape(values)))
    scaled = tf.math.divide_no_nan(filled - offset, spread)
    if feature.scale == "minmax":
        scaled = tf.clip_by_value(scaled, 0.0, 1.0)
    outputs = {
        stack.key: tf.cast(scaled, tf.float32),
        stack.place_key: _place(
            _single(filled), _edges(_or_nan(_single(values), present), _single(low), _single(high))
        ),
    }
    if feature.indicator:
        outputs[stack.missing_key] = tf.cast(tf.logical_not(present), tf.float32)
    return outputs


def _log(values: tf.Tensor) -> tf.Tensor:
    return tf.math.log1p(tf.maximum(values, tf.zeros_like(values)))


def _stand_in(feature: Numeric, mean: tf.Tensor) -> tf.Tensor:
    """What a missing value becomes, before it is scaled."""
    if feature.missing == "mean":
        return mean
    constant = tf.constant(feature.missing, tf.float64)
    return _log(constant) if feature.scale == "log" else constant


def _limits(values: tf.Tensor, present: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The least and the greatest value of each column; 0 where the training data held none."""
    beyond = tf.fill(tf.shape(values), tf.constant(float("inf"), tf.float64))
    low = tft.min(tf.where(present, values, beyond), reduce_instance_dims=False)
    high = tft.max(tf.where(present, values, -beyond), reduce_instance_dims=False)
    return _finite(low), _finite(high)


def _scaling(
    feature: Numeric, values: tf.Tensor, present: tf.Tensor, low: tf.Tensor, high: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Offset, spread and mean of the values that are there; finite even when the training data held none."""
    one, zero = tf.ones([], tf.float64), tf.zeros([], tf.float64)
    by_moments = feature.scale in ("zscore", "log")
    mean, variance = _moments(values, present, by_moments) if by_moments or feature.missing == "mean" else (zero, zero)
    if feature.scale == "none":
        return zero, one, mean
    if feature.scale == "minmax":
        return low, tf.maximum(high - low, zero), mean
    return mean, tf.sqrt(variance), mean


def _moments(values: tf.Tensor, present: tf.Tensor, with_variance: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of each column, 0 where the training data held no value; without it the variance is 0 too.

    Several columns are added up, in one analysis: TFT's mean and variance divide 0 by 0 where two batches held no value
    of one of them, and have no number for it from then on.
    """
    if values.shape[1] == 1:
        seen = _or_nan(values, present)
        mean = _finite(tft.mean(seen, reduce_instance_dims=False))
        return mean, _finite(tft.var(seen, reduce_instance_dims=False)) if with_variance else tf.zeros_like(mean)
    filled = tf.where(present, values, tf.zeros_like(values))
    powers = [tf.cast(present, tf.float64), filled, *([filled * filled] if with_variance else [])]
    count, *sums = tf.unstack(tft.sum(tf.stack(powers, axis=1), reduce_instance_dims=False))
    mean, *squares = (tf.math.divide_no_nan(total, count) for total in sums)
    if not squares:
        return mean, tf.zeros_like(mean)
    variance = squares[0] - mean * mean
    # What rounding leaves of a constant's squares is none.
    return mean, tf.where(variance > 1e-12 * squares[0], variance, tf.zeros_like(variance))


def _finite(value: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_finite(value), value, tf.zeros_like(value))


def _or_nan(values: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """What is missing as NaN, over which TFT's analyzers of single columns pass."""
    return tf.where(present, values, tf.fill(tf.shape(values), tf.constant(float("nan"), values.dtype)))


def _single(values: tf.Tensor) -> tf.Tensor:
    """In single precision; what has no room there becomes so large that a difference still has."""
    return tf.cast(tf.clip_by_value(values, -_LARGE, _LARGE), tf.float32)


def _edges(seen: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    """The limits of as many parts of the training data as there are places, float32 [columns, places + 1]."""
    quantiles = tft.quantiles(seen, _PLACES, epsilon=0.25 / _PLACES, reduce_instance_dims=False)
    return tf.concat([low[:, tf.newaxis], quantiles, high[:, tf.newaxis]], axis=1)


def _place(values: tf.Tensor, edges: tf.Tensor) -> tf.Tensor:
    """Where in the training data values stand: 0 for the least, 0.5 for the median, straight between the edges."""
    by_column = tf.transpose(values)
    part = tf.clip_by_value(tf.searchsorted(edges, by_column, side="right") - 1, 0, _PLACES - 1)
    start, end = tf.gather(edges, part, batch_dims=1), tf.gather(edges, part + 1, batch_dims=1)
    share = tf.clip_by_value(tf.math.divide_no_nan(by_column - start, end - start), 0.0, 1.0)
    return tf.transpose((tf.cast(part, tf.float32) + share) / _PLACES)


def _bucketized(stack: Stack, feature: Bucketized, inputs: Mapping[str, Column]) -> Tensors:
    values, present = columns.numbers_together(inputs, stack.names, feature.kind)
    numbers = tf.cast(values, tf.float32)
    if feature.boundaries:
        edges = tf.constant(feature.boundaries, tf.float32)
        ids = tf.searchsorted(edges, tf.reshape(numbers, [-1]), side="right", out_type=tf.int64)
        return {stack.key: _or_missing(tf.reshape(ids, tf.shape(numbers)), present)}
    precision = min(0.01, 1.0 / feature.buckets)
    seen = _or_nan(numbers, present)
    edges = tft.quantiles(seen, feature.buckets, epsilon=precision, reduce_instance_dims=False)
    ids = tf.searchsorted(edges, tf.transpose(numbers), side="right", out_type=tf.int64)
    return {stack.key: _or_missing(tf.transpose(ids), present)}


def _categorical(stack: Stack, feature: Categorical, inputs: Mapping[str, Column]) -> Tensors:
    values, present = columns.texts_together(inputs, stack.names)
    if stack.shared:
        return {stack.key: _shared_ids(stack, feature, values, present)}
    vocabulary = tft.vocabulary(
        columns.present_only(columns.Cells(values, present)),
        top_k=feature.top_k,
        frequency_threshold=feature.min_count if feature.min_count > 1 else None,
        vocab_filename=vocabulary_name(stack.name),
    )
    ids = tft.apply_vocabulary(values, vocabulary, num_oov_buckets=feature.oov_buckets)
    return {stack.key: _or_missing(ids, present)}


def _shared_ids(stack: Stack, feature: Categorical, values: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """Rows of one table for all columns: one for each that is missing, then the unseen values', then the vocabulary's.

    The vocabulary's tokens are the values with their column's number before them; each column keeps its own `top_k`.
    """
    count = len(stack.names)
    column = tf.range(count, dtype=tf.int64)
    prefix = tf.constant([f"{place}{_AFTER_COLUMN}" for place in range(count)])
    tokens = tf.strings.join([tf.broadcast_to(prefix, tf.shape(values)), values])
    vocabulary = tft.vocabulary(
        columns.present_only(columns.Cells(tokens, present)),
        top_k=1,  # of all; each column's own come with `key_fn`
        frequency_threshold=feature.min_count,
        coverage_top_k=feature.top_k,
        coverage_frequency_threshold=feature.min_count,
        key_fn=column_of_token,
        vocab_filename=f"{stack.key}_vocabulary",
    )
    known = tft.apply_vocabulary(tokens, vocabulary, default_value=-1)
    unseen = count + column * feature.oov_buckets
    if feature.oov_buckets > 1:
        unseen += tf.strings.to_hash_bucket_fast(values, feature.oov_buckets)
    ids = tf.where(known < 0, tf.broadcast_to(unseen, tf.shape(known)), known + count * (1 + feature.oov_buckets))
    return tf.where(present, ids, tf.broadcast_to(column, tf.shape(ids)))


def column_of_token(token: bytes) -> bytes:
    """The column's number of a token in a shared vocabulary, as TFT asks for it."""
    return token.partition(_AFTER_COLUMN.encode())[0]


def _hashed(stack: Stack, feature: Hashed, inputs: Mapping[str, Column]) -> Tensors:
    values, present = columns.texts_together(inputs, stack.names)
    return {stack.key: _or_missing(tf.strings.to_hash_bucket_fast(values, feature.buckets), present)}


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


def _vector(name: str, feature: Vector, column: Column) -> tf.Tensor:
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
    return tf.where(tf.math.is_finite(values), values, tf.zeros_like(values))


def _vector_of_sparse(length: int, column: tf.SparseTensor) -> tf.Tensor:
    """The first `length` values of each row; a shorter row ends in zeros."""
    inside = tf.sparse.retain(column, tf.less(column.indices[:, 1], length))
    shape = tf.stack([column.dense_shape[0], tf.constant(length, tf.int64)])
    dense = tf.sparse.to_dense(tf.SparseTensor(inside.indices, inside.values, shape))
    return tf.ensure_shape(dense, [None, length])


def _text(name: str, feature: Text, column: Column) -> tf.Tensor:
    words = _words(column)[:, : feature.max_tokens]
    vocabulary = tft.vocabulary(words.flat_values, top_k=feature.top_k, vocab_filename=vocabulary_name(name))
    ids = tft.apply_vocabulary(words.flat_values, vocabulary, num_oov_buckets=feature.oov_buckets)
    return words.with_flat_values(ids + 1).to_tensor(default_value=0, shape=[None, feature.max_tokens])


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


_TOGETHER: Mapping[str, Callable[[Stack, Any, Mapping[str, Column]], Tensors]] = {
    "numeric": _numeric,
    "bucketized": _bucketized,
    "categorical": _categorical,
    "hashed": _hashed,
}
_ALONE: Mapping[str, Callable[[str, Any, Column], tf.Tensor]] = {
    "vector": _vector,
    "text": _text,
    "datetime": date_vector,
    "sequence": encode_sequence,
    "image": encode_image,
}
