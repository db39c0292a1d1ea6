"""The shape of a column of numbers as a few bars, from the two histograms that TFDV keeps of it.

TFDV keeps ten buckets of equal width and ten of equally many numbers. Both say how many numbers lie below some bounds;
put together they say it at some twenty places, and between two places numbers are taken to be spread evenly. So bars
can be drawn between any bounds, those of another split's column too. Of few whole numbers each has a bar of its own.
"""

import itertools
import math
from bisect import bisect_right
from collections.abc import Sequence

from tensorflow_metadata.proto.v0 import statistics_pb2

from millrace.statistics.columns import ColumnStatistics

BARS = 20
# A tail that is longer than so many times the middle four fifths is drawn as the last bar, or it would be most of them.
_LONGEST_TAIL = 1.5


def shared_bounds(columns: Sequence[ColumnStatistics], bars: int = BARS) -> tuple[float, ...]:
    """The bounds of bars of equal width over the finite numbers of several columns, without the ends of long tails.

    Args:
        columns: the same feature in several splits.
        bars: how many.

    Returns:
        `bars` + 1 numbers, ascending; around each whole number where there are no more than `bars` of them; two for a
        column of one number, none where there is no finite number.
    """
    ranges = [column.range for column in columns if column.range is not None]
    finite = [number for pair in ranges for number in pair if math.isfinite(number)]
    if not finite:
        return ()
    low, high = min(finite), max(finite)
    if _are_few(columns, low, high, bars):
        return tuple(number - 0.5 for number in range(int(low), int(high) + 2))
    low, high = _without_tails(columns, low, high)
    width = high / bars - low / bars  # of each bar; the difference of the two may be more than a float holds
    if low == high or not width:
        return low, high
    return (*(low + width * at for at in range(bars)), high)


def shares_between(column: ColumnStatistics, bounds: Sequence[float]) -> tuple[float, ...]:
    """Which share of a column's numbers lies between each two bounds.

    Args:
        column: numbers.
        bounds: ascending; what lies outside counts to the first and the last bar.

    Returns:
        Shares from 0 to 1, one fewer than bounds; none where the column holds no number or there are no bounds.
    """
    numbers, below = _cumulative(column)
    if len(bounds) < 2 or not numbers or not below[-1]:
        return ()
    if bounds[0] == bounds[-1]:
        return (1.0,)
    total = below[-1]
    reached = [0.0, *(_interpolated(numbers, below, bound) / total for bound in bounds[1:-1]), 1.0]
    return tuple(max(after - before, 0.0) for before, after in itertools.pairwise(reached))


def _are_few(columns: Sequence[ColumnStatistics], low: float, high: float, bars: int) -> bool:
    return high - low < bars and all(column.type == "INT" for column in columns)


def _without_tails(columns: Sequence[ColumnStatistics], low: float, high: float) -> tuple[float, float]:
    middles = [(column.quantiles[1], column.quantiles[-2]) for column in columns if len(column.quantiles) > 3]
    if not middles:
        return low, high
    first, last = min(least for least, _ in middles), max(most for _, most in middles)
    longest = (last - first) * _LONGEST_TAIL
    if not 0 < longest < math.inf:
        return low, high
    return max(low, first - longest), min(high, last + longest)


def _cumulative(column: ColumnStatistics) -> tuple[list[float], list[float]]:
    """Places, ascending, and how many numbers lie up to each, from all histograms together.

    A bucket of TFDV's holds its upper bound and not its lower one, but for the first. Between two whole numbers there
    is none, so the place of a whole number is half-way to the next.
    """
    step = 0.5 if column.type == "INT" else 0.0
    places = []
    for histogram in column.proto.num_stats.histograms:
        below = 0.0
        for bucket in _finite(histogram):
            # TFDV adds up the bounds of buckets, so that a whole one may be a hair off.
            low, high = (math.floor(round(b, 6)) if step else b for b in (bucket.low_value, bucket.high_value))
            places.append((low + step if below else low - step, below))
            below += bucket.sample_count
            places.append((high + step, below))
    places.sort()
    numbers, reached, most = [], [], 0.0
    for number, below in places:
        # The quantiles' ranks are right to a hundredth, so that they may lie below what is known to be reached.
        most = max(most, below)
        numbers.append(number)
        reached.append(most)
    return numbers, reached


def _finite(histogram: statistics_pb2.Histogram) -> list[statistics_pb2.Histogram.Bucket]:
    return [b for b in histogram.buckets if math.isfinite(b.low_value) and math.isfinite(b.high_value)]


def _interpolated(numbers: Sequence[float], below: Sequence[float], bound: float) -> float:
    at = bisect_right(numbers, bound)
    if at == 0:
        return 0.0
    if at == len(numbers):
        return below[-1]
    low, high = numbers[at - 1], numbers[at]
    part = (bound - low) / (high - low) if high > low else 0.0
    return below[at - 1] + part * (below[at] - below[at - 1])
