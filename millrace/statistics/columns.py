"""What TFDV's statistics say about the columns of a split, with one meaning for whoever asks.

Two things they do not say directly are decided here. Rows that come from a CSV file carry an empty cell as a present
feature with no value, so `num_missing` is 0 where a cell is empty. And NaN is a value to TFDV, but none to Millrace:
nothing can be learned from it.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Optional

from tensorflow_metadata.proto.v0 import statistics_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics, DatasetFeatureStatisticsList

STATISTICS_FILE = "FeatureStats.pb"
ALL_ROWS = "All Examples"
"""TFDV's name of the dataset over all rows, when there are slices beside it."""
_PHYSICAL = {"INT": "INT", "FLOAT": "FLOAT", "STRING": "BYTES", "BYTES": "BYTES", "STRUCT": "STRUCT"}
_QUANTILES = statistics_pb2.Histogram.HistogramType.QUANTILES


@dataclass(frozen=True)
class ColumnStatistics:
    """One feature's statistics in one split.

    Args:
        proto: TFDV's statistics of the feature.
        rows: the rows of the split.
    """

    proto: statistics_pb2.FeatureNameStatistics
    rows: int

    @property
    def path(self) -> tuple[str, ...]:
        """The steps of the feature's path; one step for a column of a table."""
        return tuple(self.proto.path.step) or (self.proto.name,)

    @property
    def name(self) -> str:
        """The steps of the path joined by dots; for a column of a table, its name."""
        return ".".join(self.path)

    @property
    def type(self) -> str:
        """The physical type, named as a schema names it: INT, FLOAT, BYTES or STRUCT."""
        return _PHYSICAL[statistics_pb2.FeatureNameStatistics.Type.Name(self.proto.type)]

    @cached_property
    def common(self) -> statistics_pb2.CommonStatistics:
        """TFDV's counts that every type has."""
        return getattr(self.proto, self.proto.WhichOneof("stats") or "num_stats").common_stats

    @property
    def present(self) -> int:
        """In how many rows the feature is there, perhaps without a value; from a CSV file, in every row."""
        return int(self.common.num_non_missing)

    @cached_property
    def filled(self) -> int:
        """In how many rows the feature has at least one value; NaN is none. At most, for lists of many lengths.

        It is what a schema's `presence` is held to.
        """
        values = max(int(self.common.tot_num_values) - self.nans, 0)
        return min(values, self.present)

    @property
    def missing(self) -> int:
        """In how many rows the feature has no value."""
        return self.rows - self.filled

    @cached_property
    def nans(self) -> int:
        """How many values are NaN."""
        return max((int(histogram.num_nan) for histogram in self.proto.num_stats.histograms), default=0)

    @cached_property
    def range(self) -> Optional[tuple[float, float]]:
        """The smallest and the largest number; None for strings and for a column without a value."""
        if self.proto.WhichOneof("stats") != "num_stats" or not self.filled:
            return None
        return self.proto.num_stats.min, self.proto.num_stats.max

    @cached_property
    def quantiles(self) -> tuple[float, ...]:
        """The bounds of TFDV's buckets of equally many numbers, ascending, ends included; none without a number."""
        quantiles = [histogram for histogram in self.proto.num_stats.histograms if histogram.type == _QUANTILES]
        if not quantiles or not self.filled:
            return ()
        buckets = quantiles[0].buckets
        return (*(bucket.low_value for bucket in buckets), buckets[-1].high_value) if buckets else ()

    @property
    def mean(self) -> Optional[float]:
        """The mean of its numbers; None for strings and for a column without a value."""
        return self.proto.num_stats.mean if self.range is not None else None

    @property
    def deviation(self) -> Optional[float]:
        """The standard deviation of its numbers; None for strings and for a column without a value."""
        return self.proto.num_stats.std_dev if self.range is not None else None

    @property
    def zeros(self) -> int:
        """How many of its numbers are 0."""
        return int(self.proto.num_stats.num_zeros)

    def outside(self, low: float, high: float) -> int:
        """At most how many numbers lie below `low` or above `high`, as TFDV's histograms bound it.

        Args:
            low: the lowest that is allowed; minus infinity for any.
            high: the highest; infinity for any.

        Returns:
            A number of values.
        """
        bounds = [
            sum(
                bucket.sample_count
                for bucket in histogram.buckets
                if bucket.low_value < low or bucket.high_value > high
            )
            for histogram in self.proto.num_stats.histograms
        ]
        return math.ceil(min(bounds, default=self.filled))

    @property
    def distinct(self) -> int:
        """How many different strings; 0 for numbers, of which TFDV does not count them."""
        return int(self.proto.string_stats.unique)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows of each string, most frequent first, as far as TFDV kept them (1,000 by default)."""
        ranked = self.proto.string_stats.rank_histogram.buckets
        return {bucket.label: int(bucket.sample_count) for bucket in ranked}


def of_all_rows(statistics: DatasetFeatureStatisticsList) -> DatasetFeatureStatistics:
    """The statistics over all rows, when there may be slices beside them.

    Args:
        statistics: the content of a split's `FeatureStats.pb`.

    Returns:
        The dataset that is unnamed or named for all rows, else the first; an empty one where there is none.
    """
    named = [dataset for dataset in statistics.datasets if dataset.name in ("", ALL_ROWS)]
    return next(iter(named or statistics.datasets), DatasetFeatureStatistics())


def of_slices(statistics: DatasetFeatureStatisticsList) -> dict[str, DatasetFeatureStatistics]:
    """The statistics of each slice, by TFDV's name of it: columns and values, such as `payment_type_Cash`.

    Args:
        statistics: the content of a split's `FeatureStats.pb`.

    Returns:
        Empty where nothing is sliced on.
    """
    return {dataset.name: dataset for dataset in statistics.datasets if dataset.name not in ("", ALL_ROWS)}


def columns(statistics: DatasetFeatureStatistics) -> dict[tuple[str, ...], ColumnStatistics]:
    """A split's columns by the steps of their paths."""
    rows = int(statistics.num_examples)
    all_columns = (ColumnStatistics(feature, rows) for feature in statistics.features)
    return {column.path: column for column in all_columns}


def columns_by_name(statistics: DatasetFeatureStatistics) -> dict[str, ColumnStatistics]:
    """A split's columns by name, the steps of a path joined by dots."""
    return {column.name: column for column in columns(statistics).values()}
