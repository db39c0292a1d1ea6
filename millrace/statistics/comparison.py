"""What a comparison of rows with other rows says: each distance with its limit, and what could not be measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Optional

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics

if TYPE_CHECKING:  # numpy, which whoever only reads a report does without
    from millrace.statistics.order_statistics import OrderStatistics

Kind = Literal["drift", "skew"]
"""Drift is measured from earlier rows by `drift_comparator`, skew between training and serving by `skew_comparator`."""

QUIET = 0.01
"""A distance is called usual that chance alone exceeds once in a hundred comparisons."""


@dataclass(frozen=True)
class Rows:
    """Rows that are compared.

    Args:
        statistics: of all of them.
        numbers: the order statistics of their columns of numbers; without any, nothing is known of their chance.
    """

    statistics: DatasetFeatureStatistics
    numbers: Mapping[str, "OrderStatistics"] = field(default_factory=dict)


@dataclass(frozen=True)
class Distance:
    """One distance that was measured.

    Args:
        feature: the column.
        measure: the schema's name of the distance.
        value: TFDV's, from 0 to 1.
        limit: what the schema allows, or what the false-alarm rate makes of it.
        usual: what chance alone exceeds in one of a hundred comparisons of as many rows; None where it is not known.
        chance: how often chance alone makes a distance at least as large; None where it is not known.
    """

    feature: str
    measure: str
    value: float
    limit: float
    usual: Optional[float] = None
    chance: Optional[float] = None

    @property
    def exceeds(self) -> bool:
        """Whether it is beyond the limit."""
        return self.value > self.limit


@dataclass(frozen=True)
class Comparison:
    """What was measured of one kind, and what could not be.

    Args:
        kind: drift or skew.
        distances: by the schema's order of columns.
        unmeasured: columns with a limit that could not be measured, each with why.
        anomalies: TFDV's, of distances and numbers of rows alone.
    """

    kind: Kind
    distances: tuple[Distance, ...]
    unmeasured: Mapping[str, str]
    anomalies: anomalies_pb2.Anomalies

    def to_json(self) -> dict[str, Any]:
        """The distances and what was not measured, as plain JSON values."""
        distances = [asdict(one) for one in self.distances]
        return {"kind": self.kind, "distances": distances, "unmeasured": dict(self.unmeasured)}
