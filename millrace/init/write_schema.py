"""Writes `schema/NAME/schema.pbtxt`: what the table is held to from now on, and never less than the table itself."""

from collections.abc import Iterator, Sequence

from google.protobuf import text_format

from millrace.base.numbers import exact
from millrace.features.description import Categorical, Hashed
from millrace.init.columns import Column
from millrace.init.decisions import Decision
from millrace.init.scan import ScannedTable
from millrace.statistics.presence import lowest_share

LARGEST_DOMAIN = 50
"""Most values that are listed as a domain."""
_TYPES = {"INT": "INT", "FLOAT": "FLOAT", "STRING": "BYTES", "EMPTY": "BYTES"}
_SURE_ROWS = 30
_LIMITED_ROWS = 100
_LEAST_SPLIT = 0.15  # of the rows: a share's chance is reckoned for a split of this size, whatever the splits are

_HEAD = """\
# The contract that the rows of {name} are held to, before anything is learned from them.
#
# Format: tensorflow.metadata.v0.Schema, as TFDV, Transform and StatisticsGen read it. It was written by `millrace init`
# from {seen}. Edit it, then run again: DataGate stops a run whose data breaks it.
#
# How to read a feature:
#   presence     {{min_fraction: 1 min_count: 1}}  a value in every row.
#                {{min_fraction: 0.8 ...}}         a value in 8 of 10 rows. The floors lie below what was seen, with
#                                              room for chance and for some more that are empty: raise them as you like.
#                {{min_count: 1}}                  a value in some row.
#   shape        {{dim {{size: 1}}}}                 exactly one value in each row.
#   value_count  {{min: 0 max: 1}}                 a value or nothing; without max, a list of any length.
#   domain       what a value may be: what was seen. Widen it where the world is wider.
# There are no drift and skew comparators yet: their limits depend on how far apart two good sets of rows lie."""


def schema_text(name: str, table: ScannedTable, decisions: Sequence[Decision]) -> str:
    """The schema in text format.

    Args:
        name: the pipeline's name.
        table: what was seen of the data; what was not looked at must not be held against it.
        decisions: one per column, in the files' order.
    """
    rows = f"{table.rows:,} rows" if table.complete else f"{table.rows_read:,} of about {table.rows:,} rows"
    parts = [_HEAD.format(name=name, seen=rows)]
    parts.append('default_environment: "TRAINING"\ndefault_environment: "SERVING"')
    described = [decision for decision in decisions if decision.column.type != "EMPTY"]
    parts += [_feature(decision, table) for decision in described]
    for decision in decisions:
        if _listed(decision, table.complete):
            values = [f"  value: {_string(value)}" for value in sorted(map(str, decision.column.counts or ()))]
            parts.append("\n".join(["string_domain {", f"  name: {_string(decision.column.name)}", *values, "}"]))
    return "\n\n".join(parts) + "\n"


def _feature(decision: Decision, table: ScannedTable) -> str:
    column, complete = decision.column, table.complete
    use = "" if decision.use == "feature" else f" ({decision.use})"
    comment = f"# {decision.kind}{use}: {decision.reason}"
    lines = ["".join(character if character.isprintable() else " " for character in comment), "feature {"]
    lines += [f"  name: {_string(column.name)}", f"  type: {_TYPES[column.element or column.type]}"]
    lines += [f"  {line}" for line in _presence(decision, table)]
    lines += [f"  {line}" for line in _limits(decision, complete)]
    if not decision.known_when_serving:
        lines.append('  not_in_environment: "SERVING"')
    return "\n".join([*lines, "}"])


def _presence(decision: Decision, table: ScannedTable) -> Iterator[str]:
    """A column that nobody reads may go away; one that is seldom filled may be empty in a split."""
    column = decision.column
    filled = column.filled - column.not_finite
    always = table.complete and filled == column.rows
    floor = exact(lowest_share(filled, column.rows, table.rows * _LEAST_SPLIT))
    seldom = f"presence {{ min_fraction: {floor} min_count: 1 }}" if floor != "0" else "presence { min_count: 1 }"
    if column.type == "LIST":
        if decision.use == "feature" and always and column.length:
            yield "presence { min_fraction: 1 min_count: 1 }"
            yield f"shape {{ dim {{ size: {column.length} }} }}"
        elif decision.use in ("feature", "label"):
            yield seldom
            yield "value_count { min: 0 }"
    elif decision.use == "left out":
        yield "value_count { min: 0 max: 1 }"
    elif (decision.use == "label" and decision.kind != "multilabel") or always:
        yield "presence { min_fraction: 1 min_count: 1 }"
        yield "shape { dim { size: 1 } }"
    else:
        if column.filled >= _SURE_ROWS:
            yield seldom
        yield "value_count { min: 0 max: 1 }"


def _limits(decision: Decision, complete: bool) -> Iterator[str]:
    column = decision.column
    if column.type == "STRING":
        if _listed(decision, complete):
            yield f"domain: {_string(column.name)}"
        return
    if column.type == "LIST" or decision.use == "left out":
        return
    if column.type == "INT" and decision.kind in ("boolean", "flag", "binary", "multiclass") and complete:
        yield f"int_domain {{ min: {column.low:.0f} max: {column.high:.0f} is_categorical: true }}"
    elif column.type == "INT" and decision.limits:
        yield f"int_domain {{ min: {decision.limits[0]} max: {decision.limits[1]} is_categorical: true }}"
    elif column.type == "INT" and isinstance(decision.feature, (Categorical, Hashed)):
        # What was seen is no promise: the next year, store or visit may have a higher number.
        yield "int_domain { is_categorical: true }"
    elif column.type == "INT" and _never_negative(column, complete):
        yield "int_domain { min: 0 }"
    elif column.type == "FLOAT":
        limits = ["min: 0"] if _never_negative(column, complete) else []
        if complete and not column.not_finite:
            limits += ["disallow_nan: true", "disallow_inf: true"]
        if limits:
            yield f"float_domain {{ {' '.join(limits)} }}"


def _never_negative(column: Column, complete: bool) -> bool:
    """Amounts and counts; of a split without a value TFDV takes the smallest to be 0, which fits."""
    return complete and column.exact and column.low >= 0.0 and column.filled >= _LIMITED_ROWS


def _listed(decision: Decision, complete: bool) -> bool:
    """Whether a column's values are listed: all of them are known and few, and a person could say what is missing."""
    column = decision.column
    if column.type != "STRING" or column.counts is None:
        return False
    if decision.use == "label":
        return decision.kind != "multilabel"  # other classes may stand together in the next rows
    listable = decision.kind in ("category", "boolean", "flag") and len(column.counts) <= LARGEST_DOMAIN
    return complete and decision.use == "feature" and listable


def _string(value: str) -> str:
    return f'"{text_format.text_encoding.CEscape(value, as_utf8=True)}"'
