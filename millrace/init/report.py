"""What `millrace init` reports: the table of decisions, and what it saw of the table, in plain rows and sentences."""

import difflib
from collections import Counter

from millrace.base.numbers import counted
from millrace.init.columns import short
from millrace.init.decisions import Decision
from millrace.init.defaults import weights_doubt
from millrace.init.label import LabelPlan
from millrace.init.plan import NewPipeline
from millrace.init.splits import splits_doubts

HEADS = ("column", "kind", "missing", "distinct", "decision", "reason")
NUMBERS = ("missing", "distinct")
SHORT = 60
"""Most columns that are listed one by one; of wider tables, only what is not a plain feature."""
MOST_ASKED = 20
_LONGEST_NAME = 40


def rows(plan: NewPipeline) -> list[tuple[str, ...]]:
    """One row per column, under `HEADS`; plain features of a wide table are summed up by kind."""
    if len(plan.decisions) <= SHORT:
        return [_row(decision) for decision in plan.decisions]
    special = [decision for decision in plan.decisions if decision.use != "feature" or decision.doubt]
    special.sort(key=lambda decision: decision.use != "label")
    plain = Counter(decision.kind for decision in plan.decisions if decision.use == "feature" and not decision.doubt)
    shown = [_row(decision) for decision in special[:SHORT]]
    if len(special) > SHORT:
        shown.append((f"and {len(special) - SHORT} more", "", "", "", "", "see the comments of the configuration"))
    return shown + [(counted(count, "column"), kind, "", "", "feature", "") for kind, count in plain.most_common()]


def _row(decision: Decision) -> tuple[str, ...]:
    column = decision.column
    name = column.name if len(column.name) <= _LONGEST_NAME else column.name[: _LONGEST_NAME - 3] + "..."
    missing = f"{column.missing / column.rows:.1%}" if column.missing else ""
    if column.na_values:
        missing += f" ({' '.join(map(short, column.na_values))})"
    distinct = "" if column.length else f"{'' if column.counts is not None else '~'}{column.distinct:,}"
    return (name, decision.kind, missing, distinct, decision.use, decision.reason)


def summary(plan: NewPipeline) -> list[str]:
    """What was looked at, and what is to be learned, a sentence each."""
    table = plan.table
    files = table.source.files
    where = files[0].name if len(files) == 1 else f"{len(files)} files in {table.source.folder.name}"
    lines = [f"{where}: {table.rows:,} rows, {len(table.columns)} columns"]
    if not table.complete:
        lines[0] = (
            f"{where}: about {table.rows:,} rows, {len(table.columns)} columns; {table.rows_read:,} rows were read, in "
            "parts that lie evenly in it, so what is rare may not have been seen"
        )
    notes = []
    if table.dialect and table.dialect.delimiter != ",":
        notes.append(f"the delimiter is {table.dialect.delimiter!r}")
    if table.dialect and table.dialect.header_line != 1:
        line = table.dialect.header_line
        notes.append(f"line {line} names the columns" if line else "no line names the columns")
    if table.missing:
        notes.append(f"{' '.join(repr(short(text)) for text in table.missing)} stands for a missing value")
    if table.stray_spaces:
        notes.append("spaces around values are taken away")
    if notes:
        lines.append("; ".join(notes))
    for output, label in plan.labels.items():
        weighted = bool(weights_doubt(list(plan.labels.values())))
        lines.append(f"{label.column.name!r} is a {label.task} label{_classes(label, weighted)}")
        if label.unlabelled:
            rows = label.column.rows + table.blank_rows
            lines.append(f"{label.unlabelled:,} of {rows:,} rows have no label and are left out")
        without = plan.without_model[output]
        lines.append(f"without a model: {without.words}")
        if without.doubt:
            lines.append(without.doubt)
    if table.rows < 100:
        lines.append(f"{table.rows} rows are few: about {table.rows // 3} of them judge the model, and luck has a say")
    return lines


def _classes(label: LabelPlan, weighted: bool) -> str:
    if not label.classes:
        return f": {label.reason}"
    shares = [f"{value} {share:.1%}" for value, share in zip(label.classes, label.shares, strict=True)]
    shown = ", ".join(shares[:6]) + (f", and {len(shares) - 6} more" if len(shares) > 6 else "")
    imbalance = "; the classes are far from equal: the rare one is given more weight" if weighted else ""
    return f": {shown}{imbalance}"


def changes(before: str, after: str) -> list[str]:
    """What changes between two texts, in words: how many lines come and go.

    Args:
        before: the text that is there; empty when there is none.
        after: the text that would be written.

    Returns:
        A phrase per kind of change, such as "3 lines come"; none where the texts are equal.
    """
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    added = removed = 0
    for what, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if what != "equal":
            removed += old_end - old_start
            added += new_end - new_start
    counted = ((removed, "goes", "go"), (added, "comes", "come"))
    return [f"1 line {one}" if count == 1 else f"{count} lines {many}" for count, one, many in counted if count]


def questions(plan: NewPipeline) -> list[str]:
    """What a person should decide, a sentence a column and a key; of very many columns the first.

    The thresholds, which always are to be decided, are not among them.
    """
    asked = [f"{decision.column.name}: {decision.doubt}" for decision in plan.decisions if decision.doubt]
    more = [f"and {len(asked) - MOST_ASKED} more"] if len(asked) > MOST_ASKED else []
    of_splits = [f"data.splits: {doubt}" for doubt in splits_doubts(plan.decisions, plan.table.rows)]
    of_weights = [f"training.class_weights: {doubt}" for doubt in [weights_doubt(list(plan.labels.values()))] if doubt]
    return [*asked[:MOST_ASKED], *more, *of_splits, *of_weights]
