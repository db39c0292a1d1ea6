"""TFDV's basic statistics, with the two histograms of each column of numbers made from its sketch by arrays.

TFDV makes them one bucket after the other out of a thousand quantiles, in some milliseconds for each column, however
few rows it has: of a wide table's run they were the longest part.
"""

from typing import Any

import numpy as np
from tensorflow_data_validation.statistics.generators import basic_stats_generator
from tensorflow_metadata.proto.v0 import statistics_pb2

# TFDV's: so many quantiles for each bucket of a histogram.
_QUANTILES_PER_BUCKET = 100


class BasicStatistics(basic_stats_generator.BasicStatsGenerator):
    """TFDV's generator of what every column has; the arguments are TFDV's, without weights.

    Args:
        schema: the schema of the statistics options, if any.
        num_values_histogram_buckets: of the number of values a row.
        num_histogram_buckets: of equal width.
        num_quantiles_histogram_buckets: of equally many numbers.
        epsilon: how far a rank may be off, as a share of the values.
    """

    def extract_output(self, accumulator: Any) -> statistics_pb2.DatasetFeatureStatistics:
        """The statistics of every feature, the same as TFDV's.

        Args:
            accumulator: what `add_input` gathered; it can be extracted once.
        """
        seen = {path.steps(): stats.numeric_stats for path, stats in accumulator.items()}
        sketches = {steps: numbers.quantiles_summary for steps, numbers in seen.items()}
        for numbers in seen.values():
            numbers.quantiles_summary = None  # so that TFDV leaves the histograms out
        result = super().extract_output(accumulator)
        for feature in result.features:
            steps = tuple(feature.path.step)
            if sketches[steps] is None or not np.isnan(feature.num_stats.median):
                continue  # no number was seen
            quantiles, below = (
                column.flatten().to_numpy(zero_copy_only=False)
                for column in sketches[steps].GetQuantilesAndCumulativeWeights(
                    _QUANTILES_PER_BUCKET * self._num_quantiles_histogram_buckets
                )
            )
            _add_histograms(feature.num_stats, quantiles, below, seen[steps], self._num_histogram_buckets)
        return result


def _add_histograms(
    result: statistics_pb2.NumericStatistics,
    quantiles: np.ndarray,
    below: np.ndarray,
    numbers: Any,
    buckets: int,
) -> None:
    """Sets the median and the histograms, of equal widths and of equally many numbers."""
    middle = len(quantiles) // 2
    result.median = (
        float(quantiles[middle]) if len(quantiles) % 2 else float((quantiles[middle - 1] + quantiles[middle]) / 2.0)
    )
    result.histograms.append(
        _of_equal_width(quantiles, below, numbers.finite_min, numbers.finite_max, buckets, numbers.pos_inf_count)
    )
    every = np.append(0, np.arange(_QUANTILES_PER_BUCKET, len(quantiles), _QUANTILES_PER_BUCKET))
    equally_many = statistics_pb2.Histogram(type=statistics_pb2.Histogram.QUANTILES)
    _add_buckets(equally_many, *_bins(quantiles[every], below[every]))
    result.histograms.append(equally_many)
    for histogram in result.histograms:
        histogram.num_nan = int(numbers.num_nan)


def _bins(bounds: np.ndarray, below: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bins between quantiles.

    Args:
        bounds: quantiles, ascending; some may be equal.
        below: how many values are at most each of them.

    Returns:
        Each bin's lower bound, upper bound and values. Bins with the same upper bound share theirs evenly; the values
        at the least bound belong to the first bin and those that are equal to it.
    """
    low, high, counts = bounds[:-1], bounds[1:], np.diff(below.astype(np.float64))
    if not len(counts):
        return low, high, counts
    starts = np.flatnonzero(np.append(True, high[1:] != high[:-1]))
    lengths = np.diff(np.append(starts, len(high)))
    counts = np.repeat(np.add.reduceat(counts, starts) / lengths, lengths)
    first = int(np.argmin(np.append((low == low[0]) & (high == high[0]), False)))
    counts[:first] += float(below[0]) / first
    return low, high, counts


def _of_equal_width(
    quantiles: np.ndarray, below: np.ndarray, least: float, most: float, buckets: int, infinite: float
) -> statistics_pb2.Histogram:
    """A histogram over the finite numbers, within each bin of which they are taken to be spread evenly.

    Args:
        quantiles: ascending; the first and the last may be infinite.
        below: how many numbers are at most each of them.
        least: the least finite number; infinity where there is none.
        most: the greatest finite number; minus infinity where there is none.
        buckets: how many, beside those of the infinite numbers.
        infinite: how many numbers are plus infinity.
    """
    result = statistics_pb2.Histogram(type=statistics_pb2.Histogram.STANDARD)
    if not np.isfinite(least) and not np.isfinite(most):
        result.buckets.add(low_value=least, high_value=most, sample_count=below[-1])
        return result
    start = int(np.searchsorted(quantiles, -np.inf, side="right"))
    minus_infinite = float(below[start - 1]) if start else 0.0
    quantiles, below = quantiles[start:], below[start:] - minus_infinite
    if infinite:
        end, finite = int(np.searchsorted(quantiles, np.inf, side="left")), below[-1] - infinite
        quantiles, below = np.append(quantiles[:end], most), np.append(below[:end], finite)
    edges = np.array([least, most], np.float64) if least == most else np.linspace(least, most, buckets + 1)
    if not np.isfinite(edges).all():
        return result  # their difference is more than a float holds
    if minus_infinite:
        result.buckets.add(low_value=-np.inf, high_value=-np.inf, sample_count=minus_infinite)
    _add_buckets(result, edges[:-1], edges[1:], _spread(*_bins(quantiles, below), edges))
    if infinite:
        result.buckets.add(low_value=np.inf, high_value=np.inf, sample_count=infinite)
    return result


def _spread(low: np.ndarray, high: np.ndarray, counts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How many values of bins lie between each two edges.

    A bin of one number belongs to the bucket whose upper edge it is, or to the first.
    """
    wide = high > low
    bucket = np.maximum(np.searchsorted(edges, low[~wide], side="left") - 1, 0)
    result = np.bincount(bucket, counts[~wide], len(edges) - 1)
    low, high, counts = low[wide], high[wide], counts[wide]
    inside = np.minimum(high, edges[1:, np.newaxis]) - np.maximum(low, edges[:-1, np.newaxis])
    return result + (np.clip(inside / (high - low), 0.0, 1.0) * counts).sum(axis=1)


def _add_buckets(histogram: statistics_pb2.Histogram, low: np.ndarray, high: np.ndarray, counts: np.ndarray) -> None:
    for lower, upper, count in zip(low.tolist(), high.tolist(), counts.tolist(), strict=True):
        histogram.buckets.add(low_value=lower, high_value=upper, sample_count=count)
