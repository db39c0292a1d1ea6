"""What models of a cross-validation predicted for rows that they had not seen, as a file; and an interval of it."""

import io
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Optional

import numpy as np

from millrace.base import files

FILE = "folds.npz"
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class FoldScores:
    """The rows of all folds, each with the prediction of the one model that had not seen it.

    Attributes:
        labels: class ids, or numbers in the label's unit [rows].
        predictions: probabilities of the second class or numbers [rows, 1]; or of each class [rows, classes].
        weights: float [rows].
        folds: the number of each row's fold, from 0 [rows].
        learned_rows: rows that each model learned from, on average.
        seconds: that all the trainings took.
    """

    labels: np.ndarray
    predictions: np.ndarray
    weights: np.ndarray
    folds: np.ndarray
    learned_rows: int
    seconds: float

    @property
    def count(self) -> int:
        """How many folds there are."""
        return int(self.folds.max()) + 1


def write(folder: str, scores: FoldScores) -> None:
    """Writes the scores.

    Args:
        folder: a path or a URI.
        scores: of one cross-validation.
    """
    content = io.BytesIO()
    np.savez_compressed(content, **asdict(scores))
    files.write(os.path.join(folder, FILE), content.getvalue())


def read(folder: str) -> Optional[FoldScores]:
    """The scores that were written into a folder, a path or a URI; None where there are none."""
    from tfx.dsl.io import fileio

    file = os.path.join(folder, FILE)
    if not fileio.exists(file):
        return None
    with fileio.open(file, "rb") as stream, np.load(io.BytesIO(stream.read()), allow_pickle=False) as arrays:
        held = {name: arrays[name] for name in arrays.files}
    return FoldScores(**{**held, "learned_rows": int(held["learned_rows"]), "seconds": float(held["seconds"])})


def interval(
    value: float, without: Sequence[float], learned_rows: float, held_rows: float
) -> Optional[tuple[float, float]]:
    """The 95 % interval of a metric of models that are trained so, by leaving out each fold once.

    The metric is of the predictions of all folds together: the mean of R2 or F1 over folds of some thirty rows is far
    from that of their rows (Forman and Scholz, "Apples-to-Apples in Cross-Validation Studies", SIGKDD Explorations 12,
    2010). Of a mean over rows, the values without each fold spread as the folds' own values do (the jackknife; Efron
    and Tibshirani, 1993, chapter 11), which are no independent sample, since each two models share most of their rows:
    their variance is taken (1 / folds + held / learned) times and not 1 / folds times (Nadeau and Bengio, "Inference
    for the Generalization Error", Machine Learning 52, 2003), with Student's t.

    Args:
        value: of the metric of all rows.
        without: its values of all rows but those of one fold, for each fold.
        learned_rows: rows that each model learned from.
        held_rows: rows of a fold.

    Returns:
        Its least and its greatest value; None of fewer than two folds, or where a value is not finite.
    """
    from scipy.special import stdtrit

    count = len(without)
    if count < 2 or not learned_rows or not np.isfinite([value, *without]).all():
        return None
    deviation = (count - 1) * float(np.std(without, ddof=1))
    error = deviation * math.sqrt(1.0 / count + held_rows / learned_rows)
    reach = float(stdtrit(count - 1, 0.5 + _CONFIDENCE / 2.0)) * error
    return value - reach, value + reach
