"""What changed since the latest blessed data: the label, the numbers, the categories, the empty cells, the rows.

A schema says what values may be. It does not notice that ones and zeros were exchanged, that dollars became cents, or
that most of the rows are gone. Here each split is compared with the same split of the data that the latest blessed
model was learned from. Only the label and the columns that features read are looked at.

A finding needs a change that is large (see the limits below) and that is not chance: of all comparisons of a run
together, one run in a thousand may be told something that is chance alone (Bonferroni's correction: half of that goes
to the label, the other half is shared out among the columns).
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from tensorflow_metadata.proto.v0 import statistics_pb2

from millrace.base.numbers import rounded
from millrace.components.data_gate.findings import CheckedSplit, Finding
from millrace.components.data_gate.rules import Use
from millrace.statistics.columns import ColumnStatistics
from millrace.statistics.distances import (
    critical,
    distributions_differ,
    means_differ,
    share_effect,
    shares_differ,
)

# One run in so many may be told something that is chance.
_CHANCE = 0.001
# Cohen's h: a share that moved so far is another world for the label, and worth a look elsewhere.
_MUCH, _SOME = 0.5, 0.2
# No unit of one thing is closer to another in common use than inch and centimetre or feet and metre (2.5, 3.3); those
# and real change warn. From five on (minutes, kilo, cents) nothing but a unit is likely.
_OTHER_UNIT = 5.0
_WIDER = 2.0
# In standard deviations; Cohen's d calls it large.
_FAR = 0.8
# The middle 80 % of a normal distribution is so many standard deviations wide.
_MIDDLE = 2.563
_FEWER = 0.5
_STANDARD = statistics_pb2.Histogram.HistogramType.STANDARD


def moved_findings(splits: Sequence[CheckedSplit], blessed: Sequence[CheckedSplit], use: Use) -> list[Finding]:
    """What changed since the latest blessed data.

    Args:
        splits: this run's.
        blessed: the same splits of the latest blessed data; splits that it lacks are not compared.
        use: the label and the columns that features read.

    Returns:
        Findings of `policy.MOVED`. Their severity is ERROR for what a flipped label or another unit does, WARNING for
        less; `action` is still at its default.
    """
    before = {split.name: split for split in blessed if split.rows}
    pairs = [(before[split.name], split) for split in splits if split.rows and split.name in before]
    if not pairs:
        return []
    findings = list(_rows(pairs))
    of_label = _CHANCE / 2.0 / len(pairs)
    of_column = of_label / max(len(use.features), 1)
    for old, new in pairs:
        findings += _label(Pair(use.label, old, new, of_label), use)
        for name in use.features:
            pair = Pair(name, old, new, of_column / 2.0)
            findings += [*_filled(pair), *_values(pair)]
    return findings


@dataclass(frozen=True)
class Pair:
    """A column in the latest blessed data and in this run's, of one split.

    Args:
        name: the column's.
        old: the split of the latest blessed data.
        new: this run's.
        alpha: how often chance alone may make a finding of it.
    """

    name: str
    old: CheckedSplit
    new: CheckedSplit
    alpha: float

    @property
    def columns(self) -> Optional[tuple[ColumnStatistics, ColumnStatistics]]:
        """Both, where both are there with a value."""
        before, after = self.old.column(self.name), self.new.column(self.name)
        if before is None or after is None or not before.filled or not after.filled:
            return None
        return before, after

    def finding(self, reason: str, expected: str, seen: str, rows: Optional[int], much: bool) -> Finding:
        """A finding about the column in this run's split."""
        severity = "ERROR" if much else "WARNING"
        return Finding(self.name, self.new.name, reason, f"as last blessed: {expected}", seen, rows, severity)


def _rows(pairs: Sequence[tuple[CheckedSplit, CheckedSplit]]) -> Iterator[Finding]:
    """Fewer rows than half; a count of rows is taken to vary like Poisson's."""
    before, after = sum(old.rows for old, _ in pairs), sum(new.rows for _, new in pairs)
    fewer = _FEWER * before - after
    if fewer > critical(_CHANCE) * (_FEWER**2 * before + after) ** 0.5:
        names = ", ".join(new.name for _, new in pairs)
        seen = f"{after:,} rows, {1 - after / before:.0%} fewer"
        yield Finding("", names, "ROWS_FELL", f"as last blessed: {before:,} rows", seen, None, "WARNING")


