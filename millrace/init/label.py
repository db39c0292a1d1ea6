"""What is to be predicted: the task and the classes, from the label's values."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from millrace.base.errors import DataError
from millrace.base.names import did_you_mean
from millrace.features.label import ClassValue, Task
from millrace.init.columns import Column
from millrace.init.na_values import code_or_missing
from millrace.init.scan import ScannedTable
from millrace.init.twins import twins_of

MOST_CLASSES = 200
MOST_NUMBERED_CLASSES = 10
RARE_ROWS = 10
IMBALANCED = 0.1
_ROWS_PER_CLASS = 3
# What no output is called, and how the exported model calls what stands beside an output's predictions.
_NO_OUTPUT, _ANSWERED_BESIDE = re.compile(r"[^A-Za-z0-9]+"), re.compile(r"_(classes|labels?)$")
_LONGEST_OUTPUT = 30
_NEGATIVE = frozenset(
    [
        "0",
        "no",
        "n",
        "false",
        "f",
        "negative",
        "neg",
        "off",
        "absent",
        "none",
        "normal",
        "benign",
        "healthy",
        "ham",
        "failure",
        "fail",
        "denied",
        "rejected",
        "stay",
        "retained",
        "legit",
        "legitimate",
        "genuine",
        "valid",
        "dead",
        "died",
        "bad",
        "low",
        "-1",
    ]
)


@dataclass(frozen=True)
class LabelPlan:
    """The label.

    Attributes:
        column: its column.
        task: what is learned.
        classes: for a classification, in order of their ids; a binary label's first is the negative one.
        rows: rows of each class, in the same order.
        reason: why this task.
        doubt: what a person should decide; empty when there is nothing.
        unlabelled: rows without a value, which are left out.
        separator: what stands between the classes in a text of a multilabel column; None for lists.
    """

    column: Column
    task: Task
    classes: tuple[ClassValue, ...]
    rows: tuple[int, ...]
    reason: str
    doubt: str = ""
    unlabelled: int = 0
    separator: Optional[str] = None

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each class among the rows that have a label; of a multilabel column, among all."""
        rows = self.column.rows if self.task == "multilabel" else sum(self.rows)
        return tuple(count / rows for count in self.rows)

    @property
    def majority(self) -> float:
        """Share of the most frequent class."""
        return max(self.shares)

    @property
    def minority(self) -> float:
        """Share of the least frequent class."""
        return min(self.shares)

    @property
    def imbalanced(self) -> bool:
        """Whether a class is so rare that accuracy says little."""
        return self.task == "binary" and self.minority < IMBALANCED


def require_label(names: tuple[str, ...], label: str, where: str) -> None:
    """Requires that the label is one of the columns.

    Args:
        names: the columns' names.
        label: the name that was given.
        where: the table's first file.

    Raises:
        DataError: it is none of them; the remedy has the nearest names.
    """
    if label in names:
        return
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    remedy = f"give --label one of: {shown}{did_you_mean(label, names)}"
    raise DataError(f"there is no column {label!r}", where=where, remedy=remedy)


def plan_labels(table: ScannedTable, columns: Sequence[str]) -> dict[str, LabelPlan]:
    """Tells the task of each label.

    Args:
        table: what was seen of the data.
        columns: the labels' columns.

    Returns:
        By the name of its output, which is empty where there is one label.

    Raises:
        DataError: as `plan_label` does.
    """
    if len(columns) == 1:
        return {"": plan_label(table, columns[0])}
    plans: dict[str, LabelPlan] = {}
    for column in columns:
        name = _NO_OUTPUT.sub("_", column).strip("_")[:_LONGEST_OUTPUT]
        name = _ANSWERED_BESIDE.sub("", name)
        name = name if name[:1].isalpha() else f"output_{name}".rstrip("_")
        while name in plans:
            name += "_2"
        plans[name] = plan_label(table, column)
    return plans


def plan_label(table: ScannedTable, name: str) -> LabelPlan:
    """Tells the task.

    Args:
        table: what was seen of the data.
        name: the label's column.

    Raises:
        DataError: the label has no value, one only, or values that are neither classes nor numbers.
    """
    column = table.column(name)
    where = f"column {name}"
    if not column.filled:
        raise DataError("no row has a label", where=where, remedy="choose a column that has values")
    if column.type == "LIST":
        return _of_lists(column, where)
    if column.missing and table.source.format == "tfrecord":  # which TFX itself reads
        raise DataError(
            f"the label is missing in {column.missing:,} of {column.rows:,} rows, and no condition can leave them out",
            where=where,
            remedy="take these rows out of the data, or choose another label",
        )
    if column.distinct == 1:
        value = next(iter(column.counts or {}), "")
        rows = "1 row" if column.rows == 1 else f"{column.rows:,} rows"
        raise DataError(
            f"the label has one value only, {value!r}, in {rows}",
            where=where,
            remedy="there is nothing to tell apart: choose a label that varies, or add the rows with other values",
        )
    several = None if column.is_number else _of_separated_texts(column)
    if several:
        return replace(several, doubt="; ".join(filter(None, (column.doubt, several.doubt))))
    plan = _numbers(column, where) if column.is_number else _texts(column, where)
    mostly = "most rows have no label: is it the right column?" if column.missing > column.filled else ""
    doubts = "; ".join(filter(None, (mostly, column.doubt, plan.doubt)))
    return replace(plan, doubt=doubts, unlabelled=column.missing + table.blank_rows)


