"""A model's outputs, losses and metrics, as the label asks for them.

A model of one output gives one tensor, and has one loss and one list of metrics. A model of several gives a dictionary
by the outputs' names, and so are its losses and metrics.
"""

from collections.abc import Mapping
from typing import Optional, TypeVar, Union

import keras

from millrace.features.label import AnyLabel, Labels
from millrace.training.labels import LabelStatistics
from millrace.training.layers import MeanOfMembers
from millrace.training.tasks import learning_task

Of = TypeVar("Of")
ByOutput = Union[Of, dict[str, Of]]
"""One value for a label of one output; a dictionary by name for several."""


def width(label: AnyLabel) -> int:
    """How many numbers a row the network gives before `head`: for each output one, or one for each of its classes."""
    return sum(learning_task(output).width for output in label.by_output().values())


def head(label: AnyLabel, raw: keras.KerasTensor, label_stats: LabelStatistics) -> ByOutput[keras.KerasTensor]:
    """Turns the network's numbers into predictions.

    Args:
        label: the label.
        raw: float [n, width(label)], before any activation; of an ensemble [n, members, width(label)], whose mean is
            taken by a `MeanOfMembers`.
        label_stats: statistics of the training labels; a regression is learned on the standardised scale.

    Returns:
        float32, for each output: [n, 1] probabilities of the second class, [n, classes] probabilities, or [n, 1] in the
        label's unit.
    """
    predictions: dict[str, keras.KerasTensor] = {}
    start = 0
    for name, output in label.by_output().items():
        task, prefix = learning_task(output), f"{name}_" if name else ""
        part = raw[..., start : start + task.width] if name else raw
        if len(raw.shape) == 3:
            layer = f"{prefix}mean_of_members"
            part = MeanOfMembers(output.task, _loss_weight(label, name), name=layer, dtype=raw.dtype)(part)
        part = keras.layers.Activation("linear", dtype="float32", name=f"{prefix}float32")(part)
        predictions[name] = task.activate(part, label_stats.of(name), prefix)
        start += task.width
    return _one_or_all(predictions)


def loss(label: AnyLabel, label_stats: LabelStatistics) -> ByOutput[keras.losses.Loss]:
    """The loss of each output's task.

    Args:
        label: the label.
        label_stats: statistics of the training labels; a regression's error counts in standard deviations.

    Returns:
        Losses on what `head` gives.
    """
    return _one_or_all(
        {name: learning_task(output).loss(label_stats.of(name)) for name, output in label.by_output().items()}
    )


def loss_weights(label: AnyLabel) -> Optional[dict[str, float]]:
    """How much each output's loss counts in the sum; None for one output."""
    return {name: _loss_weight(label, name) for name in label.outputs} if isinstance(label, Labels) else None


def metrics(label: AnyLabel) -> ByOutput[list[keras.metrics.Metric]]:
    """What is shown while a model of this label is trained."""
    return _one_or_all({name: learning_task(output).metrics() for name, output in label.by_output().items()})


def _loss_weight(label: AnyLabel, name: str) -> float:
    return label.outputs[name].loss_weight if isinstance(label, Labels) else 1.0


def _one_or_all(values: Mapping[str, Of]) -> ByOutput[Of]:
    return values[""] if "" in values else dict(values)
