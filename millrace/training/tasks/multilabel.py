"""Any number of classes a row: a probability for each, whatever the others are."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.training import columns
from millrace.training.columns import Column
from millrace.training.labels import LabelStatistics
from millrace.training.many_values import texts_in_rows
from millrace.training.tasks.task import LearningTask


class Multilabel(LearningTask):
    """Labels are float32 [n, classes] of 1.0 and 0.0. A row without a value has no class; other values are no label."""

    @property
    def width(self) -> int:
        """One for each class."""
        return len(self.output.classes)

    def encode(self, inputs: Mapping[str, Column]) -> tf.Tensor:
        """Looks each value of a row up among the classes."""
        values = texts_in_rows(columns.column_of(inputs, self.output.column), self.output.separator)
        names = tf.constant(self.output.class_names)
        matches = tf.cast(tf.equal(values.flat_values[:, tf.newaxis], names[tf.newaxis, :]), tf.float32)
        found = tf.math.unsorted_segment_sum(matches, values.value_rowids(), values.nrows())
        return tf.ensure_shape(tf.minimum(found, 1.0), [None, self.width])

    def known(self, labels: tf.Tensor) -> tf.Tensor:
        """Every row: to have no class is a label too."""
        return tf.ones(tf.shape(labels)[:1], tf.bool)

    def unknown_where_absent(self, labels: tf.Tensor, is_there: tf.Tensor) -> tf.Tensor:
        """As they are: a row without a value has no class."""
        return labels

    def statistics(self, batches: Iterable[np.ndarray], complete: bool) -> LabelStatistics:
        """Counts the rows of each class; unless all are wanted, until there is a class that some rows have not."""
        rows, counts = 0, np.zeros(self.width, np.int64)
        for batch in batches:
            rows += len(batch)
            counts += (batch > 0).sum(axis=0)
            if not complete and self._varies(counts, rows):
                break
        self.require_rows(int(counts.sum()))
        if not self._varies(counts, rows):
            everywhere = [str(name) for name, count in zip(self.output.classes, counts, strict=True) if count]
            raise InputRefused(
                f"every training row has the same labels: {', '.join(everywhere)}",
                where=f"label.column {self.output.column}",
                remedy="name classes that some rows have and others have not",
            )
        return LabelStatistics(rows, class_counts=tuple(int(count) for count in counts))

    @staticmethod
    def _varies(counts: np.ndarray, rows: int) -> bool:
        return bool(((counts > 0) & (counts < rows)).any())

    def activate(self, raw: keras.KerasTensor, stats: LabelStatistics, prefix: str) -> keras.KerasTensor:
        """Probabilities float32 [n, classes]."""
        return keras.layers.Activation("sigmoid", dtype="float32", name=f"{prefix}probabilities")(raw)

    def loss(self, stats: LabelStatistics) -> keras.losses.Loss:
        """The mean of the classes' cross entropies."""
        return keras.losses.BinaryCrossentropy()

    def metrics(self) -> list[keras.metrics.Metric]:
        """The share of right answers, and the mean of the classes' AUCs."""
        auc = keras.metrics.AUC(name="auc", multi_label=True, num_labels=self.width)
        return [keras.metrics.BinaryAccuracy(name="accuracy"), auc]

    @staticmethod
    def partition(values: Any) -> Any:
        """Softplus."""
        return keras.ops.softplus(values)

    def answers(self, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        """`probabilities` and `classes` [n, classes]; `labels` [n, classes], the names of those that are more probable
        than not, the most probable first, and "" in the places after them.
        """
        scores = self.inside(scores)
        order = tf.argsort(scores, axis=1, direction="DESCENDING", stable=True)
        chosen = tf.greater(tf.gather(scores, order, batch_dims=1), 0.5)
        named = tf.gather(tf.constant(self.output.class_names), order)
        labels = tf.where(chosen, named, tf.constant(""))
        return {"probabilities": scores, "labels": labels, "classes": self.classes_in(scores)}
