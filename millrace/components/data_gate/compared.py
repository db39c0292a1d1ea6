"""Drift and skew of a split: measured, and added to what ExampleValidator says of it.

TFX's ExampleValidator is given no other data: its anomalies depend on the rows alone, and stay in the cache when
another model is blessed.
"""

from collections.abc import Sequence

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from millrace.components.data_gate.references import KINDS, References
from millrace.components.data_gate.section import DataGateSection
from millrace.statistics.comparing import comparators, compare, with_comparison
from millrace.statistics.comparison import Comparison, Rows


def compare_split(
    name: str,
    rows: Rows,
    anomalies: anomalies_pb2.Anomalies,
    references: References,
    schema: schema_pb2.Schema,
    section: DataGateSection,
    columns: Sequence[str],
) -> tuple[Comparison, ...]:
    """Measures drift and skew of a split, and adds what TFDV says of them to its anomalies, in place.

    Args:
        name: the split's.
        rows: its rows, at least one.
        anomalies: of the split, as ExampleValidator recorded them.
        references: with the same split, or without it, where nothing is measured.
        schema: with the comparators.
        section: with false-alarm rates, if any.
        columns: those that the model reads, which a rate is for too.

    Returns:
        A comparison of each kind that has a limit.
    """
    comparisons = []
    for kind in KINDS:
        reference, rate = references.of(kind), getattr(section, kind).false_alarm_rate
        if reference is None or name not in reference.splits:
            unmeasured = dict.fromkeys(comparators(schema, kind), "there is no data to compare with")
            comparisons.append(Comparison(kind, (), unmeasured, anomalies_pb2.Anomalies()))
            continue
        comparison = compare(
            kind, rows, reference.splits[name], schema, false_alarm_rate=rate, columns=columns if rate else ()
        )
        with_comparison(anomalies, comparison)
        comparisons.append(comparison)
    return tuple(comparisons)
