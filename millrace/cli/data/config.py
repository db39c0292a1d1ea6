"""`millrace config`: a configuration's values with their places, the keys there are, and their JSON schema."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Optional

import click

from millrace.base import files, printing
from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.base.printing import TableColumn
from millrace.base.secrets import cut
from millrace.cli import completing
from millrace.cli.group import Group
from millrace.cli.options import config_options
from millrace.cli.output import echo, echo_json
from millrace.config import environments, json_schema
from millrace.config.loading import load
from millrace.config.reference import sections
from millrace.config.settings import Setting, differences, settings
from millrace.project import project


@click.group(cls=Group)
def config() -> None:
    """Show what a configuration says, and what it may say."""


@config.command("show")
@click.argument("section", default="", shell_complete=completing.sections)
@config_options
@click.option(
    "--diff", "other", metavar="ENV", shell_complete=completing.environment_names,
    help="Only what differs from another environment.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(section: str, config_file: str, overrides: tuple[str, ...], other: Optional[str], as_json: bool) -> None:
    """Show what a configuration says, and the place that says it.

    SECTION: one section alone, such as vertex or training. What no file says has its default, and is left out: millrace
    config keys has the defaults.
    """
    here = load(config_file, overrides)
    if other is None:
        chosen = [one for one in settings(here) if one.place and _is_in(one.key, section)]
        if as_json:
            echo_json(chosen)
        else:
            columns = [TableColumn("key"), TableColumn("value", folds=True), TableColumn("from")]
            printing.show(columns, [(one.key, _shown(one.value), one.place) for one in chosen])
        return
    there = load(config_file, (*overrides, environments.option(other)))
    different = [one for one in differences(here, there) if _is_in(one.key, section) and one.key != environments.KEY]
    if as_json:
        echo_json(different)
    elif different:
        heads = ["key", here.environment or "no environment", there.environment]
        columns = [TableColumn(head, folds=head != "key") for head in heads]
        printing.show(columns, [(one.key, _cell(one.before), _cell(one.after)) for one in different])
    else:
        echo(f"{here.environment or 'the file alone'} and {there.environment} say the same")


def _is_in(key: str, section: str) -> bool:
    return not section or f"{key}.".startswith(f"{section}.")


def _cell(setting: Optional[Setting]) -> str:
    return f"{_shown(setting.value)}\n{setting.place or 'default'}" if setting else "not there"


def _shown(value: Any) -> str:
    """A value as a person would write it, without secrets; a path below where a person stands, from there."""
    if isinstance(value, str):
        here = f"{Path.cwd()}{os.sep}"
        return cut(value.removeprefix(here)) if value else '""'
    return cut(json.dumps(value, ensure_ascii=False))


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
    help="The file, - for the screen.  [default: both schemas, in conf/ of the project]",
)
@click.option("--overlay", is_flag=True, help="That of an environment's overlay, with -o.")
def schema(output: Optional[Path], overlay: bool) -> None:
    """Write the JSON schemas that the first lines of configurations and overlays name, for editors.

    They come with a new project; after an upgrade of the library this writes the new ones.
    """
    if overlay and output is None:
        raise BadInput("--overlay says which schema -o writes", remedy="name a file with -o, or leave --overlay out")
    text = json_schema.overlay_text() if overlay else json_schema.text()
    if output == Path("-"):
        echo(text, nl=False)
        return
    if output:
        schemas = {output: text}
    else:
        conf = project.require(Path()).root / "conf"
        schemas = {conf / json_schema.FILE_NAME: text, conf / json_schema.OVERLAY_FILE_NAME: json_schema.overlay_text()}
    for file, content in schemas.items():
        files.write_named(file, content)
        echo(f"{file}: written")
