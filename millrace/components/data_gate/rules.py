"""What TFDV does not ask: whether a model can be learned from these splits, by this label and these features.

Each rule has a reason code of its own, in `policy.OWN`. A rule that explains others ends the search: of an empty table
only that is said.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional, Union

from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.numbers import counted, rounded
from millrace.components.data_gate.findings import CheckedSplit, Finding
from millrace.components.data_gate.wording import content, no_such_column, one_of, share, uncut_header, values_in_rows
from millrace.features.label import AnyLabel, Output
from millrace.statistics.columns import ColumnStatistics

NEEDED_SPLITS = ("train", "eval")

# Transform parses none of these (tfx_bsl.tfxio.tensor_representation_util).
_NOT_PARSED = frozenset(
    schema_pb2.LifecycleStage.Value(name)
    for name in ("DEPRECATED", "DISABLED", "PLANNED", "ALPHA", "DEBUG_ONLY", "VALIDATION_DERIVED")
)


@dataclass(frozen=True)
class Use:
    """What the model makes of the data: the label of each output, the columns that features read, and the weight's."""

    labels: tuple[Output, ...]
    features: tuple[str, ...]
    weight: str = ""

    @classmethod
    def of(cls, label: AnyLabel, feature_columns: Sequence[str]) -> "Use":
        """From the label and the columns that features read."""
        return cls(tuple(label.by_output().values()), tuple(feature_columns), label.weight or "")


def own_findings(splits: Sequence[CheckedSplit], schema: schema_pb2.Schema, use: Use) -> list[Finding]:
    """Everything that keeps a model from being learned.

    Args:
        splits: every split there is.
        schema: the schema in use.
        use: what the model makes of the data.

    Returns:
        Findings with `action` still at its default; the gate decides.
    """
    if not any(split.rows for split in splits):
        names = ", ".join(split.name for split in splits) or "no split"
        return [Finding("", names, "DATA_EMPTY", "rows to learn from", "0 rows", 0)]
    findings = list(_splits(splits))
    filled = [split for split in splits if split.rows]
    foreign = _foreign_schema(filled, schema)
    if foreign:
        return [*findings, foreign]
    stages = {feature.name: feature.lifecycle_stage for feature in schema.feature}
    for label in use.labels:
        findings += _unnamed(label.column, stages, filled, "LABEL_NOT_IN_SCHEMA")
    for name in use.features:
        findings += _unnamed(name, stages, filled, "FEATURE_NOT_IN_SCHEMA")
    findings += [finding for label in use.labels for split in filled for finding in _label(split, label)]
    if use.weight:
        findings += _unnamed(use.weight, stages, filled, "WEIGHT_NOT_IN_SCHEMA")
        findings += [finding for split in filled for finding in _weight(split, use.weight)]
    findings += [finding for name in use.features for finding in _feature(name, filled)]
    return findings


def _splits(splits: Sequence[CheckedSplit]) -> Iterator[Finding]:
    names = [split.name for split in splits]
    for name in NEEDED_SPLITS:
        if name not in names:
            yield Finding("", name, "SPLIT_MISSING", f"a split named {name}", f"only {', '.join(names)}")
    for split in splits:
        if not split.rows:
            yield Finding("", split.name, "SPLIT_EMPTY", "at least 1 row", "0 rows", 0)


def _foreign_schema(filled: Sequence[CheckedSplit], schema: schema_pb2.Schema) -> Optional[Finding]:
    named = {feature.name for feature in schema.feature}
    columns = sorted({path[0] for split in filled for path in split.columns})
    if named.intersection(columns):
        return None
    wanted = ", ".join(sorted(named)[:3]) or "nothing"
    seen = ", ".join(columns[:3]) + (", ..." if len(columns) > 3 else "")
    return Finding(
        "",
        ", ".join(split.name for split in filled),
        "SCHEMA_MATCHES_NOTHING",
        f"columns that the schema names: {wanted}{', ...' if len(named) > 3 else ''}",
        uncut_header(columns) or seen,
    )


def _unnamed(name: str, stages: Mapping[str, int], filled: Sequence[CheckedSplit], reason: str) -> Iterator[Finding]:
    """What the schema does not describe, or at a stage (by name, of all that it describes) that nothing reads."""
    if name in stages and stages[name] not in _NOT_PARSED:
        return
    expected = "a lifecycle stage that is parsed" if name in stages else "an entry in the schema"
    for split in filled:
        column = split.column(name)
        if column is not None:
            yield Finding(name, split.name, reason, expected, content(column), column.filled)


def _label(split: CheckedSplit, label: Output) -> Iterator[Finding]:
    column = split.column(label.column)
    if column is None:
        seen = no_such_column(label.column, [split], ())
        yield Finding(label.column, split.name, "LABEL_COLUMN_MISSING", "the label's column", seen, split.rows)
        return
    if column.missing and label.task != "multilabel":
        seen = f"none in {share(column.missing, split.rows)}"
        yield Finding(label.column, split.name, "LABEL_VALUES_MISSING", "a label in each row", seen, column.missing)
    if column.filled:
        rule = {"regression": _number, "multilabel": _any_class}.get(label.task, _classes)
        yield from rule(split, column, label)


