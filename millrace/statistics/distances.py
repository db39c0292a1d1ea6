"""How far two sets of rows lie apart, from their statistics alone: how large a change is, and whether it is chance.

A change counts only when it is both. Size keeps a million rows from calling every hair a change, chance keeps thirty
rows from calling luck one. Rows are taken to be drawn independently of each other.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import NormalDist

import numpy as np

SKETCH_ERROR = 0.02
"""TFDV's quantiles are a sketch's: a rank is right to about a hundredth."""

# Two counts that are as likely may differ by what the logarithm of a large factorial is rounded to.
_AS_LIKELY = 1e-6


def share_effect(before: float, after: float) -> float:
    """Cohen's h of two shares: 2 asin(sqrt(p1)) - 2 asin(sqrt(p0)); 0.2 is small, 0.5 medium, 0.8 large.

    Source: Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. (1988), chapter 6.

    Args:
        before: from 0 to 1.
        after: from 0 to 1.

    Returns:
        From -pi to pi; positive when the share rose.
    """
    return 2.0 * math.asin(math.sqrt(min(max(after, 0.0), 1.0))) - 2.0 * math.asin(
        math.sqrt(min(max(before, 0.0), 1.0))
    )


def shares_differ(before: float, rows_before: int, after: float, rows_after: int, alpha: float) -> bool:
    """Whether two shares differ by more than chance: Fisher's exact test, which holds for ten rows as for a million.

    Args:
        before: a share from 0 to 1.
        rows_before: of so many rows.
        after: the other share.
        rows_after: of so many rows.
        alpha: how often chance alone may say yes.
    """
    if not rows_before or not rows_after:
        return False
    pooled = (before * rows_before + after * rows_after) / (rows_before + rows_after)
    error = math.sqrt(max(pooled * (1.0 - pooled), 0.0) * (1.0 / rows_before + 1.0 / rows_after))
    # The exact test takes many times as long, and says no wherever its approximation is far from saying yes.
    if abs(after - before) <= critical(alpha) / 2.0 * error:
        return False
    return exact_chance(round(before * rows_before), rows_before, round(after * rows_after), rows_after) < alpha


def exact_chance(count: int, rows: int, other: int, other_rows: int) -> float:
    """How often chance alone makes two counts at least as unlikely: Fisher's exact test of both sides.

    Of all pairs of counts with the same sum those that are no likelier than this one, as `scipy.stats.fisher_exact`
    takes them, whose package would be half of what a console's first page takes to start.

    Args:
        count: how many of the first rows have something.
        rows: how many first rows there are.
        other: how many of the other rows have it.
        other_rows: how many other rows there are.

    Returns:
        From 0 to 1.
    """
    from scipy.special import gammaln

    both, everything = count + other, rows + other_rows
    middle = both * rows / everything
    deviation = math.sqrt(middle * (1 - both / everything) * other_rows / max(everything - 1, 1))
    # What lies further away is below the smallest number there is, and of a hundred million rows most does.
    width = max(40 * deviation, 100_000)
    lowest = max(0, both - other_rows, math.floor(middle - width))
    highest = min(rows, both, math.ceil(middle + width))
    if not lowest <= count <= highest:
        return 0.0
    at = np.arange(lowest, highest + 1.0)
    cells = gammaln([at + 1, rows - at + 1, both - at + 1, other_rows - both + at + 1]).sum(axis=0)
    margins = gammaln([rows + 1.0, other_rows + 1.0, both + 1.0, everything - both + 1.0]).sum()
    logarithms = margins - gammaln(everything + 1.0) - cells
    as_unlikely = logarithms <= logarithms[count - lowest] + _AS_LIKELY
    return min(float(np.exp(logarithms[as_unlikely]).sum()), 1.0)


def least_total_distance(
    before: Mapping[str, float], rows_before: int, after: Mapping[str, float], rows_after: int, alpha: float
) -> float:
    """How far the shares of all values together moved at least, beyond what chance moves them.

    It is the total variation distance, half of the sum of all differences, less what two honest samples have between
    them: its mean (the differences of binomial shares, by Jensen's inequality) and McDiarmid's bound on top of that.
    Where a table of counts was cut off, a value that is not in it may be as frequent as the last one that is.

    Args:
        before: the share of each value that is known, at most 1 together.
        rows_before: of so many rows.
        after: those of the other rows.
        rows_after: of so many rows.
        alpha: how often chance alone may exceed 0.

    Returns:
        From -infinity to 1; above 0 when it is more than chance.
    """
    each = 1.0 / rows_before + 1.0 / rows_after
    unknown = [
        min(shares.values(), default=1.0) if sum(shares.values()) < 1.0 - 1e-9 else 0.0 for shares in (before, after)
    ]
    distance = noise = 0.0
    for value in {**before, **after}:
        old, new = before.get(value), after.get(value)
        if old is None or new is None:
            distance += max((old or 0.0) + (new or 0.0) - unknown[0 if old is None else 1], 0.0)
        else:
            distance += abs(new - old)
        pooled = ((old or 0.0) * rows_before + (new or 0.0) * rows_after) / (rows_before + rows_after)
        noise += math.sqrt(max(pooled * (1.0 - pooled), 0.0) * each)
    return distance / 2.0 - noise / 2.0 - math.sqrt(math.log(1.0 / alpha) * each / 2.0)


def means_differ(
    before: tuple[float, float], rows_before: int, after: tuple[float, float], rows_after: int, alpha: float
) -> bool:
    """Whether two means differ by more than chance: Welch's statistic with the normal distribution.

    Args:
        before: mean and standard deviation.
        rows_before: of so many values.
        after: mean and standard deviation of the other values.
        rows_after: of so many values.
        alpha: how often chance alone may say yes.
    """
    if not rows_before or not rows_after:
        return False
    error = math.sqrt(before[1] ** 2 / rows_before + after[1] ** 2 / rows_after)
    return abs(after[0] - before[0]) > critical(alpha) * error


@cache
def critical(alpha: float) -> float:
    """The standard normal value that chance exceeds, on either side, as often as `alpha`."""
    return NormalDist().inv_cdf(1.0 - alpha / 2.0)


def distributions_differ(
    before: Sequence[float], rows_before: int, after: Sequence[float], rows_after: int, alpha: float
) -> bool:
    """Whether two sets of numbers differ by more than chance: Kolmogorov's and Smirnov's two-sample test.

    The distance is taken from below: between two quantiles nothing is known of a distribution but its two ends, and
    equal numbers count as one step. So the test errs on the side of chance. The limit is Smirnov's, for any size:
    sqrt(-ln(alpha / 2) / 2) * sqrt((n + m) / (n m)) (Knuth, The Art of Computer Programming 2, section 3.3.1).

    Args:
        before: quantiles at equal steps, ends included, ascending.
        rows_before: of so many numbers.
        after: quantiles of the other numbers.
        rows_after: of so many numbers.
        alpha: how often chance alone may say yes.
    """
    if not rows_before or not rows_after or len(before) < 2 or len(after) < 2:
        return False
    limit = math.sqrt(-math.log(alpha / 2.0) / 2.0) * math.sqrt((rows_before + rows_after) / (rows_before * rows_after))
    return least_distance(before, after) - SKETCH_ERROR > limit


def least_distance(before: Sequence[float], after: Sequence[float]) -> float:
    """The largest difference that two distributions must at least have between their shares below a number.

    Args:
        before: quantiles at equal steps, ends included, ascending.
        after: quantiles of the other numbers.

    Returns:
        From 0 to 1.
    """
    gaps = [0.0]
    for number in {*before, *after}:
        low_before, high_before = _share_up_to(before, number)
        low_after, high_after = _share_up_to(after, number)
        gaps += [low_before - high_after, low_after - high_before]
    return max(gaps)


def _share_up_to(quantiles: Sequence[float], number: float) -> tuple[float, float]:
    """The bounds between which the share of numbers lies that are at most `number`."""
    steps = len(quantiles) - 1
    at_most = [place for place, bound in enumerate(quantiles) if bound <= number]
    above = [place for place, bound in enumerate(quantiles) if bound > number]
    return max(at_most, default=0) / steps, min(above, default=steps) / steps
