"""What a person reads when a run is over: metrics, verdicts, where the model is, where the log is, what to do next."""

from pathlib import Path
from typing import Optional

from ml_metadata import errors
from rich.console import Console

from millrace.base.errors import MillraceError
from millrace.base.outcomes import blessing
from millrace.cli.output import escape
from millrace.components import stage_ids
from millrace.components.evaluator.gate_report import TEXT_NAME, GateReport, number
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.execution.run import Outcome
from millrace.metadata import records
from millrace.metadata.run_folder import RunFolder
from millrace.metadata.run_summaries import state_of
from millrace.training import training_record


def print_summary(config: Config, folder: RunFolder, outcome: Outcome, seconds: float, console: Console) -> None:
    """Prints the end of a run.

    Args:
        config: the configuration.
        folder: the run's folder.
        outcome: how it ended.
        seconds: how long the whole run took.
        console: where a person looks.
    """
    record = _record(config, folder)
    console.print()
    if record:
        print_record(config, record, console)
    if outcome.failure:
        _print_failure(outcome, folder, console)
    state = state_of(record, folder)
    if outcome.undelivered:
        console.print(f"{'notice:':<16}not delivered; {escape(outcome.undelivered)}")
    console.print(f"run {folder.run_id}: {state} in {seconds:.1f} s; log: {folder.log}")


def _record(config: Config, folder: RunFolder) -> Optional[records.RunRecord]:
    """What ML Metadata remembers of the run; nothing when it was refused before its first stage, or cannot be read."""
    if not folder.journal.events():
        return None
    try:
        recorded = records.runs(records.open_store(config), config.name, layout(config).root)
    except (MillraceError, errors.StatusError):
        return None
    return next((record for record in recorded if record.run_id == folder.run_id), None)


def print_record(config: Config, run: records.RunRecord, console: Console) -> None:
    """Prints what the stages of a run said: metrics, slices, verdicts, and where the model is.

    Args:
        config: the configuration.
        run: what ML Metadata remembers of the run.
        console: where a person looks.
    """
    if config.schema_.file is None:
        console.print("schema: inferred from this data, since the configuration names no curated one")
    report = records.gate_report(run)
    if report:
        shown = "  ".join(f"{name} {number(value)}" for name, value in report.metrics.items())
        console.print(f"{'metrics:':<16}{escape(shown)}")
        if config.judging_split == "eval":
            console.print(
                f"{'judged on:':<16}eval, which also picked the best step, so that the metrics flatter the model;"
                " a split of its own: data.splits: {train: 4, eval: 1, test: 1}"
            )
        training = run.artifact(stage_ids.TRAINER, "model_run")
        record = training_record.read(training.uri) if training else None
        if record and record.advice:
            console.print(f"[bold yellow]{'training:':<16}[/]{escape(record.advice)}")
        for sentence in report.suspicious:
            console.print(f"[bold yellow]{'suspicious:':<16}[/]{escape(sentence)}")
        if not report.blessed:
            console.print(escape(report.to_text(every_slice=False)))
        elif report.slices:
            console.print(f"{'slices:':<16}{escape(_slices(run, report))}")
    for judge in stage_ids.JUDGES:
        verdict = records.blessing(run, judge)
        if verdict is not None:
            why = records.reason(run, judge)
            console.print(f"{judge + ':':<16}{blessing(verdict)}{'; ' + escape(why) if why else ''}")
    pushed = records.pushed_to(run)
    if pushed:
        gone = "" if "://" in pushed or Path(pushed).is_dir() else " (not there any more)"
        console.print(f"{'pushed to:':<16}{escape(pushed)}{gone}")
        if config.push.trial:
            console.print(f"{'trial:':<16}--set changed what is learned or judged: not served; --push serves it")


def _slices(run: records.RunRecord, report: GateReport) -> str:
    """How many slices were measured, how many of them nothing was asked of, and where all are listed."""
    evaluation = run.artifact(stage_ids.EVALUATOR, "evaluation")
    without = len(report.without_threshold())
    place = f"; all are in {evaluation.uri}/{TEXT_NAME}" if evaluation else ""
    return f"{len(report.slices)} measured, {without} of them without a threshold{place}"


def _print_failure(outcome: Outcome, folder: RunFolder, console: Console) -> None:
    failure = outcome.failure
    assert failure is not None
    place = f"{failure.where}: " if failure.where else ""
    console.print(f"[bold red]{escape(place)}[/]{escape(failure.what)}")
    remedy = failure.remedy or f"the traceback is at the end of {folder.log}; fix what it names, then run again"
    console.print(f"  remedy: {escape(remedy)}")
