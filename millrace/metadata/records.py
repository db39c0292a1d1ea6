"""What ML Metadata remembers of a pipeline's runs, as plain values. Imports no TFX, so that it answers quickly."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Optional

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from millrace.base.outcomes import State
from millrace.components import stage_ids
from millrace.components.judges import JUDGES, verdict_of
from millrace.components.marks import TRIAL_KEY
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.metadata.artifact_files import plain_properties
from millrace.metadata.connections import metadata_connection
from millrace.metadata.events import is_made, key_of
from millrace.metadata.places import all_as_here
from millrace.metadata.run_folder import have_run
from millrace.metadata.store import open_connection

# The custom property of a failed execution that says why, in the words that the person saw.
FAILURE_PROPERTY = "failure"
# The custom property that says which of the ways to end badly it was, in the words of `millrace.base.outcomes`.
ENDED_PROPERTY = "ended"
# The custom property of the context of a run that was cleaned: once its folder is gone too it is listed no more.
CLEANED = "cleaned"

# What ends a run, the first of its stages' states that is here; a run without any of them is done or cached.
_ENDS_A_RUN = (State.FAILED, State.BAD_INPUT, State.BLOCKED, State.INTERRUPTED, State.KILLED, State.RUNNING)
_WORDS = frozenset(state.value for state in State)
_STATES = {
    metadata_store_pb2.Execution.NEW: State.RUNNING,
    metadata_store_pb2.Execution.RUNNING: State.RUNNING,
    metadata_store_pb2.Execution.COMPLETE: State.DONE,
    metadata_store_pb2.Execution.CACHED: State.CACHED,
    metadata_store_pb2.Execution.FAILED: State.FAILED,
    metadata_store_pb2.Execution.CANCELED: State.KILLED,
}


@dataclass(frozen=True)
class StageRecord:
    """One execution of a stage.

    Args:
        stage: the stage's id.
        execution_id: its id in ML Metadata.
        state: running, done, cached, failed, bad input, blocked, interrupted or killed; 0.1.0 recorded what a gate
            stopped as failed.
        started: milliseconds since the epoch.
        ended: milliseconds since the epoch of the last change.
        failure: why it failed; empty when it did not.
        outputs: its output artifacts by key.
    """

    stage: str
    execution_id: int
    state: State
    started: int
    ended: int
    failure: str
    outputs: dict[str, list[metadata_store_pb2.Artifact]] = field(repr=False)


@dataclass(frozen=True)
class RunRecord:
    """One run of a pipeline.

    Args:
        run_id: the run's id.
        stages: its executions by stage, in the order in which they began.
    """

    run_id: str
    stages: dict[str, StageRecord]

    @property
    def state(self) -> State:
        """As its stages tell: how they ended, running, cached (nothing had to run) or done."""
        states = {record.state for record in self.stages.values()}
        for state in _ENDS_A_RUN:
            if state in states:
                return state
        # The search for the champion and its data is no work of its own: it looks again in every run. In a rehearsal
        # each is two tasks.
        worked = {record.state for stage, record in self.stages.items() if not stage.startswith(stage_ids.LOOKING)}
        return State.CACHED if worked == {State.CACHED} else State.DONE

    @property
    def started(self) -> int:
        """Milliseconds since the epoch."""
        return min((record.started for record in self.stages.values()), default=0)

    @property
    def ended(self) -> int:
        """Milliseconds since the epoch of its last change."""
        return max((record.ended for record in self.stages.values()), default=0)

    def artifact(self, stage: str, key: str) -> Optional[metadata_store_pb2.Artifact]:
        """The only artifact of a stage's output; None when the stage did not get that far.

        Args:
            stage: the stage's id.
            key: the output's key, for instance `model`.
        """
        record = self.stages.get(stage)
        artifacts = record.outputs.get(key, []) if record else []
        return artifacts[0] if artifacts else None


def open_store(config: Config) -> MetadataStore:
    """Opens a pipeline's ML Metadata, and makes its tables when they are not there yet.

    Raises:
        BadInput: the store does not answer, or refuses, or its file is damaged, half of a store, or held by another
            process. What is asked of the open store raises it too.
        OSError: there is no space left.
    """
    return open_connection(metadata_connection(config), lambda: have_run(layout(config).logs))


def output_artifacts(store: MetadataStore, execution_id: int) -> dict[str, list[metadata_store_pb2.Artifact]]:
    """The artifacts that an execution made or, when it was cached, took from the cache.

    Args:
        store: an open ML Metadata store.
        execution_id: the execution's id.

    Returns:
        The artifacts, as they were recorded, by output key.
    """
    return _outputs(store, [execution_id]).get(execution_id, {})


def run_ids(store: MetadataStore, pipeline_name: str) -> list[str]:
    """The ids of every run of a pipeline that was not cleaned away, the oldest first, in three queries at most.

    Args:
        store: an open ML Metadata store.
        pipeline_name: the pipeline's name.
    """
    pipeline = store.get_context_by_type_and_name("pipeline", pipeline_name)
    if pipeline is None:
        return []
    contexts = store.get_contexts_by_type("pipeline_run")
    if len(store.get_contexts_by_type("pipeline")) > 1:
        # TFX says whose run a context is. A rehearsal does not, and is known by its folder.
        of_pipeline = {child.id for child in store.get_children_contexts_by_context(pipeline.id)}
        contexts = [context for context in contexts if context.id in of_pipeline]
    contexts = [context for context in contexts if CLEANED not in context.custom_properties]
    return [context.name for context in sorted(contexts, key=lambda context: context.id)]


def run_of(store: MetadataStore, execution_id: int) -> str:
    """The id of the run that an execution was part of; empty where ML Metadata does not know it.

    Args:
        store: an open ML Metadata store.
        execution_id: the execution's id.
    """
    kind = store.get_context_type("pipeline_run").id
    contexts = store.get_contexts_by_execution(execution_id)
    return next((context.name for context in contexts if context.type_id == kind), "")


def run(store: MetadataStore, pipeline_name: str, run_id: str, root: str = "") -> Optional[RunRecord]:
    """One run of a pipeline; it costs the same however many runs there are.

    Args:
        store: an open ML Metadata store.
        pipeline_name: the pipeline's name.
        run_id: the run's id.
        root: as of `runs`.

    Returns:
        None when ML Metadata knows no such run of this pipeline.
    """
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    executions = store.get_executions_by_context(context.id) if context else []
    prefix = f"{pipeline_name}."
    stages = {}
    for execution in sorted(executions, key=lambda execution: execution.id):
        nodes = [one.name for one in store.get_contexts_by_execution(execution.id) if one.name.startswith(prefix)]
        if nodes:
            stages[nodes[0].removeprefix(prefix)] = execution
    if not stages:
        return None
    outputs = _outputs(store, [execution.id for execution in stages.values()], root)
    return RunRecord(run_id, {name: _record(name, one, outputs.get(one.id, {})) for name, one in stages.items()})


def runs(store: MetadataStore, pipeline_name: str, root: str = "") -> list[RunRecord]:
    """Every run of a pipeline, the oldest first. What looks at one or a few of many runs asks `run`.

    Args:
        store: an open ML Metadata store.
        pipeline_name: the pipeline's name.
        root: its root as it is now: artifacts that lie below it are found there, wherever the root was when they were
            made. Empty for the places that were recorded.
    """
    pipeline = store.get_context_by_type_and_name("pipeline", pipeline_name)
    if pipeline is None:
        return []
    executions = {execution.id: execution for execution in store.get_executions_by_context(pipeline.id)}
    stages = _names_by_execution(store, "node", executions)
    outputs = _outputs(store, list(executions), root)
    grouped: dict[str, dict[str, StageRecord]] = {}
    for key, run_id in sorted(_names_by_execution(store, "pipeline_run", executions).items()):
        execution = executions[key]
        stage = stages.get(key, execution.name).removeprefix(f"{pipeline_name}.")
        grouped.setdefault(run_id, {})[stage] = _record(stage, execution, outputs.get(key, {}))
    return [RunRecord(run_id, records) for run_id, records in grouped.items()]


def _record(stage: str, execution: Any, outputs: dict[str, list[metadata_store_pb2.Artifact]]) -> StageRecord:
    ended = execution.custom_properties[ENDED_PROPERTY].string_value
    return StageRecord(
        stage=stage,
        execution_id=execution.id,
        state=State(ended) if ended in _WORDS else _STATES.get(execution.last_known_state, State.RUNNING),
        started=execution.create_time_since_epoch,
        ended=execution.last_update_time_since_epoch,
        failure=execution.custom_properties[FAILURE_PROPERTY].string_value,
        outputs=outputs,
    )


def _names_by_execution(store: MetadataStore, context_type: str, executions: Iterable[int]) -> dict[int, str]:
    wanted = set(executions)
    names = {}
    for context in store.get_contexts_by_type(context_type):
        for execution in store.get_executions_by_context(context.id):
            if execution.id in wanted:
                names[execution.id] = context.name
    return names


def _outputs(
    store: MetadataStore, execution_ids: list[int], root: str = ""
) -> dict[int, dict[str, list[metadata_store_pb2.Artifact]]]:
    events = store.get_events_by_execution_ids(execution_ids) if execution_ids else []
    events = [event for event in events if is_made(event)]
    artifacts = all_as_here(store.get_artifacts_by_id(list({event.artifact_id for event in events})), root)
    found: dict[int, dict[str, list[metadata_store_pb2.Artifact]]] = {}
    for event in events:
        by_key = found.setdefault(event.execution_id, {})
        by_key.setdefault(key_of(event), []).append(artifacts[event.artifact_id])
    return found


@dataclass(frozen=True)
class JudgeVerdict:
    """What a judge said of a run's model.

    Args:
        stage: Evaluator or InfraValidator.
        blessed: its verdict, of a trial's model too.
        reason: why, in a sentence; empty where it gave none.
        remedy: what to do about a no: the judge's own advice, else what there is to do in general; empty for a yes.
    """

    stage: str
    blessed: bool
    reason: str
    remedy: str


def verdicts(run: RunRecord) -> tuple[JudgeVerdict, ...]:
    """What the judges said of a run's model, in their order; those that came to no verdict are left out.

    Args:
        run: the run.
    """
    found = []
    for judge in JUDGES:
        artifact = run.artifact(judge.stage, "blessing")
        said = plain_properties(artifact) if artifact else {}
        blessed = verdict_of(judge.blessing, said)
        if blessed is not None:
            remedy = "" if blessed else str(said.get("remedy", "")) or judge.remedy
            found.append(JudgeVerdict(judge.stage, blessed, str(said.get("reason", "")), remedy))
    return tuple(found)


def verdict(run: RunRecord, stage: str) -> Optional[JudgeVerdict]:
    """What one judge said of a run's model; None when it came to no verdict.

    Args:
        run: the run.
        stage: the `stage` of one of `components.judges.JUDGES`.
    """
    return next((one for one in verdicts(run) if one.stage == stage), None)


def is_trial(run: RunRecord) -> bool:
    """Whether a run's model was judged as a trial's, which is pushed beside what is served."""
    artifact = run.artifact(stage_ids.EVALUATOR, "blessing")
    return artifact is not None and TRIAL_KEY in artifact.custom_properties


def pushed_to(run: RunRecord) -> str:
    """The folder to which a run pushed its model; empty when it did not."""
    artifact = run.artifact(stage_ids.PUSHER, "pushed_model")
    if not artifact or not artifact.custom_properties["pushed"].int_value:
        return ""
    return artifact.custom_properties["pushed_destination"].string_value
