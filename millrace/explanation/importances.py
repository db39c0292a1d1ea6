"""How much each column matters to a model over many rows: the mean size of its parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from millrace.explanation.explainer import Attributions


@dataclass(frozen=True)
class Importance:
    """How much a column matters.

    Args:
        column: its name.
        importance: the mean of its parts' sizes, in the unit of what is predicted.
        share: of all columns' together, from 0 to 1.
        error: the standard error of the mean, from the rows that were drawn.
    """

    column: str
    importance: float
    share: float
    error: float


def importances(attributions: Attributions, columns: Sequence[str]) -> tuple[Importance, ...]:
    """Importances, the largest first.

    Args:
        attributions: of at least one row.
        columns: the names of the columns.
    """
    sizes = np.abs(attributions.values.astype(np.float64))
    means, rows = sizes.mean(axis=0), len(sizes)
    errors = sizes.std(axis=0, ddof=1) / np.sqrt(rows) if rows > 1 else np.zeros_like(means)
    total = float(means.sum()) or 1.0
    made = [
        Importance(name, float(mean), float(mean) / total, float(error))
        for name, mean, error in zip(columns, means, errors, strict=True)
    ]
    return tuple(sorted(made, key=lambda one: -one.importance))
