"""Target leakage: a single column that is a copy of the label, or that alone predicts it almost without error.

Its values may give the label away, and so may whether it has one: what is noted once the outcome is known is empty
before.
"""

from dataclasses import dataclass, replace

import numpy as np

from millrace.features.label import Task
from millrace.init.columns import Column

COPY_SHARE = 0.99
COPY_CORRELATION = 0.999
PREDICTS_SHARE = 0.99
PREDICTS_CORRELATION = 0.98
PREDICTS_AUC = 0.97
_LEAST_ROWS = 10
_BINS = 50
_CUT = 0.01
COMMON_SHARE = 0.5
"""The share of rows from which on a value is what most rows have, such as 0 where nothing was recovered."""


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
    """Compares a column with the label on the sample's rows: whether it has a value, then its values.

    Args:
        column: any column.
        label: the label's column.
        task: what is learned.

    Returns:
        `is_copy` when one value goes with one class and the other way round in 99 of 100 rows, or when two numbers
        correlate by 0.999, by rank or, without the rows at their ends, by size. `predicts` when the column alone gives
        the class in 99 of 100 rows that the most frequent class does not, or correlates by 0.98, or ranks two classes
        with an AUC of 0.97, or differs from what most rows have in rows of one class only: it may be known only after
        what is to be predicted. Whether it is filled is held to the same, for one class against the rest where there
        are several.
    """
    if column.sample is None or label.sample is None or label.type == "LIST" or column.filled < _LEAST_ROWS:
        return Leakage()
    if label.sample.null_count:
        # Rows without a label are left out.
        labelled = label.sample.is_valid()
        column = replace(column, sample=column.sample.filter(labelled))
        label = replace(label, sample=label.sample.filter(labelled))
    assert column.sample is not None and label.sample is not None
    filled = _of_presence(column, label, task)
    if filled.predicts or column.type == "LIST":
        return filled
    if task == "regression":
        return _of_numbers(column.numbers, label.numbers) if column.is_number else Leakage()
    groups, exact = _groups(column)
    classes = label.sample.dictionary_encode()
    result = _of_classes(groups, exact, np.asarray(classes.indices))
    if result.predicts:
        return result
    one_class = _of_one_class(column, np.asarray(classes.indices), classes.dictionary.to_pylist())
    if one_class.predicts or task != "binary":
        return one_class
    positive = np.asarray(classes.indices) == 1
    if column.is_number:
        there = np.isfinite(column.numbers)
        return _ranking(column.numbers[there], positive[there])
    # By the share of the positive class of each value: fair where the values are few and none is rare by chance.
    ones = np.bincount(groups, positive)
    if min(ones.sum(), len(positive) - ones.sum()) >= _LEAST_ROWS * len(ones):
        return _ranking((ones / np.maximum(np.bincount(groups), 1))[groups], positive)
    return result


def _of_presence(column: Column, label: Column, task: Task) -> Leakage:
    """Whether it is enough to know that a row has a value, as of a date on which somebody left."""
    assert column.sample is not None and label.sample is not None
    filled = np.asarray(column.sample.is_valid())
    if min(filled.sum(), (~filled).sum()) < _LEAST_ROWS:
        return Leakage()
    values = label.sample.dictionary_encode()
    theirs = np.asarray(values.indices)
    if task == "binary":
        result = _of_filled(filled, theirs == 1)
        return replace(result, how=f"whether it is filled {result.how}")
    if task == "regression":
        result = _of_numbers(filled.astype(np.float64), label.numbers)
        if result.predicts:
            return replace(result, how=f"whether it is filled {result.how}")
    # One value against the rest; of amounts the most frequent one, such as 0 where nothing was paid.
    rows = np.bincount(theirs)
    candidates = rows >= _LEAST_ROWS if task == "multiclass" else np.arange(len(rows)) == rows.argmax()
    inside = np.bincount(theirs, filled)
    apart = np.abs(inside / rows - (filled.sum() - inside) / np.maximum(len(filled) - rows, 1))
    place = int(np.where(candidates, apart, -1.0).argmax())
    result = _of_filled(filled, theirs == place)
    value = values.dictionary[place].as_py()
    shown = f"{value:g}" if isinstance(value, float) else value
    how = result.how.replace("the label", f"whether the label is {shown}")
    return Leakage(False, result.predicts, f"whether it is filled {how}")


