"""Decision thresholds of two classes: from which probability on the second class is said, and what that changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Confusion:
    """Examples by what is so and what is said, of two classes."""

    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall of the second class; 0 where it is neither there nor said."""
        return float(_f1(self.false_positives, self.false_negatives, self.true_positives))

    @property
    def balanced_accuracy(self) -> float:
        """The mean of both classes' recall; NaN without an example of one."""
        negatives = self.true_negatives + self.false_positives
        positives = self.true_positives + self.false_negatives
        if not (negatives and positives):
            return float("nan")
        return (self.true_negatives / negatives + self.true_positives / positives) / 2.0


def confusion(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> Confusion:
    """Counts what a threshold decides.

    Args:
        labels: 0 or 1 [rows].
        probabilities: of the second class [rows].
        threshold: from which on it is said.
    """
    counts = np.bincount(labels.astype(np.int64) * 2 + (probabilities >= threshold), minlength=4)
    return Confusion(*map(int, counts))


def best_thresholds(labels: np.ndarray, probabilities: np.ndarray) -> Mapping[str, float]:
    """The thresholds that maximise F1 and the balanced accuracy; between two probabilities, in the middle.

    Args:
        labels: 0 or 1 [rows], both there.
        probabilities: of the second class [rows].

    Returns:
        By the name of what is maximised, `f1` and `balanced_accuracy`.
    """
    order = np.argsort(-probabilities, kind="stable")
    sorted_, hits = probabilities[order].astype(np.float64), np.cumsum(labels[order].astype(np.float64))
    # A threshold stands behind the last row of each value, so that equal probabilities are decided alike.
    last = np.flatnonzero(np.append(np.diff(sorted_) != 0, True))
    said, true_positives, positives = last + 1, hits[last], hits[-1]
    below = np.append(sorted_[last[1:]], 0.0)
    middle = (sorted_[last] + below) / 2.0
    recall = true_positives / positives
    specificity = 1.0 - (said - true_positives) / (len(labels) - positives)
    scores = {
        "f1": _f1(said - true_positives, positives - true_positives, true_positives),
        "balanced_accuracy": (recall + specificity) / 2.0,
    }
    return {name: float(middle[int(np.argmax(values))]) for name, values in scores.items()}


def _f1(false_positives: Any, false_negatives: Any, true_positives: Any) -> Any:
    """Of counts, or of arrays of counts."""
    return 2.0 * true_positives / np.maximum(2.0 * true_positives + false_positives + false_negatives, 1.0)
