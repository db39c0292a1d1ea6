"""How a training went, as a file beside its TensorBoard logs: read at the end of a run, without TensorFlow."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Optional

from millrace.base import files
from millrace.base.numbers import rounded

FILE = "training.json"
# An evaluation varies by chance; a gain below this share of the loss is none.
_NOTICEABLE = 0.01


@dataclass(frozen=True)
class TrainingRecord:
    """One training.

    Args:
        steps: the steps that were taken.
        evaluations: after each round the step, and what Keras measured on the eval split, by Keras's names.
        advice: what the person should know of how it ended; empty when there is nothing.
    """

    steps: int
    evaluations: tuple[Mapping[str, float], ...]
    advice: str = ""


def still_improving(evaluations: Sequence[Mapping[str, float]], setting: str, value: int) -> str:
    """Says that a training which came to its planned end would have gone on to improve.

    Args:
        evaluations: of the whole training, in order; each with `step` and `val_loss`.
        setting: the key that ended it, `training.steps` or `training.epochs`.
        value: what it says.

    Returns:
        A sentence with the last losses and the key to raise; empty when the last evaluation was not clearly the best.
    """
    losses = [evaluation["val_loss"] for evaluation in evaluations if "val_loss" in evaluation]
    if len(losses) < 2:
        return ""
    before, last = min(losses[:-1]), losses[-1]
    gain = (before - last) / abs(before) if before else 0.0
    if gain < _NOTICEABLE:
        return ""
    steps = evaluations[-1]["step"] - evaluations[-2]["step"]
    shown = ", ".join(rounded(loss, 4) for loss in losses[-3:])
    return (
        f"ended while it still improved: val_loss {shown} at its last evaluations, {gain:.1%} better in the last "
        f"{rounded(steps)} steps; raise {setting} (now {value})"
    )


def write(folder: str, record: TrainingRecord) -> None:
    """Writes the record.

    Args:
        folder: of the training's logs, a path or a URI.
        record: how it went.
    """
    files.write(os.path.join(folder, FILE), json.dumps(asdict(record), indent=2) + "\n")


def read(folder: str) -> Optional[TrainingRecord]:
    """The record of a training; None where there is none, as from a `run_fn` of one's own."""
    try:
        with open(os.path.join(folder, FILE), encoding="utf-8") as file:
            values: Any = json.load(file)
        return TrainingRecord(int(values["steps"]), tuple(values["evaluations"]), str(values["advice"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
