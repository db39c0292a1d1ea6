"""How often a column is filled, held to the schema's `presence` in every kind of file alike.

TFDV counts the rows in which a feature is there. Rows that come from a CSV file carry an empty cell as a feature
without a value, so it counts every row there, and `min_fraction` would hold back nothing. Present means filled here:
at least one value, and NaN is none.
"""

from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from millrace.components.data_gate.findings import CheckedSplit, Finding
from millrace.components.data_gate.wording import Case, in_words
from millrace.statistics.columns import ColumnStatistics

Reason = anomalies_pb2.AnomalyInfo.Reason

# TFDV holds a feature of these stages to nothing.
_NOT_HELD = frozenset(
    schema_pb2.LifecycleStage.Value(name) for name in ("DEPRECATED", "DISABLED", "PLANNED", "ALPHA", "DEBUG_ONLY")
)


def presence_findings(split: CheckedSplit, schema: schema_pb2.Schema) -> list[Finding]:
    """The columns that are filled in fewer rows than the schema asks for, where TFDV did not say so.

    Args:
        split: with its statistics and TFDV's anomalies.
        schema: the schema that the split is held to.

    Returns:
        Findings with TFDV's reason codes, in the order of the schema.
    """
    findings = []
    by_tfdv = {
        tuple(info.path.step): {one.type for one in info.reason} for info in split.anomalies.anomaly_info.values()
    }
    for feature in schema.feature:
        column = split.column(feature.name)
        if column is None or not split.rows or feature.lifecycle_stage in _NOT_HELD or feature.deprecated:
            continue
        codes = set(_broken(feature.presence, column)) - by_tfdv.get(column.path, set())
        for code in sorted(codes):
            case = Case(Reason(type=code), column.path, split, schema, feature, column)
            words = in_words(case)
            findings.append(Finding(feature.name, split.name, case.code, words.expected, words.seen, words.rows))
    return findings


def _broken(presence: schema_pb2.FeaturePresence, column: ColumnStatistics) -> Iterator[int]:
    # A 32-bit float in the proto: 0.9 there is a little more than nine rows of ten.
    if column.filled < presence.min_fraction * column.rows * (1 - 1e-6):
        yield anomalies_pb2.AnomalyInfo.FEATURE_TYPE_LOW_FRACTION_PRESENT
    elif column.filled < presence.min_count:
        yield anomalies_pb2.AnomalyInfo.FEATURE_TYPE_LOW_NUMBER_PRESENT
