"""A model's inputs, one for each transformed feature, joined to what a network reads."""

from collections.abc import Collection
from typing import NamedTuple, Optional

import keras
import tensorflow_transform as tft

from millrace.features.description import (
    Bag,
    Categorical,
    Crossed,
    Datetime,
    FeatureTable,
    Hashed,
    Image,
    Numeric,
    SequenceFeature,
    Text,
    Vector,
)
from millrace.features.keys import missing_key, transformed_key
from millrace.training.date_parts import date_width
from millrace.training.derived import derived_features
from millrace.training.encoders import id_count
from millrace.training.images import image_input
from millrace.training.layers import MeanOfWords, OneHotDense
from millrace.training.many_inputs import bag_input, of_ids, sequence_input


class FeatureInputs(NamedTuple):
    """The model's inputs, and what a network reads of them.

    Attributes:
        by_key: one input a transformed feature, by its key: float32 or int64, [n] or [n, width].
        floats: all numbers, vectors and embeddings in one float tensor [n, d]; None when there are none.
        ids: all one-hot features as int64 [n, i]; None when there are none.
        sizes: how many ids each of the i has.
    """

    by_key: dict[str, keras.KerasTensor]
    floats: Optional[keras.KerasTensor]
    ids: Optional[keras.KerasTensor]
    sizes: tuple[int, ...]


def feature_inputs(
    table: FeatureTable, tft_output: tft.TFTransformOutput, dtype: str = "float32", unread: Collection[str] = ()
) -> FeatureInputs:
    """Declares one input for each transformed feature, and joins them to what a network reads.

    Args:
        table: the label and the features.
        tft_output: the output of Transform: vocabulary sizes, and the derived features.
        dtype: Keras's dtype policy of the layers, `float32` or `mixed_bfloat16`.
        unread: keys of derived features that the model does not read.

    Returns:
        The inputs, by key and joined.

    Raises:
        InputRefused: a derived feature is nothing that a network reads.
    """
    by_key: dict[str, keras.KerasTensor] = {}
    scalars, wide_floats, ids, sizes = [], [], [], []

    def declare(key: str, shape: tuple[int, ...], kind: str) -> keras.KerasTensor:
        by_key[key] = keras.Input(shape=shape, dtype=kind, name=key)
        return by_key[key]

    for name, feature in table.features.items():
        key = transformed_key(name)
        if isinstance(feature, Numeric):
            scalars.append(declare(key, (), "float32"))
            if feature.indicator:
                scalars.append(declare(missing_key(name), (), "float32"))
        elif isinstance(feature, Vector):
            wide_floats.append(declare(key, (feature.length,), "float32"))
        elif isinstance(feature, Datetime):
            wide_floats.append(declare(key, (date_width(feature),), "float32"))
        elif isinstance(feature, Text):
            words = declare(key, (feature.max_tokens,), "int64")
            size = id_count(name, feature, tft_output)
            if feature.encoder == "mean":
                wide_floats.append(MeanOfWords(size, feature.dimension, name=f"{key}_mean", dtype=dtype)(words))
            else:
                wide_floats.append(of_ids(name, feature, words, size, dtype))
        elif isinstance(feature, Bag):
            wide_floats.append(bag_input(name, feature, tft_output, declare, dtype))
        elif isinstance(feature, SequenceFeature):
            wide_floats.append(sequence_input(name, feature, tft_output, declare, dtype))
        elif isinstance(feature, Image):
            wide_floats.append(image_input(name, feature, declare, dtype))
        elif isinstance(feature, (Categorical, Hashed, Crossed)) and feature.encode == "embedding":
            size = id_count(name, feature, tft_output)
            layer = keras.layers.Embedding(size, feature.dimension, name=f"{key}_embedding", dtype=dtype)
            wide_floats.append(layer(declare(key, (), "int64")))
        else:
            ids.append(declare(key, (), "int64"))
            sizes.append(id_count(name, feature, tft_output))
    for key, shape in derived_features(table, tft_output, unread).items():
        (wide_floats if shape else scalars).append(declare(key, shape, "float32"))
    floats = [keras.ops.stack(scalars, axis=-1), *wide_floats] if scalars else wide_floats
    return FeatureInputs(by_key, _joined(floats), keras.ops.stack(ids, axis=-1) if ids else None, tuple(sizes))


def _joined(tensors: list[keras.KerasTensor]) -> Optional[keras.KerasTensor]:
    if len(tensors) < 2:
        return tensors[0] if tensors else None
    return keras.layers.Concatenate(name="floats")(tensors)


def dense(
    inputs: FeatureInputs, units: int, name: str, start: str = "glorot", penalty: float = 0.0, dtype: str = "float32"
) -> keras.KerasTensor:
    """One dense layer over every input, ids as if they were one-hot.

    Args:
        inputs: what `feature_inputs` gave.
        units: the width of the output.
        name: the layer's name.
        start: the initial weights: `glorot`, or `zeros`, which suits a linear part.
        penalty: weight of the squared weights in the loss.
        dtype: Keras's dtype policy.

    Returns:
        float [n, units], without an activation.
    """
    parts = []
    if inputs.floats is not None:
        regularizer = keras.regularizers.L2(penalty) if penalty else None
        kernel = "zeros" if start == "zeros" else "glorot_uniform"
        parts.append(
            keras.layers.Dense(
                units, kernel_initializer=kernel, kernel_regularizer=regularizer, name=f"{name}_floats", dtype=dtype
            )(inputs.floats)
        )
    if inputs.ids is not None:
        parts.append(OneHotDense(units, inputs.sizes, start, penalty, name=f"{name}_ids", dtype=dtype)(inputs.ids))
    return keras.layers.Add(name=name, dtype=dtype)(parts) if len(parts) > 1 else parts[0]