def _of_one_class(column: Column, classes: np.ndarray, names: list) -> Leakage:
    """Whether a value other than the one that most rows have goes with one class only, as what came back of a loan."""
    assert column.sample is not None
    values = column.sample.dictionary_encode()
    if not len(values.dictionary):
        return Leakage()
    places = np.asarray(values.indices.fill_null(len(values.dictionary)))
    rows = np.bincount(places)
    common = int(rows.argmax())
    others = classes[places != common]
    if rows[common] < COMMON_SHARE * len(places) or len(others) < _LEAST_ROWS or common == len(values.dictionary):
        return Leakage()
    inside, all_rows = np.bincount(others, minlength=len(names)), np.bincount(classes, minlength=len(names))
    place = int(inside.argmax())
    purity, share = inside[place] / len(others), all_rows[place] / len(classes)
    # By chance so many rows of one class stand together about never, if the class is not nearly all there is.
    if purity < PREDICTS_SHARE or share > COMMON_SHARE or inside[place] < COMMON_SHARE * all_rows[place]:
        return Leakage()
    shown = values.dictionary[common].as_py()
    shown = f"{shown:g}" if isinstance(shown, float) else shown
    name = f"{names[place]:g}" if isinstance(names[place], float) else names[place]
    how = f"is other than {shown} where the label is {name}, and seldom else ({purity:.1%} of {len(others):,} rows)"
    return Leakage(False, True, how)


def _of_filled(filled: np.ndarray, positive: np.ndarray) -> Leakage:
    result = _of_classes(filled.astype(np.int64), True, positive.astype(np.int64))
    return result if result.predicts else _ranking(filled.astype(np.float64), positive)


def _ranking(values: np.ndarray, positive: np.ndarray) -> Leakage:
    """Whether the order of numbers is almost that of two classes: the area under its ROC curve."""
    ones, others = int(positive.sum()), int((~positive).sum())
    if min(ones, others) < _LEAST_ROWS:
        return Leakage()
    area = float(_ranks(values)[positive].sum() - ones * (ones + 1) / 2.0) / (ones * others)
    area = max(area, 1.0 - area)
    return Leakage(False, bool(area >= PREDICTS_AUC), f"alone ranks the label with an AUC of {area:.3f}")


def _of_numbers(ours: np.ndarray, theirs: np.ndarray) -> Leakage:
    both = np.isfinite(ours) & np.isfinite(theirs)
    if both.sum() < _LEAST_ROWS:
        return Leakage()
    ours, theirs = ours[both], theirs[both]
    # One row that is far out in both would correlate anything by size: its ends are cut off, and ranks have none.
    inner = _within_quantiles(ours) & _within_quantiles(theirs)
    by_size = _correlation(ours[inner], theirs[inner]) if inner.sum() >= _LEAST_ROWS else 0.0
    correlation = max(by_size, _correlation(_ranks(ours), _ranks(theirs)))
    how = f"correlates with the label by {correlation:.4f}"
    return Leakage(correlation >= COPY_CORRELATION, correlation >= PREDICTS_CORRELATION, how)


def _within_quantiles(values: np.ndarray) -> np.ndarray:
    low, high = np.quantile(values, [_CUT, 1.0 - _CUT], method="nearest")
    return (values >= low) & (values <= high) if low < high else np.ones(len(values), bool)


def _correlation(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.std() == 0.0 or theirs.std() == 0.0:
        return 0.0
    return abs(float(np.corrcoef(ours, theirs)[0, 1]))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks, equal values sharing the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2.0)[places]


def _of_classes(ours: np.ndarray, exact: bool, theirs: np.ndarray) -> Leakage:
    table = np.zeros((int(ours.max()) + 1, int(theirs.max()) + 1), np.int64)
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
