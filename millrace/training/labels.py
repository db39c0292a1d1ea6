"""What the training labels are like: counted or averaged once, before the model is built."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from millrace.base.errors import InputRefused
from millrace.features.description import Label
from millrace.training.encoders import UNKNOWN_CLASS


@dataclass(frozen=True)
class LabelStatistics:
    """Statistics of the training labels.

    Attributes:
        rows: rows whose label is known, as far as was read.
        mean: the mean of a regression label, in its own unit; 0 for a classification.
        deviation: its standard deviation, in its own unit, never 0; 1 for a classification.
        class_counts: rows of each class id; empty for a regression.
    """

    rows: int
    mean: float = 0.0
    deviation: float = 1.0
    class_counts: tuple[int, ...] = ()

    def balanced_weights(self) -> tuple[float, ...]:
        """A weight per class id, so that each class that occurs weighs the same in total; the mean weight is 1."""
        occurring = sum(count > 0 for count in self.class_counts)
        return tuple(self.rows / (occurring * count) if count else 0.0 for count in self.class_counts)


def label_statistics(label: Label, batches: Iterable[np.ndarray], *, complete: bool) -> LabelStatistics:
    """Reads transformed training labels in batches and sums them up.

    Args:
        label: its description.
        batches: arrays [n]: class ids, or numbers in the label's unit; unknown ones are `UNKNOWN_CLASS` or NaN.
        complete: read every batch. Otherwise a classification reads only until it has seen two classes.

    Returns:
        The statistics of what was read.

    Raises:
        InputRefused: no row has a label, or all have the same.
    """
    if label.task == "regression":
        return _of_numbers(label, batches)
    return _of_classes(label, batches, complete=complete)


def _of_classes(label: Label, batches: Iterable[np.ndarray], *, complete: bool) -> LabelStatistics:
    counts = np.zeros(len(label.classes), np.int64)
    for batch in batches:
        counts += np.bincount(batch[batch != UNKNOWN_CLASS], minlength=len(counts))
        if not complete and np.count_nonzero(counts) > 1:
            break
    _require_rows(label, int(counts.sum()))
    if np.count_nonzero(counts) == 1:
        only = label.classes[int(np.argmax(counts))]
        raise InputRefused(
            f"every training row has the same label, {only!r}",
            where=f"label.column {label.column}",
            remedy=f"give it rows of at least two of the classes {', '.join(map(str, label.classes))}",
        )
    return LabelStatistics(int(counts.sum()), class_counts=tuple(int(count) for count in counts))


def _of_numbers(label: Label, batches: Iterable[np.ndarray]) -> LabelStatistics:
    rows, mean, squares = 0, 0.0, 0.0
    for batch in batches:
        known = batch[np.isfinite(batch)].astype(np.float64)
        if known.size:  # Chan, Golub and LeVeque's pairwise update: no sum of squares, so no cancellation
            total, shift = rows + known.size, float(known.mean()) - mean
            squares += float(((known - known.mean()) ** 2).sum()) + shift**2 * rows * known.size / total
            mean, rows = mean + shift * known.size / total, total
    _require_rows(label, rows)
    if squares == 0.0:
        raise InputRefused(
            f"every training row has the same label, {mean:g}",
            where=f"label.column {label.column}",
            remedy="choose a column that varies",
        )
    return LabelStatistics(rows, mean=mean, deviation=math.sqrt(squares / rows))


def _require_rows(label: Label, rows: int) -> None:
    if rows:
        return
    known = f" that is one of {', '.join(map(str, label.classes))}" if label.classes else ""
    raise InputRefused(
        f"no training row has a label{known}",
        where=f"label.column {label.column}",
        remedy="check label.column and label.classes against the data, and that the train split is not empty",
    )
