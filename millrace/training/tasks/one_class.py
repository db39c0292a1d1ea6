"""One class a row: of two, or of several."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.training import columns
from millrace.training.columns import Column
from millrace.training.labels import UNKNOWN_CLASS, LabelStatistics
from millrace.training.tasks.task import LearningTask


class _OneClass(LearningTask):
    """What both have in common: labels are class ids int64 [n], `UNKNOWN_CLASS` where missing or no class."""

    def encode(self, inputs: Mapping[str, Column]) -> tf.Tensor:
        """Looks each row's value up among the classes."""
        values, present = columns.texts(columns.column_of(inputs, self.output.column))
        names = tf.constant(self.output.class_names)
        matches = tf.logical_and(tf.equal(values[:, tf.newaxis], names[tf.newaxis, :]), present[:, tf.newaxis])
        ids = tf.argmax(tf.cast(matches, tf.int32), axis=1)
        return tf.where(tf.reduce_any(matches, axis=1), ids, tf.constant(UNKNOWN_CLASS, tf.int64))

    def known(self, labels: tf.Tensor) -> tf.Tensor:
        """Every id that is a class's."""
        return tf.greater_equal(labels, 0)

    def unknown_where_absent(self, labels: tf.Tensor, is_there: tf.Tensor) -> tf.Tensor:
        """`UNKNOWN_CLASS` where there is no value."""
        return tf.where(is_there, labels, tf.constant(UNKNOWN_CLASS, labels.dtype))

    def statistics(self, batches: Iterable[np.ndarray], complete: bool) -> LabelStatistics:
        """Counts the classes; unless all are wanted, until two were seen."""
        classes = self.output.classes
        counts = np.zeros(len(classes), np.int64)
        for batch in batches:
            counts += np.bincount(batch[batch != UNKNOWN_CLASS], minlength=len(counts))
            if not complete and np.count_nonzero(counts) > 1:
                break
        self.require_rows(int(counts.sum()))
        if np.count_nonzero(counts) == 1:
            raise InputRefused(
                f"every training row has the same label, {classes[int(np.argmax(counts))]!r}",
                where=f"label.column {self.output.column}",
                remedy=f"give it rows of at least two of the classes {', '.join(map(str, classes))}",
            )
        return LabelStatistics(int(counts.sum()), class_counts=tuple(int(count) for count in counts))

    def _answers(self, scores: tf.Tensor, probabilities: tf.Tensor, best: tf.Tensor) -> dict[str, tf.Tensor]:
        label = tf.gather(tf.constant(self.output.class_names), best)
        return {"probabilities": probabilities, "label": label, "classes": self.classes_in(scores)}


class Binary(_OneClass):
    """One of two classes: the probability of the second."""

    def activate(self, raw: keras.KerasTensor, stats: LabelStatistics, prefix: str) -> keras.KerasTensor:
        """The probability of the second class, float32 [n, 1]."""
        return keras.layers.Activation("sigmoid", dtype="float32", name=f"{prefix}probabilities")(raw)

    def loss(self, stats: LabelStatistics) -> keras.losses.Loss:
        """Cross entropy."""
        return keras.losses.BinaryCrossentropy()

    def metrics(self) -> list[keras.metrics.Metric]:
        """Accuracy and AUC."""
        return [keras.metrics.BinaryAccuracy(name="accuracy"), keras.metrics.AUC(name="auc")]

    @staticmethod
    def partition(values: Any) -> Any:
        """Softplus."""
        return keras.ops.softplus(values)

    def answers(self, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        """`probabilities` [n] of the second class, `label` [n], `classes` [n, 2]."""
        probabilities = tf.reshape(self.inside(scores), [-1])
        return self._answers(scores, probabilities, tf.cast(tf.greater(probabilities, 0.5), tf.int32))


class Multiclass(_OneClass):
    """One of several classes: a probability for each, which sum to 1."""

    @property
    def width(self) -> int:
        """One for each class."""
        return len(self.output.classes)

    def activate(self, raw: keras.KerasTensor, stats: LabelStatistics, prefix: str) -> keras.KerasTensor:
        """Probabilities float32 [n, classes]."""
        return keras.layers.Activation("softmax", dtype="float32", name=f"{prefix}probabilities")(raw)

    def loss(self, stats: LabelStatistics) -> keras.losses.Loss:
        """Cross entropy."""
        return keras.losses.SparseCategoricalCrossentropy()

    def metrics(self) -> list[keras.metrics.Metric]:
        """Accuracy."""
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]

    @staticmethod
    def partition(values: Any) -> Any:
        """The logarithm of the classes' summed exponentials."""
        return keras.ops.logsumexp(values, axis=-1)

    def answers(self, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        """`probabilities` [n, classes], `label` [n], the most probable class's name, and `classes` [n, classes]."""
        scores = self.inside(scores)
        return self._answers(scores, scores, tf.argmax(scores, axis=1))
