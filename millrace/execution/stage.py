"""Runs one stage through TFX's launcher, and writes down what became of it: all that the runners have in common."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from google.protobuf.message import Message
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.portable import launcher
from tfx.proto.orchestration import pipeline_pb2

from millrace.base.errors import Failure, GateRefused, StageFailed, describe
from millrace.base.interrupts import stop_if_interrupted
from millrace.base.outcomes import REFUSED, State, blessing, ending
from millrace.execution import channels  # noqa: F401 - TFX's launcher asks ML Metadata through it
from millrace.execution.cache import CacheLook, looking_at_cache
from millrace.execution.unresolved import keeping_why
from millrace.metadata.artifact_files import record_files
from millrace.metadata.journal import Journal
from millrace.metadata.records import ENDED_PROPERTY, FAILURE_PROPERTY, output_artifacts
from millrace.project.project import entered


@dataclass(frozen=True)
class StageSpec:
    """What TFX's launcher needs to know of one node; see `tfx.orchestration.portable.launcher.Launcher`."""

    pipeline_node: pipeline_pb2.PipelineNode
    pipeline_info: pipeline_pb2.PipelineInfo
    pipeline_runtime_spec: pipeline_pb2.PipelineRuntimeSpec
    executor_spec: Optional[Message]
    custom_driver_spec: Optional[Message]
    platform_config: Optional[Message]
    connection: metadata_store_pb2.ConnectionConfig

    @property
    def id(self) -> str:
        """The stage's id."""
        return self.pipeline_node.node_info.id

    @property
    def root(self) -> str:
        """The pipeline's root, `millrace.config.paths.Layout.root`, below which TFX has its own, `artifacts`."""
        return self.pipeline_runtime_spec.pipeline_root.field_value.string_value.removesuffix("/artifacts")


def run_stage(spec: StageSpec, journal: Journal) -> None:
    """Runs one stage: driver, cache look-up, executor, publication; and records its states.

    Args:
        spec: the stage.
        journal: the run's journal.

    Raises:
        GateRefused: the stage is a gate, and it said no.
        StageFailed: the stage failed.
        KeyboardInterrupt: a signal has asked the run to end.
    """
    stop_if_interrupted()
    journal.record(spec.id, State.RUNNING)
    project = entered()
    try:
        places = (project.root, project.stands_for) if project else (None, None)
        with looking_at_cache(spec.root, *places) as look:
            execution = _launch(spec)
    except Exception as error:
        failure = describe(error)
        _write_down(spec, journal, failure)
        kind = GateRefused if failure.exit_code == REFUSED else StageFailed
        refusal = kind(failure.what, where=failure.where or spec.id, remedy=failure.remedy)
        refusal.exit_code = failure.exit_code
        raise refusal from error
    journal.record(spec.id, *_outcome(spec, execution, look))


def _launch(spec: StageSpec) -> Optional[metadata_store_pb2.Execution]:
    launched = launcher.Launcher(
        pipeline_node=spec.pipeline_node,
        mlmd_connection=metadata.Metadata(spec.connection),
        pipeline_info=spec.pipeline_info,
        pipeline_runtime_spec=spec.pipeline_runtime_spec,
        executor_spec=spec.executor_spec,
        platform_config=spec.platform_config,
        custom_driver_spec=spec.custom_driver_spec,
    )
    with keeping_why() as why:
        info = launched.launch()
    if info is None or not info.execution_id:
        return None
    with metadata.Metadata(spec.connection) as handle:
        [execution] = handle.store.get_executions_by_id([info.execution_id])
    if execution.last_known_state == metadata_store_pb2.Execution.FAILED:
        # The launcher publishes, and does not raise, a failure to resolve the inputs.
        raise RuntimeError("the inputs of this stage are not there; the log tells which") from why.error
    return execution


def _outcome(spec: StageSpec, execution: Optional[metadata_store_pb2.Execution], look: CacheLook) -> tuple[State, str]:
    """The stage's state, and what there is to say: its verdict, what was made again, and which copy is of no use."""
    if execution is None:
        return State.SKIPPED, ""
    cached = execution.last_known_state == metadata_store_pb2.Execution.CACHED
    with metadata.Metadata(spec.connection) as handle:
        artifacts = [a for of_key in output_artifacts(handle.store, execution.id).values() for a in of_key]
        verdict = _verdict(artifacts)
        if not cached:
            _record_files(spec, handle, artifacts, look)
    made_again = f"made again: {look.damage}" if look.damage else ""
    return (State.CACHED if cached else State.DONE), "; ".join(filter(None, (verdict, made_again, look.spared)))


def _record_files(
    spec: StageSpec, handle: Any, artifacts: Sequence[metadata_store_pb2.Artifact], look: CacheLook
) -> None:
    """An artifact without the list of its files is served as long as its folder is there; so is one from elsewhere."""
    own = [artifact for artifact in artifacts if artifact.uri.startswith(f"{spec.root}/")]
    try:
        record_files(handle.store, own, look.replaced)
    except (OSError, errors.StatusError):
        logging.getLogger(__name__).exception("The files that %s made could not be listed.", spec.id)


def _verdict(artifacts: Sequence[metadata_store_pb2.Artifact]) -> str:
    """What the properties of TFX's blessings and pushed models say, in a few words."""
    for artifact in artifacts:
        properties = artifact.custom_properties
        # A property that is only looked up would be there afterwards, without a value. ExampleAnomalies has one of that
        # name too, which says which splits have none.
        if "blessed" in properties and properties["blessed"].HasField("int_value"):
            return blessing(bool(properties["blessed"].int_value))
        if "pushed" in properties:
            pushed = properties["pushed"].int_value
            return f"version {properties['pushed_version'].string_value}" if pushed else "not pushed"
    return ""


def _write_down(spec: StageSpec, journal: Journal, failure: Failure) -> None:
    """Records a failure in the journal and in ML Metadata; a full disk must not hide what went wrong before."""
    try:
        state = State(ending(failure.exit_code))
        journal.record(spec.id, state, failure=failure)
        # TFX's launcher records only that an execution failed; this adds why.
        with metadata.Metadata(spec.connection) as handle:
            for execution in _failed_executions(spec, handle):
                execution.custom_properties[FAILURE_PROPERTY].string_value = failure.what
                execution.custom_properties[ENDED_PROPERTY].string_value = state.value
                handle.store.put_executions([execution])
    except (OSError, errors.StatusError):
        logging.getLogger(__name__).exception("The failure of %s could not be recorded.", spec.id)


def _failed_executions(spec: StageSpec, handle: Any) -> list[metadata_store_pb2.Execution]:
    run = spec.pipeline_runtime_spec.pipeline_run_id.field_value.string_value
    contexts = [handle.store.get_context_by_type_and_name("pipeline_run", run)]
    contexts.append(handle.store.get_context_by_type_and_name("node", f"{spec.pipeline_info.id}.{spec.id}"))
    if not all(contexts):
        return []
    of_context = [{e.id: e for e in handle.store.get_executions_by_context(context.id)} for context in contexts]
    failed = metadata_store_pb2.Execution.FAILED
    return [e for key, e in of_context[0].items() if key in of_context[1] and e.last_known_state == failed]
