"""The curves of a training, read from TensorBoard's event files without TensorFlow, also while they are being written.

Keras's callback writes a file below `train/` and one below `validation/`: a value of each metric after each epoch, with
the epoch's number as its step. Only what it writes about an evaluation says how many steps the optimizer had taken; it
does so once an epoch, so the two are put together here.
"""

import glob
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tensorboard.compat.proto import event_pb2
from tensorboard.compat.tensorflow_stub import errors
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
from tensorboard.util import tensor_util

_EPOCH = "epoch_"
_EVALUATION, _VS_ITERATIONS = "evaluation_", "_vs_iterations"
_FILES = "events.out.tfevents.*"


@dataclass(frozen=True)
class Curve:
    """One metric over one training, on one split.

    Args:
        metric: Keras's name, for instance `loss`.
        split: train, or validation for the eval split.
        steps: where it was measured, ascending; optimizer's steps, or epochs where `unit` says so.
        values: what was measured, NaN and infinities too.
        unit: of `steps`.
    """

    metric: str
    split: Literal["train", "validation"]
    steps: tuple[int, ...]
    values: tuple[float, ...]
    unit: Literal["steps", "epochs"]


def read(folder: str) -> tuple[Curve, ...]:
    """The curves of one training.

    Args:
        folder: where TensorBoard's logs are, a Trainer's `model_run`; a folder of this machine.

    Returns:
        Curves, the loss first, then by metric, train before validation; none where there are no logs. A file that ends
        within a record, as one does that is being written, is read up to there.
    """
    scalars = {split: dict(_scalars(os.path.join(folder, split))) for split in ("train", "validation")}
    steps = _optimizer_steps(scalars["validation"])
    curves = [
        _curve(tag.removeprefix(_EPOCH), split, points, steps)
        for split, tags in scalars.items()
        for tag, points in tags.items()
        if tag.startswith(_EPOCH)
    ]
    return tuple(sorted(curves, key=lambda curve: (curve.metric != "loss", curve.metric, curve.split)))


def _curve(metric: str, split: str, points: Mapping[int, float], steps: list[int]) -> Curve:
    epochs = sorted(points)
    known = bool(epochs) and epochs[-1] < len(steps)
    return Curve(
        metric=metric,
        split="train" if split == "train" else "validation",
        steps=tuple(steps[epoch] for epoch in epochs) if known else tuple(epoch + 1 for epoch in epochs),
        values=tuple(points[epoch] for epoch in epochs),
        unit="steps" if known else "epochs",
    )


def _optimizer_steps(validation: Mapping[str, Mapping[int, float]]) -> list[int]:
    """The optimizer's steps after each epoch."""
    tags = (tag for tag in validation if tag.startswith(_EVALUATION) and tag.endswith(_VS_ITERATIONS))
    return sorted(validation.get(next(tags, ""), ()))


def _scalars(folder: str) -> Iterator[tuple[str, dict[int, float]]]:
    """Every scalar by its tag, its values by step; of a step that was written twice the later one."""
    tags: dict[str, dict[int, float]] = {}
    for file in sorted(glob.glob(os.path.join(glob.escape(folder), _FILES))):
        for event in _events(file):
            for value in event.summary.value:
                kind = value.WhichOneof("value")
                if kind == "simple_value":
                    tags.setdefault(value.tag, {})[event.step] = value.simple_value
                elif kind == "tensor" and value.tag.startswith((_EPOCH, _EVALUATION)):
                    tags.setdefault(value.tag, {})[event.step] = float(tensor_util.make_ndarray(value.tensor))
    yield from tags.items()


def _events(file: str) -> Iterator[event_pb2.Event]:
    reader = PyRecordReader_New(file)
    while True:
        try:
            reader.GetNext()
        except (errors.OutOfRangeError, errors.DataLossError):
            return
        yield event_pb2.Event.FromString(reader.record())
