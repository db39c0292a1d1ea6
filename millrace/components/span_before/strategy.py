"""SpanBeforeStrategy: the statistics of the latest earlier span that DataGate let pass."""

from typing import Optional

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact

from millrace.components import stage_ids
from millrace.components.marks import REHEARSED

STATISTICS, EARLIER = "statistics", "span_before"
_PASSED = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)


class SpanBeforeStrategy(ResolverStrategy):
    """Resolves `span_before` to those of all ExampleStatistics with the greatest span below that of `statistics`.

    A span that DataGate stopped is none to compare with: the good day after a bad one would be the one that jumps.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> Optional[dict[str, list[Artifact]]]:
        """Finds the statistics.

        Args:
            store: ML Metadata, which knows what DataGate said of them.
            input_dict: this run's statistics, and all that there are.

        Returns:
            The statistics of the span before, none where there are none, and this run's as they came.
        """
        spans = [statistics.span for statistics in input_dict[STATISTICS]]
        earlier = [
            one
            for one in input_dict[EARLIER]
            if spans and one.span < min(spans) and not one.has_custom_property(REHEARSED)
        ]
        earlier.sort(key=lambda one: (one.span, one.id), reverse=True)
        gates = {one.id for one in store.get_execution_types() if one.name.rpartition(".")[2] == stage_ids.DATA_GATE}
        found = next((one for one in earlier if _passed(store, one, gates) and fileio.exists(one.uri)), None)
        return {EARLIER: [found] if found else [], STATISTICS: input_dict[STATISTICS]}


def _passed(store: MetadataStore, statistics: Artifact, gates: set[int]) -> bool:
    """Whether a DataGate that read these statistics let the run go on."""
    events = store.get_events_by_artifact_ids([statistics.id])
    readers = store.get_executions_by_id({event.execution_id for event in events})
    return any(one.type_id in gates and one.last_known_state in _PASSED for one in readers)
