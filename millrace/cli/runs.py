"""`millrace runs`: the runs that ML Metadata remembers, with their metrics and verdicts."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Optional

import click
from rich.console import Console

from millrace.base import printing
from millrace.base.numbers import rounded, seconds
from millrace.base.outcomes import blessing
from millrace.base.printing import TableColumn
from millrace.cli.options import config_options
from millrace.cli.output import echo
from millrace.config.loading import load
from millrace.metadata.run_summaries import RunSummary, run_summaries
from millrace.project import default_configuration


@click.command()
@config_options
@click.option("-n", "--last", default=20, show_default=True, type=click.IntRange(min=1), help="How many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def runs(config_file: str, overrides: tuple[str, ...], last: int, as_json: bool) -> None:
    """List runs with their metrics and verdicts, the newest last."""
    config = load(config_file, overrides)
    rows = run_summaries(config, last)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
    elif rows:
        print_runs(rows)
    else:
        echo(f"no run of {config.name} yet: millrace run{default_configuration.option(config_file)}")


def print_runs(rows: Sequence[RunSummary], console: Optional[Console] = None) -> None:
    """Prints the table of runs, and below it, at full width, why a run did not push its model.

    Args:
        rows: the runs, the newest last.
        console: where to; standard output by default.
    """
    console = console or Console(highlight=False)
    heads = ("run", "state", "seconds", "metrics", "result")
    columns = [TableColumn(head, right=head == "seconds") for head in heads]
    cells = [
        (
            row.run_id,
            row.state,
            seconds(row.seconds),
            # Those that have a threshold; the others are in the JSON.
            "\n".join(f"{name} {rounded(value, 4)}" for name, value in row.judged.items()),
            _result(row),
        )
        for row in rows
    ]
    printing.show(columns, cells, console)
    reasons = [f"{row.run_id}: {row.reason.splitlines()[0]}" for row in rows if row.reason]
    for line in ["", *reasons] if reasons else []:
        printing.say(line, console)


def _result(row: RunSummary) -> str:
    """The version that was pushed, else what the judges said; only a model that both have blessed is pushed."""
    if row.pushed_to:
        return f"pushed {row.pushed_to.rpartition('/')[2]}"
    infra = "; InfraValidator: not blessed" if row.blessed and row.infra_blessed is False else ""
    return ", ".join(filter(None, ("rehearsal" if row.rehearsal else "", f"{blessing(row.blessed)}{infra}")))
