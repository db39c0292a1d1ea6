"""How far two samples of one column lie apart by chance alone, in TFDV's own distances: their null distribution.

TFDV's distances grow as rows get fewer: two samples of 400 rows of one column differ by more than two of 40,000. So the
two samples are put together, parted again at random many times, and each time measured as TFDV measures: the shares of
texts for the infinity norm and the normalised absolute difference, the equal ranges (STANDARD) or the deciles
(QUANTILES) of numbers for the Jensen-Shannon divergence. It is a permutation test (Good, Permutation, Parametric and
Bootstrap Tests of Hypotheses, 3rd ed., 2005, chapter 3). Drawing both from the reference alone would not do: of a long
tail a sample does not know how far it goes, and half of all quiet days were then called news.

Numbers are drawn as how many fall between two known ones (`order_statistics`), and not row by row: a million rows take
no longer than four hundred.
"""

import math
from typing import Literal, Optional

import numpy as np

from millrace.statistics.columns import ColumnStatistics
from millrace.statistics.order_statistics import OrderStatistics, ranks_of

Measure = Literal["infinity_norm", "jensen_shannon_divergence", "normalized_abs_difference"]
Source = Literal["STANDARD", "QUANTILES"]

_DRAWS = 999
_SEED = 15
_BUCKETS = 10
# TFDV's sketch of quantiles errs by a hundredth of the rows on either side.
_SKETCH = 0.02


