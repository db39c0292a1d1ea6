"""`millrace config`: the configuration's keys in a table, and its JSON schema for editors."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Optional

import click

from millrace.base import files, printing
from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.base.printing import TableColumn
from millrace.cli import completing
from millrace.cli.group import Group
from millrace.cli.output import echo
from millrace.config import json_schema
from millrace.config.reference import sections
from millrace.project import project


@click.group(cls=Group)
def config() -> None:
    """Show what a configuration may say."""


@config.command("keys")
@click.argument("section", default="", shell_complete=completing.sections)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def keys(section: str, as_json: bool) -> None:
    """List every key with its type, its default and what it means.

    SECTION: one section alone, with those in it, such as training or evaluation.thresholds.
    """
    every = sections()
    chosen = [one for one in every if f"{one.path}.".startswith(f"{section}.") or not section]
    if not chosen:
        known = sorted({one.path for one in every if one.path})
        tops = ", ".join(dict.fromkeys(name.partition(".")[0] for name in known))
        raise BadInput(
            f"there is no section {section}{did_you_mean(section, known)}", remedy=f"the sections are: {tops}"
        )
    if as_json:
        echo(json.dumps([asdict(one) for one in chosen], indent=2))
        return
    columns = [TableColumn("key"), TableColumn("default"), TableColumn("type and meaning", folds=True)]
    rows = []
    for one in chosen:
        if one.variant:
            rows.append((f"{one.path} ({one.variant})", "", one.description.partition("\n")[0]))
        for key in one.keys:
            kinds = ", ".join(f"{kind} ({', '.join(keys)})" for kind, keys in key.kinds)
            parts = (key.type.replace("`", ""), key.description, f"one of: {kinds}" if kinds else "")
            words = "; ".join(part for part in parts if part)
            name = ".".join(part for part in (one.path, key.name) if part)
            rows.append(
                (f"  {name}" if one.variant else name, "required" if key.default is None else key.default, words)
            )
    printing.show(columns, rows)


@config.command("schema")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help=f"The file, - for the screen.  [default: conf/{json_schema.FILE_NAME} of the project]",
)
def schema(output: Optional[Path]) -> None:
    """Write the JSON schema that a configuration's first line names, for editors.

    It comes with a new project; after an upgrade of the library this writes the new one.
    """
    if output == Path("-"):
        echo(json_schema.text(), nl=False)
        return
    file = output or project.require(Path()).root / "conf" / json_schema.FILE_NAME
    files.write_named(file, json_schema.text())
    echo(f"{file}: written")
