"""A number a row, in the label's own unit."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.training import columns
from millrace.training.columns import Column
from millrace.training.labels import LabelStatistics
from millrace.training.tasks.task import LearningTask


class Regression(LearningTask):
    """Labels are float32 [n], NaN where they are missing; they are learned on the standardised scale."""

    def encode(self, inputs: Mapping[str, Column]) -> tf.Tensor:
        """The column's number."""
        column = columns.column_of(inputs, self.output.column)
        columns.require_numbers(column, self.output.column, "regression label, which is a numeric")
        return columns.number_or_nan(column)

    def known(self, labels: tf.Tensor) -> tf.Tensor:
        """Every finite number."""
        return tf.math.is_finite(labels)

    def unknown_where_absent(self, labels: tf.Tensor, is_there: tf.Tensor) -> tf.Tensor:
        """NaN where there is no value."""
        return tf.where(is_there, labels, tf.constant(float("nan"), labels.dtype))

    def statistics(self, batches: Iterable[np.ndarray], complete: bool) -> LabelStatistics:
        """Averages the labels, of all batches."""
        rows, mean, squares = 0, 0.0, 0.0
        for batch in batches:
            known = batch[np.isfinite(batch)].astype(np.float64)
            if known.size:  # Chan, Golub and LeVeque's pairwise update: no sum of squares, so no cancellation
                total, shift = rows + known.size, float(known.mean()) - mean
                squares += float(((known - known.mean()) ** 2).sum()) + shift**2 * rows * known.size / total
                mean, rows = mean + shift * known.size / total, total
        self.require_rows(rows)
        if squares == 0.0:
            raise InputRefused(
                f"every training row has the same label, {mean:g}",
                where=f"label.column {self.output.column}",
                remedy="choose a column that varies",
            )
        return LabelStatistics(rows, mean=mean, deviation=math.sqrt(squares / rows))

    def activate(self, raw: keras.KerasTensor, stats: LabelStatistics, prefix: str) -> keras.KerasTensor:
        """Float32 [n, 1] in the label's unit."""
        back = keras.layers.Rescaling(stats.deviation, stats.mean, dtype="float32", name=f"{prefix}label_unit")
        return back(raw)

    def loss(self, stats: LabelStatistics) -> keras.losses.Loss:
        """Squared error in standard deviations."""
        return StandardisedSquaredError(stats.deviation)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Absolute and squared error, in the label's unit."""
        return [keras.metrics.MeanAbsoluteError(name="mae"), keras.metrics.RootMeanSquaredError(name="rmse")]

    @staticmethod
    def partition(values: Any) -> Any:
        """The square."""
        return keras.ops.square(values)

    def answers(self, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        """`prediction` [n]."""
        return {"prediction": tf.reshape(scores, [-1])}


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