class UsualDistances:
    """The null distributions of a comparison of two samples; what columns have in common is drawn once.

    Args:
        rate: the false-alarm rate for which a limit will be asked; None for none.
    """

    def __init__(self, rate: Optional[float] = None) -> None:
        # The limit is the second largest of all draws or a lower one: the largest alone is a matter of luck.
        self._draws = max(_DRAWS, math.ceil(2.0 / rate) - 1 if rate else 0)
        self._counts: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}

    def of_texts(self, measure: Measure, before: ColumnStatistics, after: ColumnStatistics) -> np.ndarray:
        """The distances of two samples of a column of texts.

        Args:
            measure: the distance.
            before: the column in the one sample, with a value.
            after: in the other, with a value.

        Returns:
            Ascending [draws].
        """
        sizes = [sum(one.counts.values()) for one in (before, after)]
        values = dict.fromkeys([*before.counts, *after.counts])
        together = np.array([before.counts.get(one, 0) + after.counts.get(one, 0) for one in values], np.float64)
        random = np.random.default_rng(_SEED)
        drawn = [random.multinomial(size, together / together.sum(), self._draws).astype(np.float64) for size in sizes]
        if measure == "normalized_abs_difference":
            return np.sort(np.abs(drawn[0] - drawn[1]).max(axis=1) / sum(sizes))
        shares = [one / size for one, size in zip(drawn, sizes, strict=True)]
        if measure == "infinity_norm":
            return np.sort(np.abs(shares[0] - shares[1]).max(axis=1))
        return np.sort(_divergence(*shares))

    def of_numbers(
        self, source: Source, before: OrderStatistics, after: OrderStatistics, whole: bool = False
    ) -> np.ndarray:
        """The Jensen-Shannon divergences of two samples of a column of numbers.

        Args:
            source: of which histogram.
            before: the numbers of the one sample.
            after: those of the other.
            whole: whether they are whole numbers, whose deciles are some too.

        Returns:
            Ascending [draws].
        """
        values, _ = before.pooled(after).steps()
        counts = self._parted(before.count, after.count)
        histograms = [self._histograms(source, values, one, place, whole) for place, one in enumerate(counts)]
        return np.sort(jensen_shannon(*histograms[0], *histograms[1]))

    def _histograms(
        self, source: Source, values: np.ndarray, counts: np.ndarray, place: int, whole: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Edges [draws, buckets + 1] and shares [draws, buckets] of the histogram of each draw."""
        nothing = np.zeros((self._draws, 1))
        below = np.concatenate([nothing, counts.cumsum(axis=1)], axis=1)
        rows = below[0, -1]
        ends = _ends(counts, values, np.random.default_rng((_SEED, place)))
        if source == "QUANTILES":
            inner = _inverted(below, values, rows * np.arange(1.0, _BUCKETS) / _BUCKETS)
            inner = (inner.round() if whole else inner).clip(ends[:, :1], ends[:, 1:])
            edges = np.concatenate([ends[:, :1], inner, ends[:, 1:]], axis=1)
            return edges, np.full((self._draws, _BUCKETS), 1.0 / _BUCKETS)
        edges = np.linspace(ends[:, 0], ends[:, 1], _BUCKETS + 1, axis=1)
        # Behind the last of equal values, since a bucket holds its upper edge.
        at = (np.searchsorted(values, edges[:, 1:-1], side="right") - 1).clip(0, len(values) - 2)
        part = _divided(edges[:, 1:-1] - values[at], values[at + 1] - values[at]).clip(0.0, 1.0)
        low, high = (np.take_along_axis(below, place, axis=1) for place in (at, at + 1))
        reached = low + part * (high - low)
        return edges, np.diff(np.concatenate([nothing, reached, nothing + rows], axis=1), axis=1) / rows

    def _parted(self, before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
        """How many numbers of each sample fall on and between the known ones of both together, the same for every
        column of such sizes: two of [draws, steps]."""
        if (before, after) not in self._counts:
            ranks = ranks_of(before + after)
            steps = np.diff(np.stack([ranks - 1, ranks], axis=1).ravel())
            random = np.random.default_rng(_SEED)
            drawn = random.multivariate_hypergeometric(steps, before, self._draws, method="marginals")
            self._counts[before, after] = drawn.astype(np.float64), (steps - drawn).astype(np.float64)
        return self._counts[before, after]


def limit_at(distances: np.ndarray, rate: float, is_rough: bool = False) -> float:
    """The distance that chance alone exceeds at a rate.

    Of D drawn distances the k-th largest is exceeded by another of the same distribution with probability k / (D + 1).

    Args:
        distances: a null distribution, ascending [draws].
        rate: above 0.
        is_rough: whether a sketch of the numbers will be measured, as in `chance_of`, which says the rate or more of
            each distance up to the limit.
    """
    limit = float(distances[-max(int(rate * (len(distances) + 1) + 1e-9), 1)])
    return limit / (1.0 - _SKETCH) if is_rough else limit


def chance_of(distance: float, distances: np.ndarray, is_rough: bool = False) -> float:
    """How often chance alone makes a distance at least as large: at least 1 / (draws + 1).

    Args:
        distance: that was measured.
        distances: a null distribution, ascending [draws].
        is_rough: whether it was measured on a sketch of the numbers, as TFDV does: where almost all that chance makes
            lies close together, as of a column of few large codes, what the sketch rounds would else be news.
    """
    least = distance * (1.0 - _SKETCH) if is_rough else distance
    return float((np.sum(distances >= least) + 1) / (len(distances) + 1))


def jensen_shannon(
    edges_before: np.ndarray, shares_before: np.ndarray, edges_after: np.ndarray, shares_after: np.ndarray
) -> np.ndarray:
    """TFDV's Jensen-Shannon divergence of two histograms of numbers.

    Within a bucket numbers are taken to lie evenly; a bucket without a width is a value of its own.

    Args:
        edges_before: ascending, of any number of histograms [..., buckets + 1].
        shares_before: of all numbers [..., buckets].
        edges_after: of the other histograms, which may have other edges.
        shares_after: of their numbers.

    Returns:
        From 0, the same, to 1 [...].
    """
    values = np.sort(np.concatenate([edges_before, edges_after], axis=-1), axis=-1)
    parts = [_on(values, *one) for one in ((edges_before, shares_before), (edges_after, shares_after))]
    return _divergence(*parts)


def _on(values: np.ndarray, edges: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """A histogram's shares between each two values, and then on each value alone."""
    low, width = edges[..., None, :-1], np.diff(edges, axis=-1)[..., None, :]
    share = shares[..., None, :]
    below = (_divided(values[..., None] - low, width).clip(0.0, 1.0) * np.where(width > 0, share, 0.0)).sum(axis=-1)
    on = np.where((width <= 0) & (values[..., None] == low), share, 0.0).sum(axis=-1)
    # Of equal values the first one has it all.
    on[..., 1:][np.diff(values, axis=-1) == 0] = 0.0
    return np.concatenate([np.diff(below, axis=-1), on], axis=-1)


def _divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """A quotient; 0 of nothing."""
    return np.divide(part, whole, out=np.zeros(np.broadcast_shapes(part.shape, whole.shape)), where=whole > 0)


def _inverted(below: np.ndarray, values: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """The value at each rank, of which so many numbers lie below the values of each draw [draws, ranks]."""
    draws, steps = below.shape
    # One search for all draws: each in a range of its own.
    apart = np.arange(draws)[:, None] * (below[0, -1] + 1.0)
    at = np.searchsorted((below + apart).ravel(), (ranks + apart).ravel()).reshape(draws, -1)
    at = (at - np.arange(draws)[:, None] * steps - 1).clip(0, steps - 2)
    low, high = (np.take_along_axis(below, place, axis=1) for place in (at, at + 1))
    return values[at] + _divided(ranks - low, high - low) * (values[at + 1] - values[at])


def _divergence(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """With the logarithm of base 2, of shares [..., values]."""
    middle = (before + after) / 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(one > 0, one * np.log2(one / middle), 0.0) for one in (before, after)]
    return np.asarray((parts[0] + parts[1]).sum(axis=-1) / 2.0)


def _ends(counts: np.ndarray, values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The smallest and the largest number of each draw [draws, 2].

    Of c numbers that lie evenly the smallest is distributed as 1 - U^(1/c), the largest as U^(1/c).
    """
    draws, steps = counts.shape
    first = (counts > 0).argmax(axis=1)
    last = steps - 1 - (counts[:, ::-1] > 0).argmax(axis=1)
    of_first, of_last = (counts[np.arange(draws), place] for place in (first, last))
    low = values[first] + (values[first + 1] - values[first]) * (1.0 - random.random(draws) ** (1.0 / of_first))
    high = values[last] + (values[last + 1] - values[last]) * random.random(draws) ** (1.0 / of_last)
    return np.stack([low, np.maximum(low, high)], axis=1)
