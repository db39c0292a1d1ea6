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
from millrace.cli.options import config_options
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.execution.diagnosis import Diagnosis, as_json, diagnose
from millrace.project.project import entered

STYLES = {"broken": "red", "no": "yellow", "yes": "green"}
_MISSING = Text("missing", style="red")
SHOWN_DIFFERENCES = 10


@click.command()
@config_options
@click.option("--json", "as_text", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor(context: click.Context, config_file: str, overrides: tuple[str, ...], as_text: bool) -> None:
    """Say what this machine has, lacks and can run.

    Ends with exit code 1 when the pipeline cannot run here.
    """
    here = entered()
    diagnosis = diagnose(here.root if here else Path(), os.environ, _root(config_file, overrides))
    if as_text:
        click.echo(json.dumps(as_json(diagnosis), indent=2))
    else:
        show(diagnosis, Console(highlight=False))
    context.exit(0 if diagnosis.able else 1)


def _root(config_file: str, overrides: tuple[str, ...]) -> Optional[Path]:
    try:
        return layout(load(config_file, overrides)).local
    except ConfigError:
        return None


def show(diagnosis: Diagnosis, console: Console) -> None:
    """Prints what was found: what is broken first.

    Args:
        diagnosis: of this machine.
        console: where to.
    """
    printing.say(f"{diagnosis.stack} stack, Python {diagnosis.python}, {diagnosis.system}", console)
    if not diagnosis.able:
        printing.say(Text("The pipeline cannot run here until what is broken is fixed.", style="red"), console)
    console.print()
    # What is broken comes first, then what cannot be done.
    checks = sorted(diagnosis.checks, key=lambda check: list(STYLES).index(check.state))
    rows: list[tuple[Cell, ...]] = [
        (
            check.name,
            Text(check.state, style=STYLES[check.state]),
            Text.assemble(check.detail, (f"\n{check.remedy}" if check.remedy else "", "dim")),
        )
        for check in checks
    ]
    printing.show((TableColumn("can it"), TableColumn(""), TableColumn("found", folds=True)), rows, console)
    if diagnosis.differences:
        console.print()
        rows = [
            (one.package, one.locked, one.installed or _MISSING) for one in diagnosis.differences[:SHOWN_DIFFERENCES]
        ]
        more = len(diagnosis.differences) - len(rows)
        heads = ("differs from the lock", "locked", "installed")
        printing.show(
            [TableColumn(head) for head in heads], rows + ([(f"and {more} more", "", "")] if more else []), console
        )
    console.print()
    rows = [(name, version or _MISSING) for name, version in diagnosis.versions.items()]
    printing.show((TableColumn("package"), TableColumn("installed")), rows, console)
