"""What a person reads when a run is over: metrics, verdicts, where the model is, where the log is, what to do next."""

from typing import Optional

from ml_metadata import errors
from rich.console import Console
from rich.markup import escape

from millrace.base.errors import MillraceError
from millrace.base.outcomes import blessing, ending
from millrace.config.config import Config
from millrace.execution.run import Outcome
from millrace.metadata import records
from millrace.metadata.run_folder import RunFolder


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
        _print_record(config, record, console)
    if outcome.failure:
        _print_failure(outcome, folder, console)
    console.print(f"run {folder.run_id}: {ending(outcome.exit_code)} in {seconds:.1f} s; log: {folder.log}")


def _record(config: Config, folder: RunFolder) -> Optional[records.RunRecord]:
    """What ML Metadata remembers of the run; nothing when it was refused before its first stage, or cannot be read."""
    if not folder.journal.events():
        return None
    try:
        recorded = records.runs(records.open_store(config), config.name)
    except (MillraceError, errors.StatusError):
        return None
    return next((record for record in recorded if record.run_id == folder.run_id), None)


def _print_record(config: Config, run: records.RunRecord, console: Console) -> None:
    if config.schema_.file is None:
        console.print("schema: inferred from this data, since the configuration names no curated one")
    report = records.gate_report(run)
    if report:
        console.print(_metrics_line(report.metrics))
        if not report.blessed:
            console.print(escape(report.to_text()))
    for judge in ("Evaluator", "InfraValidator"):
        verdict = records.blessing(run, judge)
        if verdict is not None:
            why = records.reason(run, judge)
            console.print(f"{judge + ':':<16}{blessing(verdict)}{'; ' + escape(why) if why else ''}")
    pushed = records.pushed_to(run)
    if pushed:
        console.print(f"{'pushed to:':<16}{escape(pushed)}")


def _metrics_line(metrics: dict[str, float]) -> str:
    shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items() if not value.is_integer())
    return f"{'metrics:':<16}{shown}"


def _print_failure(outcome: Outcome, folder: RunFolder, console: Console) -> None:
    failure = outcome.failure
    assert failure is not None
    place = f"{failure.where}: " if failure.where else ""
    console.print(f"[bold red]{escape(place)}[/]{escape(failure.what)}")
    remedy = failure.remedy or f"the traceback is at the end of {folder.log}; fix what it names, then run again"
    console.print(f"  remedy: {escape(remedy)}")
