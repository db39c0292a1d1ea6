"""The rows of the training data that a model takes for most alike: near each other before its last layer."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from millrace.explanation.explainer import Explainer, Row
from millrace.explanation.training_rows import TrainingRow


@dataclass(frozen=True)
class Neighbour:
    """A training row that lies near.

    Args:
        number: its place in the train split, from 1.
        distance: Euclid's, between what the model's last layer is given; 0 for the same.
        labels: what the row was to be predicted as, by column.
        differs: the values of the columns in which it is not as the row that was asked about.
    """

    number: int
    distance: float
    labels: dict[str, Any]
    differs: dict[str, Any]


def nearest_rows(
    explainer: Explainer, rows: Sequence[Row], known: Sequence[TrainingRow], count: int
) -> list[tuple[Neighbour, ...]]:
    """Finds the training rows that lie nearest to each of some rows, the nearest first.

    Args:
        explainer: the model.
        rows: to look around.
        known: where to look.
        count: how many of each.

    Raises:
        InputRefused: the model does not show how it sees a row.
    """
    seen, asked = explainer.embed([one.row for one in known]), explainer.embed(rows)
    with warnings.catch_warnings():
        # joblib says it of a machine that does not tell its cores from their threads, and counts the threads.
        warnings.filterwarnings("ignore", "Could not find the number of physical cores")
        distances, found = NearestNeighbors(n_neighbors=min(count, len(known))).fit(seen).kneighbors(asked)
    return [
        tuple(
            Neighbour(known[at].number, float(distance), known[at].labels, _differs(row, known[at].row))
            for distance, at in zip(near, at_each, strict=True)
        )
        for row, near, at_each in zip(rows, distances, found, strict=True)
    ]


def _differs(row: Row, other: Row) -> dict[str, Any]:
    return {name: value for name, value in other.items() if not _same(value, row.get(name))}


def _same(one: Any, other: Any) -> bool:
    """Whether a model is given the same: a number that was written as 3.2 is kept in 32 bits."""
    if isinstance(one, float) and isinstance(other, (int, float)):
        return bool(np.float32(one) == np.float32(other))
    return bool(one == other)
