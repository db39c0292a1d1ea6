"""What was expected and what was seen, in words and numbers, for each reason of TFDV.

TFDV's own descriptions round to "<1%" and leave out the schema's side; the statistics and the schema say both.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from millrace.base.names import nearest
from millrace.base.numbers import counted, rounded
from millrace.components.data_gate.findings import CheckedSplit
from millrace.statistics.columns import ColumnStatistics

# Said beside UNEXPECTED_DATA_TYPE of the same fact.
TYPE_DETAILS = frozenset(
    {
        "BOOL_TYPE_BYTES_NOT_INT",
        "BOOL_TYPE_FLOAT_NOT_INT",
        "BOOL_TYPE_STRING_NOT_INT",
        "ENUM_TYPE_FLOAT_NOT_STRING",
        "ENUM_TYPE_INT_NOT_STRING",
        "FLOAT_TYPE_NOT_FLOAT",
        "FLOAT_TYPE_STRING_NOT_FLOAT",
        "INT_TYPE_INT_EXPECTED",
        "INT_TYPE_NOT_INT_STRING",
        "STRING_TYPE_NOW_FLOAT",
        "STRING_TYPE_NOW_INT",
    }
)

_EXAMPLES = 3
_LIST_UP_TO = 4


class Words(NamedTuple):
    """The two columns of the table, and in how many rows it was seen."""

    expected: str
    seen: str
    rows: Optional[int] = None


@dataclass(frozen=True)
class Case:
    """One reason of one anomaly, with everything that is known about its feature.

    `feature` is None where the schema does not name it, `column` where the data does not have it.
    """

    reason: anomalies_pb2.AnomalyInfo.Reason
    path: tuple[str, ...]
    split: CheckedSplit
    schema: schema_pb2.Schema
    feature: Optional[schema_pb2.Feature]
    column: Optional[ColumnStatistics]

    @property
    def code(self) -> str:
        """The reason code; its number where this version of the proto has no name for it."""
        number = self.reason.type
        known = anomalies_pb2.AnomalyInfo.Type.values()
        return anomalies_pb2.AnomalyInfo.Type.Name(number) if number in known else f"REASON_{number}"

    @property
    def is_skew(self) -> bool:
        """Whether a comparison was with what is served, and not with earlier data."""
        return "serving" in self.reason.description


def in_words(case: Case) -> Words:
    """Words for one reason; TFDV's own description where there is nothing more to say."""
    return _WORDS_FOR.get(case.code, _described)(case) or _described(case)


def share(rows: int, of: int) -> str:
    """`1 row (0.01%)`: a number of rows and its share, never rounded down to nothing.

    Args:
        rows: how many.
        of: of how many; 0 where that is not known, and no share is given.
    """
    noun = "row" if rows == 1 else "rows"
    if not of:
        return f"{rows:,} {noun}"
    percent = 100.0 * rows / of
    return f"{rows:,} {noun} ({'<0.01' if 0 < percent < 0.005 else f'{percent:.2f}'}%)"


def values_in_rows(counts: Mapping[str, int], of: int) -> str:
    """`'Prcard' in 1 row (0.01%)`: the first few values with their rows.

    Args:
        counts: rows by value, the most frequent first.
        of: rows of the split.
    """
    phrases = [f"{value!r} in {share(rows, of)}" for value, rows in list(counts.items())[:_EXAMPLES]]
    more = len(counts) - _EXAMPLES
    return ", ".join(phrases) + (f", and {more} more" if more > 0 else "")


def one_of(names: list[str]) -> str:
    """`one of 'Cash', 'Card'`, or how many there are when they are many."""
    if len(names) > _LIST_UP_TO:
        return f"one of {len(names)} values"
    return "one of " + ", ".join(repr(name) for name in names)


def content(column: ColumnStatistics) -> str:
    """What a column holds: its type, and its range or its most frequent values."""
    if not column.filled:
        return f"{column.type} without a value"
    if column.range:
        return f"{column.type} {rounded(column.range[0])} to {rounded(column.range[1])}"
    examples = ", ".join(repr(value) for value in list(column.counts)[:_EXAMPLES])
    return f"{column.type} such as {examples}" if examples else column.type


def no_such_column(name: str, splits: Sequence[CheckedSplit], described: Collection[str]) -> str:
    """What is said of a column that is not there: the nearest that is, or that the header was not cut apart.

    Args:
        name: the column.
        splits: those that lack it.
        described: the columns that the schema names, none of which can be this one by another name; none where the
            schema does not name the column either, and the configuration is at fault.
    """
    columns = sorted({path[0] for split in splits for path in split.columns})
    whole = uncut_header(columns)
    if whole:
        return f"no such column; {whole}"
    near = nearest(name, [column for column in columns if column not in described])
    return f"no such column; there is {near[0]}{': was it renamed?' if described else ''}" if near else "no such column"


