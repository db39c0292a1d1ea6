"""What is to be predicted: the task and the classes, from the label's values."""

from collections import Counter
from dataclasses import dataclass, replace

from millrace.base.errors import DataError
from millrace.base.names import did_you_mean
from millrace.features.description import ClassValue, Task
from millrace.init.columns import Column
from millrace.init.na_values import code_or_missing
from millrace.init.scan import ScannedTable
from millrace.init.twins import twins_of

MOST_CLASSES = 200
MOST_NUMBERED_CLASSES = 10
RARE_ROWS = 10
IMBALANCED = 0.1
_ROWS_PER_CLASS = 3
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
    """

    column: Column
    task: Task
    classes: tuple[ClassValue, ...]
    rows: tuple[int, ...]
    reason: str
    doubt: str = ""
    unlabelled: int = 0

    @property
    def majority(self) -> float:
        """Share of the most frequent class."""
        return max(self.rows) / sum(self.rows)

    @property
    def minority(self) -> float:
        """Share of the least frequent class."""
        return min(self.rows) / sum(self.rows)

    @property
    def imbalanced(self) -> bool:
        """Whether a class is so rare that accuracy says little."""
        return bool(self.classes) and self.minority < IMBALANCED and len(self.classes) == 2


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
    if column.type == "LIST":
        raise DataError("the label holds lists", where=where, remedy="choose a column with one value per row")
    if not column.filled:
        raise DataError("no row has a label", where=where, remedy="choose a column that has values")
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
    doubt = _several_labels(texts) or one_class or code_or_missing(column)
    return _classes(column, task, f"{len(column.counts)} different texts", doubt)


def _several_labels(texts: list[str]) -> str:
    """What to decide where cells look like lists of labels: the parts of some come back in others, in fewer numbers."""
    for separator in "|;,":
        lists = [text for text in texts if separator in text]
        parts = Counter(part.strip() for text in texts for part in text.split(separator))
        if len(lists) > 1 and len(parts) < len(texts) and sum(count > 1 for count in parts.values()) > len(parts) / 2:
            return (
                f"several labels in one cell ({lists[0]})? That is not supported yet, and each text is a class of its "
                "own here: for labels of their own, make a column of 0 and 1 of each, and a pipeline for each"
            )
    return ""


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
