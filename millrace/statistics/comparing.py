"""How far the rows of a split lie from other rows, by a schema's comparators: TFDV's distances, and what is usual.

The same for training data against the span before (drift), against what the served version learned from (skew), and for
a window of requests against either: pure functions of statistics and a schema. TFDV measures. What is added is which
limits could not be measured, how often chance alone makes such a distance, and limits that are given as that rate.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Optional, cast

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from millrace.statistics.columns import ColumnStatistics, columns_by_name
from millrace.statistics.comparison import QUIET, Comparison, Distance, Kind, Rows
from millrace.statistics.order_statistics import OrderStatistics
from millrace.statistics.usual_distances import Measure, UsualDistances, chance_of, limit_at
from millrace.statistics.validation import anomalies_of

_MEASURES = ("infinity_norm", "jensen_shannon_divergence", "normalized_abs_difference")
_MEASUREMENTS: Mapping[int, Measure] = {
    anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY: "infinity_norm",
    anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE: "jensen_shannon_divergence",
    anomalies_pb2.DriftSkewInfo.Measurement.NORMALIZED_ABSOLUTE_DIFFERENCE: "normalized_abs_difference",
}


def compare(
    kind: Kind,
    rows: Rows,
    reference: Rows,
    schema: schema_pb2.Schema,
    *,
    false_alarm_rate: Optional[float] = None,
    columns: Sequence[str] = (),
    environment: Optional[str] = None,
) -> Comparison:
    """Measures how far rows lie from others.

    Args:
        kind: which of the schema's comparators says what is measured, and up to which limit.
        rows: what is looked at.
        reference: what it is compared with.
        schema: with the comparators.
        false_alarm_rate: how often chance alone may exceed each limit; it takes the place of the schema's distances.
        columns: with a rate, columns that are measured although the schema has no comparator for them.
        environment: the schema's environment that holds for the rows, such as SERVING.

    Returns:
        TFDV's distances, the same that `tfdv.validate_statistics` gives.
    """
    now, then = columns_by_name(rows.statistics), columns_by_name(reference.statistics)
    usual = _Usual(rows.numbers, reference.numbers, UsualDistances(false_alarm_rate))
    measured_by = schema_pb2.Schema()
    measured_by.CopyFrom(schema)
    unmeasured: dict[str, str] = {}
    for feature in measured_by.feature:
        comparator = getattr(feature, f"{kind}_comparator")
        if false_alarm_rate is not None and feature.name in columns and not _asked(comparator):
            getattr(comparator, "infinity_norm" if feature.type == schema_pb2.BYTES else _MEASURES[1]).SetInParent()
        for measure in _asked(comparator):
            column, other = now.get(feature.name), then.get(feature.name)
            why = _why_not(measure, feature, schema, column, other, environment)
            if not why and false_alarm_rate is not None:
                distances = usual.distances(measure, comparator, column, other)
                if distances is None:
                    why = "no order statistics of its numbers are kept, so no limit is known for the false-alarm rate"
                else:
                    assert column is not None
                    limit = limit_at(distances, false_alarm_rate, column.range is not None)
                    getattr(comparator, measure).threshold = limit
            elif not why and not getattr(comparator, measure).HasField("threshold"):
                why = "its limit has no threshold"
            if why:
                comparator.ClearField(measure)
                unmeasured[feature.name] = why
    references = {"before" if kind == "drift" else "other": reference.statistics}
    anomalies = _comparisons_of(
        anomalies_of(rows.statistics, measured_by, environment=environment, **references)  # type: ignore[arg-type]
    )
    distances = []
    for info in anomalies.drift_skew_info:
        name = ".".join(info.path.step)
        comparator = next(getattr(one, f"{kind}_comparator") for one in measured_by.feature if one.name == name)
        for measurement in getattr(info, f"{kind}_measurements"):
            measure = _MEASUREMENTS[measurement.type]
            null = usual.distances(measure, comparator, now[name], then[name])
            known: tuple[Optional[float], Optional[float]] = (None, None)
            if null is not None:
                is_rough = now[name].range is not None
                known = limit_at(null, QUIET), chance_of(measurement.value, null, is_rough)
            distances.append(Distance(name, measure, measurement.value, measurement.threshold, *known))
    return Comparison(kind, tuple(distances), unmeasured, anomalies)


def comparators(schema: schema_pb2.Schema, kind: Kind) -> list[str]:
    """The columns for which a schema has a limit of a kind."""
    return [feature.name for feature in schema.feature if _asked(getattr(feature, f"{kind}_comparator"))]


class _Usual:
    """The null distributions of the columns of a comparison, each drawn once."""

    def __init__(
        self, now: Mapping[str, OrderStatistics], then: Mapping[str, OrderStatistics], drawing: UsualDistances
    ) -> None:
        self._now, self._then, self._drawing = now, then, drawing
        self._drawn: dict[tuple[str, str], Any] = {}

    def distances(
        self,
        measure: Measure,
        comparator: schema_pb2.FeatureComparator,
        column: Optional[ColumnStatistics],
        other: Optional[ColumnStatistics],
    ) -> Optional[Any]:
        """The null distribution of a column; None where it is not known."""
        assert column is not None and other is not None
        key = column.name, measure
        if key not in self._drawn:
            if column.range is None:
                known = bool(column.counts and other.counts)
                self._drawn[key] = self._drawing.of_texts(measure, other, column) if known else None
            else:
                numbers = self._then.get(column.name), self._now.get(column.name)
                source = schema_pb2.HistogramSelection.Type.Name(comparator.jensen_shannon_divergence.source.type)
                self._drawn[key] = (
                    self._drawing.of_numbers(
                        "QUANTILES" if source == "QUANTILES" else "STANDARD",
                        *cast(tuple[OrderStatistics, OrderStatistics], numbers),
                        whole=column.type == "INT",
                    )
                    if all(numbers)
                    else None
                )
        return self._drawn[key]


def _asked(comparator: schema_pb2.FeatureComparator) -> list[Measure]:
    return [measure for measure in cast(tuple[Measure, ...], _MEASURES) if comparator.HasField(measure)]


def _why_not(
    measure: Measure,
    feature: schema_pb2.Feature,
    schema: schema_pb2.Schema,
    column: Optional[ColumnStatistics],
    other: Optional[ColumnStatistics],
    environment: Optional[str],
) -> str:
    """Why a limit cannot be measured; empty where it can."""
    if environment is not None:
        inside = environment in feature.in_environment or environment in schema.default_environment
        if environment in feature.not_in_environment or not inside:
            return f"the schema does not expect it in the environment {environment}"
    if column is None or other is None:
        return "the data does not have it" if column is None else "what it is compared with does not have it"
    if not column.filled or not other.filled:
        return "it has no value" if not column.filled else "it has no value in what it is compared with"
    if (column.range is None) != (other.range is None):
        return "it holds texts on one side and numbers on the other"
    if column.range is not None and measure != "jensen_shannon_divergence":
        return f"{measure} compares shares of texts, and it holds numbers: jensen_shannon_divergence is theirs"
    return ""


def _comparisons_of(anomalies: anomalies_pb2.Anomalies) -> anomalies_pb2.Anomalies:
    """What TFDV says of distances and of numbers of rows, without what the schema says of the rows themselves."""
    result = anomalies_pb2.Anomalies(drift_skew_info=anomalies.drift_skew_info)
    for name, info in anomalies.anomaly_info.items():
        if _only_comparisons(info).reason:
            result.anomaly_info[name].CopyFrom(_only_comparisons(info))
    if _only_comparisons(anomalies.dataset_anomaly_info).reason:
        result.dataset_anomaly_info.CopyFrom(_only_comparisons(anomalies.dataset_anomaly_info))
    return result


def _only_comparisons(info: anomalies_pb2.AnomalyInfo) -> anomalies_pb2.AnomalyInfo:
    names = anomalies_pb2.AnomalyInfo.Type
    result = anomalies_pb2.AnomalyInfo()
    result.CopyFrom(info)
    del result.reason[:]
    result.reason.extend(
        one for one in info.reason if one.type in names.values() and names.Name(one.type).startswith("COMPARATOR_")
    )
    return result


def with_comparison(anomalies: anomalies_pb2.Anomalies, comparison: Comparison) -> None:
    """Adds a comparison to what is said of the same rows, in place.

    Args:
        anomalies: as ExampleValidator records them.
        comparison: its reasons and distances are added to those of each column.
    """
    for name, info in comparison.anomalies.anomaly_info.items():
        _add(anomalies.anomaly_info[name], info)
    if comparison.anomalies.HasField("dataset_anomaly_info"):
        _add(anomalies.dataset_anomaly_info, comparison.anomalies.dataset_anomaly_info)
    by_path = {tuple(info.path.step): info for info in anomalies.drift_skew_info}
    for info in comparison.anomalies.drift_skew_info:
        if tuple(info.path.step) in by_path:
            by_path[tuple(info.path.step)].MergeFrom(
                anomalies_pb2.DriftSkewInfo(
                    drift_measurements=info.drift_measurements, skew_measurements=info.skew_measurements
                )
            )
        else:
            anomalies.drift_skew_info.add().CopyFrom(info)


def _add(info: anomalies_pb2.AnomalyInfo, compared: anomalies_pb2.AnomalyInfo) -> None:
    if not info.reason:
        info.CopyFrom(compared)
    else:
        info.reason.extend(compared.reason)
