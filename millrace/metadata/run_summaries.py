"""What a person wants to know of each run: how it ended, what its model scored, and where the model went."""

from dataclasses import dataclass
from datetime import datetime
from typing import Optional

from millrace.base.outcomes import State, ending
from millrace.components import stage_ids
from millrace.components.evaluator.gate_report import OVERALL
from millrace.components.judges import JUDGES
from millrace.components.marks import REHEARSED
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.metadata import records
from millrace.metadata.run_folder import RunFolder, RunRequest
from millrace.metadata.run_folder import runs as run_folders


@dataclass(frozen=True)
class RunSummary:
    """One run.

    Args:
        run_id: the run's id.
        state: running, done, cached, bad input, failed, blocked, interrupted or killed.
        started: ISO 8601 with the difference to UTC of this machine's time.
        seconds: from the start of its command to its end; where its folder does not tell, between the first and the
            last change in ML Metadata.
        metrics: the Evaluator's overall metrics, by TFMA's names.
        judged: those of them that have a threshold, by the configuration's names.
        blessed: the Evaluator's verdict; None when it did not get that far.
        infra_blessed: the InfraValidator's verdict; None when it did not get that far.
        pushed_to: where the model went; empty when it did not. A rehearsal pushes none that is for serving: where its
            model is, rehearsal.json says.
        reason: why the run did not push a model; empty when it did.
        rehearsal: whether it was `millrace rehearse`.
    """

    run_id: str
    state: str
    started: str
    seconds: float
    metrics: dict[str, float]
    judged: dict[str, float]
    blessed: Optional[bool]
    infra_blessed: Optional[bool]
    pushed_to: str
    reason: str
    rehearsal: bool = False


def run_summaries(config: Config) -> list[RunSummary]:
    """Every run of a pipeline in the order in which they began; none before the first run on this machine.

    Runs that were refused before their first stage are known by their folder alone, runs whose folder is gone by ML
    Metadata alone.

    Args:
        config: the pipeline's configuration.
    """
    folders = {folder.run_id: folder for folder in run_folders(layout(config).logs)}
    store = records.open_store(config) if folders else None
    recorded = {run.run_id: run for run in (records.runs(store, config.name, layout(config).root) if store else [])}
    without_folder = [run_id for run_id in recorded if run_id not in folders]
    with_folder = [
        run_id for run_id, folder in folders.items() if run_id in recorded or _is_of(folder.request(), config)
    ]
    return [_summary(run_id, recorded.get(run_id), folders.get(run_id)) for run_id in [*without_folder, *with_folder]]


def _is_of(request: Optional[RunRequest], config: Config) -> bool:
    """Whether a run that ML Metadata does not know was one of this pipeline: one root may hold several."""
    return request is not None and request.runner != "rehearsal" and request.pipeline == config.name


def _summary(run_id: str, run: Optional[records.RunRecord], folder: Optional[RunFolder]) -> RunSummary:
    recorded = run or records.RunRecord(run_id, {})
    report = records.gate_report(recorded)
    overall = [row for row in report.rows if row.slice == OVERALL] if report else []
    began = folder.started if folder else recorded.started / 1000
    took = folder.seconds if folder else None
    rehearsal = _is_rehearsal(recorded, folder)
    return RunSummary(
        run_id=run_id,
        state=state_of(run, folder),
        started=datetime.fromtimestamp(began).astimezone().isoformat(timespec="seconds"),
        seconds=(recorded.ended - recorded.started) / 1000 if took is None else took,
        metrics=report.metrics if report else {},
        judged={row.metric: row.value for row in overall if row.value is not None},
        blessed=records.blessing(recorded, stage_ids.EVALUATOR),
        infra_blessed=records.blessing(recorded, stage_ids.INFRA_VALIDATOR),
        pushed_to="" if rehearsal else records.pushed_to(recorded),
        reason=_reason(recorded, folder),
        rehearsal=rehearsal,
    )


def _is_rehearsal(run: records.RunRecord, folder: Optional[RunFolder]) -> bool:
    """Whether a rehearsal made a run: its request says so or, where its folder is gone, what it made."""
    request = folder.request() if folder else None
    if request:
        return request.runner == "rehearsal"
    made = [artifact for stage in run.stages.values() for of_key in stage.outputs.values() for artifact in of_key]
    return any(REHEARSED in artifact.custom_properties for artifact in made)


def state_of(run: Optional[records.RunRecord], folder: Optional[RunFolder]) -> str:
    """How a run ended, or that it goes on: the folder's word where it has one, else ML Metadata's.

    Args:
        run: what ML Metadata remembers; None when it never came to a stage.
        folder: the run's folder; None when it is gone.

    Returns:
        A run's state in the words of `millrace.base.outcomes`. A run that lives is running, between two stages too.
    """
    code = folder.exit_code() if folder else None
    if folder and code is None:
        return (State.RUNNING if folder.is_alive() else State.KILLED).value
    # Whether a run that ended well was done or cached, only its stages tell.
    recorded = run.state if run else "done"
    if code is None:
        return State.KILLED.value if recorded == State.RUNNING.value else recorded
    return recorded if code == 0 and recorded in ("done", "cached") else ending(code)


def _reason(run: records.RunRecord, folder: Optional[RunFolder]) -> str:
    failures = [record.failure for record in run.stages.values() if record.failure]
    judges = [judge.stage for judge in JUDGES]
    refusals = [records.reason(run, judge) for judge in judges if records.blessing(run, judge) is False]
    failure = folder.failure() if folder else None
    before_its_stages = [f"{failure.where}: {failure.what}" if failure.where else failure.what] if failure else []
    return next(iter([*failures, *refusals, *before_its_stages]), "")
