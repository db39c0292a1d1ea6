"""TFDV's anomalies of a split as findings: one for each reason of each feature."""

from collections.abc import Iterable, Iterator
from typing import Optional

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from millrace.components.data_gate.findings import CheckedSplit, Finding
from millrace.components.data_gate.policy import DISTANCES
from millrace.components.data_gate.wording import TYPE_DETAILS, Case, in_words

# TFDV reads the range of a column without a value as 0 to 0, and its type as STRING: no such value was there.
_NEEDS_A_VALUE = frozenset(
    {
        "BOOL_TYPE_BIG_INT",
        "BOOL_TYPE_SMALL_INT",
        "INT_TYPE_BIG_INT",
        "INT_TYPE_SMALL_INT",
        "FLOAT_TYPE_BIG_FLOAT",
        "FLOAT_TYPE_SMALL_FLOAT",
        "UNEXPECTED_DATA_TYPE",
    }
)


def tfdv_findings(split: CheckedSplit, schema: schema_pb2.Schema) -> list[Finding]:
    """Every anomaly that ExampleValidator recorded for a split.

    Args:
        split: with its anomalies.
        schema: the schema that it was validated against.

    Returns:
        Findings in the order of their features' names. Anomalies about the values of a column without a value are left
        out, because TFDV then judges a default value.
    """
    infos = sorted(split.anomalies.anomaly_info.items())
    findings = [finding for name, info in infos for finding in _of(name, info, split, schema)]
    if split.anomalies.HasField("dataset_anomaly_info"):
        findings += _of("", split.anomalies.dataset_anomaly_info, split, schema)
    return findings


def feature_at(features: Iterable[schema_pb2.Feature], path: tuple[str, ...]) -> Optional[schema_pb2.Feature]:
    """The schema's feature at a path; steps after the first lead into struct domains.

    Args:
        features: of the schema, or of a struct domain.
        path: the steps of a feature's path, as in TFDV's statistics.

    Returns:
        The feature; None when the schema has none there.
    """
    for feature in features if path else ():
        if feature.name == path[0]:
            return feature_at(feature.struct_domain.feature, path[1:]) if path[1:] else feature
    return None


def _of(
    name: str, info: anomalies_pb2.AnomalyInfo, split: CheckedSplit, schema: schema_pb2.Schema
) -> Iterator[Finding]:
    path = tuple(info.path.step) or ((name,) if name else ())
    column = split.columns.get(path)
    feature = feature_at(schema.feature, path)
    reasons = info.reason or [anomalies_pb2.AnomalyInfo.Reason(description=info.description)]
    cases = [Case(reason, path, split, schema, feature, column) for reason in reasons]
    for case in cases:
        if case.code in _NEEDS_A_VALUE and column is not None and not column.filled:
            continue
        if case.code in TYPE_DETAILS and any(other.code == "UNEXPECTED_DATA_TYPE" for other in cases):
            continue
        words = in_words(case)
        is_news = case.code in DISTANCES and (case.is_skew or ".".join(path) not in split.faults)
        severity = "WARNING" if is_news or info.severity == anomalies_pb2.AnomalyInfo.WARNING else "ERROR"
        yield Finding(".".join(path), split.name, case.code, words.expected, words.seen, words.rows, severity)
