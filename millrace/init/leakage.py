"""Target leakage: a single column that is a copy of the label, or that alone predicts it almost without error."""

from dataclasses import dataclass

import numpy as np

from millrace.features.description import Task
from millrace.init.columns import Column

COPY_SHARE = 0.99
COPY_CORRELATION = 0.999
PREDICTS_SHARE = 0.99
PREDICTS_CORRELATION = 0.98
PREDICTS_AUC = 0.97
_LEAST_ROWS = 10
_BINS = 50


@dataclass(frozen=True)
class Leakage:
    """How far a column gives the label away.

    Attributes:
        is_copy: the column is the label in other words.
        predicts: the column alone predicts the label almost without error.
        how: what was measured, as a phrase.
    """

    is_copy: bool = False
    predicts: bool = False
    how: str = ""


def leakage(column: Column, label: Column, task: Task) -> Leakage:
    """Compares a column with the label on the sample's rows.

    Args:
        column: any column of single values.
        label: the label's column.
        task: what is learned.

    Returns:
        `is_copy` when one value goes with one class and the other way round in 99 of 100 rows, or when two numbers
        correlate by 0.999, by size or by rank. `predicts` when the column alone gives the class in 99 of 100 rows that
        the most frequent class does not, or correlates by 0.98, or ranks two classes with an AUC of 0.97: it may be
        known only after what is to be predicted.
    """
    if column.sample is None or label.sample is None or column.filled < _LEAST_ROWS:
        return Leakage()
    if task == "regression":
        return _of_numbers(column, label) if column.is_number else Leakage()
    result = _of_classes(column, label)
    if task == "binary" and column.is_number and not result.predicts:
        return _ranking(column, label)
    return result


def _ranking(column: Column, label: Column) -> Leakage:
    """Whether the order of a column's numbers is almost that of two classes: the area under its ROC curve."""
    there = np.isfinite(column.numbers)
    assert label.sample is not None
    classes = np.asarray(label.sample.dictionary_encode().indices)[there]
    positive = classes == classes.max(initial=0)
    ones, others = int(positive.sum()), int((~positive).sum())
    if min(ones, others) < _LEAST_ROWS:
        return Leakage()
    area = float(_ranks(column.numbers[there])[positive].sum() - ones * (ones + 1) / 2.0) / (ones * others)
    area = max(area, 1.0 - area)
    return Leakage(False, bool(area >= PREDICTS_AUC), f"alone ranks the label with an AUC of {area:.3f}")


def _of_numbers(column: Column, label: Column) -> Leakage:
    both = np.isfinite(column.numbers) & np.isfinite(label.numbers)
    if both.sum() < _LEAST_ROWS:
        return Leakage()
    ours, theirs = column.numbers[both], label.numbers[both]
    correlation = max(_correlation(ours, theirs), _correlation(_ranks(ours), _ranks(theirs)))
    how = f"correlates with the label by {correlation:.4f}"
    return Leakage(correlation >= COPY_CORRELATION, correlation >= PREDICTS_CORRELATION, how)


def _correlation(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.std() == 0.0 or theirs.std() == 0.0:
        return 0.0
    return abs(float(np.corrcoef(ours, theirs)[0, 1]))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks, equal values sharing the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2.0)[places]


def _of_classes(column: Column, label: Column) -> Leakage:
    assert label.sample is not None
    classes = label.sample.dictionary_encode()
    ours, exact = _groups(column)
    theirs = np.asarray(classes.indices)
    table = np.zeros((int(ours.max()) + 1, len(classes.dictionary)), np.int64)
    np.add.at(table, (ours, theirs), 1)
    rows = table.sum()
    label_known = table.max(axis=1).sum() / rows
    column_known = table.max(axis=0).sum() / rows
    majority = table.sum(axis=0).max() / rows
    if exact and min(label_known, column_known) >= max(COPY_SHARE, majority + (1 - majority) * 0.9):
        return Leakage(True, True, f"goes with the label one to one in {label_known:.1%} of the rows")
    # Groups must be large, or each would predict its few rows by chance.
    large = rows >= 10 * len(table)
    predicts = large and (label_known - majority) >= PREDICTS_SHARE * (1 - majority)
    return Leakage(False, bool(predicts), f"alone predicts the label in {label_known:.1%} of the rows")


def _groups(column: Column) -> tuple[np.ndarray, bool]:
    """A group's number per row, and whether a group is one value; many numbers are cut into ranges."""
    assert column.sample is not None
    distinct = len(column.sample.unique())
    if not column.is_number or distinct <= _BINS:
        encoded = column.sample.dictionary_encode()
        places = np.asarray(encoded.indices.fill_null(len(encoded.dictionary)))
        return places, True
    numbers = column.numbers
    edges = np.unique(np.nanquantile(numbers[np.isfinite(numbers)], np.linspace(0, 1, _BINS + 1)[1:-1]))
    places = np.searchsorted(edges, np.nan_to_num(numbers, nan=np.inf), side="right")
    return np.where(np.isnan(numbers), len(edges) + 1, places), False