def uncut_header(columns: Sequence[str]) -> str:
    """What is said of a header that is one column since it has another delimiter; nothing where it is none."""
    if len(columns) != 1:
        return ""
    delimiter = max(";\t|,", key=columns[0].count)
    if not columns[0].count(delimiter):
        return ""
    return f"the header is one column, {columns[0][:60]!r}: is data.delimiter {delimiter!r}?"


def _described(case: Case) -> Words:
    expected = f"no {case.reason.short_description.lower()}" if case.reason.short_description else "the schema's rule"
    return Words(expected, case.reason.description.strip() or case.code)


def _strings(case: Case) -> Optional[Words]:
    domain = _string_domain(case)
    if domain is None or case.column is None:
        return None
    allowed = set(domain.value)
    excluded = {value: rows for value, rows in case.column.counts.items() if value not in allowed}
    mass = case.feature.distribution_constraints.min_domain_mass if case.feature else 1.0
    name = f"{domain.name or 'its domain'} ({len(allowed)} values)"
    expected = f"one of the domain {name}" if mass >= 1 else f"{mass:.2%} of values in the domain {name}"
    rows = sum(excluded.values())
    total = f"; {share(rows, case.split.rows)} in all" if len(excluded) > 1 else ""
    return Words(expected, values_in_rows(excluded, case.split.rows) + total, rows) if excluded else None


def _string_domain(case: Case) -> Optional[schema_pb2.StringDomain]:
    if case.feature is None:
        return None
    if case.feature.HasField("string_domain"):
        return case.feature.string_domain
    named = (domain for domain in case.schema.string_domain if domain.name == case.feature.domain)
    return next(named, None)


def _type(case: Case) -> Optional[Words]:
    if case.feature is None or case.column is None:
        return None
    wanted = schema_pb2.FeatureType.Name(case.feature.type)
    parse = {"INT": int, "FLOAT": float}.get(wanted)
    odd = {value: rows for value, rows in case.column.counts.items() if parse and not _parses(parse, value)}
    if not odd:
        return Words(wanted, content(case.column), case.column.filled)
    return Words(wanted, f"{case.column.type}: {values_in_rows(odd, case.split.rows)}", sum(odd.values()))


def _parses(parse: Callable[[str], object], value: str) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True


def _range(case: Case) -> Optional[Words]:
    if case.column is None or case.column.range is None or case.feature is None:
        return None
    low, high = case.column.range
    return Words(_limits(case), f"{rounded(low)} to {rounded(high)}")


def _limits(case: Case) -> str:
    feature = case.feature
    assert feature is not None
    if feature.HasField("bool_domain"):
        return "0 or 1"
    named = [domain for domain in (*case.schema.int_domain, *case.schema.float_domain) if domain.name == feature.domain]
    inline = feature.int_domain if feature.HasField("int_domain") else feature.float_domain
    domain = named[0] if named and feature.HasField("domain") else inline
    if domain.HasField("min") and domain.HasField("max"):
        return f"{rounded(domain.min)} to {rounded(domain.max)}"
    return f"at least {rounded(domain.min)}" if domain.HasField("min") else f"at most {rounded(domain.max)}"


def _not_finite(case: Case) -> Optional[Words]:
    nans = case.column.nans if case.column else 0
    if case.code == "FLOAT_TYPE_HAS_NAN" and nans:
        return Words("no NaN", f"NaN in {share(nans, case.split.rows)}", nans)
    return Words("finite numbers", "NaN" if case.code == "FLOAT_TYPE_HAS_NAN" else "an infinite number")


def _presence(case: Case) -> Optional[Words]:
    if case.column is None:
        described = {feature.name for feature in case.schema.feature}
        seen = no_such_column(case.path[0], [case.split], described)
        return Words("a column of this name", seen, case.split.rows)
    presence = case.feature.presence if case.feature else schema_pb2.FeaturePresence()
    least = max(presence.min_count, 1)
    wanted = f"a value in at least {least:,} row{'' if least == 1 else 's'}"
    if presence.min_fraction:
        wanted = f"a value in at least {presence.min_fraction:.2%} of rows"
    return Words(wanted, f"a value in {share(case.column.filled, case.split.rows)}", case.column.missing)


def _lengths(case: Case) -> Optional[Words]:
    if case.feature is None or case.column is None:
        return None
    common = case.column.common
    lengths = _between(int(common.min_num_values), int(common.max_num_values))
    if case.column.missing:
        return Words(
            _wanted_lengths(case.feature), f"none in {share(case.column.missing, case.split.rows)}", case.column.missing
        )
    return Words(_wanted_lengths(case.feature), f"{lengths} in a row")


