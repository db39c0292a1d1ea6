"""`millrace new`: a project of one's own, somewhere else, on top of the library."""

import os
import shlex
from pathlib import Path
from typing import Optional

import click

from millrace.base.errors import BadInput
from millrace.cli.data.init import choose_label, show_plan
from millrace.cli.output import echo
from millrace.init.plan import NewPipeline, make_plan
from millrace.new.write import require_empty, require_name, write_project


@click.command()
@click.argument("name")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--data", multiple=True, metavar="FILE", help="A table to learn from, as for init. Repeatable.")
@click.option("--label", "labels", multiple=True, metavar="COLUMN", help="The column of it to predict. Repeatable.")
@click.option("--header-line", type=click.IntRange(0), metavar="N", help="Where its column names stand, as for init.")
def new(
    name: str, folder: Optional[Path], data: tuple[str, ...], labels: tuple[str, ...], header_line: Optional[int]
) -> None:
    """Make a project of your own, on top of this library.

    NAME: the project's. DIR: a new or an empty folder; by default one called NAME. With --data and --label its pipeline
    learns from that table (as `millrace init` would have it), else it is the Chicago-taxi pipeline.
    """
    require_name(name)
    target = Path(os.path.abspath(folder or name))
    require_empty(target)
    plan = _plan(name, target, data, labels, header_line)
    if plan:
        show_plan(plan)
    written = write_project(name, target, plan)
    relative = os.path.relpath(target)
    shown = relative if len(relative) < 60 else str(target)
    echo(f"wrote {len(written)} files and the library's wheel into {shown}")
    echo(f"next: cd {shlex.quote(shown)} && make run")


def _plan(
    name: str, target: Path, data: tuple[str, ...], labels: tuple[str, ...], header_line: Optional[int]
) -> Optional[NewPipeline]:
    if not data:
        if labels:
            raise BadInput("--label names a column of a table", where=labels[0], remedy="name the table with --data")
        return None
    if not any(labels):
        raise BadInput("which column is to be predicted?", where=data[0], remedy=choose_label(data, header_line))
    return make_plan(data, labels, name, target, header_line)
