"""`millrace labels`: what was right, told after the answers."""

from pathlib import Path
from typing import Optional

import click

from millrace.base.numbers import rounded
from millrace.cli.group import LazyGroup
from millrace.cli.models import quiet
from millrace.cli.options import config_options
from millrace.cli.output import echo_json, say
from millrace.config.loading import load
from millrace.serving.rollouts import add_labels_of

COMMANDS = {"add": ("millrace.cli.labels:add", "Add a table of labels to the requests that they are about.")}


@click.group(cls=LazyGroup, commands_by_path=COMMANDS)
def labels() -> None:
    """Tell what was right, so that a rollout is judged by it."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", default="request_id", show_default=True, metavar="COLUMN", help="With the requests' ids.")
@click.option("--label", metavar="COLUMN", help="With what was right; by default the pipeline's own label.")
@click.option("--reward", metavar="COLUMN", help="With how good the answer was, from 0 to 1; no label is read then.")
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
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
    if as_json:
        echo_json(added)
        return
    say(f"{added.labels} labels")
    for version, (wrong, number) in added.by_version.items():
        say(f"version {version}: {rounded(wrong * 100, 3)} % wrong of {number}", indent=2)
