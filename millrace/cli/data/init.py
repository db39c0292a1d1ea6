"""`millrace init`: from a table to a configuration and a schema that `millrace run` can use."""

import os
import shlex
from pathlib import Path
from typing import Optional

import click

from millrace.base.errors import BadInput
from millrace.cli import completing
from millrace.cli.data.schema_tables import print_rows
from millrace.cli.output import echo, say
from millrace.init import report
from millrace.init.plan import NewPipeline, column_names, difference, make_plan, write
from millrace.project import project

_HELP = """\
millrace init DATA... --label COLUMN [--label ANOTHER] [--name NAME] [--force]

Looks at a table and writes what a pipeline needs to learn from it:
conf/NAME.yaml and schema/NAME/schema.pbtxt.

  DATA           CSV files (also gzipped; delimited by , ; | tab or space),
                 Parquet, JSON lines, Avro or TFRecord files, or a folder of them
  --label        the column to predict: two values, several, or a number; of
                 several columns, one network predicts them all
  --name         the pipeline's name; by default from the file's name
  --header-line  the line of a CSV file that names the columns, 0 for none;
                 by default it is found, below titles too

An example that works here, 15,002 taxi trips that come with TFX:

  millrace init --label big_tipper --name tippers \\
    package:tfx/examples/chicago_taxi_pipeline/data/big_tipper_label
  millrace run -c conf/tippers.yaml
"""


@click.command()
@click.argument("data", nargs=-1, type=click.Path())
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="COLUMN",
    shell_complete=completing.columns,
    help="The column to predict. Repeatable: one network with an output for each.",
)
@click.option("--name", default="", metavar="NAME", help="The pipeline's name; by default from the file's name.")
@click.option(
    "--header-line",
    type=click.IntRange(0),
    metavar="N",
    help="The line of a CSV file that names its columns; 0 where none does. By default it is found.",
)
@click.option("--force", is_flag=True, help="Overwrite a configuration and a schema that are there.")
def init(data: tuple[str, ...], labels: tuple[str, ...], name: str, header_line: Optional[int], force: bool) -> None:
    """Look at a table, and write the configuration and the schema to learn from it.

    DATA: CSV (also gzipped), Parquet, JSON lines, Avro or TFRecord files, or a folder of them. A second init shows what
    would change, and writes it only with --force. Without DATA: what it takes, with an example.
    """
    if not data:
        echo(_HELP, nl=False)
        return
    if not any(labels):
        raise BadInput("which column is to be predicted?", where=data[0], remedy=choose_label(data, header_line))
    # Found before the table is read: what is written elsewhere would be learned from by no project's code.
    root = Path(os.path.relpath(project.require(Path()).root))
    plan = make_plan(data, labels, name, root, header_line)
    show_plan(plan)
    if plan.existing() and not force:
        _compare(plan)
    else:
        write(plan)
        _done(plan)


def choose_label(data: tuple[str, ...], header_line: Optional[int] = None) -> str:
    """The remedy for a missing label: the columns of the table."""
    names = column_names(data, header_line)
    return f"give --label one of: {', '.join(names[:30])}{', ...' if len(names) > 30 else ''}"


def show_plan(plan: NewPipeline) -> None:
    """Prints what was seen of a table, and what each column will be used for."""
    for line in report.summary(plan):
        say(line)
    echo()
    print_rows(report.HEADS, report.rows(plan), right=report.NUMBERS)
    echo()
    questions = report.questions(plan)
    if questions:
        say("decide:", style="bold")
        for question in questions:
            say(question, indent=2)
        echo()


def _compare(plan: NewPipeline) -> None:
    """A second init: what would change, and nothing is written."""
    text = difference(plan)
    if not text:
        echo(f"nothing changes: {' and '.join(map(str, plan.files))} say this already")
        return
    echo(text)
    for path in plan.files:
        before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        echo(f"{path}: {', '.join(report.changes(before, plan.files[path])) or 'the same'}")
    echo("nothing was written; --force writes it, and your own changes to these files are lost")


def _done(plan: NewPipeline) -> None:
    for path in plan.files:
        echo(f"wrote {path}")
    say(f"what is to be decided, the thresholds too, stands behind decide: in {next(iter(plan.files))}")
    echo(f"next: millrace run -c {shlex.quote(str(next(iter(plan.files))))}")
