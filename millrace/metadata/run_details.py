"""One run, whole: what it was made from, its stages and why each ran, its verdicts, and what it made.

Plain values, without a handle to a store: what a command prints and a page shows. It costs some dozen queries of ML
Metadata, however many runs there are.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Optional

from millrace.base.errors import Failure
from millrace.base.outcomes import State
from millrace.components import stage_ids
from millrace.components.evaluator import prediction_summary
from millrace.metadata import provenance, records
from millrace.metadata.artifact_files import plain_properties
from millrace.metadata.evaluations import MeasuredMetric, evaluation
from millrace.metadata.journal import StageProgress, progress
from millrace.metadata.places import execution_of, is_there
from millrace.metadata.provenance import Provenance
from millrace.metadata.records import JudgeVerdict, RunRecord, StageRecord
from millrace.metadata.resuming import resumable
from millrace.metadata.run_folder import RunFolder, RunRequest
from millrace.metadata.run_summaries import Runs, RunSummary
from millrace.metadata.stage_graph import upstream_stages
from millrace.metadata.staleness import InputChange, NearestExecution, nearest_executions
from millrace.project import default_configuration

LOG_LINES = 20
_LOG_BYTES = 64 << 10


@dataclass(frozen=True)
class OutputDetail:
    """One artifact that a stage made or took from the cache.

    Args:
        key: of the output.
        artifact: its id in ML Metadata.
        type: its type, as TFX names it.
        path: where it lies; a path or a URI.
        there: whether it is still there; True for a URI, which is not asked for.
        made_by: the id of the run that made it; empty where that cannot be told.
        properties: its custom properties that are a text or a number, such as `span` or `reason`.
    """

    key: str
    artifact: int
    type: str
    path: str
    there: bool
    made_by: str
    properties: dict[str, Any]


@dataclass(frozen=True)
class StageDetail:
    """One stage of a run.

    Args:
        stage: its id.
        state: in the words of `millrace.base.outcomes`.
        started: ISO 8601; empty before its turn.
        seconds: how long it ran, or has run until now; None before its turn.
        why: why it ran or was cached, in a sentence; empty before its turn.
        changes: the parts of its cache key that differ from those of the execution that came nearest to serving it;
            empty for a cached one, and where nobody looked for one.
        compared_with: the id of the run of that execution; empty where there is none.
        note: what it had to say, such as a verdict.
        failure: what went wrong; None when nothing did.
        execution: its id in ML Metadata; 0 where there is none.
        outputs: what it made, or was served.
    """

    stage: str
    state: State
    started: str = ""
    seconds: Optional[float] = None
    why: str = ""
    changes: tuple[InputChange, ...] = ()
    compared_with: str = ""
    note: str = ""
    failure: Optional[Failure] = None
    execution: int = 0
    outputs: tuple[OutputDetail, ...] = ()


@dataclass(frozen=True)
class RunDetail:
    """One run.

    Args:
        summary: what a list of runs says of it.
        request: what was asked for; None where the folder is gone.
        provenance: what it was made from; None for runs before 0.2.0.
        failure: why it did not end well; None when it did.
        remedy: what to do next; empty where there is nothing to do.
        stages: in the order in which they ran.
        verdicts: of the judges that came to one.
        metrics: every metric that the Evaluator measured, on every slice.
        predictions: what there is to say of its probabilities and decisions, each with its title.
        evaluation_problem: why its report cannot be read; empty where it can, or there is none.
        gate_report: the folder of the Evaluator's report; empty where there is none.
        data_report: the folder of DataGate's report; empty where there is none.
        folder: of the run; empty where it is gone.
        log: the file of its log; empty where it is gone.
        log_tail: its last lines.
    """

    summary: RunSummary
    request: Optional[RunRequest]
    provenance: Optional[Provenance]
    failure: Optional[Failure]
    remedy: str
    stages: tuple[StageDetail, ...]
    verdicts: tuple[JudgeVerdict, ...]
    metrics: tuple[MeasuredMetric, ...]
    predictions: tuple[tuple[str, str], ...]
    evaluation_problem: str
    gate_report: str
    data_report: str
    folder: str
    log: str
    log_tail: tuple[str, ...]

    def stage(self, name: str) -> Optional[StageDetail]:
        """A stage by its id; None when the run has none of that name."""
        return next((one for one in self.stages if one.stage == name), None)

    def output(self, stage: str, key: str) -> Optional[OutputDetail]:
        """The only artifact of a stage's output; None when the stage did not get that far."""
        of_stage = self.stage(stage)
        return next((one for one in of_stage.outputs if one.key == key), None) if of_stage else None