def _wanted_lengths(feature: schema_pb2.Feature) -> str:
    if feature.HasField("shape"):
        size = 1
        for dim in feature.shape.dim:
            size *= dim.size
        return f"exactly {_between(size, size)} in each row"
    count = feature.value_count
    return f"{_between(int(count.min), int(count.max) if count.HasField('max') else None)} in each row"


def _between(low: int, high: Optional[int]) -> str:
    if high is None:
        return f"{low} or more values"
    return f"{low} value{'' if low == 1 else 's'}" if low == high else f"{low} to {high} values"


def _new_column(case: Case) -> Optional[Words]:
    return Words("a column that the schema names", content(case.column), case.column.filled) if case.column else None


def _unique(case: Case) -> Optional[Words]:
    if case.feature is None or case.column is None or case.code == "FEATURE_TYPE_NO_UNIQUE":
        return None
    limits = case.feature.unique_constraints
    return Words(f"{limits.min} to {limits.max} distinct values", f"{case.column.distinct:,}")


def _distance(case: Case) -> Optional[Words]:
    kind = "skew" if case.is_skew else "drift"
    usual = {
        (one.feature, one.value): one.usual
        for comparison in case.split.comparisons
        for one in comparison.distances
        if comparison.kind == kind and one.usual is not None
    }
    for info in case.split.anomalies.drift_skew_info:
        if tuple(info.path.step) != case.path:
            continue
        for measured in getattr(info, f"{kind}_measurements"):
            if measured.value > measured.threshold:
                other = "what is served" if case.is_skew else "the data before"
                chance = usual.get((".".join(case.path), measured.value))
                rows = counted(case.split.rows, "row")
                seen = f"{measured.value:.4g}" + ("" if chance is None else f", where {chance:.2g} is usual for {rows}")
                return Words(f"at most {measured.threshold:.4g} from {other}", seen)
    return None


def _size(case: Case) -> Optional[Words]:
    limits = case.schema.dataset_constraints
    low = case.code == "DATASET_LOW_NUM_EXAMPLES"
    wanted = f"at least {limits.min_examples_count:,} rows" if low else f"at most {limits.max_examples_count:,} rows"
    return Words(wanted, f"{case.split.rows:,} rows", case.split.rows)


def _rule(case: Case) -> Optional[Words]:
    """What its author wrote of it, and what the column holds."""
    said = case.reason.short_description
    return Words(said, content(case.column)) if said and case.column else None


_WORDS_FOR: dict[str, Callable[[Case], Optional[Words]]] = {
    **dict.fromkeys(("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "BOOL_TYPE_UNEXPECTED_STRING"), _strings),
    **dict.fromkeys(("UNEXPECTED_DATA_TYPE", *TYPE_DETAILS), _type),
    **dict.fromkeys(
        (
            "BOOL_TYPE_BIG_INT",
            "BOOL_TYPE_SMALL_INT",
            "BOOL_TYPE_UNEXPECTED_FLOAT",
            "INT_TYPE_BIG_INT",
            "INT_TYPE_SMALL_INT",
            "FLOAT_TYPE_BIG_FLOAT",
            "FLOAT_TYPE_SMALL_FLOAT",
        ),
        _range,
    ),
    **dict.fromkeys(("FLOAT_TYPE_HAS_NAN", "FLOAT_TYPE_HAS_INF"), _not_finite),
    **dict.fromkeys(
        (
            "SCHEMA_MISSING_COLUMN",
            "FEATURE_TYPE_NOT_PRESENT",
            "FEATURE_TYPE_LOW_FRACTION_PRESENT",
            "FEATURE_TYPE_LOW_NUMBER_PRESENT",
        ),
        _presence,
    ),
    **dict.fromkeys(
        (
            "FEATURE_TYPE_LOW_NUMBER_VALUES",
            "FEATURE_TYPE_HIGH_NUMBER_VALUES",
            "FEATURE_TYPE_NO_VALUES",
            "FEATURE_TYPE_UNEXPECTED_REPEATED",
            "INVALID_FEATURE_SHAPE",
        ),
        _lengths,
    ),
    "SCHEMA_NEW_COLUMN": _new_column,
    "CUSTOM_VALIDATION": _rule,
    **dict.fromkeys(("FEATURE_TYPE_HIGH_UNIQUE", "FEATURE_TYPE_LOW_UNIQUE"), _unique),
    **dict.fromkeys(
        (
            "COMPARATOR_L_INFTY_HIGH",
            "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
            "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
        ),
        _distance,
    ),
    **dict.fromkeys(("DATASET_LOW_NUM_EXAMPLES", "DATASET_HIGH_NUM_EXAMPLES"), _size),
}