def _label(pair: Pair, use: Use) -> Iterator[Finding]:
    if use.task == "regression":
        yield from _number(pair, "LABEL_MOVED")
        return
    if pair.columns is None:
        return
    before, after = (_classes(column, use) for column in pair.columns)
    if not before or not after:
        return  # no shares of the classes
    positive = str(use.classes[1]) if use.task == "binary" else ""
    moved = _moved_most(pair, *(_only(positive, shares) for shares in (before, after)))
    if moved is None:
        return
    value, effect = moved
    # Another class is the most frequent now: that is what exchanged classes look like, however even they are.
    exchanged = max(before, key=lambda one: before[one]) != max(after, key=lambda one: after[one])
    if abs(effect) >= _SOME:
        yield _share_finding(pair, "LABEL_MOVED", value, (before, after), exchanged or abs(effect) >= _MUCH)


def _values(pair: Pair) -> Iterator[Finding]:
    if pair.columns is None:
        return
    before, after = pair.columns
    if (before.range is None) != (after.range is None):
        return  # of another type, which is the schema's to say
    flags = all(column.type == "INT" and column.range and set(column.range) <= {0.0, 1.0} for column in pair.columns)
    if before.range is not None and not flags:
        yield from _number(pair, "NUMBER_MOVED")
        return
    shares = (_flag(before), _flag(after)) if flags else (_shares(before), _shares(after))
    moved = _moved_most(pair, *shares)
    if moved is not None and abs(moved[1]) >= _MUCH:
        yield _share_finding(pair, "CATEGORY_MOVED", moved[0], shares, much=False)


def _filled(pair: Pair) -> Iterator[Finding]:
    before, after = pair.old.column(pair.name), pair.new.column(pair.name)
    if before is None or after is None:
        return
    old, new = before.filled / before.rows, after.filled / after.rows
    if share_effect(old, new) > -_MUCH or not shares_differ(old, before.rows, new, after.rows, pair.alpha):
        return
    expected, seen = f"a value in {old:.2%} of rows", f"a value in {new:.2%} of rows"
    yield pair.finding("FILLED_SHARE_FELL", expected, seen, after.missing, much=False)


# -- shares ------------------------------------------------------------------------------------------------------------
Shares = dict[str, float]


def _moved_most(pair: Pair, before: Shares, after: Shares) -> Optional[tuple[str, float]]:
    """The value whose share moved most by Cohen's h, of those that moved by more than chance; None when none did."""
    assert pair.columns is not None
    rows_before, rows_after = (column.filled for column in pair.columns)
    values = dict.fromkeys([*before, *after])
    alpha = pair.alpha / max(len(values), 1)
    moved = [
        (value, share_effect(before.get(value, 0.0), after.get(value, 0.0)))
        for value in values
        if shares_differ(before.get(value, 0.0), rows_before, after.get(value, 0.0), rows_after, alpha)
    ]
    return max(moved, key=lambda one: abs(one[1]), default=None)


def _only(value: str, shares: Shares) -> Shares:
    """The share of one class of two, which says that of the other; all shares where there is no such class."""
    return {value: shares[value]} if value in shares else shares


def _share_finding(pair: Pair, reason: str, value: str, shares: tuple[Shares, Shares], much: bool) -> Finding:
    before, after = (share.get(value, 0.0) for share in shares)
    rows = round(after * pair.columns[1].filled) if pair.columns else None
    return pair.finding(reason, f"{value!r} in {before:.2%} of rows", f"{value!r} in {after:.2%} of rows", rows, much)


def _shares(column: ColumnStatistics) -> Shares:
    return {value: rows / column.filled for value, rows in column.counts.items()}


def _flag(column: ColumnStatistics) -> Shares:
    ones = column.proto.num_stats.mean
    return {"1": ones}  # the zeros are the rest


