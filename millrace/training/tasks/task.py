"""What a task is to training and to the exported model: a task of its own derives from `LearningTask`."""

import abc
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.features.label import Output
from millrace.training.columns import Column
from millrace.training.labels import LabelStatistics

# Keras's own epsilon; what float32 holds next below 1 is 6e-8 away.
_NEARLY_ZERO = 1e-7


class LearningTask(abc.ABC):
    """How one output is learned: its labels, the network's last layer, the loss, and what the exported model answers.

    Args:
        output: its description.
    """

    def __init__(self, output: Output) -> None:
        self.output = output

    @property
    def width(self) -> int:
        """How many numbers a row the network gives before `activate`."""
        return 1

    @abc.abstractmethod
    def encode(self, inputs: Mapping[str, Column]) -> tf.Tensor:
        """Turns the label's column into what is learned.

        Args:
            inputs: a batch of raw columns by name.

        Raises:
            InputRefused: the column is not there, or is of a type that this task cannot learn.
        """

    @abc.abstractmethod
    def known(self, labels: tf.Tensor) -> tf.Tensor:
        """Which of a batch's encoded labels are known, bool [n]; a row without one teaches nothing."""

    @abc.abstractmethod
    def unknown_where_absent(self, labels: tf.Tensor, is_there: tf.Tensor) -> tf.Tensor:
        """Encoded labels as they are where the column has a value (bool [n]), and unknown elsewhere."""

    @abc.abstractmethod
    def statistics(self, batches: Iterable[np.ndarray], complete: bool) -> LabelStatistics:
        """Sums up encoded training labels.

        Args:
            batches: of encoded labels, the rows first.
            complete: read every batch; otherwise only until it is known that there is something to learn.

        Raises:
            InputRefused: there is nothing to learn from them.
        """

    @abc.abstractmethod
    def activate(self, raw: keras.KerasTensor, stats: LabelStatistics, prefix: str) -> keras.KerasTensor:
        """Turns the network's numbers into predictions.

        Args:
            raw: float32 [n, width].
            stats: of the training labels.
            prefix: of the layer's name, which no other output's has.
        """

    @abc.abstractmethod
    def loss(self, stats: LabelStatistics) -> keras.losses.Loss:
        """The loss on what `activate` gives."""

    @abc.abstractmethod
    def metrics(self) -> list[keras.metrics.Metric]:
        """What is shown while a model is trained."""

    @staticmethod
    @abc.abstractmethod
    def partition(values: Any) -> Any:
        """The part A of the loss that has no label, of which `layers.MeanOfMembers` tells: float32 [..., width]."""

    @abc.abstractmethod
    def answers(self, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the exported model answers.

        Args:
            scores: what `activate` gave, float32 [n, width].

        Returns:
            The predictions under `Output.prediction_name`, and what names them, the rows first.
        """

    def inside(self, scores: tf.Tensor) -> tf.Tensor:
        """Probabilities that are not exactly 0 or 1, which would make TFMA's cross entropy 0 times infinity."""
        return tf.clip_by_value(scores, _NEARLY_ZERO, 1.0 - _NEARLY_ZERO)

    def classes_in(self, scores: tf.Tensor) -> tf.Tensor:
        """The names of the classes beside each row's scores, string [n, classes]."""
        names = tf.constant(self.output.class_names)
        return tf.tile(names[tf.newaxis, :], [tf.shape(scores)[0], 1])

    def require_rows(self, rows: int) -> None:
        """Checks that some rows of the training data have a label.

        Raises:
            InputRefused: none has.
        """
        if rows:
            return
        known = f" that is one of {', '.join(map(str, self.output.classes))}" if self.output.classes else ""
        raise InputRefused(
            f"no training row has a label{known}",
            where=f"label.column {self.output.column}",
            remedy="check label.column and label.classes against the data, and that the train split is not empty",
        )