def run_detail(runs: Runs, run_id: str, now: float) -> Optional[RunDetail]:
    """One run, whole.

    Args:
        runs: those of its pipeline.
        run_id: its id.
        now: seconds since the epoch, for what still runs.

    Returns:
        None where there is no such run of this pipeline.
    """
    summary = runs.summary(run_id)
    if summary is None:
        return None
    folder = runs.folder(run_id)
    record = runs.record(run_id) or RunRecord(run_id, {})
    evaluated, data = evaluation(record), record.artifact(stage_ids.DATA_GATE, "report")
    seen = prediction_summary.load(evaluated.folder) if evaluated.folder else {}
    stages = _stages(runs, record, folder, summary, now)
    failure = _failure(folder, stages)
    return RunDetail(
        summary=summary,
        request=folder.request() if folder else None,
        provenance=provenance.read(folder.path) if folder else None,
        failure=failure,
        remedy=_remedy(runs, summary, failure, folder),
        stages=stages,
        verdicts=records.verdicts(record),
        metrics=evaluated.metrics,
        predictions=tuple(prediction_summary.sentences(seen, runs.config.label)),
        evaluation_problem=evaluated.problem,
        gate_report=evaluated.folder if evaluated.report else "",
        data_report=data.uri if data else "",
        folder=str(folder.path) if folder else "",
        log=str(folder.log) if folder and folder.log.exists() else "",
        log_tail=log_tail(folder.log) if folder else (),
    )


def log_tail(log: Path, lines: int = LOG_LINES) -> tuple[str, ...]:
    """The last lines of a log; none where there is no log, or a link elsewhere or a pipe in its place.

    Args:
        log: the file, however large.
        lines: at most how many.
    """
    if log.is_symlink() or not log.is_file():
        return ()
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(text.splitlines()[-lines:])


def _stages(
    runs: Runs, record: RunRecord, folder: Optional[RunFolder], summary: RunSummary, now: float
) -> tuple[StageDetail, ...]:
    events = folder.journal.events() if folder else []
    known = {one.stage: one for one in progress([], events)}
    for recorded in record.stages.values():
        known.setdefault(recorded.stage, _as_recorded(recorded))
    outputs = _outputs(runs, record)
    request = folder.request() if folder else None
    forced = _forced(runs, record, request)
    searched = [
        one.stage
        for one in record.stages.values()
        if one.state is not State.CACHED and one.stage not in forced and not one.stage.startswith(stage_ids.LOOKING)
    ]
    served_by = Counter(output.made_by for of_stage in outputs.values() for output in of_stage)
    nearest = nearest_executions(runs, record, searched, served_by)
    details = []
    ended_as = State.INTERRUPTED if summary.state is State.INTERRUPTED else State.KILLED
    for name, one in known.items():
        of_store, compared = record.stages.get(name), nearest.get(name)
        state, until = one.state, now
        if summary.state is not State.RUNNING and state in (State.WAITING, State.RUNNING):
            # Its process is gone: what it was at ended with it.
            state = State.SKIPPED if state is State.WAITING else ended_as
            until = folder.last_sign if folder else record.ended / 1000
        details.append(
            StageDetail(
                stage=name,
                state=state,
                started="" if one.started is None else iso(one.started),
                seconds=one.seconds(until),
                why=_why(name, state, forced.get(name, ""), compared, outputs.get(name, ())) if of_store else "",
                changes=compared.changes if compared else (),
                compared_with=compared.run_id if compared else "",
                note=one.note,
                failure=one.failure,
                execution=of_store.execution_id if of_store else 0,
                outputs=outputs.get(name, ()),
            )
        )
    return tuple(details)


