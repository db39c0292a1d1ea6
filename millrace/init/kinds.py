"""Decides what each column is, whether it can be a feature, and why: the rules, from the surest to the weakest."""

import re
from collections.abc import Callable
from typing import Optional

import numpy as np

from millrace.features.description import Categorical, Feature, Hashed, Numeric, Text, Vector
from millrace.init.columns import Column
from millrace.init.dates import find_date
from millrace.init.decisions import Decision
from millrace.init.label import LabelPlan
from millrace.init.leakage import leakage
from millrace.init.na_values import code_or_missing
from millrace.init.names import CODE_WORDS, ID_WORDS, words_of

ONE_HOT = 50
"""Most distinct values that are given an input each; more are embedded."""
VOCABULARY = 1_000
"""Most distinct values that are learned as a vocabulary; more are hashed."""
FEW_INTEGERS = 20
"""Most distinct whole numbers that are taken for categories, when each occurs often."""
ROWS_PER_VALUE = 10
FREE_KEY = 0.5
"""Distinct values per row from which on a column is a key, not a category."""
ALMOST_EMPTY = 0.001
_TEXT_WORDS = 4.0
_SKEWED = 2.0
_HIGHEST_BUCKETS = 10_000
_BOOLEANS = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"on", "off"}, {"0", "1"})
_SHAPES = (
    (r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", "a UUID"),
    (r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address"),
    (r"(?:https?|ftp)://\S+", "a web address"),
    (r"[0-9a-fA-F]{16,}", "a hash or random key"),
    (r"\d{1,3}(?:\.\d{1,3}){3}", "an IP address"),
)

# A number that is not one as it stands: 1,000.50 or 12 % or $3 or 5 kg.
_AMOUNT = re.compile(r"[$€£¥]?\s?[-+]?\d[\d., ]*\s?(?:%|[$€£¥°]|[a-zA-Zµ]{1,3}[²³23]?)?")

Rule = Callable[[Column, LabelPlan], Optional[Decision]]


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
    if not column.length:
        return Decision(column, "list", "left out", "lists that are no numbers, or of different lengths")
    reason = f"{column.length} numbers in each row"
    return _feature(column, label, "vector", reason, Vector(length=column.length))


def _constant(column: Column, label: LabelPlan) -> Optional[Decision]:
    if column.distinct != 1:
        return None
    value = next(iter(column.counts or {}), "")
    if not column.missing:
        return Decision(column, "constant", "left out", f"every row says {_short(value)}")
    return _feature(column, label, "flag", f"{_short(value)}, or nothing", Categorical())


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
    return _feature(column, label, "boolean", " or ".join(map(_short, sorted(column.counts, key=str))), Categorical())


def _date(column: Column, label: LabelPlan) -> Optional[Decision]:
    date = find_date(column)
    if date is None:
        return None
    feature, doubt = date
    kind = "date" if "trend" in feature.parts else "time"
    return _feature(column, label, kind, f"as {feature.format}", feature, doubt)


def _numbered(column: Column, label: LabelPlan) -> Optional[Decision]:
    """Whole numbers that name rows or categories."""
    if not (column.is_number and column.whole):
        return None
    words = words_of(column.name)
    unique = column.distinct_share >= 0.999 and column.filled >= 10
    dense = column.high - column.low + 1 <= 1.1 * column.rows
    named = bool(words & ID_WORDS) or column.name.lower().endswith("id")
    if unique and (dense or named or column.low >= 1e9):
        why = "numbers its rows" if dense else "another number in every row"
        return Decision(column, "identifier", "left out", why, _hashed(column))
    if column.distinct <= FEW_INTEGERS and column.filled >= ROWS_PER_VALUE * column.distinct:
        return _feature(column, label, "category", f"{column.distinct} whole numbers, each often", Categorical())
    if not words & CODE_WORDS:
        return None
    if column.distinct_share > FREE_KEY:
        return _free_key(column, "")
    reason = f"by its name a code, of {column.distinct:,} values"
    return _feature(column, label, "code", reason, _of_many(column))


def _number(column: Column, label: LabelPlan) -> Optional[Decision]:
    if not column.is_number:
        return None
    skewed = column.low >= 0.0 and _skewness(column.numbers) > _SKEWED
    feature = Numeric(scale="log" if skewed else "zscore", indicator=column.missing > 0)
    reason = "many small values and few very large ones" if skewed else f"from {column.low:g} to {column.high:g}"
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


def _number_in_text(column: Column, label: LabelPlan) -> Optional[Decision]:
    words = column.words[:1_000]
    if column.distinct <= FEW_INTEGERS or sum(_AMOUNT.fullmatch(word) is not None for word in words) < len(words):
        return None
    example = min(words, key=len)
    reason = f"amounts with signs, separators or units, such as {_short(example)}: write them as plain numbers"
    return Decision(column, "amounts as text", "left out", reason, _hashed(column))


def _category(column: Column, label: LabelPlan) -> Optional[Decision]:
    shape = _shape(column)
    if column.distinct_share > FREE_KEY and (column.distinct > FEW_INTEGERS or column.distinct_share > 0.9):
        return _free_key(column, shape)
    if column.longest > 10_000:
        return Decision(column, "documents", "left out", f"values of up to {column.longest:,} bytes", Text())
    kind = "category"
    reason = f"{column.distinct:,} different values" + (f", each {shape}" if shape else "")
    return _feature(column, label, kind, reason, _of_many(column))


def _free_key(column: Column, shape: str) -> Decision:
    if column.distinct_share >= 0.999:
        what = shape or "another value in every row"
        return Decision(column, "identifier", "left out", what, _hashed(column))
    return Decision(
        column, "free key", "left out", f"{column.distinct:,} values in {column.filled:,} rows", _hashed(column)
    )


_RULES: tuple[Rule, ...] = (
    _label,
    _empty,
    _repeats_label,
    _list,
    _constant,
    _boolean,
    _date,
    _numbered,
    _number,
    _text,
    _number_in_text,
    _category,
)


def _feature(column: Column, label: LabelPlan, kind: str, reason: str, feature: Feature, doubt: str = "") -> Decision:
    leak = leakage(column, label.column, label.task)
    leaks = f"{leak.how}: is it known before the label is? Else take it out" if leak.predicts else ""
    doubts = filter(None, (leaks, doubt, code_or_missing(column)))
    return Decision(column, kind, "feature", reason, feature, "; ".join(doubts))


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


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:21]}..."
