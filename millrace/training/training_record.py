"""How a training went, as a file beside its TensorBoard logs: read at the end of a run, without TensorFlow."""

import itertools
import json
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Optional

from millrace.base import files
from millrace.base.numbers import rounded

FILE = "training.json"
# A gain below this share of the loss is not worth as many steps again.
_NOTICEABLE = 0.01
# The trend is that of the last third, of no fewer evaluations than these where there are so many.
_FEWEST, _ENOUGH = 4, 6
# Mann and Kendall's statistic, in standard errors: a level curve's is below in one of twenty-five or fewer.
_FALLING = -1.69


@dataclass(frozen=True)
class TrainingRecord:
    """One training.

    Args:
        steps: the steps that were taken.
        evaluations: after each round the step, and what Keras measured on the eval split, by Keras's names.
        advice: what the person should know of how it ended; empty when there is nothing.
        kept_step: of the evaluation whose weights the model has, where it ended with those of the best; else None.
        began: from which weights it began, as the end of a sentence; empty where no warm start was asked for.
    """

    steps: int
    evaluations: tuple[Mapping[str, float], ...]
    advice: str = ""
    kept_step: Optional[int] = None
    began: str = ""


def still_improving(evaluations: Sequence[Mapping[str, float]], setting: str, value: int) -> str:
    """Says that a training which came to its planned end would have gone on to improve.

    One evaluation varies by chance, and so does the best of many. What counts is the order of the last third, by Mann
    and Kendall's test for a trend (1945), and that the trend of its later half (Theil and Sen's slope), gone on for as
    long again, would gain something.

    Args:
        evaluations: of the whole training, in order; each with `step` and `val_loss`.
        setting: the key that ended it, `training.steps` or `training.epochs`.
        value: what it says.

    Returns:
        A sentence with the last losses and the key to raise; empty when there is no such trend, or too few evaluations.
    """
    losses = [float(evaluation["val_loss"]) for evaluation in evaluations if "val_loss" in evaluation]
    late = losses[-max(len(losses) // 3, _ENOUGH) :]
    if len(late) < _FEWEST or not all(map(math.isfinite, late)) or not late[-1]:
        return ""
    rises = sum((second > first) - (second < first) for first, second in itertools.combinations(late, 2))
    count = len(late)
    error = math.sqrt(count * (count - 1) * (2 * count + 5) / 18.0)
    gain = -_slope(late[-max(count // 2, 3) :]) / abs(late[-1])
    if (rises + 1) / error > _FALLING or gain * count < _NOTICEABLE:
        return ""
    shown = ", ".join(rounded(loss, 4) for loss in losses[-3:])
    return (
        f"ended while it still improved: val_loss {shown} at its last evaluations, a trend of {gain:.1%} less at each; "
        f"raise {setting} (now {value})"
    )


def _slope(values: Sequence[float]) -> float:
    """Theil and Sen's: the median slope of all pairs, per evaluation; one odd value does not move it."""
    pairs = itertools.combinations(enumerate(values), 2)
    return statistics.median((later - sooner) / (end - start) for (start, sooner), (end, later) in pairs)


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
        kept = values.get("kept_step")
        return TrainingRecord(
            int(values["steps"]),
            tuple(values["evaluations"]),
            str(values["advice"]),
            kept if isinstance(kept, int) else None,
            str(values.get("began", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
