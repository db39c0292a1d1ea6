"""What TFX's launcher asks ML Metadata for, asked so that it does not grow with the number of runs.

Before each stage TFX reads, once for each of its inputs, every execution of the pipeline that ever was, and keeps those
of this run. With 2,000 runs that is 26,000 executions for each input of each stage. Asked the other way round, from the
run to its few executions, the answer is the same.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Optional

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.portable import launcher
from tfx.orchestration.portable.input_resolution import channel_resolver
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import Artifact
from tfx.types.artifact_utils import deserialize_artifacts

_of_tfx = channel_resolver.resolve_single_channel
_RUN, _PIPELINE = "pipeline_run", "pipeline"


def executions_in(
    store: MetadataStore, contexts: Iterable[metadata_store_pb2.Context]
) -> Optional[list[metadata_store_pb2.Execution]]:
    """The executions that are in every one of some contexts, a run's among them.

    Args:
        store: an open ML Metadata store.
        contexts: as the store has them.

    Returns:
        The executions, the oldest first; None where no context is a run's, so that there is no short way.
    """
    contexts = list(contexts)
    wanted = {context.id for context in contexts}
    kind = store.get_context_type(_RUN).id if contexts else 0
    narrow = next((context.id for context in contexts if context.type_id == kind), None)
    if narrow is None:
        return None
    of_run = sorted(store.get_executions_by_context(narrow), key=lambda execution: execution.id)
    others = wanted - {narrow}
    return [
        execution
        for execution in of_run
        if others <= {context.id for context in store.get_contexts_by_execution(execution.id)}
    ]


def artifacts_of_pipeline(
    store: MetadataStore, pipeline: metadata_store_pb2.Context, kind: str
) -> tuple[list[metadata_store_pb2.Artifact], Optional[metadata_store_pb2.ArtifactType]]:
    """The live artifacts of one type that a pipeline made in any run, as a resolver without a producer is given them.

    Args:
        store: an open ML Metadata store.
        pipeline: its context.
        kind: the name of the artifacts' type.

    Returns:
        The artifacts, the oldest first, and their type; None where no artifact ever had it.
    """
    known = next((one for one in store.get_artifact_types() if one.name == kind), None)
    if known is None:
        return [], None
    live = [one for one in store.get_artifacts_by_type(kind) if one.state == metadata_store_pb2.Artifact.LIVE]
    if len(store.get_contexts_by_type(_PIPELINE)) > 1:
        live = [one for one in live if pipeline.id in {c.id for c in store.get_contexts_by_artifact(one.id)}]
    return sorted(live, key=lambda artifact: artifact.id), known


def _resolve_single_channel(handle_like: Any, channel: pipeline_pb2.InputSpec.Channel) -> list[Artifact]:
    """TFX's own, but for a channel that any run of the pipeline may have filled."""
    names = {query.type.name: query.name.field_value.string_value for query in channel.context_queries}
    if set(names) != {_PIPELINE} or channel.output_key or not channel.artifact_query.type.name:
        return list(_of_tfx(handle_like, channel))
    store = channel_resolver.mlmd_cm.get_handle(handle_like).store
    pipeline = store.get_context_by_type_and_name(_PIPELINE, names[_PIPELINE])
    if pipeline is None:
        return []
    artifacts, kind = artifacts_of_pipeline(store, pipeline, channel.artifact_query.type.name)
    return list(deserialize_artifacts(kind, artifacts)) if artifacts else []


_all_of_tfx = channel_resolver._get_executions_by_all_contexts


def _get_executions_by_all_contexts(
    store: MetadataStore, contexts: Sequence[metadata_store_pb2.Context]
) -> list[metadata_store_pb2.Execution]:
    found = executions_in(store, contexts)
    return list(_all_of_tfx(store, contexts)) if found is None else found


class _ExecutionLibrary:
    """TFX's module of executions, but for the one question that reads all of them."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def get_executions_associated_with_all_contexts(
        self, metadata_handle: Any, contexts: Iterable[metadata_store_pb2.Context]
    ) -> list[metadata_store_pb2.Execution]:
        """The executions that are in every one of some contexts."""
        contexts = list(contexts)
        found = executions_in(metadata_handle.store, contexts)
        if found is None:
            found = list(self._module.get_executions_associated_with_all_contexts(metadata_handle, contexts))
        return found


channel_resolver.resolve_single_channel = _resolve_single_channel
channel_resolver._get_executions_by_all_contexts = _get_executions_by_all_contexts
launcher.execution_lib = _ExecutionLibrary(launcher.execution_lib)
