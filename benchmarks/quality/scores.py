"""A score of predictions, and how sure the difference of two is: the test rows are drawn again, in pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

_DRAWS = 200

METRICS = {"binary": "AUC", "multiclass": "accuracy", "regression": "RMSE"}
"""What each task is scored by."""


@dataclass(frozen=True)
class Difference:
    """How much better the first of two is than the second, in the metric's unit; below 0 where it is worse.

    Attributes:
        mean: over the seeds.
        error: its standard error: of the rows that happened to be in the test split, and of the seeds.
    """

    mean: float
    error: float


def score(task: str, truth: np.ndarray, predicted: np.ndarray) -> float:
    """AUC, accuracy or root mean squared error.

    Args:
        task: binary, multiclass or regression.
        truth: class ids or numbers [n].
        predicted: probabilities of the second class [n], or of each [n, classes]; numbers [n].
    """
    if task == "binary":
        return float(roc_auc_score(truth, predicted))
    if task == "multiclass":
        return float(np.mean(np.argmax(predicted, axis=1) == truth))
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def difference(
    task: str, truth: np.ndarray, ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], seed: int = 0
) -> Difference:
    """Compares two learners on the same test rows.

    Args:
        task: binary, multiclass or regression.
        truth: class ids or numbers [n].
        ours: predictions of each seed.
        theirs: predictions of each seed; one where the seed changes nothing.
        seed: of the draws.
    """
    sign = -1.0 if task == "regression" else 1.0
    draw = np.random.default_rng(seed)

    def gap(rows: np.ndarray) -> float:
        first, second = (np.mean([score(task, truth[rows], each[rows]) for each in all_]) for all_ in (ours, theirs))
        return float(sign * (first - second))

    drawn: list[float] = []
    while len(drawn) < _DRAWS:
        rows = draw.integers(0, len(truth), len(truth))
        if task != "binary" or len(np.unique(truth[rows])) == 2:
            drawn.append(gap(rows))
    by_seed = (
        np.var([score(task, truth, each) for each in all_], ddof=1) / len(all_)
        for all_ in (ours, theirs)
        if len(all_) > 1
    )
    return Difference(gap(np.arange(len(truth))), float(np.sqrt(np.var(drawn) + sum(by_seed))))
