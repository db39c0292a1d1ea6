"""What a model makes of several values in a row: multi-hot inputs, means of embeddings, and encoders of sequences."""

from collections.abc import Callable, Mapping
from typing import Any, Optional

import keras
import tensorflow as tf
import tensorflow_transform as tft

from millrace.base.errors import ConfigError
from millrace.features.description import Bag, SequenceFeature
from millrace.features.keys import transformed_key, vocabulary_name, weights_key
from millrace.project import dotted

Declare = Callable[[str, tuple[int, ...], str], keras.KerasTensor]


def bag_input(
    name: str, feature: Bag, tft_output: tft.TFTransformOutput, declare: Declare, dtype: str
) -> keras.KerasTensor:
    """Declares a bag's inputs, and makes one vector a row of them.

    Args:
        name: the feature's name.
        feature: its description.
        tft_output: what Transform learned from the training data.
        declare: makes an input of a key, a shape and a type.
        dtype: Keras's dtype policy.

    Returns:
        float [n, ids] or [n, dimension].
    """
    key = transformed_key(name)
    ids = declare(key, (feature.max_values,), "int64")
    present = keras.ops.cast(keras.ops.not_equal(ids, 0), "float32")
    weights = declare(weights_key(name), (feature.max_values,), "float32") if feature.weights else present
    count = _id_count(name, feature, tft_output)
    if feature.encode == "multi_hot":
        return MultiHot(count, name=f"{key}_multi_hot", dtype=dtype)([ids, weights])
    values = keras.layers.Embedding(count, feature.dimension, name=f"{key}_embedding", dtype=dtype)(ids)
    return _mean(values, keras.ops.cast(weights, values.dtype))


def sequence_input(
    name: str, feature: SequenceFeature, tft_output: tft.TFTransformOutput, declare: Declare, dtype: str
) -> keras.KerasTensor:
    """Declares a sequence's input, and has its encoder make one vector a row of it; arguments as `bag_input`.

    Returns:
        float [n, width], of the encoder's width.

    Raises:
        ConfigError: an encoder of the project's cannot be imported, or gives no vector.
    """
    key = transformed_key(name)
    if feature.values == "categories":
        ids = declare(key, (feature.max_length,), "int64")
        return of_ids(name, feature, ids, _id_count(name, feature, tft_output), dtype)
    pairs = declare(key, (feature.max_length, 2), "float32")
    return _encoded(name, feature, pairs[:, :, :1], keras.ops.not_equal(pairs[:, :, 1], 0.0), dtype)


def of_ids(name: str, feature: Any, ids: keras.KerasTensor, count: int, dtype: str) -> keras.KerasTensor:
    """Embeds ids in an order, 0 being no value, and has the feature's encoder make one vector a row of them.

    Args:
        name: the feature's name.
        feature: a text or a sequence.
        ids: int64 [n, length].
        count: how many ids there are.
        dtype: Keras's dtype policy.
    """
    embedding = keras.layers.Embedding(count, feature.dimension, name=f"{transformed_key(name)}_embedding", dtype=dtype)
    return _encoded(name, feature, embedding(ids), keras.ops.not_equal(ids, 0), dtype)


def own_encoder(name: str, path: str, *arguments: Any) -> keras.KerasTensor:
    """Calls an encoder of the project's.

    Args:
        name: the feature's name.
        path: the function's dotted path.
        arguments: what it is given.

    Raises:
        ConfigError: it cannot be imported, or gives no float [n, width].
    """
    key = f"features.{name}.encoder"
    function = dotted.load(path, key)
    vector = function(*arguments)
    if not isinstance(vector, keras.KerasTensor) or len(vector.shape) != 2 or vector.shape[-1] is None:
        given = f"{vector.shape}" if isinstance(vector, keras.KerasTensor) else type(vector).__name__
        raise ConfigError(
            f"{key}: {path} returned {given}, and one vector a row is needed",
            where=dotted.defined_at(function, path),
            remedy="return a Keras tensor [n, width]",
        )
    return vector


def _id_count(name: str, feature: Any, tft_output: tft.TFTransformOutput) -> int:
    return 1 + int(tft_output.vocabulary_size_by_name(vocabulary_name(name))) + int(feature.oov_buckets)


def _encoded(
    name: str, feature: Any, values: keras.KerasTensor, present: keras.KerasTensor, dtype: str
) -> keras.KerasTensor:
    """values [n, length, width] and present bool [n, length] to [n, width of the vector]."""
    if feature.encoder not in _ENCODERS:
        return own_encoder(name, feature.encoder, values, present, feature)
    return _ENCODERS[feature.encoder](values, present, feature, f"{transformed_key(name)}_{feature.encoder}", dtype)


def _mean(values: keras.KerasTensor, weights: keras.KerasTensor) -> keras.KerasTensor:
    total = keras.ops.sum(keras.ops.abs(weights), axis=1, keepdims=True)
    weighted = keras.ops.sum(values * keras.ops.expand_dims(weights, -1), axis=1)
    return keras.ops.where(total > 0, weighted / keras.ops.where(total > 0, total, 1.0), 0.0)


def _as_mean(values: Any, present: Any, feature: Any, name: str, dtype: str) -> keras.KerasTensor:
    return _mean(values, keras.ops.cast(present, values.dtype))


def _as_convolution(values: Any, present: Any, feature: Any, name: str, dtype: str) -> keras.KerasTensor:
    """The greatest answer of each of `dimension` filters over three values; none is below 0, as is no value at all."""
    there = keras.ops.expand_dims(keras.ops.cast(present, values.dtype), -1)
    convolution = keras.layers.Conv1D(feature.dimension, 3, padding="same", activation="relu", name=name, dtype=dtype)(
        values * there
    )
    return keras.ops.max(convolution * there, axis=1)


def _as_gru(values: Any, present: Any, feature: Any, name: str, dtype: str) -> keras.KerasTensor:
    return keras.layers.GRU(feature.dimension, name=name, dtype=dtype)(values, mask=present)


_ENCODERS: Mapping[str, Callable[..., keras.KerasTensor]] = {
    "mean": _as_mean,
    "convolution": _as_convolution,
    "gru": _as_gru,
}


@keras.saving.register_keras_serializable(package="millrace")
class MultiHot(keras.layers.Layer):
    """Sums the weights of ids int64 [n, values] into float [n, size - 1]: an input for each id but 0, which is none."""

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs: Any) -> Any:
        """Maps ids and weights, both [n, values], to [n, size - 1]; nothing of the size [n, values, size] is made."""
        ids, weights = inputs
        counted = tf.math.bincount(
            tf.cast(ids, tf.int32),
            weights=tf.cast(weights, tf.float32),
            minlength=self.size,
            maxlength=self.size,
            axis=-1,
        )
        return tf.cast(tf.ensure_shape(counted, [None, self.size])[:, 1:], self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[Optional[int], int]:
        """[n, values] becomes [n, size - 1]."""
        return (input_shape[0][0], self.size - 1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        return {**super().get_config(), "size": self.size}
