"""What a person reads when a run is over: metrics, verdicts, where the model is, where the log is, what to do next."""

from collections import Counter
from pathlib import Path
from typing import Optional

from ml_metadata import errors
from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.errors import MillraceError
from millrace.base.numbers import counted, seconds
from millrace.base.outcomes import blessing
from millrace.base.visible import visible
from millrace.cli.running.failures import say_failure
from millrace.cli.version_words import next_steps, standing
from millrace.components import stage_ids
from millrace.components.data_gate.report import TEXT_NAME as DATA_REPORT
from millrace.components.data_gate.report import read_warnings
from millrace.components.evaluator.gate_report import COLUMNS, EXAMPLE_COUNT, TEXT_NAME, GateReport, cells, number
from millrace.components.example_gen import split_record
from millrace.config import trials
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.execution.run import Outcome
from millrace.metadata import records
from millrace.metadata.evaluations import evaluation
from millrace.metadata.run_folder import RunFolder
from millrace.metadata.run_summaries import state_of
from millrace.project import default_configuration
from millrace.registry.events import CHAMPION
from millrace.registry.intake import Registered
from millrace.training import training_record

_MOST_WARNINGS = 5


def print_summary(
    config: Config, folder: RunFolder, outcome: Outcome, took: float, registered: Registered, console: Console
) -> None:
    """Prints the end of a run.

    Args:
        config: the configuration.
        folder: the run's folder.
        outcome: how it ended.
        took: seconds that the whole run took.
        registered: what it brought to the registry.
        console: where a person looks.
    """
    record = _record(config, folder)
    console.print()
    if record:
        request = folder.request()
        why_trial = trials.why_trial(request.overrides, request.repeats) if request else ""
        print_record(config, record, console, outcome.failure.where if outcome.failure else "", why_trial)
    pushed = Path(records.pushed_to(record)).name if record else ""
    for version in registered.versions:
        if str(version.number) != pushed and version not in registered.new:
            continue
        champion = next((one.number for one in registered.versions if CHAMPION in one.aliases), None)
        other = f"; champion is {champion}" if champion not in (None, version.number) else ""
        _line("version", f"{version.number} is {standing(version)}{other}", console)
        for line in next_steps(version, champion, default_configuration.option(config.file, config.environment)):
            printing.say(line, console, indent=2, whole=True)
    if registered.trouble and not (outcome.failure and outcome.failure.what in registered.trouble):
        _line("registry", f"{registered.trouble}; the next millrace models tries again", console, style="bold yellow")
    if outcome.failure:
        failure = outcome.failure
        remedy = f"the traceback is at the end of {folder.log}; fix what it names, then run again"
        say_failure(failure, failure.remedy or remedy, console)
    if outcome.undelivered:
        _line("notice", f"not delivered; {outcome.undelivered}", console)
    state = state_of(record, folder)
    printing.say(f"run {folder.run_id}: {state} in {seconds(took)} s; log: {folder.log}", console)


def _record(config: Config, folder: RunFolder) -> Optional[records.RunRecord]:
    """What ML Metadata remembers of the run; nothing when it was refused before its first stage, or cannot be read."""
    if not folder.journal.events():
        return None
    try:
        return records.run(records.open_store(config), config.name, folder.run_id, layout(config).root)
    except (MillraceError, errors.StatusError):
        return None