def _classes(column: ColumnStatistics, use: Use) -> Shares:
    """The share of each class; numbers are those of the nearest buckets of TFDV's histogram of ten."""
    if column.range is None:
        return _shares(column)
    numbers = [float(value) for value in use.classes if _is_number(value)]
    if len(numbers) == 2:
        low, high = sorted(numbers)
        if not set(column.range) <= {low, high}:
            return {}  # of other classes than the two, which has a finding of its own
        share = (column.proto.num_stats.mean - low) / (high - low)
        return {rounded(high): share, rounded(low): 1.0 - share}
    low, high = column.range
    inside = sorted(one for one in numbers if low <= one <= high)
    if any(later - earlier < (high - low) / 10.0 for earlier, later in itertools.pairwise(inside)) or not inside:
        return {}  # two classes in one bucket
    shares: Shares = {rounded(one): 0.0 for one in numbers}
    histogram = next((one for one in column.proto.num_stats.histograms if one.type == _STANDARD), None)
    for bucket in histogram.buckets if histogram else ():
        middle = (bucket.low_value + bucket.high_value) / 2.0
        nearest = min(inside, key=lambda one: abs(one - middle))
        shares[rounded(nearest)] += bucket.sample_count / column.filled
    return shares


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


# -- numbers -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Middle:
    """The median, and the ends of the middle 80 %."""

    median: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


def _number(pair: Pair, reason: str) -> Iterator[Finding]:
    """The median and the width of the middle 80 %, and for what is mostly one number the mean."""
    if pair.columns is None or any(len(column.quantiles) < 2 for column in pair.columns):
        return
    before, after = pair.columns
    old, new = _middle(before), _middle(after)
    if not old.width and not new.width and old.median == new.median:
        yield from _mean(pair, reason)
        return
    if not distributions_differ(before.quantiles, before.filled, after.quantiles, after.filled, pair.alpha):
        return
    factors = [one for one in (_factor(old.median, new.median), _factor(old.width, new.width)) if one is not None]
    much = _all_beyond(factors, _OTHER_UNIT) or _turned(old, new)
    deviation = (old.width + new.width) / 2.0 / _MIDDLE
    far = abs(new.median - old.median) >= _FAR * deviation
    if not much and not far and not any(_all_beyond([one], _WIDER) for one in factors):
        return
    times = f" ({rounded(new.median / old.median, 3)} times)" if old.median * new.median > 0 else ""
    yield pair.finding(
        reason,
        f"median {rounded(old.median, 4)}, {rounded(old.low, 4)} to {rounded(old.high, 4)} in the middle 80 of 100",
        f"median {rounded(new.median, 4)}{times}, {rounded(new.low, 4)} to {rounded(new.high, 4)}",
        after.filled,
        much,
    )


def _mean(pair: Pair, reason: str) -> Iterator[Finding]:
    """Nine of ten values are one and the same, as zero often is: the others show in the mean alone."""
    assert pair.columns is not None
    (before, rows_before), (after, rows_after) = (
        ((column.proto.num_stats.mean, column.proto.num_stats.std_dev), column.filled) for column in pair.columns
    )
    factor = _factor(before[0], after[0])
    if factor is None or not _all_beyond([factor], _OTHER_UNIT):
        return
    if means_differ(before, rows_before, after, rows_after, pair.alpha):
        expected, seen = f"mean {rounded(before[0], 4)}", f"mean {rounded(after[0], 4)} ({rounded(factor, 3)} times)"
        yield pair.finding(reason, expected, seen, rows_after, much=True)


def _middle(column: ColumnStatistics) -> _Middle:
    steps = len(column.quantiles) - 1
    low, median, high = (column.quantiles[round(share * steps)] for share in (0.1, 0.5, 0.9))
    return _Middle(median, low, high)


def _factor(before: float, after: float) -> Optional[float]:
    return after / before if before * after > 0 else None


def _all_beyond(factors: Sequence[float], limit: float) -> bool:
    """Whether there are factors, and all are at least the limit, or all at most one part in as many."""
    if not factors:
        return False
    return all(factor >= limit for factor in factors) or all(factor <= 1.0 / limit for factor in factors)


def _turned(old: _Middle, new: _Middle) -> bool:
    """Whether what was positive, or zero, is negative or zero now, or the other way round."""
    return (_positive(old) and _negative(new)) or (_negative(old) and _positive(new))


def _positive(middle: _Middle) -> bool:
    return middle.low >= 0.0 and middle.high > 0.0


def _negative(middle: _Middle) -> bool:
    return middle.high <= 0.0 and middle.low < 0.0
