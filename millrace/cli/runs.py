"""`millrace runs`: the runs that ML Metadata remembers, with their metrics and verdicts."""

import json
from dataclasses import asdict

import click

from millrace.base import tables
from millrace.base.outcomes import blessing
from millrace.base.tables import TableColumn
from millrace.cli.options import config_options
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
        _print(rows)
    else:
        click.echo(f"no run of {config.name} yet: millrace run -c {config_file}")


def _print(rows: list[RunSummary]) -> None:
    columns = (
        TableColumn("run"),
        TableColumn("state"),
        TableColumn("seconds", right=True),
        TableColumn("metrics"),
        TableColumn("evaluator"),
        TableColumn("infra"),
        TableColumn("pushed", folds=True),
    )
    tables.show(columns, map(_cells, rows))


def _cells(row: RunSummary) -> tuple[str, ...]:
    pushed = row.pushed_to.rpartition("/")[2] or row.reason.partition("\n")[0]
    judges = blessing(row.blessed), blessing(row.infra_blessed)
    return (row.run_id, row.state, f"{row.seconds:.1f}", _judged(row), *judges, pushed)


def _judged(row: RunSummary) -> str:
    """The overall metrics that have a threshold; those without are in the JSON."""
    return "\n".join(f"{name} {value:.4f}" for name, value in row.judged.items())
