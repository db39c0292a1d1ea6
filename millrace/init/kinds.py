"""Decides what each column is, whether it can be a feature, and why: the rules, from the surest to the weakest."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Optional

import numpy as np

from millrace.features.description import (
    Bag,
    Categorical,
    Feature,
    Hashed,
    Image,
    Numeric,
    SequenceFeature,
    Text,
    Vector,
)
from millrace.features.expression import reference
from millrace.init.columns import Column, short
from millrace.init.dates import find_date
from millrace.init.decisions import Decision
from millrace.init.jumps import jumps
from millrace.init.label import LabelPlan
from millrace.init.leakage import leakage
from millrace.init.na_values import code_or_missing
from millrace.init.names import CALENDAR, phrase_of
from millrace.init.sums import parts_of
from millrace.init.twins import twins_of

ONE_HOT = 50
"""Most distinct values that are given an input each; more are embedded."""
VOCABULARY = 1_000
"""Most distinct values that are learned as a vocabulary; more are hashed."""
FEW_INTEGERS = 20
"""Most distinct whole numbers that are taken for categories, when each occurs often."""
FEW_STEPS = 12
"""Most distinct whole numbers without a gap that are taken for categories: more are rather a scale."""
ROWS_PER_VALUE = 10
FREE_KEY = 0.5
"""Distinct values per row from which on a column is a key, not a category."""
COMES_AGAIN = 0.05
"""Distinct values per row from which on a key names few rows each, and not one of a fixed number of places."""
ALMOST_EMPTY = 0.001
_TEXT_WORDS = 4.0
_SKEWED = 2.0
_FEWEST_COUNTS = 4
_GAPLESS = 0.95
_LONGEST_LIST = 256
_SEPARATORS = ("|", ";", ",", "/")
_SEVERAL, _LOOKED_AT = 0.2, 5_000
_HIGHEST_BUCKETS = 10_000
_BOOLEANS = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"on", "off"}, {"0", "1"})
_EMAIL = "an e-mail address"
_PERSONAL = "personal data? data.leave_out keeps it out of every artifact; then take it out of the schema too"
_SHAPES = (
    (r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", "a UUID"),
    (r"[^@\s]+@[^@\s]+\.[^@\s]+", _EMAIL),
    (r"(?:https?|ftp)://\S+", "a web address"),
    (r"[0-9a-fA-F]{16,}", "a hash or random key"),
    (r"\d{1,3}(?:\.\d{1,3}){3}", "an IP address"),
)

# What pandas and R call the numbers of rows, which they write into a file; a nameless column is called by its place.
_NAMELESS = re.compile(r"(?:Unnamed: ?\d+|column_\d+|index|level_0|X|rownames|row_?names|\.\.\.\d+)(?:\.\d+)?")

Rule = Callable[[Column, LabelPlan], Optional[Decision]]


def decide_all(columns: Sequence[Column], labels: Sequence[LabelPlan]) -> tuple[Decision, ...]:
    """Decides about every column of a table, and looks at what only several of them together give away."""
    decisions = [
        decide(column, labels[0]) if len(labels) == 1 else _beside_several(column, labels) for column in columns
    ]
    used = [decision.column for decision in decisions if decision.use == "feature"]
    for label in labels:
        if label.task == "regression":
            parts, equation = parts_of(label.column, used)
            leaks = f"{equation}: are all of these known before the label is? Else take out what is not"
            decisions = [
                replace(decision, doubt="; ".join(filter(None, (leaks, decision.doubt))))
                if decision.column.name in parts
                else decision
                for decision in decisions
            ]
    return tuple(decisions)


def _beside_several(column: Column, labels: Sequence[LabelPlan]) -> Decision:
    """A column that copies one of several labels is left out, and each that it gives away is asked about by name."""
    each = [decide(column, label) for label in labels]
    named = [
        replace(
            decision,
            reason=decision.reason.replace("the label", label.column.name),
            doubt=decision.doubt.replace("the label", label.column.name),
        )
        for decision, label in zip(each, labels, strict=True)
    ]
    decision = min(named, key=lambda one: ("label", "left out", "feature").index(one.use))
    if decision.use != "feature":
        return decision
    doubts = dict.fromkeys(part for one in named for part in one.doubt.split("; ") if part)
    return replace(decision, doubt="; ".join(doubts))


def decide(column: Column, label: LabelPlan) -> Decision:
    """Decides about one column: the first rule that applies.

    Args:
        column: what is known of it.
        label: what is to be predicted.

    Returns:
        What it is, what it is used for, and why.
    """
    for rule in _RULES:
        decision = rule(column, label)
        if decision is not None:
            return decision
    raise AssertionError(f"no rule for {column.name}")  # the last rules take every column of text or of numbers


def _label(column: Column, label: LabelPlan) -> Optional[Decision]:
    if column.name != label.column.name:
        return None
    return Decision(column, label.task, "label", label.reason, doubt=label.doubt, known_when_serving=False)


def _empty(column: Column, label: LabelPlan) -> Optional[Decision]:
    if column.type == "EMPTY":
        return Decision(column, "empty", "left out", "no row has a value")
    few = max(2, round(ALMOST_EMPTY * column.rows))
    if column.missing and column.filled < few and column.rows > 20:
        reason = f"only {column.filled:,} of {column.rows:,} rows have a value"
        return Decision(column, "almost empty", "left out", reason)
    return None


def _list(column: Column, label: LabelPlan) -> Optional[Decision]:
    if column.type != "LIST":
        return None
    if column.length:
        reason = f"{column.length} numbers in each row"
        return _feature(column, label, "vector", reason, Vector(length=column.length))
    if not column.distinct:
        return Decision(column, "list", "left out", "lists without a value")
    longest = int(min(2 ** np.ceil(np.log2(max(column.longest, 1))), _LONGEST_LIST))
    if column.element == "FLOAT":
        reason = f"lists of up to {column.longest:,} numbers"
        feature: Feature = SequenceFeature(values="numbers", max_length=longest)
        return _feature(column, label, "sequence", reason, feature)
    reason = f"lists of up to {column.longest:,} of {column.distinct:,} values"
    doubt = f"in an order? Then {{kind: sequence, max_length: {longest}}}"
    return _feature(column, label, "bag", reason, Bag(max_values=longest, **_bag_size(column.distinct)), doubt)


def _image(column: Column, label: LabelPlan) -> Optional[Decision]:
    if column.image is None:
        return None
    height, width = column.image
    reason = f"paths of images, brought to {height} x {width} pixels"
    return _feature(column, label, "image", reason, Image(height=height, width=width))


def _separated(column: Column, label: LabelPlan) -> Optional[Decision]:
    """Texts of several categories each, with a separator between them: `Action|Comedy`."""
    words = column.words[:_LOOKED_AT]
    for separator in _SEPARATORS:
        parts = [word.split(separator) for word in words]
        several = sum(len(one) > 1 for one in parts)
        rows = Counter(part for one in parts for part in set(one))
        # The same parts come again in other company: far fewer parts than texts, and hardly one that is alone.
        if several < _SEVERAL * len(words) or 3 * len(rows) > len(set(words)) or "" in rows or len(rows) > VOCABULARY:
            continue
        if sum(count for count in rows.values() if count > 1) < 0.9 * rows.total() or _share_with_digits(rows) > 0.5:
            continue
        longest = int(min(2 ** np.ceil(np.log2(max(map(len, parts)))), _LONGEST_LIST))
        feature = Bag(separator=separator, max_values=longest, **_bag_size(len(rows)))
        return _feature(column, label, "bag", f"{len(rows):,} values, several in a row with {separator!r}", feature)
    return None


def _share_with_digits(values: Collection[str]) -> float:
    return sum(any(character.isdigit() for character in value) for value in values) / max(len(values), 1)


def _bag_size(distinct: int) -> dict[str, Any]:
    """How a bag of so many values reaches the model."""
    if distinct > ONE_HOT:
        return {"top_k": VOCABULARY, "min_count": 2, "encode": "embedding"}
    return {}


def _constant(column: Column, label: LabelPlan) -> Optional[Decision]:
    if column.distinct != 1:
        return None
    value = next(iter(column.counts or {}), "")
    if not column.missing:
        return Decision(column, "constant", "left out", f"every row says {short(value)}")
    return _feature(column, label, "flag", f"{short(value)}, or nothing", Categorical())


def _repeats_label(column: Column, label: LabelPlan) -> Optional[Decision]:
    leak = leakage(column, label.column, label.task)
    if not leak.is_copy:
        return None
    return Decision(column, "copy of the label", "left out", leak.how, known_when_serving=False)


def _boolean(column: Column, label: LabelPlan) -> Optional[Decision]:
    if column.counts is None or len(column.counts) != 2:
        return None
    values = {str(value).lower().removesuffix(".0") for value in column.counts}
    if not column.boolean and values not in _BOOLEANS:
        return None
    return _feature(column, label, "boolean", " or ".join(map(short, sorted(column.counts, key=str))), Categorical())


def _date(column: Column, label: LabelPlan) -> Optional[Decision]:
    date = find_date(column)
    if date is None:
        return None
    feature, doubt = date
    kind = "date" if "trend" in feature.parts else "time"
    return _feature(column, label, kind, f"as {feature.format}", feature, doubt)


def _row_number(column: Column, label: LabelPlan) -> Optional[Decision]:
    """Whole numbers that say which row it is: a count of the rows, or a key of them."""
    if not (column.is_number and column.whole) or column.filled < 10:
        return None
    name = phrase_of(column.name)
    unique = column.distinct_share >= 0.999
    dense = column.high - column.low + 1 <= 1.1 * column.rows
    nameless = _NAMELESS.fullmatch(column.name) is not None
    if (unique and dense) or (nameless and (unique or _rises(column.numbers))):
        return Decision(column, "identifier", "left out", "numbers its rows", _hashed(column))
    if unique and name.is_key:
        return Decision(column, "identifier", "left out", "another number in every row", _hashed(column))
    if unique and column.low >= 1e9 and len(f"{column.low:.0f}") == len(f"{column.high:.0f}") and not name.is_amount:
        reason = f"another number of {len(f'{column.low:.0f}')} digits in every row"
        doubt = "a key by its look; an amount? Then {kind: numeric}"
        return Decision(column, "identifier", "left out", reason, _hashed(column), doubt)
    if name.is_key and column.distinct_share > FREE_KEY:
        reason = f"by its name a key, of {column.distinct:,} values in {column.filled:,} rows"
        return Decision(column, "free key", "left out", reason, _hashed(column), "an amount? Then {kind: numeric}")
    return None


def _rises(numbers: np.ndarray) -> bool:
    """Whether numbers go up row by row, but where one table was put under another."""
    steps = np.diff(numbers[np.isfinite(numbers)])
    return len(steps) > 0 and float((steps > 0).mean()) > 0.95


def _calendar(column: Column, label: LabelPlan) -> Optional[Decision]:
    """A part of the calendar or of the clock, by its name and within its limits."""
    spans = CALENDAR.get(phrase_of(column.name).head, ()) if column.is_number and column.whole else ()
    span = next((one for one in spans if one[0] <= column.low and column.high <= one[1]), None)
    if span is None or phrase_of(column.name).is_amount:
        return None
    reason = f"of the calendar or the clock, {span[0]} to {span[1]}"
    return _feature(column, label, "calendar", reason, Categorical(), limits=span)


def _code(column: Column, label: LabelPlan) -> Optional[Decision]:
    """Whole numbers that name one of several things."""
    name = phrase_of(column.name)
    if not (column.is_number and column.whole) or name.is_year or not (name.is_code or name.is_key):
        return None
    few = column.distinct <= FEW_INTEGERS and column.filled >= ROWS_PER_VALUE * column.distinct
    if few:
        return None
    doubt = ""
    if name.is_code_or_measure:
        # Codes are given out one after the other, from the beginning.
        if column.low not in (0, 1) or column.distinct < 0.5 * (column.high - column.low + 1):
            return None
        doubt = "codes, or amounts? For amounts {kind: numeric}"
    if column.distinct_share > FREE_KEY:
        doubt = "seldom the same: does it name single rows? Then take it out. An amount? Then {kind: numeric}"
    else:
        doubt = _rows_of_one_thing(column) or doubt
    reason = f"by its name a code, of {column.distinct:,} values"
    return _feature(column, label, "code", reason, _of_many(column), doubt)


def _few_integers(column: Column, label: LabelPlan) -> Optional[Decision]:
    """Few whole numbers that are classes rather than counts, which what has a unit never is."""
    if not (column.is_number and column.whole) or column.distinct > FEW_INTEGERS:
        return None
    if column.reading and column.reading.unit:
        return None
    name = phrase_of(column.name)
    if column.filled < ROWS_PER_VALUE * column.distinct or name.is_year or name.is_amount:
        return None
    # Without a gap between them, more than a few are rather a scale; with wide gaps they are amounts, such as 4, 8, 16.
    filling = column.distinct / (column.high - column.low + 1)
    if not (name.is_code or name.is_key) and (
        filling < 0.5 or (filling >= 0.8 and column.distinct > FEW_STEPS) or _is_counted(column)
    ):
        return None
    return _feature(column, label, "category", f"{column.distinct} whole numbers, each often", Categorical())


def _is_counted(column: Column) -> bool:
    """Whether whole numbers fall off as counts do: from 0, most often 0 or 1, and seldom in the upper half."""
    if column.low != 0 or column.distinct < _FEWEST_COUNTS or not column.counts:
        return False
    upper = sum(rows for value, rows in column.counts.items() if float(value) > column.high / 2)
    return float(next(iter(column.counts))) <= 1 and upper < 0.15 * column.filled


def _numbered(column: Column, label: LabelPlan) -> Optional[Decision]:
    """Whole numbers from 0 or 1 on without a gap, at which the label jumps: things that were numbered."""
    many = FEW_INTEGERS < column.distinct <= VOCABULARY
    if not (column.is_number and column.whole and many) or column.low not in (0, 1):
        return None
    name = phrase_of(column.name)
    gapless = column.distinct >= _GAPLESS * (column.high - column.low + 1)
    if not gapless or column.filled < ROWS_PER_VALUE * column.distinct or name.is_year or name.is_amount:
        return None
    if not jumps(column, label.column, label.task):
        return None
    reason = f"{column.distinct:,} numbers, of which neighbours have unlike labels"
    return _feature(column, label, "code", reason, _of_many(column), "codes, or amounts? For amounts {kind: numeric}")


def _number(column: Column, label: LabelPlan) -> Optional[Decision]:
    if not column.is_number:
        return None
    skewed = column.low >= 0.0 and _skewness(column.numbers) > _SKEWED
    feature = Numeric(scale="log" if skewed else "zscore", indicator=column.missing > 0)
    reason = "many small values and few very large ones" if skewed else f"from {column.low:g} to {column.high:g}"
    if column.reading:
        comma = "a decimal comma" if column.reading.number == "comma" else ""
        written = " and ".join(filter(None, (comma, column.reading.unit)))
        reason += f", with {written}" if written else ""
    return _feature(column, label, "number", reason, feature)


def _text(column: Column, label: LabelPlan) -> Optional[Decision]:
    words = column.words
    per_value = sum(len(value.split()) for value in words) / max(len(words), 1)
    repeated = column.distinct_share < 0.1 and column.distinct <= VOCABULARY
    if per_value < _TEXT_WORDS or repeated or column.distinct <= FEW_INTEGERS:
        return None
    longest = max(len(value.split()) for value in words)
    tokens = int(min(max(8, 2 ** np.ceil(np.log2(longest))), 256))
    reason = f"{per_value:.0f} words in a row, seldom the same"
    return _feature(column, label, "text", reason, Text(max_tokens=tokens))


def _category(column: Column, label: LabelPlan) -> Optional[Decision]:
    shape = _shape(column)
    if phrase_of(column.name).is_code and FREE_KEY < column.distinct_share < 0.999 and not shape:
        doubt = "seldom the same: does it name single rows? Then take it out"
        reason = f"by its name a code, of {column.distinct:,} values"
        return _feature(column, label, "code", reason, _hashed(column), doubt)
    if column.distinct_share > FREE_KEY and (column.distinct > FEW_INTEGERS or column.distinct_share > 0.9):
        return _free_key(column, shape)
    if column.longest > 10_000:
        return Decision(column, "documents", "left out", f"values of up to {column.longest:,} bytes", Text())
    reason = f"{column.distinct:,} different values" + (f", each {shape}" if shape else "")
    doubts = (_PERSONAL if shape == _EMAIL else _one_value(column), _rows_of_one_thing(column))
    return _feature(column, label, "category", reason, _of_many(column), "; ".join(filter(None, doubts)))


def _rows_of_one_thing(column: Column) -> str:
    """What to decide where a key comes again in a few rows each."""
    name = phrase_of(column.name)
    if not (name.is_key or name.is_owner) or column.distinct <= FEW_INTEGERS:
        return ""
    if not COMES_AGAIN < column.distinct_share <= FREE_KEY:
        return ""
    return "a key that comes again: are these rows of one thing? data.splits by: group keeps them in one split"


def _one_value(column: Column) -> str:
    """What to decide where values differ only in how they are written."""
    twins = twins_of(map(str, column.counts or {}))
    lower = f"{{kind: categorical, expression: lower({reference(column.name)})}}"
    return f"values that {twins}. One value each? Then a feature of another name, {lower}" if twins else ""


def _free_key(column: Column, shape: str) -> Decision:
    doubt = _PERSONAL if shape == _EMAIL else ""
    if column.distinct_share >= 0.999:
        what = shape or "another value in every row"
        return Decision(column, "identifier", "left out", what, _hashed(column), doubt)
    return Decision(
        column, "free key", "left out", f"{column.distinct:,} values in {column.filled:,} rows", _hashed(column), doubt
    )


_RULES: tuple[Rule, ...] = (
    _label,
    _empty,
    _repeats_label,
    _list,
    _image,
    _constant,
    _boolean,
    _date,
    _row_number,
    _calendar,
    _code,
    _few_integers,
    _numbered,
    _number,
    _separated,
    _text,
    _category,
)


def _feature(
    column: Column, label: LabelPlan, kind: str, reason: str, feature: Feature, doubt: str = "",
    limits: Optional[tuple[int, int]] = None,
) -> Decision:  # fmt: skip
    leak = leakage(column, label.column, label.task)
    leaks = f"{leak.how}: is it known before the label is? Else take it out" if leak.predicts else ""
    doubts = filter(None, (leaks, doubt, column.doubt, code_or_missing(column)))
    return Decision(column, kind, "feature", reason, feature, "; ".join(doubts), limits=limits)


def _of_many(column: Column) -> Feature:
    if column.distinct > VOCABULARY:
        return _hashed(column)
    rare = 2 if column.distinct > FEW_INTEGERS else 1
    if column.distinct > ONE_HOT:
        return Categorical(min_count=rare, encode="embedding", dimension=8)
    return Categorical(min_count=rare)


def _hashed(column: Column) -> Hashed:
    buckets = int(min(max(100, 2 * column.distinct), _HIGHEST_BUCKETS))
    return Hashed(buckets=buckets, encode="embedding", dimension=8)


def _shape(column: Column) -> str:
    values = column.words[:200]
    for pattern, name in _SHAPES:
        if values and all(re.fullmatch(pattern, value) for value in values):
            return name
    return ""


def _skewness(values: np.ndarray) -> float:
    seen = values[np.isfinite(values)]
    spread = seen.std() if len(seen) else 0.0
    return float((((seen - seen.mean()) / spread) ** 3).mean()) if spread > 0.0 else 0.0
