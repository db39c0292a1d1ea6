"""What DataGate looks at and what it finds: plain values, without TensorFlow."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Optional

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics as Statistics

from millrace.statistics.columns import ColumnStatistics, columns
from millrace.statistics.comparison import Comparison

CHANCE = 0.001
"""A distance that chance alone makes no oftener is no chance: the least that 999 draws can tell."""


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
class CheckedSplit:
    """One split: its name, rows, columns by path, what TFDV found, and how far it lies from earlier data.

    `faults` names the columns whose distance from the span before is beyond their limit and beyond chance.
    """

    name: str
    rows: int
    columns: Mapping[tuple[str, ...], ColumnStatistics]
    anomalies: anomalies_pb2.Anomalies = field(default_factory=anomalies_pb2.Anomalies)
    comparisons: tuple[Comparison, ...] = ()
    faults: frozenset[str] = frozenset()

    def column(self, name: str) -> Optional[ColumnStatistics]:
        """The column of a table by its name."""
        return self.columns.get((name,))


def read_split(
    name: str,
    statistics: Statistics,
    anomalies: Optional[anomalies_pb2.Anomalies] = None,
    comparisons: tuple[Comparison, ...] = (),
    from_span_before: bool = False,
) -> CheckedSplit:
    """A split from what StatisticsGen and ExampleValidator wrote about it.

    Args:
        name: the split's name.
        statistics: those over all its rows.
        anomalies: the content of its SchemaDiff.pb, with those of the comparisons; None when the validator was told to
            leave the split out.
        comparisons: with earlier data.
        from_span_before: whether drift was measured from the span before.
    """
    faults = frozenset(
        distance.feature
        for comparison in comparisons
        for distance in comparison.distances
        if comparison.kind == "drift" and from_span_before and distance.exceeds and (distance.chance or 1.0) <= CHANCE
    )
    found = anomalies or anomalies_pb2.Anomalies()
    return CheckedSplit(name, int(statistics.num_examples), columns(statistics), found, comparisons, faults)