def _weight(split: CheckedSplit, name: str) -> Iterator[Finding]:
    column = split.column(name)
    if column is None:
        seen = no_such_column(name, [split], ())
        yield Finding(name, split.name, "WEIGHT_COLUMN_MISSING", "the weight's column", seen, split.rows)
        return
    if column.missing:
        seen = f"none in {share(column.missing, split.rows)}"
        yield Finding(name, split.name, "WEIGHT_VALUES_MISSING", "a weight in each row", seen, column.missing)
    if column.filled and column.range is None:
        yield Finding(name, split.name, "WEIGHT_NOT_NUMERIC", "a number", content(column), column.filled)
    elif column.range and column.range[0] < 0:
        below = column.outside(0.0, math.inf)
        seen = f"{rounded(column.range[0])} is the least, in at most {counted(below, 'row')} it is below 0"
        yield Finding(name, split.name, "WEIGHT_BELOW_ZERO", "0 or more", seen, below)
    elif column.range and column.range[1] == 0:
        yield Finding(name, split.name, "WEIGHT_BELOW_ZERO", "a weight above 0", "only 0", column.filled)


def _number(split: CheckedSplit, column: ColumnStatistics, label: Output) -> Iterator[Finding]:
    if column.range is None:
        yield Finding(label.column, split.name, "LABEL_NOT_NUMERIC", "a number", content(column), column.filled)
    elif column.range[0] == column.range[1]:
        seen = f"only {rounded(column.range[0])}"
        yield Finding(label.column, split.name, "LABEL_CONSTANT", "more than one value", seen, column.filled)


def _any_class(split: CheckedSplit, column: ColumnStatistics, label: Output) -> Iterator[Finding]:
    """Values that are no class are passed over, as long as some are."""
    known = {str(value) for value in label.classes}
    if column.range is None and not known & set(class_rows(column, label)):
        wanted = f"some of {', '.join(sorted(known)[:5])}"
        yield Finding(label.column, split.name, "LABEL_CLASS_UNEXPECTED", wanted, content(column), column.filled)


def class_rows(column: ColumnStatistics, label: Output) -> dict[str, int]:
    """How often each value of a multilabel column is there, of those values and texts that TFDV counted."""
    rows: dict[str, int] = {}
    for text, count in column.counts.items():
        for value in {part.strip() for part in (text.split(label.separator) if label.separator else [text])}:
            rows[value] = rows.get(value, 0) + count
    return rows


def _classes(split: CheckedSplit, column: ColumnStatistics, label: Output) -> Iterator[Finding]:
    """Classes of a string column are counted; of a numeric column only the smallest and the largest value are known."""
    wanted = one_of([str(value) for value in label.classes])
    if column.range is None:
        known = {str(value) for value in label.classes}
        other = {value: rows for value, rows in column.counts.items() if value not in known}
        if other:
            seen = values_in_rows(other, split.rows)
            yield Finding(label.column, split.name, "LABEL_CLASS_UNEXPECTED", wanted, seen, sum(other.values()))
        single = next(iter(column.counts), None) if column.distinct == 1 else None
    else:
        low, high = column.range
        numbers = [_as_number(value) for value in label.classes]
        if not {low, high} <= set(numbers):
            seen = content(column)
            yield Finding(label.column, split.name, "LABEL_CLASS_UNEXPECTED", wanted, seen)
        single = rounded(low) if low == high else None
    if single is not None:
        seen = f"only {single!r}" if column.range is None else f"only {single}"
        yield Finding(label.column, split.name, "LABEL_SINGLE_CLASS", "two classes or more", seen, column.filled)


def _as_number(value: Union[int, str]) -> Optional[float]:
    try:
        return float(value)
    except ValueError:
        return None


def _feature(name: str, filled: Sequence[CheckedSplit]) -> Iterator[Finding]:
    """A column absent from one split only has no value there: nothing wrote it down."""
    held = {split.name: column for split in filled if (column := split.column(name)) is not None}
    if not held:
        seen = no_such_column(name, filled, ())
        for split in filled:
            yield Finding(name, split.name, "FEATURE_COLUMN_MISSING", "a column of this name", seen, split.rows)
        return
    filled_in = {split_name for split_name, column in held.items() if column.filled}
    for split in filled:
        if split.name in filled_in:
            continue
        useless = split.name == "train" or not filled_in
        reason = "FEATURE_ALL_MISSING" if useless else "FEATURE_EMPTY_IN_SPLIT"
        yield Finding(name, split.name, reason, "a value in some row", "none in any row", split.rows)
