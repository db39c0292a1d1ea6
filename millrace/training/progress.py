"""How a training goes on, as lines of the run's log: written by who trains, read by who shows it, in one place."""

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional, Union

from millrace.base.numbers import rounded

LOG = logging.getLogger(__name__)

_STEP = re.compile(rf" {re.escape(__name__)} (kept )?step (\d+)(?:/(\d+))? (.*) \([\d.]+ s\)$")
_TRIAL = re.compile(rf" {re.escape(__name__)} trial (\d+)/(\d+) (\w+)=(\S+) (higher|lower): (.*)$")


@dataclass(frozen=True)
class TrainingStep:
    """Where a training stands.

    Args:
        step: the optimizer's steps so far.
        total: how many are planned; None when it is passes over the data that are planned.
        values: Keras's metrics so far, `val_` before those of the latest evaluation.
        kept: whether the training is over, and this step's weights are the model's.
    """

    step: int
    total: Optional[int]
    values: Mapping[str, float]
    kept: bool = False


@dataclass(frozen=True)
class EndedTrial:
    """One model that the Tuner has trained.

    Args:
        trial: the how manieth, from 1.
        total: how many trials there may be.
        measure: Keras's name of what the search goes by, such as `val_loss`.
        score: its best value of that; NaN where it came to none.
        higher: whether higher values are better.
        values: its hyperparameters, as text.
    """

    trial: int
    total: int
    measure: str
    score: float
    higher: bool
    values: str


def tell_step(step: TrainingStep, seconds: float) -> None:
    """Logs where a training stands.

    Args:
        step: where.
        seconds: since its beginning.
    """
    values = " ".join(f"{name}={rounded(float(value), 4)}" for name, value in step.values.items())
    total = f"/{step.total}" if step.total else ""
    LOG.info("%sstep %d%s %s (%.1f s)", "kept " if step.kept else "", step.step, total, values, seconds)


def tell_trial(trial: EndedTrial) -> None:
    """Logs that a trial has ended.

    Args:
        trial: which.
    """
    better, score = "higher" if trial.higher else "lower", rounded(trial.score, 4)
    LOG.info("trial %d/%d %s=%s %s: %s", trial.trial, trial.total, trial.measure, score, better, trial.values)


def read_line(line: str) -> Union[TrainingStep, EndedTrial, None]:
    """What a line of a log says of a training; None for any other line.

    Args:
        line: without its end.
    """
    if found := _STEP.search(line):
        pairs = (pair.partition("=") for pair in found[4].split())
        values = {name: _number(value) for name, _, value in pairs}
        return TrainingStep(int(found[2]), int(found[3]) if found[3] else None, values, kept=bool(found[1]))
    if found := _TRIAL.search(line):
        return EndedTrial(int(found[1]), int(found[2]), found[3], _number(found[4]), found[5] == "higher", found[6])
    return None


def _number(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return math.nan
