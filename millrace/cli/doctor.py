"""`millrace doctor`: what this environment is, what it lacks, and what this machine can run."""

import json
import os
from pathlib import Path
from typing import Optional

import click
from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.errors import ConfigError
from millrace.base.printing import Cell, TableColumn
from millrace.cli.options import config_option
from millrace.cli.output import escape
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.execution.diagnosis import Diagnosis, as_json, diagnose
from millrace.project.project import entered

STYLES = {"yes": "green", "no": "yellow", "broken": "red"}
_MISSING = Text("missing", style="red")
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
    console.print()
    printing.show((TableColumn("package"), TableColumn("installed")), _versions(diagnosis), console)
    if diagnosis.differences:
        console.print()
        heads = ("differs from the lock", "locked", "installed")
        printing.show([TableColumn(head) for head in heads], _differences(diagnosis), console)
    console.print()
    printing.show(
        (TableColumn("can it"), TableColumn(""), TableColumn("found", folds=True)), _checks(diagnosis), console
    )
    if not diagnosis.able:
        console.print("[red]The pipeline cannot run here until what is broken is fixed.[/]")


def _versions(diagnosis: Diagnosis) -> list[tuple[Cell, ...]]:
    return [(name, version or _MISSING) for name, version in diagnosis.versions.items()]


def _differences(diagnosis: Diagnosis) -> list[tuple[Cell, ...]]:
    shown = diagnosis.differences[:SHOWN_DIFFERENCES]
    rows: list[tuple[Cell, ...]] = [(one.package, one.locked, one.installed or _MISSING) for one in shown]
    more = len(diagnosis.differences) - len(shown)
    return rows + ([(f"and {more} more", "", "")] if more else [])


def _checks(diagnosis: Diagnosis) -> list[tuple[Cell, ...]]:
    return [
        (
            check.name,
            Text(check.state, style=STYLES[check.state]),
            Text.assemble(check.detail, (f"\n{check.remedy}" if check.remedy else "", "dim")),
        )
        for check in diagnosis.checks
    ]
