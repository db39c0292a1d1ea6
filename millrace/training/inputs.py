"""A model's inputs, one for each transformed feature, joined to what a network reads."""

from collections.abc import Collection
from typing import NamedTuple, Optional

import keras
import tensorflow_transform as tft

from millrace.features.description import (
    Bag,
    Bucketized,
    Datetime,
    FeatureTable,
    Image,
    Numeric,
    SequenceFeature,
    Text,
    Vector,
)
from millrace.features.stacks import Stack, stacks
from millrace.training.date_parts import date_width
from millrace.training.derived import derived_features
from millrace.training.encoders import id_rows
from millrace.training.images import image_input
from millrace.training.layers import MeanOfWords, OneHotDense, Pieces
from millrace.training.many_inputs import bag_input, of_ids, sequence_input

# Bends of a line that a number is learned along; fewer each where the numbers are many.
_MOST_PIECES, _PIECES_IN_ALL = 16, 1024
# Standard deviations beyond which a number's size counts for less and less.
_SQUASHED_FROM = 3.0


class FeatureInputs(NamedTuple):
    """The model's inputs, and what a network reads of them.

    Attributes:
        by_key: an input for each key after Transform: float32 or int64, [n] or [n, width].
        numbers: scaled numbers, and whether they were missing, float [n, d]; None when there are none.
        places: each number's place among the training data, 0 to 1, float [n, p]; None when there are none.
        vectors: vectors, dates, texts and embeddings, float [n, v]; None when there are none.
        ids: all one-hot features as rows int64 [n, i] of one table; None when there are none.
        rows: of that table.
    """

    by_key: dict[str, keras.KerasTensor]
    numbers: Optional[keras.KerasTensor]
    places: Optional[keras.KerasTensor]
    vectors: Optional[keras.KerasTensor]
    ids: Optional[keras.KerasTensor]
    rows: int


def feature_inputs(
    table: FeatureTable, tft_output: tft.TFTransformOutput, dtype: str = "float32", unread: Collection[str] = ()
) -> FeatureInputs:
    """Declares one input for each key after Transform, and joins them to what a network reads.

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
    numbers, places, vectors, ids = [], [], [], []
    rows = 0

    def declare(key: str, shape: tuple[int, ...], kind: str) -> keras.KerasTensor:
        by_key[key] = keras.Input(shape=shape, dtype=kind, name=key)
        return by_key[key]

    def columns_of(stack: Stack, key: str, kind: str = "float32") -> keras.KerasTensor:
        """An input [n, columns]; what one column has, [n], is joined to others as [n, 1]."""
        if stack.shared:
            return declare(key, (len(stack.names),), kind)
        return keras.ops.expand_dims(declare(key, (), kind), -1)

    for stack in stacks(table):
        feature = stack.feature
        if isinstance(feature, Numeric):
            numbers.append(columns_of(stack, stack.key))
            places.append(columns_of(stack, stack.place_key))
            if feature.indicator:
                numbers.append(columns_of(stack, stack.missing_key))
        elif isinstance(feature, Vector):
            vectors.append(declare(stack.key, (feature.length,), "float32"))
        elif isinstance(feature, Datetime):
            vectors.append(declare(stack.key, (date_width(feature),), "float32"))
        elif isinstance(feature, Text):
            words = declare(stack.key, (feature.max_tokens,), "int64")
            size = id_rows(stack, tft_output).rows
            if feature.encoder == "mean":
                vectors.append(MeanOfWords(size, feature.dimension, name=f"{stack.key}_mean", dtype=dtype)(words))
            else:
                vectors.append(of_ids(stack.name, feature, words, size, dtype))
        elif isinstance(feature, Bag):
            vectors.append(bag_input(stack.name, feature, tft_output, declare, dtype))
        elif isinstance(feature, SequenceFeature):
            vectors.append(sequence_input(stack.name, feature, tft_output, declare, dtype))
        elif isinstance(feature, Image):
            vectors.append(image_input(stack.name, feature, declare, dtype))
        else:
            layout = id_rows(stack, tft_output)
            of_stack = columns_of(stack, stack.key, "int64") + layout.offsets
            if not isinstance(feature, Bucketized) and feature.encode == "embedding":
                name = f"{stack.key}_embedding"
                embed = keras.layers.Embedding(layout.rows, feature.dimension, name=name, dtype=dtype)
                vectors.append(keras.layers.Flatten(dtype=dtype)(embed(of_stack)))
            else:
                ids.append(of_stack + rows)
                rows += layout.rows
    for key, shape in derived_features(table, tft_output, unread).items():
        derived = declare(key, shape, "float32")
        vectors.append(derived) if shape else numbers.append(keras.ops.expand_dims(derived, -1))
    return FeatureInputs(by_key, _joined(numbers), _joined(places), _joined(vectors), _joined(ids), rows)


def _joined(tensors: list[keras.KerasTensor]) -> Optional[keras.KerasTensor]:
    if len(tensors) < 2:
        return tensors[0] if tensors else None
    return keras.ops.concatenate(tensors, axis=-1)


def bent(inputs: FeatureInputs) -> FeatureInputs:
    """What a network's first hidden layer reads: each number along a line with bends, and far ones drawn nearer.

    Args:
        inputs: what `feature_inputs` gave.

    Returns:
        The same, with numbers within some standard deviations, and their places as `Pieces`.
    """
    numbers, places = inputs.numbers, inputs.places
    if numbers is not None:  # a smooth limit: half a standard deviation more still counts at ten
        numbers = numbers / keras.ops.sqrt(1.0 + keras.ops.square(numbers / _SQUASHED_FROM))
    if places is not None:
        count = max(1, min(_MOST_PIECES, _PIECES_IN_ALL // places.shape[1]))
        places = Pieces(count, name="pieces")(places)
    return inputs._replace(numbers=numbers, places=places)


def dense(
    inputs: FeatureInputs, units: int, name: str, start: str = "glorot", penalty: float = 0.0, dtype: str = "float32"
) -> keras.KerasTensor:
    """One dense layer over every input, ids as if they were one-hot.

    Args:
        inputs: what `feature_inputs` gave, or `bent` made of it.
        units: the width of the output.
        name: the layer's name.
        start: the initial weights: `glorot`, or `zeros`, which suits a linear part.
        penalty: weight of the squared weights in the loss.
        dtype: Keras's dtype policy.

    Returns:
        float [n, units], without an activation.
    """
    parts = []
    floats = _joined([part for part in (inputs.numbers, inputs.places, inputs.vectors) if part is not None])
    if floats is not None:
        regularizer = keras.regularizers.L2(penalty) if penalty else None
        kernel = "zeros" if start == "zeros" else "glorot_uniform"
        parts.append(
            keras.layers.Dense(
                units, kernel_initializer=kernel, kernel_regularizer=regularizer, name=f"{name}_floats", dtype=dtype
            )(floats)
        )
    if inputs.ids is not None:
        parts.append(OneHotDense(units, inputs.rows, start, penalty, name=f"{name}_ids", dtype=dtype)(inputs.ids))
    return keras.layers.Add(name=name, dtype=dtype)(parts) if len(parts) > 1 else parts[0]
