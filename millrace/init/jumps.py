"""Whether whole numbers are names: what the label is at one of them says nothing of what it is at the next."""

import math

import numpy as np

from millrace.features.label import Task
from millrace.init.columns import Column

_LEAST_ROWS = 10
# A mean square between values, in those within them, beyond 1 by so many of its standard deviations is no chance.
_SURE, _LEAST_F = 6.0, 2.0
# Of the values' own variance, what neighbours differ by; 1 where the order means nothing, near 0 along a line.
_UNRELATED = 0.5


def jumps(column: Column, label: Column, task: Task) -> bool:
    """Compares what the label is on average at each value with what it is at the next.

    The variance between values is that of an analysis of variance, and what neighbours differ by is von Neumann's mean
    square of successive differences, each less what chance adds to it.

    Args:
        column: whole numbers.
        label: the label's column, its sample being of the same rows.
        task: what is learned; of classes the most frequent one is looked at.

    Returns:
        True where the values differ beyond chance, and neighbours by half of what any two differ by or more.
    """
    if column.sample is None or label.sample is None or label.type == "LIST":
        return False
    if task == "regression":
        wanted = label.numbers
    else:
        classes = np.asarray(label.sample.dictionary_encode().indices.fill_null(-1))
        wanted = np.where(classes >= 0, classes == np.bincount(classes[classes >= 0]).argmax(), np.nan)
    both = np.isfinite(column.numbers) & np.isfinite(wanted)
    values, places, rows = np.unique(column.numbers[both], return_inverse=True, return_counts=True)
    wanted = wanted[both]
    if len(values) < 3 or np.median(rows) < _LEAST_ROWS:
        return False
    means = np.bincount(places, wanted) / rows
    within = float(((wanted - means[places]) ** 2).sum() / (len(wanted) - len(values)))
    between = float(np.average((means - wanted.mean()) ** 2, weights=rows))
    if within <= 0.0 or between <= 0.0:
        return False
    ratio = between * len(wanted) / (len(values) - 1) / within
    if ratio < max(_LEAST_F, 1.0 + _SURE * math.sqrt(2.0 / (len(values) - 1))):
        return False
    chance = within / rows
    successive = float((np.diff(means) ** 2 - chance[1:] - chance[:-1]).mean()) / 2.0
    return successive >= _UNRELATED * (between - float(np.average(chance, weights=rows)))
