"""`millrace doctor`: what this environment is, what it lacks, and what this machine can run."""

import json
import os
from pathlib import Path
from typing import Optional

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from millrace.base.errors import ConfigError
from millrace.base.project import entered
from millrace.cli.options import config_option
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.execution.diagnosis import Diagnosis, as_json, diagnose

MARKS = {"yes": "[green]yes[/]", "no": "[yellow]no[/]", "broken": "[red]broken[/]"}
SHOWN_DIFFERENCES = 10


@click.command()
@config_option
@click.option("--json", "as_text", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor(context: click.Context, config_file: str, as_text: bool) -> None:
    """Say what this machine has, lacks and can run.

    Ends with exit code 1 when the pipeline cannot run here.
    """
    here = entered()
    diagnosis = diagnose(here.root if here else Path(), os.environ, _root(config_file))
    if as_text:
        click.echo(json.dumps(as_json(diagnosis), indent=2))
    else:
        _show(diagnosis, Console(highlight=False))
    context.exit(0 if diagnosis.able else 1)


def _root(config_file: str) -> Optional[Path]:
    try:
        return layout(load(config_file)).local
    except ConfigError:
        return None


def _show(diagnosis: Diagnosis, console: Console) -> None:
    console.print(
        f"[bold]{diagnosis.stack} stack[/], Python {escape(diagnosis.python)}, {diagnosis.system}", soft_wrap=True
    )
    console.print(_versions(diagnosis))
    if diagnosis.differences:
        console.print(_differences(diagnosis))
    console.print(_checks(diagnosis))
    if not diagnosis.able:
        console.print("[red]The pipeline cannot run here until what is broken is fixed.[/]")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _versions(diagnosis: Diagnosis) -> Table:
    table = _table("package", "installed")
    for name, version in diagnosis.versions.items():
        table.add_row(name, version or "[red]missing[/]")
    return table


def _differences(diagnosis: Diagnosis) -> Table:
    table = _table("differs from the lock", "locked", "installed")
    for difference in diagnosis.differences[:SHOWN_DIFFERENCES]:
        table.add_row(difference.package, difference.locked, difference.installed or "[red]missing[/]")
    more = len(diagnosis.differences) - SHOWN_DIFFERENCES
    if more > 0:
        table.add_row(f"and {more} more", "", "")
    return table


def _checks(diagnosis: Diagnosis) -> Table:
    table = _table("can it", "", "found")
    for check in diagnosis.checks:
        table.add_row(check.name, MARKS[check.state], escape(check.detail))
        if check.remedy:
            table.add_row("", "", f"[dim]{escape(check.remedy)}[/]")
    return table
