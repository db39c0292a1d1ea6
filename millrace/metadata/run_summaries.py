"""What a person wants to know of each run: how it ended, what its model scored, and where the model went."""

import time
from dataclasses import dataclass
from typing import Optional

from millrace.base.outcomes import ending
from millrace.components.evaluator.gate_report import OVERALL, GateReport
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.metadata import records
from millrace.metadata.run_folder import RunFolder
from millrace.metadata.run_folder import runs as run_folders


@dataclass(frozen=True)
class RunSummary:
    """One run.

    Args:
        run_id: the run's id.
        state: running, done, cached, bad input, failed, blocked, interrupted or killed.
        started: local time, ISO 8601.
        seconds: from its first to its last change.
        metrics: the Evaluator's overall metrics, by TFMA's names.
        judged: those of them that have a threshold, by the configuration's names.
        blessed: the Evaluator's verdict; None when it did not get that far.
        infra_blessed: the InfraValidator's verdict; None when it did not get that far.
        pushed_to: where the model went; empty when it did not.
        reason: why the run did not push a model; empty when it did.
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


def run_summaries(config: Config) -> list[RunSummary]:
    """Every run of a pipeline that ML Metadata remembers, the oldest first; none before the first run on this machine.

    Args:
        config: the pipeline's configuration.
    """
    folders = {folder.run_id: folder for folder in run_folders(layout(config).logs)}
    store = records.open_store(config) if folders else None
    return [_summary(run, folders.get(run.run_id)) for run in (records.runs(store, config.name) if store else [])]


def _summary(run: records.RunRecord, folder: Optional[RunFolder]) -> RunSummary:
    report = records.gate_report(run)
    return RunSummary(
        run_id=run.run_id,
        state=state_of(run, folder),
        started=time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(run.started / 1000)),
        seconds=round((run.ended - run.started) / 1000, 1),
        metrics=report.metrics if report else {},
        judged=_judged(report) if report else {},
        blessed=records.blessing(run, "Evaluator"),
        infra_blessed=records.blessing(run, "InfraValidator"),
        pushed_to=records.pushed_to(run),
        reason=_reason(run),
    )


def _judged(report: GateReport) -> dict[str, float]:
    return {row.metric: row.value for row in report.rows if row.slice == OVERALL and row.value is not None}


def state_of(run: records.RunRecord, folder: Optional[RunFolder]) -> str:
    """How a run ended, or that it goes on: ML Metadata's word, unless the run's folder knows better.

    Args:
        run: what ML Metadata remembers.
        folder: the run's folder; None when it is gone.
    """
    code = folder.exit_code() if folder else None
    if code is None and folder and not folder.is_alive():
        return "killed"
    # Whether a run that ended well was done or cached, only its stages tell.
    return ending(code) if code else run.state


def _reason(run: records.RunRecord) -> str:
    failures = [record.failure for record in run.stages.values() if record.failure]
    refusals = [
        records.reason(run, judge) for judge in ("Evaluator", "InfraValidator") if records.blessing(run, judge) is False
    ]
    return next(iter([*failures, *refusals]), "")
