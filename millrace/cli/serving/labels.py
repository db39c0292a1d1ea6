"""`millrace labels`: what was right, told after the answers, and put right where it was told wrongly."""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

import click
from rich.console import Console

from millrace.base import printing
from millrace.base.numbers import counted, rounded
from millrace.base.printing import TableColumn
from millrace.cli.group import LazyGroup
from millrace.cli.models.models import quiet
from millrace.cli.options import because_option, config_options
from millrace.cli.output import echo, echo_json, say
from millrace.config.loading import load
from millrace.serving.labels import Added, summary
from millrace.serving.rollouts import add_labels_of, labels_of, remove_labels_of

COMMANDS = {
    "add": ("serving.labels:add", "Add a table of labels to the requests that they are about."),
    "list": ("serving.labels:list_command", "List the labels that were added, the newest last."),
    "replace": ("serving.labels:replace", "Correct labels: put a table in the place of what was added."),
    "remove": ("serving.labels:remove", "Take the labels of a table's requests away."),
}
_FIELDS = ("request_id", "version", "answered", "wrong")
_SHOWN = 20


@click.group(cls=LazyGroup, commands_by_path=COMMANDS)
def labels() -> None:
    """Tell what was right, so that a rollout is judged by it."""


def _table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the table and its columns to a command."""
    help_text = "With how good the answer was, from 0 to 1; no label is read then."
    command = click.option("--reward", metavar="COLUMN", help=help_text)(command)
    help_text = "With what was right; by default the pipeline's own label."
    command = click.option("--label", metavar="COLUMN", help=help_text)(command)
    return _key_options(command)


def _key_options(command: Callable[..., Any]) -> Callable[..., Any]:
    key = {"default": "request_id", "show_default": True, "metavar": "COLUMN", "help": "With the requests' ids."}
    command = click.option("--key", **key)(command)  # type: ignore[arg-type]
    return click.argument("file", type=click.Path(path_type=Path))(command)


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@_table_options
@config_options
@_as_json
def add(
    config_file: str,
    overrides: tuple[str, ...],
    file: Path,
    key: str,
    label: Optional[str],
    reward: Optional[str],
    as_json: bool,
) -> None:
    """Add a table of labels (CSV, Parquet, JSON lines) to the requests that they are about, all or none.

    A request is named by the x-request-id that the gateway returned with its answer.
    """
    config = load(config_file, overrides)
    with quiet(config):
        added = add_labels_of(config, file, key, label, reward)
    _tell(added, "", as_json)


@click.command()
@_table_options
@because_option
@config_options
@_as_json
def replace(
    config_file: str,
    overrides: tuple[str, ...],
    file: Path,
    key: str,
    label: Optional[str],
    reward: Optional[str],
    because: str,
    as_json: bool,
) -> None:
    """Correct labels: put a table in the place of what was added, all or none.

    A rollout that goes on makes its tests anew from the labels that stand then.
    """
    config = load(config_file, overrides)
    with quiet(config):
        replaced = add_labels_of(config, file, key, label, reward, because)
    _tell(replaced, "replaced", as_json)


@click.command()
@_key_options
@because_option
@config_options
@_as_json
def remove(config_file: str, overrides: tuple[str, ...], file: Path, key: str, because: str, as_json: bool) -> None:
    """Take the labels of a table's requests away, all or none; they may be labelled again.

    A rollout that goes on makes its tests anew from the labels that stand then.
    """
    config = load(config_file, overrides)
    with quiet(config):
        removed = remove_labels_of(config, file, key, because)
    _tell(removed, "removed", as_json)


@click.command("list")
@config_options
@_as_json
def list_command(config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """List the labels that were added, the newest last.

    A terminal shows the last ones, and how wrong each version was by all; a pipe gets all of them, with tabs between.
    """
    every, console = labels_of(load(config_file, overrides)), Console(highlight=False)
    if as_json:
        echo_json({name: vars(one) for name, one in every.items()})
        return
    rows = [(name, str(one.version), _time(one.answered), f"{one.wrong:g}") for name, one in every.items()]
    if not console.is_terminal:
        for line in printing.separated(_FIELDS, rows):
            echo(line)
        return
    if rows:
        heads = ("request", "version", "answered (UTC)", "wrong")
        printing.show([TableColumn(head) for head in heads], rows[-_SHOWN:], console)
        console.print()
    _tell(summary(every.values()), "", as_json=False)


def _time(answered: float) -> str:
    return datetime.fromtimestamp(answered, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _tell(added: Added, done: str, as_json: bool) -> None:
    if as_json:
        echo_json(added)
        return
    say(f"{counted(added.labels, 'label')} {done}".rstrip())
    for version, (wrong, number) in added.by_version.items():
        say(f"version {version}: {rounded(wrong * 100, 3)} % wrong of {number}", indent=2)