def iso(at: float) -> str:
    """A time as ISO 8601 with the difference to UTC of this machine's time.

    Args:
        at: seconds since the epoch.
    """
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")


def _as_recorded(stage: StageRecord) -> StageProgress:
    state = stage.state
    ended = None if state is State.RUNNING else stage.ended / 1000
    return StageProgress(stage.stage, state, stage.started / 1000, ended)


def _forced(runs: Runs, record: RunRecord, request: Optional[RunRequest]) -> dict[str, str]:
    """The stages for which the cache was not looked at, and why."""
    if request and not request.cache:
        return dict.fromkeys(record.stages, "--no-cache was given")
    if not request or not request.from_stage:
        return {}
    upstream = upstream_stages(runs, record.run_id, {name: one.execution_id for name, one in record.stages.items()})
    forced = {request.from_stage}
    # Each stage stands behind what it waits for.
    forced |= {stage for stage in record.stages if _is_behind(stage, forced, upstream)}
    return dict.fromkeys(forced, f"--from {request.from_stage} was given")


def _is_behind(stage: str, forced: Collection[str], upstream: Mapping[str, tuple[str, ...]]) -> bool:
    return any(one in forced or _is_behind(one, forced, upstream) for one in upstream.get(stage, ()))


def _why(
    stage: str, state: State, forced: str, nearest: Optional[NearestExecution], outputs: Iterable[OutputDetail]
) -> str:
    if state in (State.WAITING, State.SKIPPED):
        return ""
    if state is State.CACHED:
        maker = next((output.made_by for output in outputs if output.made_by), "")
        return "nothing changed" + (f" since {maker}" if maker else "")
    if stage.startswith(stage_ids.LOOKING):
        return "it looks again in every run"
    if forced:
        return forced
    if nearest is None:
        return "it had not run before"
    if not nearest.changes:
        return f"nothing changed since {nearest.run_id}, whose artifacts were no longer whole"
    return f"since {nearest.run_id}: " + "; ".join(change.words for change in nearest.changes)


def _outputs(runs: Runs, record: RunRecord) -> dict[str, tuple[OutputDetail, ...]]:
    artifacts = [one for stage in record.stages.values() for of_key in stage.outputs.values() for one in of_key]
    if not artifacts:
        return {}
    types = {one.id: one.name for one in runs.store.get_artifact_types()}
    own = {stage.execution_id for stage in record.stages.values()}
    makers = dict.fromkeys(own, record.run_id)
    for number in {execution_of(artifact.uri) for artifact in artifacts} - own - {0}:
        makers[number] = records.run_of(runs.store, number)
    return {
        name: tuple(
            OutputDetail(
                key=key,
                artifact=one.id,
                type=types.get(one.type_id, ""),
                path=one.uri,
                there=is_there(one.uri),
                made_by=makers.get(execution_of(one.uri), ""),
                properties=plain_properties(one),
            )
            for key, of_key in stage.outputs.items()
            for one in of_key
        )
        for name, stage in record.stages.items()
    }


def _failure(folder: Optional[RunFolder], stages: Sequence[StageDetail]) -> Optional[Failure]:
    of_run = folder.failure() if folder else None
    return of_run or next((stage.failure for stage in stages if stage.failure), None)


def _remedy(runs: Runs, summary: RunSummary, failure: Optional[Failure], folder: Optional[RunFolder]) -> str:
    if failure and failure.remedy and summary.state is not State.INTERRUPTED:
        return failure.remedy
    if summary.state in (State.INTERRUPTED, State.KILLED):
        option = default_configuration.option(runs.config.file, runs.config.environment)
        if resumable(runs.layout.logs, runs.config.name) == summary.run_id:
            return f"millrace run{option} --resume goes on where it stopped"
        return f"millrace runs repeat {summary.run_id}{option} runs it again; what it finished is in the cache"
    if failure and folder:
        return f"the traceback is at the end of {folder.log}; fix what it names, then run again"
    return ""
