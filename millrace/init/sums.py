"""Columns that add up to the label, or multiply to it: with all of them known, so is what is to be predicted."""

from collections.abc import Sequence
from typing import Optional

import numpy as np

from millrace.init.columns import Column

_MOST_ROWS, _MOST_COLUMNS = 4_000, 100
_ROWS_PER_COLUMN = 10
_EXACT = 1e-3  # of the label's spread: a rounding of cents
_ROWS_RIGHT = 0.95
_TURNS = 12


def parts_of(label: Column, columns: Sequence[Column]) -> tuple[tuple[str, ...], str]:
    """Finds the fewest columns whose sum, each times a number, is the label in almost every row.

    The label is fitted by least squares, again and again without the rows that fit worst, so that a few that do not
    add up hide nothing. Columns that are not needed are taken out one by one.

    Args:
        label: a column of numbers.
        columns: the other columns of the table, their samples being of the same rows; those of numbers are looked at.

    Returns:
        The columns' names, two or more, and the equation in words; no name and an empty text where none is found.
    """
    filled = [
        column
        for column in columns
        if column.is_number and column.name != label.name and column.missing < 0.2 * column.rows and column.distinct > 1
    ]
    for logarithms in (False, True):
        used = [column for column in filled if column.low > 0] if logarithms else filled
        if not 2 <= len(used) <= _MOST_COLUMNS or (logarithms and label.low <= 0):
            continue
        rows = np.column_stack([label.numbers, *(column.numbers for column in used)])
        rows = rows[np.isfinite(rows).all(axis=1)]
        rows = rows[:: max(len(rows) // _MOST_ROWS, 1)]
        if len(rows) < _ROWS_PER_COLUMN * len(used):
            continue
        rows = np.log(rows) if logarithms else rows
        needed, weights = _fewest(rows[:, 0], rows[:, 1:])
        if len(needed) > 1:
            names = [used[place].name for place in needed]
            return tuple(names), _in_words(label.name, names, weights, logarithms)
    return (), ""


def _fewest(wanted: np.ndarray, parts: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Places of the columns that are needed, and the weight of each; none where all together do not give the label."""
    spread = float(wanted.std())
    scales = parts.std(axis=0)
    places = [place for place in range(parts.shape[1]) if scales[place] > 0]
    weights = _exact_weights(wanted, parts[:, places], spread)
    if weights is None or spread == 0.0:
        return [], np.zeros(0)
    moves = np.abs(weights) * scales[places]
    for place in [places[least] for least in moves.argsort()]:
        fewer = [other for other in places if other != place]
        without = _exact_weights(wanted, parts[:, fewer], spread) if fewer else None
        if without is not None:
            places, weights = fewer, without
    return places, weights


def _exact_weights(wanted: np.ndarray, parts: np.ndarray, spread: float) -> Optional[np.ndarray]:
    """The weights by which columns give the label in almost every row; None where there are none."""
    matrix = np.column_stack([parts, np.ones(len(wanted))])
    kept = np.ones(len(wanted), bool)
    for _ in range(_TURNS):
        weights = np.linalg.lstsq(matrix[kept], wanted[kept], rcond=None)[0]
        misses = np.abs(matrix @ weights - wanted)
        if (misses <= _EXACT * spread).mean() >= _ROWS_RIGHT:
            return np.asarray(weights[:-1])
        closest = misses <= max(float(np.quantile(misses, 0.8)), 1e-12)
        if (closest == kept).all():
            return None
        kept = closest
    return None


def _in_words(label: str, names: Sequence[str], weights: np.ndarray, logarithms: bool) -> str:
    if logarithms:
        how = " and ".join([", ".join(names[:-1]), names[-1]])
        return f"{how} multiply to {label}"
    first, *rest = sorted(zip(names, weights, strict=True), key=lambda pair: -pair[1])
    terms = [_term(*first).removeprefix("+ "), *(_term(name, weight) for name, weight in rest)]
    return f"{label} = {' '.join(terms)}"


def _term(name: str, weight: float) -> str:
    times = "" if abs(abs(weight) - 1) < 0.01 else f"{abs(weight):.3g} "
    return f"{'-' if weight < 0 else '+'} {times}{name}"
