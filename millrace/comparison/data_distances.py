"""How far the data of two runs lies apart, column by column, as TFDV itself measures drift."""

from dataclasses import dataclass
from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics

from millrace.schema import native
from millrace.schema.evidence import Evidence
from millrace.schema.phrases import features
from millrace.statistics.columns import columns_by_name

_MEASURES = {
    anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY: "L-infinity",
    anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE: "Jensen-Shannon",
}


@dataclass(frozen=True)
class ColumnDistance:
    """How far one column moved.

    Args:
        column: its name.
        split: in which split it moved the farthest.
        measure: `L-infinity`, the largest difference of a value's share, for texts; `Jensen-Shannon`, the divergence
            with the logarithm of base 2, for numbers. Both from 0 to 1.
        distance: TFDV's; NaN where it could not measure.
        missing_before: the share of rows without a value.
        missing_after: the share of rows without a value.
        only_in: `before` or `after` where only one of them has the column, whose distance is 1.
    """

    column: str
    split: str
    measure: str
    distance: float
    missing_before: float
    missing_after: float
    only_in: str = ""


def distances(before: str, after: str) -> tuple[ColumnDistance, ...]:
    """The distances of all columns, of each in the split in which it is the largest.

    Args:
        before: the folder of StatisticsGen's artifact.
        after: that of the other run.

    Returns:
        The columns, the farthest first; none where no split has statistics in both.

    Raises:
        SchemaError: a file is not what StatisticsGen writes.
    """
    old, new = (Evidence("", "", Path(folder)).statistics for folder in (before, after))
    farthest: dict[str, ColumnDistance] = {}
    for split in (split for split in new if split in old):
        for one in _of_split(split, old[split], new[split]):
            if one.column not in farthest or one.distance > farthest[one.column].distance:
                farthest[one.column] = one
    return tuple(sorted(farthest.values(), key=lambda one: (-one.distance, one.column)))


def _of_split(split: str, before: DatasetFeatureStatistics, after: DatasetFeatureStatistics) -> list[ColumnDistance]:
    old, new = columns_by_name(before), columns_by_name(after)
    schema = native.infer(after)
    for name, feature in features(schema):
        comparator = feature.drift_comparator
        # Only the measurement is wanted; a threshold of 1 is never passed.
        if feature.type == schema_pb2.BYTES:
            comparator.infinity_norm.threshold = 1.0
        elif name in old and old[name].quantiles and new[name].quantiles:
            comparator.jensen_shannon_divergence.threshold = 1.0
    measured = {
        ".".join(info.path.step): info.drift_measurements[0]
        for info in native.validate(after, schema, previous=before).drift_skew_info
        if info.drift_measurements
    }
    found = []
    for name in dict.fromkeys([*new, *old]):
        gone, come = (
            one[name].missing / one[name].rows if name in one and one[name].rows else 0.0 for one in (old, new)
        )
        if name not in old or name not in new:
            found.append(ColumnDistance(name, split, "", 1.0, gone, come, "before" if name in old else "after"))
        elif name in measured:
            distance = measured[name]
            measure = _MEASURES.get(distance.type, "")
            found.append(ColumnDistance(name, split, measure, distance.value, gone, come))
    return found
