"""What an edit of the schema would have done to past runs: their stored statistics are validated again.

No data is read. What a run was validated with is in its anomalies; what blocks is for the caller to say, who knows the
gate and its policy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics as Statistics

from millrace.schema import native
from millrace.schema.evidence import Evidence


@dataclass(frozen=True)
class Blocker:
    """Why a run is blocked: one reason of one feature."""

    feature: str
    reason: str

    def __str__(self) -> str:
        return f"{self.feature or 'the data'} ({self.reason})"


Anomalies = Mapping[str, anomalies_pb2.Anomalies]
Judge = Callable[[Mapping[str, Statistics], Anomalies, schema_pb2.Schema], Sequence[Blocker]]


@dataclass(frozen=True)
class Impact:
    """One past run under the edited schema.

    Args:
        run_id: the run's id.
        before: what blocked it, with the schema that it was validated against.
        after: what would block it with the edited schema.
    """

    run_id: str
    before: tuple[Blocker, ...]
    after: tuple[Blocker, ...]

    @property
    def verdict(self) -> str:
        """passes, now blocked, now passes or still blocked."""
        if self.after:
            return "still blocked" if self.before else "now blocked"
        return "now passes" if self.before else "passes"

    @property
    def causes(self) -> tuple[Blocker, ...]:
        """What makes the difference; for a run that is still blocked, what blocks it."""
        if self.after:
            return tuple(block for block in self.after if block not in self.before) or self.after
        return self.before


def impact(schema: schema_pb2.Schema, runs: Sequence[Evidence], judge: Judge) -> list[Impact]:
    """Validates the statistics of past runs against a schema, and says what would be otherwise.

    Drift is measured again from the run before where the run's own validation measured it.

    Args:
        schema: the edited schema.
        runs: past runs, the oldest first; those whose statistics are gone are passed over.
        judge: which anomalies would block a run, given its statistics, anomalies and schema.
    """
    impacts = []
    previous: Mapping[str, Statistics] = {}
    for run in runs:
        if not run.readable:
            continue
        stored = run.schema
        before = judge(run.statistics, run.anomalies, stored) if stored is not None else ()
        drifts = any(info.drift_measurements for item in run.anomalies.values() for info in item.drift_skew_info)
        again = validated(run.statistics, schema, previous if drifts else {})
        impacts.append(Impact(run.run_id, tuple(before), tuple(judge(run.statistics, again, schema))))
        previous = run.statistics
    return impacts


def validated(
    statistics: Mapping[str, Statistics], schema: schema_pb2.Schema, previous: Mapping[str, Statistics]
) -> dict[str, anomalies_pb2.Anomalies]:
    """TFDV's anomalies of each split.

    Args:
        statistics: by split.
        schema: what they are held to.
        previous: the statistics to measure drift from, by split; a split that is not there is not compared.
    """
    return {split: native.validate(numbers, schema, "", previous.get(split)) for split, numbers in statistics.items()}
