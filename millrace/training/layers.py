"""Keras layers that the standard ones leave out, of plain TensorFlow operations: an export needs none of this code."""

from typing import Any, Optional

import keras
import numpy as np

from millrace.features.label import Task
from millrace.training.tasks import LEARNING_TASKS

Shape = tuple[Optional[int], ...]


@keras.saving.register_keras_serializable(package="millrace")
class OneHotDense(keras.layers.Layer):
    """What `Dense(units)` over concatenated one-hot inputs gives, without making the one-hot vectors.

    A one-hot vector times a matrix is a row of the matrix: this layer looks the rows up in one table and adds them.

    Args:
        units: the width of the output.
        rows: of the table.
        initializer: `glorot` scales by the inputs that are on at a time (one each), not by the table's length, which
            would start long tables at almost nothing; `zeros` suits a linear part.
        l2: weight of the table's squares in the loss.
    """

    def __init__(self, units: int, rows: int, initializer: str = "glorot", l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.rows, self.initializer, self.l2 = units, rows, initializer, l2

    def build(self, input_shape: Any) -> None:
        """Makes the table; `input_shape` is [n, inputs]."""
        limit = float(np.sqrt(6.0 / (input_shape[-1] + self.units)))
        start = "zeros" if self.initializer == "zeros" else keras.initializers.RandomUniform(-limit, limit)
        penalty = keras.regularizers.L2(self.l2) if self.l2 else None
        self.table = self.add_weight(
            shape=(self.rows, self.units), initializer=start, regularizer=penalty, name="table"
        )

    def call(self, inputs: Any) -> Any:
        """Maps rows int64 [n, inputs] to float [n, units]."""
        rows = keras.ops.take(self.table, inputs, axis=0)
        return keras.ops.cast(keras.ops.sum(rows, axis=1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """[n, inputs] becomes [n, units]."""
        return (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        own = {"units": self.units, "rows": self.rows, "initializer": self.initializer, "l2": self.l2}
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

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """[n, words] becomes [n, dimension]."""
        return (input_shape[0], self.dimension)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        return {**super().get_config(), "size": self.size, "dimension": self.dimension}


@keras.saving.register_keras_serializable(package="millrace")
class Pieces(keras.layers.Layer):
    """Piecewise-linear encoding: a place between 0 and 1 as its way through each of `count` equal parts.

    A dense layer over it draws any line with a bend between the parts; as the places are those among the training
    data, the parts hold equally many rows. From Gorishniy, Rubachev and Babenko, arXiv 2203.05556.
    """

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count

    def call(self, inputs: Any) -> Any:
        """Maps places float [n, columns] to float [n, columns * count], each between 0 and 1."""
        starts = keras.ops.arange(self.count, dtype=inputs.dtype)
        parts = keras.ops.clip(inputs[:, :, None] * self.count - starts, 0.0, 1.0)
        return keras.ops.reshape(parts, (-1, inputs.shape[1] * self.count))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """[n, columns] becomes [n, columns * count]."""
        return (input_shape[0], input_shape[1] * self.count)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        return {**super().get_config(), "count": self.count}


@keras.saving.register_keras_serializable(package="millrace")
class Members(keras.layers.Layer):
    """Lets `count` members of an ensemble share the layer before: each has a factor and an offset of its own per unit.

    BatchEnsemble (Wen, Tran and Ba, arXiv 2002.06715), as TabM uses it for tables (arXiv 2410.24210).

    Args:
        count: of members.
        first: start from random signs, which makes the members differ; later layers start from ones.
    """

    def __init__(self, count: int, first: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count, self.first = count, first

    def build(self, input_shape: Any) -> None:
        """Makes factors and offsets; `input_shape` is [n, units] or [n, members, units]."""
        shape = (self.count, input_shape[-1])
        self.factor = self.add_weight(shape=shape, initializer=_random_signs if self.first else "ones", name="factor")
        self.offset = self.add_weight(shape=shape, initializer="zeros", name="offset")

    def call(self, inputs: Any) -> Any:
        """Maps float [n, units], the same for all members, or [n, members, units] to [n, members, units]."""
        shared = inputs[:, None, :] if len(inputs.shape) == 2 else inputs
        factor, offset = (keras.ops.cast(weight, inputs.dtype) for weight in (self.factor, self.offset))
        return shared * factor + offset

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """[n, units] or [n, members, units] becomes [n, members, units]."""
        return (input_shape[0], self.count, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        return {**super().get_config(), "count": self.count, "first": self.first}


@keras.saving.register_keras_serializable(package="millrace")
class MemberHeads(keras.layers.Layer):
    """A dense layer for each member of an ensemble: float [n, members, units] to [n, members, outputs]."""

    def __init__(self, outputs: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outputs = outputs

    def build(self, input_shape: Any) -> None:
        """Makes the members' weights; `input_shape` is [n, members, units]."""
        _, members, units = input_shape
        limit = float(np.sqrt(6.0 / (units + self.outputs)))
        start = keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight(shape=(members, units, self.outputs), initializer=start, name="kernel")
        self.bias = self.add_weight(shape=(members, self.outputs), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Each member's own outputs."""
        kernel, bias = (keras.ops.cast(weight, inputs.dtype) for weight in (self.kernel, self.bias))
        return keras.ops.einsum("nmu,muo->nmo", inputs, kernel) + bias

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """[n, members, units] becomes [n, members, outputs]."""
        return (*input_shape[:2], self.outputs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        return {**super().get_config(), "outputs": self.outputs}


@keras.saving.register_keras_serializable(package="millrace")
class MeanOfMembers(keras.layers.Layer):
    """The members' mean, before the activation; in training each member answers for the labels by itself.

    Trained on the mean alone, members would come to lean on each other and be no ensemble. The mean of their own losses
    is the mean's loss and a gap that needs no labels: for a cross entropy, whose part with the label is linear, the
    mean of A(z) less A(mean z), where A is softplus or logsumexp; for squared errors in standard deviations, A(z) is
    the square. The gap is added to the training's loss and not to an evaluation's, and counts every row alike, whatever
    it weighs: Keras gives a layer no weights. It only holds the members apart, and moves no prediction of their mean.

    Args:
        task: of the label.
        loss_weight: how much the label's loss counts beside other outputs' losses.
    """

    def __init__(self, task: Task, loss_weight: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.task, self.loss_weight = task, loss_weight

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Maps float [n, members, outputs] to [n, outputs]."""
        mean = keras.ops.mean(inputs, axis=1)
        if training:
            own, of_mean = (self._mean_partition(values) for values in (inputs, mean))
            self.add_loss(self.loss_weight * (own - of_mean))
        return mean

    def _mean_partition(self, values: Any) -> Any:
        return keras.ops.mean(LEARNING_TASKS[self.task].partition(keras.ops.cast(values, "float32")))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """[n, members, outputs] becomes [n, outputs]."""
        return (input_shape[0], input_shape[2])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        return {**super().get_config(), "task": self.task, "loss_weight": self.loss_weight}


def _random_signs(shape: Any, dtype: Any = None) -> Any:
    return keras.ops.sign(keras.random.uniform(shape, -1.0, 1.0, dtype=dtype))