def print_record(
    config: Config, run: records.RunRecord, console: Console, ended_by: str = "", why_trial: str = ""
) -> None:
    """Prints what the stages of a run said: metrics, slices, verdicts, and where the model is.

    Args:
        config: the configuration.
        run: what ML Metadata remembers of the run.
        console: where a person looks.
        ended_by: the stage that ended the run, whose reason is said at the end and not twice.
        why_trial: why its model is not served, where it is a trial.
    """
    if config.schema_.file is None:
        _line("schema", "inferred from this data, since the configuration names no curated one", console)
    _print_data_warnings(run, console)
    examples = run.artifact(stage_ids.EXAMPLE_GEN, "examples")
    division = split_record.read(examples.uri) if examples else None
    if division and division.condition:
        _line("rows", division.condition, console)
    if division and division.leak:
        _line("splits", division.leak, console, style="bold yellow")
    report = evaluation(run).report
    if report:
        _print_report(config, run, report, console)
    for verdict in records.verdicts(run):
        if verdict.stage != ended_by:
            why = f"; {verdict.reason}" if verdict.reason else ""
            style = "" if verdict.blessed else "bold red"
            _line(verdict.stage, blessing(verdict.blessed) + why, console, style)
            if verdict.stage == stage_ids.EVALUATOR and report and report.remedy:
                printing.say(f"remedy: {report.remedy}", console, indent=2)
    pushed = records.pushed_to(run)
    if pushed:
        place = pushed if "://" in pushed or Path(pushed).is_dir() else f"{pushed} (not there any more)"
        if config.push.trial:
            why = f" ({why_trial})" if why_trial else ""
            _line("trial", f"the model is in {place}, and is not served; --push serves it{why}", console)
        else:
            _line("pushed to", place, console)


def _print_data_warnings(run: records.RunRecord, console: Console) -> None:
    """What DataGate warned of: news about the data that let the run go on, and that nobody would look for in a file."""
    report = run.artifact(stage_ids.DATA_GATE, "report")
    warnings = read_warnings(Path(report.uri)) if report else []
    if not report or not warnings:
        return
    count = counted(len(warnings), "warning")
    _line("DataGate", f"{count}, in {Path(report.uri) / DATA_REPORT}", console, style="bold yellow")
    for warning in warnings[:_MOST_WARNINGS]:
        subject = f"{warning.feature} ({warning.split})" if warning.feature else warning.split
        text = f"{subject}: {warning.reason}: {warning.expected}; seen: {warning.seen}"
        printing.say(text, console, indent=2)


def _print_report(config: Config, run: records.RunRecord, report: GateReport, console: Console) -> None:
    """The metrics and what is odd about them, what failed in a table, and the rest as counts."""
    # How many examples there were is no metric, though TFMA counts it as one.
    metrics = [f"{name} {number(value)}" for name, value in report.metrics.items() if name != EXAMPLE_COUNT]
    _line("metrics", "  ".join(metrics), console)
    if config.judging_split == "eval" and config.evaluation.split is None:
        why = "eval, which also picked the best step, so that the metrics flatter the model"
        _line("judged on", f"{why}; a split of its own: data.splits: {{train: 4, eval: 1, test: 1}}", console)
    training = run.artifact(stage_ids.TRAINER, "model_run")
    record = training_record.read(training.uri) if training else None
    if record and record.began:
        _line("training", record.began, console)
    if record and record.advice:
        _line("training", record.advice, console, style="bold yellow")
    if report.baseline_fall and report.blessed:
        _line("baseline", report.baseline_fall, console, style="bold yellow")
    for sentence in report.suspicious:
        _line("suspicious", sentence, console, style="bold yellow")
    failed = [row for row in report.rows if row.verdict == "fail"]
    if failed:
        console.print()
        # In the file a dash says that there is nothing; on a screen a column of nothing else is left out.
        shown = [["" if cell == "-" else cell for cell in cells(row)[:-1]] for row in failed]
        printing.show(COLUMNS[:-1], shown, console)
        for reason in dict.fromkeys(row.reason for row in failed if row.value is None and row.reason):
            printing.say(reason, console)
        console.print()
    if not report.blessed:
        counts = Counter(row.verdict for row in report.rows)
        words = f"{counts['fail']} missed, {counts['pass']} met, {counts['not judged']} not judged"
        _line("thresholds", f"{words}{_all_in(run)}", console)
    if report.slices:
        without = len(report.without_threshold())
        place = _all_in(run) if report.blessed else ""
        _line("slices", f"{len(report.slices)} measured, {without} of them without a threshold{place}", console)


def _all_in(run: records.RunRecord) -> str:
    evaluation = run.artifact(stage_ids.EVALUATOR, "evaluation")
    return f"; all are in {evaluation.uri}/{TEXT_NAME}" if evaluation else ""


def _line(title: str, text: str, console: Console, style: str = "") -> None:
    printing.say(Text(f"{title + ':':<16}", style=style) + Text(visible(text)), console)
