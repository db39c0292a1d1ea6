"""Decision thresholds of two classes: above which probability the second class is said, and what that changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy as np

# As TFMA has it: what is below each probability, 0 too.
_BELOW_ALL = -1e-7


@dataclass(frozen=True)
class Confusion:
    """Examples, or their weights, by what is so and what is said, of two classes."""

    true_negatives: Union[int, float]
    false_positives: Union[int, float]
    false_negatives: Union[int, float]
    true_positives: Union[int, float]

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


def confusion(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, weights: Optional[np.ndarray] = None
) -> Confusion:
    """Counts what a threshold decides.

    Args:
        labels: 0 or 1 [rows].
        probabilities: of the second class [rows].
        threshold: above which it is said, as TFMA has it.
        weights: of the rows [rows]; without any, each is counted.
    """
    cells = labels.astype(np.int64) * 2 + (probabilities > threshold)
    return Confusion(*np.bincount(cells, weights, minlength=4).tolist())


def best_thresholds(
    labels: np.ndarray, probabilities: np.ndarray, weights: Optional[np.ndarray] = None
) -> Mapping[str, float]:
    """The thresholds that maximise F1 and the balanced accuracy; between two probabilities, in the middle.

    Args:
        labels: 0 or 1 [rows], both there with a weight.
        probabilities: of the second class [rows].
        weights: of the rows [rows]; without any, all weigh the same.

    Returns:
        By the name of what is maximised, `f1` and `balanced_accuracy`.
    """
    order = np.argsort(-probabilities, kind="stable")
    sorted_, weighs = (
        probabilities[order].astype(np.float64),
        np.ones(len(order)) if weights is None else weights[order],
    )
    # A threshold stands behind the last row of each value, so that equal probabilities are decided alike.
    last = np.flatnonzero(np.append(np.diff(sorted_) != 0, True))
    said, true_positives = np.cumsum(weighs)[last], np.cumsum(weighs * labels[order])[last]
    positives, all_ = true_positives[-1], said[-1]
    middle = (sorted_[last] + np.append(sorted_[last[1:]], 0.0)) / 2.0
    middle[-1] = middle[-1] or _BELOW_ALL
    scores = {
        "f1": _f1(said - true_positives, positives - true_positives, true_positives),
        "balanced_accuracy": (true_positives / positives + 1.0 - (said - true_positives) / (all_ - positives)) / 2.0,
    }
    return {name: float(middle[int(np.argmax(values))]) for name, values in scores.items()}


def _f1(false_positives: Any, false_negatives: Any, true_positives: Any) -> Any:
    """Of counts or weights, or of arrays of them."""
    concerned = 2.0 * true_positives + false_positives + false_negatives
    return 2.0 * true_positives / np.where(concerned > 0.0, concerned, 1.0)
