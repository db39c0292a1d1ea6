"""What runs left behind about the data: the statistics and the anomalies of each split, read from their artifacts.

An artifact here is the folder that StatisticsGen or ExampleValidator wrote, with a `Split-NAME` folder per split. A run
that DataGate blocked has both.
"""

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
from millrace.base.names import did_you_mean
from millrace.statistics.columns import STATISTICS_FILE, of_all_rows, of_slices

ANOMALIES_FILE = "SchemaDiff.pb"
_SPLIT = "Split-"

P = TypeVar("P", bound=Proto)


@dataclass(frozen=True)
class Evidence:
    """What one run saw.

    Args:
        run_id: the run's id.
        state: how the run ended, in a word.
        statistics_folder: StatisticsGen's artifact.
        anomalies_folder: ExampleValidator's artifact; None when the run did not get that far.
        span: the newest span of the data that it read; None where that is not recorded.
        gate_report: DataGate's artifact; None when it left none, as one that says no.
        blessing: the latest blessing then, with whose data DataGate compared; None before the first.
    """

    run_id: str
    state: str
    statistics_folder: Path
    anomalies_folder: Optional[Path] = None
    span: Optional[int] = None
    gate_report: Optional[Path] = None
    blessing: Optional[Path] = None

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
        return {split: of_all_rows(proto) for split, proto in self._statistics.items()}

    @cached_property
    def slices(self) -> dict[str, dict[str, Statistics]]:
        """The statistics of each slice by its name, by split; a split in which it has no rows is left out.

        Raises:
            SchemaError: a file is not what StatisticsGen writes.
        """
        result: dict[str, dict[str, Statistics]] = {}
        for split, proto in self._statistics.items():
            for name, of_slice in of_slices(proto).items():
                result.setdefault(name, {})[split] = of_slice
        return result

    def slice(self, name: str) -> dict[str, Statistics]:
        """The statistics of one slice, by split.

        Args:
            name: TFDV's name of it, such as `payment_type_Cash`.

        Raises:
            SchemaError: there are none.
        """
        if name not in self.slices:
            raise SchemaError(
                f"there are no statistics of such a slice{did_you_mean(name, self.slices)}",
                where=name,
                remedy=f"the run has: {', '.join(self.slices)}"
                if self.slices
                else "name columns under statistics.slices of the configuration, and run again",
            )
        return self.slices[name]

    @cached_property
    def _statistics(self) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
        return dict(_splits(self.statistics_folder, STATISTICS_FILE, statistics_pb2.DatasetFeatureStatisticsList))

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
        return next((one.baseline for one in self.anomalies.values()), None)


def _splits(folder: Path, name: str, kind: type[P]) -> Iterator[tuple[str, P]]:
    for file in sorted(folder.glob(f"{_SPLIT}*/{name}")):
        yield file.parent.name.removeprefix(_SPLIT), read_binary(file, kind)


def read_binary(file: Path, kind: type[P]) -> P:
    """A serialized proto from a file.

    Args:
        file: where it is.
        kind: the message's class.

    Raises:
        SchemaError: the file cannot be read, or holds something else.
    """
    try:
        return kind.FromString(file.read_bytes())
    except (OSError, DecodeError) as error:
        remedy = "the artifact is damaged: run the pipeline again with --no-cache"
        raise SchemaError(f"not a {kind.DESCRIPTOR.name} proto", where=str(file), remedy=remedy) from error
