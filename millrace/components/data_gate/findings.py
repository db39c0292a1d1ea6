"""What DataGate looks at and what it finds: plain values, without TensorFlow.

A `Column` reads the one thing that TFDV statistics do not say directly: in how many rows a column has a value. Rows
that come from a CSV file carry an empty cell as a present feature with no value, so that `num_missing` is 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Optional

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

_PHYSICAL = {"INT": "INT", "FLOAT": "FLOAT", "STRING": "BYTES", "BYTES": "BYTES", "STRUCT": "STRUCT"}


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    `rows` is how many rows of the split it concerns, where the statistics tell. `severity` is TFDV's, ERROR or WARNING.
    `action` is what was decided, block, warn, ignore or waived, and `note` says more about that decision.
    """

    feature: str
    split: str
    reason: str
    expected: str
    seen: str
    rows: Optional[int] = None
    severity: str = "ERROR"
    action: str = "block"
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The finding as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Column:
    """One feature's statistics in one split.

    Args:
        proto: TFDV's statistics of the feature.
        split_rows: the rows of the split.
    """

    proto: statistics_pb2.FeatureNameStatistics
    split_rows: int

    @property
    def path(self) -> tuple[str, ...]:
        """The steps of the feature's path; one step for a column of a table."""
        return tuple(self.proto.path.step) or (self.proto.name,)

    @property
    def type(self) -> str:
        """The physical type, named as a schema names it: INT, FLOAT, BYTES or STRUCT."""
        return _PHYSICAL[statistics_pb2.FeatureNameStatistics.Type.Name(self.proto.type)]

    @property
    def common(self) -> statistics_pb2.CommonStatistics:
        """Counts that every type has."""
        kind = self.proto.WhichOneof("stats") or "num_stats"
        return getattr(self.proto, kind).common_stats

    @property
    def rows(self) -> int:
        """In how many rows the feature has at least one value; NaN is none. At most, for lists of many lengths."""
        scalar = self.common.max_num_values <= 1
        present = int(self.common.tot_num_values) if scalar else int(self.common.num_non_missing)
        return max(present - self.nans, 0)

    @property
    def missing(self) -> int:
        """In how many rows the feature has no value."""
        return self.split_rows - self.rows

    @property
    def nans(self) -> int:
        """How many values are NaN."""
        return max((int(histogram.num_nan) for histogram in self.proto.num_stats.histograms), default=0)

    @property
    def range(self) -> Optional[tuple[float, float]]:
        """The smallest and the largest number; None for strings and for a column without a value."""
        if self.proto.WhichOneof("stats") != "num_stats" or not self.rows:
            return None
        return self.proto.num_stats.min, self.proto.num_stats.max

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows of each string, most frequent first, as far as TFDV kept them (1,000 by default)."""
        ranked = self.proto.string_stats.rank_histogram.buckets
        return {bucket.label: int(bucket.sample_count) for bucket in ranked}


@dataclass(frozen=True)
class Split:
    """One split: its name, rows, columns by path, and what TFDV found."""

    name: str
    rows: int
    columns: Mapping[tuple[str, ...], Column]
    anomalies: anomalies_pb2.Anomalies = field(default_factory=anomalies_pb2.Anomalies)

    def column(self, name: str) -> Optional[Column]:
        """The column of a table by its name."""
        return self.columns.get((name,))


def read_split(
    name: str,
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    anomalies: Optional[anomalies_pb2.Anomalies] = None,
) -> Split:
    """A split from what StatisticsGen and ExampleValidator wrote about it.

    Args:
        name: the split's name.
        statistics: the content of its FeatureStats.pb; slices other than the whole are passed over.
        anomalies: the content of its SchemaDiff.pb; None when the validator was told to leave the split out.
    """
    whole = _whole(statistics.datasets)
    if whole is None:
        return Split(name, 0, {}, anomalies or anomalies_pb2.Anomalies())
    columns = (Column(feature, int(whole.num_examples)) for feature in whole.features)
    by_path = {column.path: column for column in columns}
    return Split(name, int(whole.num_examples), by_path, anomalies or anomalies_pb2.Anomalies())


def _whole(
    datasets: Iterable[statistics_pb2.DatasetFeatureStatistics],
) -> Optional[statistics_pb2.DatasetFeatureStatistics]:
    """The dataset over all rows: unnamed, or `All Examples` when there are slices beside it."""
    datasets = list(datasets)
    named = [dataset for dataset in datasets if dataset.name in ("", "All Examples")]
    return next(iter(named or datasets), None)
