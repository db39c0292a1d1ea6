"""A model's output, loss and metrics, as the label asks for them."""

from typing import Any

import keras

from millrace.features.description import Label
from millrace.training.labels import LabelStatistics


def width(label: Label) -> int:
    """How many numbers a row the network gives before `head`: one, or one for each of several classes."""
    return len(label.classes) if label.task == "multiclass" else 1


def head(label: Label, raw: keras.KerasTensor, label_stats: LabelStatistics) -> keras.KerasTensor:
    """Turns the network's numbers into predictions.

    Args:
        label: the label.
        raw: float [n, width(label)], before any activation.
        label_stats: statistics of the training labels; a regression is learned on the standardised scale.

    Returns:
        float32: [n, 1] probabilities of the second class, [n, classes] probabilities, or [n, 1] in the label's unit.
    """
    raw = keras.layers.Activation("linear", dtype="float32", name="float32")(raw)
    if label.task == "regression":
        return keras.layers.Rescaling(label_stats.deviation, label_stats.mean, dtype="float32", name="label_unit")(raw)
    activation = "softmax" if label.task == "multiclass" else "sigmoid"
    return keras.layers.Activation(activation, dtype="float32", name="probabilities")(raw)


def loss(label: Label, label_stats: LabelStatistics) -> keras.losses.Loss:
    """The loss of a label's task.

    Args:
        label: the label.
        label_stats: statistics of the training labels; a regression's error counts in standard deviations.

    Returns:
        A loss on what `head` gives.
    """
    if label.task == "binary":
        return keras.losses.BinaryCrossentropy()
    if label.task == "multiclass":
        return keras.losses.SparseCategoricalCrossentropy()
    return StandardisedSquaredError(label_stats.deviation)


def metrics(label: Label) -> list[keras.metrics.Metric]:
    """What is shown while a model of this label is trained."""
    if label.task == "binary":
        return [keras.metrics.BinaryAccuracy(name="accuracy"), keras.metrics.AUC(name="auc")]
    if label.task == "multiclass":
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    return [keras.metrics.MeanAbsoluteError(name="mae"), keras.metrics.RootMeanSquaredError(name="rmse")]


@keras.saving.register_keras_serializable(package="millrace")
class StandardisedSquaredError(keras.losses.Loss):
    """Mean squared error in units of the label's standard deviation, whatever unit the label itself has.

    One learning rate then suits a label in cents and one in millions.
    """

    def __init__(self, deviation: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deviation = deviation

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Gives one loss a row, float [n]."""
        labels = keras.ops.reshape(keras.ops.cast(y_true, y_pred.dtype), keras.ops.shape(y_pred))
        error = (y_pred - labels) / self.deviation
        return keras.ops.mean(keras.ops.square(error), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        return {**super().get_config(), "deviation": self.deviation}
