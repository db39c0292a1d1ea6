"""What the requests of a window break, and how far they lie from other rows, by the functions that DataGate uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Optional

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from millrace.base.numbers import rounded
from millrace.components.data_gate import policy
from millrace.components.data_gate.anomalies import tfdv_findings
from millrace.components.data_gate.findings import CHANCE, Finding, read_split
from millrace.components.data_gate.presence import presence_findings
from millrace.config.monitoring_section import Detector, Monitoring
from millrace.monitoring.findings import MeasuredDistance, MonitorFinding, Unmeasured, in_words
from millrace.monitoring.window import Window
from millrace.statistics.comparing import compare, with_comparison
from millrace.statistics.comparison import Comparison, Kind, Rows
from millrace.statistics.validation import anomalies_of

REQUESTS = "serving"
"""The split of the statistics that holds the requests, as TFDV calls such rows."""
PREDICTIONS = "predictions"
"""The split that holds what was answered."""
_NOTHING = "there is nothing to compare with"
_MEANING = {"block": "alert", "warn": "note", "ignore": "ignore"}


@dataclass(frozen=True)
class DataFindings:
    """What the rows of a window say.

    Args:
        anomalies: TFDV's, with those of the comparisons, as an ExampleAnomalies artifact holds them.
        findings: in no order.
        distances: all that were measured.
        unmeasured: what could not be judged.
    """

    anomalies: anomalies_pb2.Anomalies
    findings: tuple[MonitorFinding, ...]
    distances: tuple[MeasuredDistance, ...]
    unmeasured: tuple[Unmeasured, ...]


def of_rows(
    rows: Rows,
    references: Mapping[str, Optional[Rows]],
    schema: schema_pb2.Schema,
    environment: str,
    section: Monitoring,
    version: int,
    window: Window,
) -> DataFindings:
    """Holds the requests of a window to the schema, and measures skew and drift.

    Args:
        rows: of the window.
        references: the version's training data for skew, the window before for drift; None where there is none.
        schema: that holds for requests.
        environment: its environment; empty for none.
        section: what is an alert.
        version: that answered.
        window: which.
    """
    anomalies = anomalies_of(rows.statistics, schema, environment=environment or None)
    split = read_split(REQUESTS, rows.statistics, anomalies)
    broken = [*tfdv_findings(split, schema), *presence_findings(split, schema)]
    findings = [found for one in broken if (found := _of_anomaly(one, section, version, window))]
    distances: list[MeasuredDistance] = []
    unmeasured: list[Unmeasured] = []
    kinds: tuple[Kind, ...] = ("skew", "drift")
    for kind in kinds:
        reference, rate = references.get(kind), getattr(section, kind).false_alarm_rate
        if reference is None:
            unmeasured.append(Unmeasured(kind, _NOTHING))
            continue
        columns = [feature.name for feature in schema.feature] if rate else ()
        comparison = compare(
            kind,
            rows,
            reference,
            schema,
            false_alarm_rate=rate,
            columns=columns,
            environment=environment or None,
        )
        with_comparison(anomalies, comparison)
        distances += _distances(kind, comparison)
        unmeasured += [Unmeasured(kind, why, name) for name, why in comparison.unmeasured.items()]
        findings += _beyond(kind, comparison, rate, version, window)
    return DataFindings(anomalies, tuple(findings), tuple(distances), tuple(unmeasured))


def of_predictions(rows: Rows, before: Optional[Rows], limit: float, version: int, window: Window) -> DataFindings:
    """How far the answers of a window lie from those of the window before.

    Args:
        rows: with a column for each output.
        before: those of the window before; None where there are none.
        limit: the distance that is allowed.
        version: that answered.
        window: which.
    """
    if before is None:
        return DataFindings(anomalies_pb2.Anomalies(), (), (), (Unmeasured("prediction drift", _NOTHING),))
    schema = schema_pb2.Schema()
    for column in rows.statistics.features:
        name = column.path.step[0] if column.path.step else column.name
        _add_limit(schema, name, column.WhichOneof("stats") == "num_stats", limit)
    comparison = compare("drift", rows, before, schema)
    return _of_comparison("prediction drift", comparison, version, window)


def of_attributions(
    now: Rows,
    then: Optional[Rows],
    columns: Sequence[str],
    kind: Literal["attribution skew", "attribution drift"],
    limit: float,
    version: int,
    window: Window,
) -> DataFindings:
    """How far the attributions of a window lie from others of the same version.

    Args:
        now: of the window.
        then: of the training data, or of the window before; None where there are none.
        columns: those that are judged.
        kind: what they are compared with.
        limit: the distance that is allowed.
        version: that answered.
        window: which.
    """
    if then is None:
        return DataFindings(anomalies_pb2.Anomalies(), (), (), (Unmeasured(kind, _NOTHING),))
    schema = schema_pb2.Schema()
    for column in columns:
        _add_limit(schema, column, is_number=True, limit=limit)
    return _of_comparison(kind, compare("drift", now, then, schema), version, window)


def _of_comparison(detector: Detector, comparison: Comparison, version: int, window: Window) -> DataFindings:
    return DataFindings(
        comparison.anomalies,
        tuple(_beyond(detector, comparison, None, version, window)),
        tuple(_distances(detector, comparison)),
        tuple(Unmeasured(detector, why, column) for column, why in comparison.unmeasured.items()),
    )


def _add_limit(schema: schema_pb2.Schema, column: str, is_number: bool, limit: float) -> None:
    """A column with a limit of drift: of numbers of the Jensen-Shannon divergence, of texts of L-infinity."""
    feature = schema.feature.add(name=column)
    if is_number:
        feature.type = schema_pb2.FLOAT
        divergence = feature.drift_comparator.jensen_shannon_divergence
        divergence.threshold = limit
        divergence.source.type = schema_pb2.HistogramSelection.QUANTILES
    else:
        feature.type = schema_pb2.BYTES
        feature.drift_comparator.infinity_norm.threshold = limit


def _of_anomaly(one: Finding, section: Monitoring, version: int, window: Window) -> Optional[MonitorFinding]:
    """A finding of the schema; None where the policy ignores it."""
    meaning: Optional[str] = section.policy.get(one.reason)
    if meaning is None:
        action = policy.default(one.reason).action
        meaning = _MEANING["warn" if action == "block" and one.severity == "WARNING" else action]
    if meaning == "ignore":
        return None
    seen = f"expected {one.expected}, seen {one.seen}" if one.expected else one.seen
    return MonitorFinding(
        "anomaly",
        one.reason,
        one.feature,
        float(one.rows) if one.rows is not None else None,
        None,
        seen,
        version,
        window,
        meaning == "alert",
        "look at who asks; where the world has changed, millrace schema edit and run again",
    )


def _distances(detector: Detector, comparison: Comparison) -> list[MeasuredDistance]:
    return [
        MeasuredDistance(detector, one.feature, one.measure, one.value, one.limit, one.usual)
        for one in comparison.distances
    ]


def _beyond(
    detector: Detector, comparison: Comparison, rate: Optional[float], version: int, window: Window
) -> list[MonitorFinding]:
    """The distances beyond their limit; of the schema's limits, those that chance may make are notes."""
    findings = []
    measured: Sequence[MeasuredDistance] = _distances(detector, comparison)
    for one, distance in zip(comparison.distances, measured, strict=True):
        if not one.exceeds:
            continue
        by_chance = rate is None and one.chance is not None and one.chance > CHANCE
        why = (
            f"; chance makes as much in {rounded((one.chance or 0.0) * 100, 2)} % of such windows" if by_chance else ""
        )
        findings.append(
            MonitorFinding(
                detector,
                one.measure,
                one.feature,
                one.value,
                one.limit,
                in_words(distance) + why,
                version,
                window,
                not by_chance,
                _REMEDIES[detector],
            )
        )
    return findings


_REMEDIES: Mapping[str, str] = {
    "skew": "requests are not what it learned from: fix who asks, or millrace run on newer data",
    "drift": "requests are not what they were: ask who sends them what has changed",
    "attribution skew": "the model relies on other columns than in training: millrace run on newer data",
    "attribution drift": "look at the columns that drift; millrace explain --importances shows what matters",
    "prediction drift": "look at the columns that drift; millrace models why shows what this version decided before",
}