def _numbers(column: Column, where: str) -> LabelPlan:
    counts = column.counts or {}
    if column.not_finite:
        raise DataError(
            f"the label is infinite in {column.not_finite:,} rows",
            where=where,
            remedy="take these rows out of the data",
        )
    if column.whole and len(counts) == 2:
        return _classes(column, "binary", "two numbers")
    few = column.whole and 2 < len(counts) <= MOST_NUMBERED_CLASSES
    if few and column.filled >= _ROWS_PER_CLASS * len(counts):
        doubt = "classes, or amounts? For amounts: task: regression, without classes"
        return _classes(column, "multiclass", f"{len(counts)} different whole numbers", doubt)
    doubt = ""
    if column.whole and len(counts) <= MOST_CLASSES and column.filled >= 20 * max(len(counts), 1):
        doubt = f"amounts, or {len(counts)} classes? For classes: task: multiclass, with all of them in classes"
    return LabelPlan(column, "regression", (), (), f"{column.distinct:,} different numbers", doubt)


def _texts(column: Column, where: str) -> LabelPlan:
    if column.counts is None or len(column.counts) > MOST_CLASSES or column.distinct * 2 > max(column.filled, 4):
        raise DataError(
            f"the label has {column.distinct:,} different texts in {column.filled:,} rows: these are neither classes "
            "nor numbers",
            where=where,
            remedy="choose a column of numbers, or one of few different values, or group the texts",
        )
    task: Task = "binary" if len(column.counts) == 2 else "multiclass"
    texts = [str(text) for text in column.counts]
    twins = twins_of(texts)
    one_class = f"classes that {twins}. One class each? Then write it one way in the data" if twins else ""
    doubt = one_class or code_or_missing(column)
    return _classes(column, task, f"{len(column.counts)} different texts", doubt)


def _of_lists(column: Column, where: str) -> LabelPlan:
    if column.element not in ("STRING", "INT") or column.length or not column.counts:
        raise DataError(
            "the label holds lists that are no lists of classes",
            where=where,
            remedy=f"choose a column with one value per row, or lists of up to {MOST_CLASSES} texts or whole numbers",
        )
    rows: dict[ClassValue, int] = {
        int(value) if column.element == "INT" else str(value): count for value, count in column.counts.items()
    }
    return _multilabel(column, rows, None, "")


def _of_separated_texts(column: Column) -> Optional[LabelPlan]:
    """Where cells look like lists of classes: the parts of some come back in others, in fewer numbers."""
    texts = {str(text): rows for text, rows in (column.counts or Counter(column.words)).items()}
    for separator in "|;,":
        lists = [text for text in texts if separator in text]
        rows: Counter[ClassValue] = Counter()
        cells: Counter[ClassValue] = Counter()
        for text, count in texts.items():
            parts = {part.strip() for part in text.split(separator)} - {""}
            rows.update(dict.fromkeys(parts, count))
            cells.update(parts)
        if len(lists) > 1 and len(cells) < len(texts) and sum(count > 1 for count in cells.values()) > len(cells) / 2:
            one = f"one class a cell? Then task: multiclass, without separator, and each text ({lists[0]}) a class"
            return _multilabel(column, rows, separator, one) if len(rows) <= MOST_CLASSES else None
    return None


def _multilabel(column: Column, rows: Mapping[ClassValue, int], separator: Optional[str], doubt: str) -> LabelPlan:
    classes = tuple(sorted(rows, key=lambda value: (isinstance(value, str), value)))
    rare = [str(value) for value in classes if rows[value] < RARE_ROWS]
    doubts = [doubt]
    if rare:
        shown = ", ".join(rare[:5]) + (", ..." if len(rare) > 5 else "")
        doubts.insert(0, f"fewer than {RARE_ROWS} rows have {shown}: too few to learn; take them out of the classes")
    if column.missing:
        doubts.append(f"{column.missing:,} rows have none of the classes; where that means not known, leave them out")
    reason = f"{len(classes)} classes, several in a row" + (f" with {separator!r}" if separator else "")
    return LabelPlan(
        column, "multilabel", classes, tuple(rows[value] for value in classes), reason,
        "; ".join(filter(None, doubts)), separator=separator,
    )  # fmt: skip


def _classes(column: Column, task: Task, reason: str, doubt: str = "") -> LabelPlan:
    counts: dict[ClassValue, int] = {
        int(value) if isinstance(value, (int, float)) else str(value): rows
        for value, rows in (column.counts or {}).items()
    }
    classes = sorted(counts, key=lambda value: (isinstance(value, str), value))
    if task == "binary" and _is_negative(classes[1], classes[0], counts):
        classes.reverse()
    rare = [str(value) for value in classes if counts[value] < RARE_ROWS]
    if rare:
        shown = ", ".join(rare[:5]) + (", ..." if len(rare) > 5 else "")
        doubt = f"fewer than {RARE_ROWS} rows have {shown}: too few to learn; group or drop them" + (
            f". {doubt}" if doubt else ""
        )
    return LabelPlan(column, task, tuple(classes), tuple(counts[value] for value in classes), reason, doubt)


def _is_negative(second: ClassValue, first: ClassValue, counts: dict[ClassValue, int]) -> bool:
    """Whether the second of two classes is the negative one: by its name, else the more frequent; of numbers, never."""
    if not isinstance(first, str):
        return False
    named = [str(value).lower().strip() for value in (first, second)]
    words = [
        name in _NEGATIVE or name.startswith(("not ", "not_", "no ", "no_", "non-", "non ", "un", "<", "≤"))
        for name in named
    ]
    if words[0] != words[1]:
        return words[1]
    return counts[second] > counts[first]
