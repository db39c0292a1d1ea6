"""Keras layers that the standard ones leave out: a dense layer over many one-hot inputs, and a mean over words."""

from collections.abc import Sequence
from typing import Any, Optional

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="millrace")
class OneHotDense(keras.layers.Layer):
    """What `Dense(units)` over concatenated one-hot inputs gives, without making the one-hot vectors.

    A one-hot vector times a matrix is a row of the matrix: this layer looks the rows up in one table and adds them.

    Args:
        units: the width of the output.
        sizes: how many ids each input has.
        initializer: `glorot` scales by the inputs that are on at a time (one each), not by the table's length, which
            would start long tables at almost nothing; `zeros` suits a linear part.
        l2: weight of the table's squares in the loss.
    """

    def __init__(
        self, units: int, sizes: Sequence[int], initializer: str = "glorot", l2: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.sizes, self.initializer, self.l2 = units, tuple(sizes), initializer, l2

    def build(self, input_shape: Any) -> None:
        """Makes the table; `input_shape` is [n, inputs]."""
        limit = float(np.sqrt(6.0 / (len(self.sizes) + self.units)))
        start = "zeros" if self.initializer == "zeros" else keras.initializers.RandomUniform(-limit, limit)
        penalty = keras.regularizers.L2(self.l2) if self.l2 else None
        self.table = self.add_weight(
            shape=(sum(self.sizes), self.units), initializer=start, regularizer=penalty, name="table"
        )
        self._offsets = np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype("int64")

    def call(self, inputs: Any) -> Any:
        """Maps ids int64 [n, inputs] to float [n, units]."""
        rows = keras.ops.take(self.table, inputs + self._offsets, axis=0)
        return keras.ops.cast(keras.ops.sum(rows, axis=1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[Optional[int], int]:
        """[n, inputs] becomes [n, units]."""
        return (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        own = {"units": self.units, "sizes": self.sizes, "initializer": self.initializer, "l2": self.l2}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="millrace")
class MeanOfWords(keras.layers.Layer):
    """Embeds word ids int64 [n, words] and averages over the words that are there; id 0 is padding.

    A text without words gives zeros.
    """

    def __init__(self, size: int, dimension: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.dimension = size, dimension

    def build(self, input_shape: Any) -> None:
        """Makes the embedding table; `input_shape` is [n, words]."""
        start = keras.initializers.RandomUniform(-0.05, 0.05)
        self.table = self.add_weight(shape=(self.size, self.dimension), initializer=start, name="table")

    def call(self, inputs: Any) -> Any:
        """Maps word ids [n, words] to float [n, dimension]."""
        rows = keras.ops.take(self.table, inputs, axis=0)
        there = keras.ops.cast(keras.ops.not_equal(inputs, 0), rows.dtype)
        words = keras.ops.maximum(keras.ops.sum(there, axis=1, keepdims=True), 1)
        return keras.ops.cast(keras.ops.sum(rows * there[:, :, None], axis=1) / words, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[Optional[int], int]:
        """[n, words] becomes [n, dimension]."""
        return (input_shape[0], self.dimension)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        return {**super().get_config(), "size": self.size, "dimension": self.dimension}
