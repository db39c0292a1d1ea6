"""`millrace monitor`: what is served, held to the contract of its training, window by window."""

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

import click
from rich.console import Console

from millrace.base import printing
from millrace.base.numbers import counted, rounded, share
from millrace.base.outcomes import REFUSED
from millrace.base.printing import TableColumn
from millrace.cli import completing
from millrace.cli.group import LazyGroup
from millrace.cli.models.models import quiet
from millrace.cli.options import again, config_options
from millrace.cli.output import echo_json
from millrace.config.loading import load
from millrace.execution.alerting import observe_findings
from millrace.monitoring.findings import (
    LiveMetric,
    MonitorFinding,
    MonitorReport,
)
from millrace.monitoring.look import look_of
from millrace.monitoring.window import length_of, window_of

COMMANDS = {
    "run": ("watching.monitor:run", "Look at one window of requests; for cron."),
    "watch": ("watching.monitor_more:watch", "Look at each window as soon as it is over."),
    "report": ("watching.monitor_more:report", "Show a window that was recorded, and write it as a page."),
    "backtest": ("watching.monitor_more:backtest", "Say which alerts a changed policy would have given."),
    "spec": ("watching.monitor_more:spec", "Write the same contract for Vertex AI's model monitor."),
}
_PASSED = {True: "pass", False: "fail", None: "not judged"}
_SHOWN_DISTANCES = 8
_SHOWN_COLUMNS = 4
_SHOWN_UNJUDGED = 3


@click.group(cls=LazyGroup, commands_by_path=COMMANDS)
def monitor() -> None:
    """Watch what is served: anomalies, skew, drift, service figures, and labelled answers."""


