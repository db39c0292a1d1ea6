"""`millrace monitor watch`, `report`, `backtest` and `spec`."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Optional

import click
import yaml
from rich.console import Console

from millrace.base import printing
from millrace.base.errors import BadInput, MillraceError
from millrace.base.numbers import counted
from millrace.base.plain_values import plain
from millrace.base.printing import TableColumn
from millrace.base.quiet import load_tensorflow
from millrace.cli.models.models import quiet
from millrace.cli.options import again, config_options
from millrace.cli.output import echo, echo_json, say
from millrace.cli.runs.report import write_page
from millrace.cli.watching.monitor import model_option, show
from millrace.config.loading import load
from millrace.execution.alerting import observe_findings
from millrace.metadata.run_summaries import Runs
from millrace.monitoring.findings import MonitorReport
from millrace.monitoring.look import look_of
from millrace.monitoring.window import length_of, window_of


@click.command()
@model_option
@config_options
def watch(config_file: str, overrides: tuple[str, ...], model: str) -> None:
    """Look at each window as soon as it is over, and at those that were missed; Ctrl-C ends it."""
    config, console = load(config_file, overrides), Console(highlight=False)
    say(f"watching {model} of {config.name} in windows of {config.monitoring.window}; Ctrl-C ends it", style="bold")
    load_tensorflow()
    from millrace.monitoring import watching

    for window, found in watching.watch(config, model, time.time, time.sleep):
        if isinstance(found, MillraceError):
            say(f"{window}: not looked at: {found}")
        else:
            show(found, console, again(config_file, overrides))
            for channel, why in observe_findings(config, look_of(found, model), time.time()).items():
                say(f"not delivered by {channel}: {why}")
        echo()


@click.command()
@click.argument("window_text", default="", metavar="[WINDOW]")
@click.option("--model", default="", metavar="VERSION", help="Which version's, where several were looked at.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write it as one HTML file that needs no network; - for the screen.",
)
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def report(
    config_file: str, overrides: tuple[str, ...], window_text: str, model: str, output: Optional[Path], as_json: bool
) -> None:
    """Show a window that was recorded, and with -o write it as a page.

    WINDOW: last~1, a time within, or START/END; the newest that was recorded when left out.
    """
    config = load(config_file, overrides)
    found = _recorded(Runs(config), window_text, length_of(config.monitoring.window), model)
    if output is None:
        if as_json:
            echo_json({**vars(found), "alerts": len(found.alerts)})
        else:
            show(found, Console(highlight=False), again(config_file, overrides), is_recorded=True)
        return
    from millrace.console.page import PageRequest
    from millrace.console.pages.monitoring import page_of
    from millrace.console.render import ReportSection, report_text

    page, path = page_of(found)
    request = PageRequest(config, time.time(), path)
    sections = [ReportSection(page, request, page.view(request))]
    text = report_text(config, f"{config.name}, {found.window}", sections, request.now)
    write_page(text, output, f"version {found.version}, {found.window}")


def _recorded(runs: Runs, text: str, length: timedelta, model: str) -> MonitorReport:
    from millrace.monitoring.records import reports

    every = [one for one in reports(runs) if model in ("", str(one.version))]
    if text:
        window = window_of(text, length, datetime.now(timezone.utc))
        every = [one for one in every if one.window == window]
    if not every:
        what = f"no window {text}".rstrip() + (f" of version {model}" if model else "")
        raise BadInput(f"{what} was recorded", remedy="millrace monitor run --window WINDOW looks at one")
    return every[-1]


@click.command()
@click.option("--last", "count", type=click.IntRange(1, 1000), default=7, show_default=True, help="How many windows.")
@click.option(
    "--window",
    "window_texts",
    multiple=True,
    metavar="WINDOW",
    help="In their place this one: last~1, now, a time within, or START/END. Repeatable.",
)
@model_option
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backtest(
    config_file: str, overrides: tuple[str, ...], count: int, window_texts: tuple[str, ...], model: str, as_json: bool
) -> None:
    """Say which alerts the last windows would have given by the policy as it is now; nothing is recorded.

    Change the policy with --set, such as --set monitoring.drift.false_alarm_rate=0.001, or in the schema.
    """
    config, now = load(config_file, overrides), datetime.now(timezone.utc)
    length = length_of(config.monitoring.window)
    named = [window_of(text, length, now) for text in window_texts]
    with quiet(config):
        from millrace.monitoring.watching import backtest as again_
        from millrace.monitoring.watching import last_windows

        found = list(again_(config, model, named or last_windows(count, now, length), now))
    if as_json:
        echo_json([{**vars(one), "alerts": len(one.alerts), "recorded_alerts": before} for one, before in found])
        return
    console = Console(highlight=False)
    heads = [TableColumn("window (UTC)"), TableColumn("rows", right=True), TableColumn("alerts", right=True)]
    heads += [TableColumn("were", right=True), TableColumn("of", folds=True)]
    rows = [
        (
            str(one.window).removesuffix(" UTC"),
            f"{one.rows:,}",
            str(len(one.alerts)) if one.judged else "",
            "" if before is None else str(before),
            "; ".join(dict.fromkeys(f"{alert.detector} {alert.column}".strip() for alert in one.alerts)),
        )
        for one, before in found
    ]
    printing.show(heads, rows, console)
    every = Counter(f"{alert.detector} {alert.column}".strip() for one, _ in found for alert in one.alerts)
    say(f"\n{_in_all([one for one, _ in found])}")
    for what, number in every.most_common(5):
        say(f"{what}: {counted(number, 'window')}", indent=2)


def _in_all(reports: Sequence[MonitorReport]) -> str:
    """How many windows alert, of those that could be judged: a policy that judged nothing is not tried."""
    judged = [one for one in reports if one.judged]
    loud = sum(bool(one.alerts) for one in reports)
    text = f"{loud} of {counted(len(reports), 'window')} with an alert"
    if len(judged) == len(reports):
        return text
    most = max(one.rows for one in reports)
    why = f"{counted(most, 'row')} at most, {reports[0].needed:,} are needed (monitoring.rows)"
    if not judged:
        return f"{text}, and none of them was judged: {why}; --last or --window looks at others"
    was = "was" if len(judged) == 1 else "were"
    return f"{text}; {len(judged)} {was} judged, the others have too few rows ({reports[0].needed:,} are needed)"


@click.command()
@click.option(
    "--endpoint", required=True, metavar="RESOURCE", help="projects/P/locations/L/endpoints/ID, which logs requests."
)
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def spec(config_file: str, overrides: tuple[str, ...], endpoint: str, as_json: bool) -> None:
    """Write the same contract for Vertex AI's model monitor as YAML: its schema, specs for skew and drift, a cron.

    What Vertex AI's monitor cannot be told is said on standard error, and at the head of the YAML.
    """
    config = load(config_file, overrides)
    load_tensorflow()
    from millrace.monitoring.contract import curated_schema
    from millrace.monitoring.vertex_spec import vertex_monitor

    made = vertex_monitor(config, curated_schema(config), endpoint)
    if as_json:
        echo_json(made)
        return
    for line in made.not_kept:
        echo(f"not kept: {line}", err=True)
    head = "".join(f"# not kept: {line}\n" for line in made.not_kept)
    values = {name: value for name, value in plain(made).items() if name != "not_kept"}
    echo(head + yaml.safe_dump(values, sort_keys=False).rstrip())
