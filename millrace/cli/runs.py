"""`millrace runs`: the runs that ML Metadata remembers, with their metrics and verdicts."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Optional

import click
from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.outcomes import blessing
from millrace.base.printing import TableColumn
from millrace.cli.options import config_options
from millrace.cli.output import echo
from millrace.config.loading import load
from millrace.metadata.run_summaries import RunSummary, run_summaries


@click.command()
@config_options
@click.option("-n", "--last", default=20, show_default=True, type=click.IntRange(min=1), help="How many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def runs(config_file: str, overrides: tuple[str, ...], last: int, as_json: bool) -> None:
    """List runs with their metrics and verdicts, the newest last."""
    config = load(config_file, overrides)
    rows = run_summaries(config)[-last:]
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
    elif rows:
        print_runs(rows)
    else:
        echo(f"no run of {config.name} yet: millrace run -c {config_file}")


def print_runs(rows: Sequence[RunSummary], console: Optional[Console] = None) -> None:
    """Prints the table of runs, and below it, at full width, why a run did not push its model.

    Args:
        rows: the runs, the newest last.
        console: where to; standard output by default.
    """
    console = console or Console(highlight=False)
    columns = (
        TableColumn("run"),
        TableColumn("state"),
        TableColumn("seconds", right=True),
        TableColumn("metrics"),
        TableColumn("evaluator"),
        TableColumn("infra"),
        TableColumn("pushed"),
    )
    printing.show(columns, map(_cells, rows), console)
    reasons = [f"{row.run_id}: {row.reason.splitlines()[0]}" for row in rows if row.reason]
    for line in ["", *reasons] if reasons else []:
        console.print(Text(line), soft_wrap=not console.is_terminal)


def _cells(row: RunSummary) -> tuple[str, ...]:
    judges = blessing(row.blessed), blessing(row.infra_blessed)
    version = row.pushed_to.rpartition("/")[2]
    return (row.run_id, row.state, f"{row.seconds:.1f}", _judged(row), *judges, version)


def _judged(row: RunSummary) -> str:
    """The overall metrics that have a threshold; those without are in the JSON."""
    return "\n".join(f"{name} {value:.4f}" for name, value in row.judged.items())
