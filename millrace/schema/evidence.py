"""What runs left behind about the data: the statistics and the anomalies of each split, read from their artifacts.

An artifact here is the folder that StatisticsGen or ExampleValidator wrote, with a `Split-NAME` folder a split. A run
that DataGate blocked has both.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Optional, TypeVar

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Proto
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics as Statistics

from millrace.base.errors import SchemaError

STATISTICS_FILE = "FeatureStats.pb"
ANOMALIES_FILE = "SchemaDiff.pb"
_SPLIT = "Split-"
_WHOLE = "All Examples"  # TFDV's name of the dataset over all rows, when there are slices beside it

P = TypeVar("P", bound=Proto)


@dataclass(frozen=True)
class Evidence:
    """What one run saw.

    Args:
        run_id: the run's id.
        state: how the run ended, in a word.
        statistics_folder: StatisticsGen's artifact.
        anomalies_folder: ExampleValidator's artifact; None when the run did not get that far.
    """

    run_id: str
    state: str
    statistics_folder: Path
    anomalies_folder: Optional[Path] = None

    @property
    def readable(self) -> bool:
        """Whether the statistics are still on disk."""
        return any(self.statistics_folder.glob(f"{_SPLIT}*/{STATISTICS_FILE}"))

    @cached_property
    def statistics(self) -> dict[str, Statistics]:
        """The statistics over all rows of each split.

        Raises:
            SchemaError: a file is not what StatisticsGen writes.
        """
        lists = _splits(self.statistics_folder, STATISTICS_FILE, statistics_pb2.DatasetFeatureStatisticsList)
        return {split: whole(found) for split, found in lists}

    @cached_property
    def anomalies(self) -> dict[str, anomalies_pb2.Anomalies]:
        """The anomalies of each split that was validated.

        Raises:
            SchemaError: a file is not what ExampleValidator writes.
        """
        if self.anomalies_folder is None:
            return {}
        return dict(_splits(self.anomalies_folder, ANOMALIES_FILE, anomalies_pb2.Anomalies))

    @property
    def schema(self) -> Optional[schema_pb2.Schema]:
        """The schema that the splits were validated against; None when they were not."""
        return next((found.baseline for found in self.anomalies.values()), None)


def _splits(folder: Path, name: str, kind: type[P]) -> Iterator[tuple[str, P]]:
    for file in sorted(folder.glob(f"{_SPLIT}*/{name}")):
        yield file.parent.name.removeprefix(_SPLIT), read_binary(file, kind)


def read_binary(file: Path, kind: type[P]) -> P:
    """A serialized proto from a file.

    Raises:
        SchemaError: the file cannot be read, or holds something else.
    """
    try:
        return kind.FromString(file.read_bytes())
    except (OSError, DecodeError) as error:
        remedy = "the artifact is damaged: run the pipeline again with --no-cache"
        raise SchemaError(f"not a {kind.DESCRIPTOR.name} proto", where=str(file), remedy=remedy) from error


def whole(found: statistics_pb2.DatasetFeatureStatisticsList) -> Statistics:
    """The statistics over all rows, when there may be slices beside them."""
    named = [dataset for dataset in found.datasets if dataset.name in ("", _WHOLE)]
    return next(iter(named or found.datasets), Statistics())


@dataclass(frozen=True)
class Seen:
    """What one split's statistics say about a feature.

    Args:
        proto: TFDV's statistics of the feature.
        rows: the rows of the split.
    """

    proto: statistics_pb2.FeatureNameStatistics
    rows: int

    @property
    def type(self) -> str:
        """The type as a schema names it: INT, FLOAT, BYTES or STRUCT."""
        name = statistics_pb2.FeatureNameStatistics.Type.Name(self.proto.type)
        return {"STRING": "BYTES"}.get(name, name)

    @property
    def common(self) -> statistics_pb2.CommonStatistics:
        """Counts that every type has."""
        found = getattr(self.proto, self.proto.WhichOneof("stats") or "num_stats")
        return found.common_stats if hasattr(found, "common_stats") else found.common_statistics

    @property
    def filled(self) -> int:
        """In how many rows the feature has a value; of a CSV file, an empty cell is a feature without a value."""
        common = self.common
        return int(common.tot_num_values if common.max_num_values <= 1 else common.num_non_missing)

    @property
    def range(self) -> Optional[tuple[float, float]]:
        """The smallest and the largest number; None without one."""
        if self.proto.WhichOneof("stats") != "num_stats" or not self.filled:
            return None
        return self.proto.num_stats.min, self.proto.num_stats.max

    def outside(self, low: float, high: float) -> int:
        """At most how many numbers lie below `low` or above `high`, as TFDV's histograms bound it."""
        bounds = [
            sum(bucket.sample_count for bucket in found.buckets if bucket.low_value < low or bucket.high_value > high)
            for found in self.proto.num_stats.histograms
        ]
        return math.ceil(min(bounds, default=self.filled))

    @property
    def distinct(self) -> int:
        """How many different strings; 0 for numbers, of which TFDV does not count them."""
        return int(self.proto.string_stats.unique)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows of each string, the most frequent first, as far as TFDV kept them (1,000 by default)."""
        ranked = self.proto.string_stats.rank_histogram.buckets
        return {bucket.label: int(bucket.sample_count) for bucket in ranked}


def seen(statistics: Statistics) -> dict[str, Seen]:
    """What a split's statistics say, by the feature's path with its steps joined by dots."""
    return {
        ".".join(feature.path.step) or feature.name: Seen(feature, int(statistics.num_examples))
        for feature in statistics.features
    }