def model_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--model`, as `model`."""
    return click.option(
        "--model",
        default="champion",
        show_default=True,
        metavar="VERSION|ALIAS",
        help="Which version's answers.",
        shell_complete=completing.versions,
    )(command)


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_window_option = click.option(
    "--window",
    "window_text",
    default="last",
    show_default=True,
    metavar="WINDOW",
    help="last, last~1, now, a time within (2031-01-31T14:00, UTC), or START/END.",
)


@click.command()
@_window_option
@model_option
@config_options
@_as_json
def run(config_file: str, overrides: tuple[str, ...], window_text: str, model: str, as_json: bool) -> None:
    """Look at one window of requests; for cron. It ends with 3 where there is an alert, with 0 where all is quiet.

    Statistics, anomalies and what was found go to ML Metadata, beside the records of the runs.
    """
    config, now = load(config_file, overrides), datetime.now(timezone.utc)
    window = window_of(window_text, length_of(config.monitoring.window), now)
    with quiet(config):
        from millrace.monitoring.monitor import monitor_window

        report = monitor_window(config, window, now, model)
    untold = observe_findings(config, look_of(report, model), now.timestamp())
    if as_json:
        echo_json({**vars(report), "alerts": len(report.alerts)})
    else:
        show(report, Console(highlight=False), again(config_file, overrides))
        for channel, why in untold.items():
            printing.say(f"not delivered by {channel}: {why}", Console(highlight=False))
    if report.alerts:
        click.get_current_context().exit(REFUSED)


def show(report: MonitorReport, console: Console, option: str = "", is_recorded: bool = False) -> None:
    """Prints what is to be said of a window, alerts first.

    Args:
        report: of the window.
        console: where a person looks.
        option: by which a next command takes the same configuration.
        is_recorded: whether it is an earlier look that is shown, and not a new one.
    """
    printing.say(f"version {report.version} of {report.model}, {report.window}: {report.sentence}", console)
    _show_findings(report.findings, console)
    rows = f"{counted(report.requests, 'request')} with {counted(report.rows, 'row')}"
    others = ", ".join(f"{number} answered {count:,}" for number, count in report.others.items())
    printing.say(f"\n{rows}{f'; version {others}' if others else ''}", console)
    if report.service:
        one = report.service
        times = ", ".join(f"p{name} {rounded(ms, 3)}" for name, ms in one.milliseconds.items() if name < 100)
        printing.say(
            f"{counted(one.answers, 'answer')} ({rounded(one.per_second, 3)} per second of the window), "
            f"{share(one.failed, one.answers)} failed, {share(one.refused, one.answers)} refused; ms: {times}; "
            f"requests at once {rounded(one.in_flight, 2)}, in the busiest of {report.busiest_of} "
            f"{rounded(one.busiest, 2)}",
            console,
        )
    for kind, words in report.compared.items():
        printing.say(f"{kind}: from {words}", console)
    if report.outliers:
        one_of = f"{counted(report.outliers.rare, 'row')} of {report.outliers.rows:,}"
        printing.say(f"as rare as one of a hundred training rows: {one_of}", console)
    _show_distances(report, console)
    _show_attributions(report, console)
    _show_metrics(report, console)
    for what, why in report.said_unmeasured.items():
        printing.say(f"{what} not measured: {why}", console)
    if not report.judged:
        printing.say("\nnothing of this window was recorded", console)
    if report.alerts and report.execution:
        command = "millrace alerts list" if is_recorded else "millrace monitor report"
        printing.say(f"\nnext: {command}{option}", console, whole=True)
    elif not report.judged and report.later:
        printing.say(f"{counted(report.later, 'request')} came after this window", console)
        printing.say(f"next: millrace monitor run --window now{option}", console, whole=True)


def _show_findings(findings: tuple[MonitorFinding, ...], console: Console) -> None:
    if not findings:
        return
    heads = [
        TableColumn(""),
        TableColumn("found by"),
        TableColumn("column"),
        TableColumn("what", folds=True),
    ]
    rows = [("alert" if one.alert else "note", one.detector, one.column, one.words) for one in findings]
    console.print()
    printing.show(heads, rows, console)
    remedies: dict[str, dict[str, list[str]]] = {}
    for one in findings:
        if one.alert and one.remedy:
            columns = remedies.setdefault(one.remedy, {}).setdefault(one.detector, [])
            columns += [one.column] if one.column and one.column not in columns else []
    for remedy, alerts in remedies.items():
        about = "; ".join(f"{detector}{_of(columns)}" for detector, columns in alerts.items())
        printing.say(f"remedy for {about}: {remedy}", console)


def _of(columns: Sequence[str]) -> str:
    more = len(columns) - _SHOWN_COLUMNS
    return (f" of {', '.join(columns[:_SHOWN_COLUMNS])}" if columns else "") + (f" and {more} more" if more > 0 else "")


def _show_distances(report: MonitorReport, console: Console) -> None:
    if not report.distances:
        return
    # The nearest to its limit first.
    ordered = sorted(report.distances, key=lambda one: one.value / one.limit if one.limit else 0.0, reverse=True)
    heads = [TableColumn("distance of"), TableColumn("kind"), TableColumn("measure", folds=True, breaks=True)]
    heads += [TableColumn(head, right=True) for head in ("value", "limit", "usual")]
    rows = [
        (
            one.column,
            one.detector,
            one.measure.removesuffix("_divergence"),
            rounded(one.value, 3),
            rounded(one.limit, 3),
            "" if one.usual is None else rounded(one.usual, 3),
        )
        for one in ordered[:_SHOWN_DISTANCES]
    ]
    console.print()
    printing.show(heads, rows, console)
    if len(ordered) > len(rows):
        printing.say(f"and {len(ordered) - len(rows)} more, none of them nearer to its limit", console)


def _show_attributions(report: MonitorReport, console: Console) -> None:
    if not report.attributions:
        return
    heads = [TableColumn("what matters")]
    heads += [TableColumn(head, right=True) for head in ("now", "in training", "before")]
    rows = [
        (one.column, *("" if part is None else share(part, 1) for part in (one.now, one.training, one.before)))
        for one in report.attributions[:_SHOWN_DISTANCES]
    ]
    console.print()
    printing.show(heads, rows, console)


def _show_metrics(report: MonitorReport, console: Console) -> None:
    if report.metrics:
        heads = [TableColumn("metric"), TableColumn("slice"), TableColumn("value", right=True)]
        heads += [TableColumn("labels", right=True), TableColumn("threshold", folds=True), TableColumn("verdict")]
        console.print()
        judged = [one for one in report.metrics if one.passed is not None]
        unjudged = len(report.metrics) - len(judged)
        # Of many slices with few labels a line each says nothing.
        shown = judged if judged and unjudged > _SHOWN_UNJUDGED else report.metrics[: len(judged) + _SHOWN_UNJUDGED]
        printing.show(heads, [_metric_cells(one) for one in shown], console)
        if len(shown) < len(report.metrics):
            printing.say(f"and {len(report.metrics) - len(shown)} more, not judged: too few labels there", console)
    elif report.labelled:
        printing.say(f"{counted(report.labelled, 'label')} came, too few to judge by", console)
    for one in report.estimates:
        measured = f"; by labels {rounded(one.measured, 4)}" if one.measured is not None else ""
        words = f"{rounded(one.value, 4)}, in 95 of 100 from {rounded(one.low, 4)} to {rounded(one.high, 4)}"
        head = f"{one.metric} expected without labels, if the probabilities are right"
        printing.say(f"{head}: {words}{measured}", console)


def _metric_cells(one: LiveMetric) -> tuple[str, ...]:
    value = "" if one.value is None else rounded(one.value, 4)
    return one.metric, one.slice, value, f"{one.examples:,}", one.limit, _PASSED[one.passed]
