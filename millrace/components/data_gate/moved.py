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

from millrace.base.numbers import is_number, rounded
from millrace.components.data_gate.findings import CheckedSplit, Finding
from millrace.components.data_gate.rules import Use, class_rows
from millrace.features.label import Output
from millrace.statistics.columns import ColumnStatistics
from millrace.statistics.distances import (
    SKETCH_ERROR,
    critical,
    distributions_differ,
    least_total_distance,
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
# Of the rows, beyond chance, whose value is another than it was.
_OTHER_VALUES = 0.3
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
    half = _CHANCE / 2.0 / len(pairs)
    of_label, of_column = half / max(len(use.labels), 1), half / max(len(use.features), 1)
    for old, new in pairs:
        for label in use.labels:
            findings += _label(Pair(label.column, old, new, of_label), label)
        for name in use.features:
            pair = Pair(name, old, new, of_column / 2.0)
            findings += [*_filled(pair), *_values(pair)]
    return findings


Shares = dict[str, float]
"""The share of each value among all values: of a column of one value a row, among the rows that have one."""


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


def _label(pair: Pair, label: Output) -> Iterator[Finding]:
    if label.task == "regression":
        yield from _number(pair, "LABEL_MOVED")
        return
    if pair.columns is None:
        return
    if label.task == "multiclass" and all(column.range is not None for column in pair.columns):
        yield from _class_numbers(pair, label)
        return
    shares = {"binary": _two_classes, "multilabel": _of_classes}.get(label.task, lambda column, label: _shares(column))
    before, after = (shares(column, label) for column in pair.columns)
    moved = _moved_most(pair, _positive_class(before, label), _positive_class(after, label), least=_SOME)
    if moved is not None:
        much = abs(moved[1]) >= _MUCH or _exchanged(pair, before, after)
        yield _share_finding(pair, "LABEL_MOVED", moved[0], (before, after), much)


def _exchanged(pair: Pair, before: Shares, after: Shares) -> bool:
    """Whether the same shares are there, and another class is the most frequent: what exchanged classes look like."""
    assert pair.columns is not None
    if not before or not after or max(before, key=lambda one: before[one]) == max(after, key=lambda one: after[one]):
        return False
    rows_before, rows_after = (column.filled for column in pair.columns)
    ranks = itertools.zip_longest(
        sorted(before.values(), reverse=True), sorted(after.values(), reverse=True), fillvalue=0.0
    )
    return not any(shares_differ(old, rows_before, new, rows_after, pair.alpha) for old, new in ranks)


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
    moved = _moved_most(pair, *shares, least=_MUCH)
    if moved is not None:
        yield _share_finding(pair, "CATEGORY_MOVED", moved[0], shares, much=False)
    elif not flags:
        yield from _all_values(pair, *shares)


def _all_values(pair: Pair, before: Shares, after: Shares) -> Iterator[Finding]:
    """No value alone moved far, and all together did: another spelling of each, for instance."""
    assert pair.columns is not None
    rows_before, rows_after = (column.filled for column in pair.columns)
    if least_total_distance(before, rows_before, after, rows_after, pair.alpha) < _OTHER_VALUES:
        return
    new = [value for value in after if value not in before]
    told = f"{', '.join(map(repr, new[:3]))}, ... in place of" if new else "other shares of"
    frequent = ", ".join(map(repr, list(before)[:3]))
    rows = min(sum(pair.columns[1].counts[value] for value in new), pair.columns[1].filled)
    yield pair.finding("CATEGORY_MOVED", f"{frequent}, ...", f"{told} those values", rows, much=False)


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
def _moved_most(pair: Pair, before: Shares, after: Shares, least: float) -> Optional[tuple[str, float]]:
    """The value whose share moved most, at least so much of Cohen's h and more than chance; None when none did."""
    assert pair.columns is not None
    rows_before, rows_after = (column.filled for column in pair.columns)
    values = dict.fromkeys([*before, *after])
    alpha = pair.alpha / max(len(values), 1)
    effects = [(value, share_effect(before.get(value, 0.0), after.get(value, 0.0))) for value in values]
    # The exact test takes a thousand times as long as the effect: it is asked last, of those that moved far alone.
    far = sorted((one for one in effects if abs(one[1]) >= least), key=lambda one: -abs(one[1]))
    differing = (
        one
        for one in far
        if shares_differ(before.get(one[0], 0.0), rows_before, after.get(one[0], 0.0), rows_after, alpha)
    )
    return next(differing, None)


def _positive_class(shares: Shares, label: Output) -> Shares:
    """Of two classes the second one's share, which says that of the first; else all shares."""
    if label.task != "binary" or not set(shares) & {str(one) for one in label.classes}:
        return shares
    return {str(label.classes[1]): shares.get(str(label.classes[1]), 0.0)}


def _share_finding(pair: Pair, reason: str, value: str, shares: tuple[Shares, Shares], much: bool) -> Finding:
    before, after = (share.get(value, 0.0) for share in shares)
    lists = pair.columns is not None and any(_values_in(column) > column.filled for column in pair.columns)
    expected, seen = (
        f"{value!r} is {share:.2%} of the values" if lists else f"{value!r} in {share:.2%} of rows"
        for share in (before, after)
    )
    # In how many rows of lists it is, TFDV does not count.
    rows = round(after * pair.columns[1].filled) if pair.columns and not lists else None
    return pair.finding(reason, expected, seen, rows, much)


def _shares(column: ColumnStatistics) -> Shares:
    return {value: count / _values_in(column) for value, count in column.counts.items()}


def _values_in(column: ColumnStatistics) -> int:
    """How many values all rows have together; of lists more than rows."""
    return max(int(column.common.tot_num_values), column.filled)


def _flag(column: ColumnStatistics) -> Shares:
    ones = column.proto.num_stats.mean
    return {"1": ones}  # the zeros are the rest


def _of_classes(column: ColumnStatistics, label: Output) -> Shares:
    """The share of each of a multilabel label's classes: of texts among the rows, of lists among all values."""
    whole = column.filled if label.separator else _values_in(column)
    counts = class_rows(column, label)
    return {str(name): counts.get(str(name), 0) / whole for name in label.classes}


def _two_classes(column: ColumnStatistics, label: Output) -> Shares:
    """The shares of two classes, of which numbers are told apart by their mean."""
    if column.range is None:
        return _shares(column)
    numbers = sorted(float(value) for value in label.classes if is_number(value))
    if len(numbers) != 2 or not set(column.range) <= set(numbers):
        return {}  # of other classes than the two, which has a finding of its own
    low, high = numbers
    share = (column.proto.num_stats.mean - low) / (high - low)
    return {rounded(high): share, rounded(low): 1.0 - share}


def _class_numbers(pair: Pair, label: Output) -> Iterator[Finding]:
    """Of several classes that are numbers TFDV counts no values: the share of the lower ones, where it moved most."""
    assert pair.columns is not None
    numbers = sorted(float(value) for value in label.classes if is_number(value))
    rows_before, rows_after = (column.filled for column in pair.columns)
    moved = []
    for low, high in itertools.pairwise(numbers):
        (least, most), (least_now, most_now) = (_share_below(column, (low + high) / 2.0) for column in pair.columns)
        # The two that are nearest to each other of what both may be.
        before, after = (most, least_now) if most < least_now else (least, most_now)
        if most < least_now or most_now < least:
            if shares_differ(before, rows_before, after, rows_after, pair.alpha / len(numbers)):
                about = (least + most) / 2.0, (least_now + most_now) / 2.0
                moved.append((abs(share_effect(before, after)), rounded(low), about))
    effect, last, about = max(moved, default=(0.0, "", (0.0, 0.0)))
    if effect >= _SOME:
        expected, seen = (f"classes up to {last} in about {share:.0%} of rows" for share in about)
        yield pair.finding("LABEL_MOVED", expected, seen, round(about[1] * rows_after), effect >= _MUCH)


def _share_below(column: ColumnStatistics, cut: float) -> tuple[float, float]:
    """Between which two shares the numbers below a cut are, by TFDV's histogram of ten and its deciles."""
    least, most = 0.0, 1.0
    histogram = next((one for one in column.proto.num_stats.histograms if one.type == _STANDARD), None)
    if histogram and column.filled:
        least = sum(one.sample_count for one in histogram.buckets if one.high_value <= cut) / column.filled
        most = sum(one.sample_count for one in histogram.buckets if one.low_value < cut) / column.filled
    steps = len(column.quantiles) - 1
    if steps > 0:
        least = max(least, max((at for at, one in enumerate(column.quantiles) if one < cut), default=0) / steps)
        most = min(most, min((at for at, one in enumerate(column.quantiles) if one > cut), default=steps) / steps)
    return max(least - SKETCH_ERROR, 0.0), min(most + SKETCH_ERROR, 1.0)


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
    """The median and the width of the middle 80 %, and of what is mostly one number the mean."""
    if pair.columns is None or any(len(column.quantiles) < 2 for column in pair.columns):
        return
    old, new = (_middle(column) for column in pair.columns)
    finding = _middle_finding(pair, reason, old, new)
    mostly_one = old.median == new.median and all(one.median in (one.low, one.high) for one in (old, new))
    if finding is None and mostly_one:
        finding = _mean_finding(pair, reason)
    if finding is not None:
        yield finding


def _middle_finding(pair: Pair, reason: str, old: _Middle, new: _Middle) -> Optional[Finding]:
    assert pair.columns is not None
    before, after = pair.columns
    if not distributions_differ(before.quantiles, before.filled, after.quantiles, after.filled, pair.alpha):
        return None
    factors = [one for one in (_factor(old.median, new.median), _factor(old.width, new.width)) if one is not None]
    much = _all_beyond(factors, _OTHER_UNIT) or _turned(old, new)
    deviation = (old.width + new.width) / 2.0 / _MIDDLE
    far = abs(new.median - old.median) >= _FAR * deviation
    if not much and not far and not any(_all_beyond([one], _WIDER) for one in factors):
        return None
    factor = rounded(new.median / old.median, 3) if old.median * new.median > 0 else "1"
    times = f" ({factor} times)" if factor != "1" else ""
    return pair.finding(
        reason,
        f"median {rounded(old.median, 4)}, {rounded(old.low, 4)} to {rounded(old.high, 4)} in the middle 80 of 100",
        f"median {rounded(new.median, 4)}{times}, {rounded(new.low, 4)} to {rounded(new.high, 4)}",
        after.filled,
        much,
    )


def _mean_finding(pair: Pair, reason: str) -> Optional[Finding]:
    """Most values are one and the same, as zero often is: a few others show in the mean alone."""
    assert pair.columns is not None
    (before, rows_before), (after, rows_after) = (
        ((column.proto.num_stats.mean, column.proto.num_stats.std_dev), column.filled) for column in pair.columns
    )
    factor = _factor(before[0], after[0])
    if factor is None or not _all_beyond([factor], _OTHER_UNIT):
        return None
    if not means_differ(before, rows_before, after, rows_after, pair.alpha):
        return None
    expected, seen = f"mean {rounded(before[0], 4)}", f"mean {rounded(after[0], 4)} ({rounded(factor, 3)} times)"
    return pair.finding(reason, expected, seen, rows_after, much=True)


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
