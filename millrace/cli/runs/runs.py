"""`millrace runs`: the runs of a pipeline; its commands show one, compare two, repeat one, and clean up."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Optional

import click
from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.errors import MillraceError
from millrace.base.numbers import rounded, seconds
from millrace.base.outcomes import State
from millrace.base.printing import TableColumn
from millrace.cli.group import LazyGroup
from millrace.cli.options import again, config_options
from millrace.cli.output import echo, echo_json
from millrace.cli.running.board import STYLES
from millrace.config.loading import load
from millrace.metadata.run_summaries import RunSummary, run_summaries
from millrace.project import project

_WELL = (State.DONE, State.CACHED, State.RUNNING)
# In a pipe each run is whole.
_FIELDS = ("run", "pipeline", "state", "started", "seconds", "metrics", "result", "pushed to", "reason")

COMMANDS = {
    "list": ("runs.runs:list_command", "List runs; what millrace runs does by itself."),
    "show": ("runs.show:show", "Show a run: its stages and why each ran, verdicts, what it made."),
    "diff": ("runs.diff:diff", "Compare two runs: configuration, code, schema, data, metrics, time."),
    "repeat": ("runs.repeat:repeat", "Run again what a run was: its configuration, at its commit."),
    "clean": ("runs.clean:clean_command", "Delete what old runs left, but for what is still needed."),
}


class _Runs(LazyGroup):
    """Lists runs where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        bare = not args and not ctx.resilient_parsing
        if bare or (args and args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Runs, commands_by_path=COMMANDS)
def runs() -> None:
    """List, show, compare, repeat and clean up runs.

    Without a command it lists them, with the options of `millrace runs list`. RUN is an id or the beginning of one, or
    last, last~1 and so on.
    """


@click.command("list")
@config_options
@click.option("-n", "--last", default=20, show_default=True, type=click.IntRange(min=1), help="How many, the newest.")
@click.option("--failed", is_flag=True, help="Only those that did not end well.")
@click.option("--all", "every", is_flag=True, help="The runs of every pipeline of the project.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(
    config_file: str, overrides: tuple[str, ...], last: int, failed: bool, every: bool, as_json: bool
) -> None:
    """List runs with their metrics and verdicts, the newest last.

    In a pipe the fields are whole, with tabs between them.
    """
    rows = _of_every_pipeline(overrides, last, failed) if every else _of(config_file, overrides, last, failed)
    if as_json:
        echo_json([{"pipeline": pipeline, **asdict(row)} for pipeline, row in rows])
    elif rows:
        print_runs(rows, pipelines=every)
    else:
        name = "any pipeline" if every else load(config_file, overrides).name
        if failed and (_of_every_pipeline(overrides, 1, False) if every else _of(config_file, overrides, 1, False)):
            echo(f"no run of {name} failed")
        else:
            echo(f"no run of {name} yet: millrace run{again(config_file, overrides)}")


def _of(config_file: str, overrides: Sequence[str], last: int, failed: bool) -> list[tuple[str, RunSummary]]:
    config = load(config_file, overrides)
    wanted = (lambda row: row.state not in _WELL) if failed else None
    return [(config.name, row) for row in run_summaries(config, last, wanted)]


def _of_every_pipeline(overrides: Sequence[str], last: int, failed: bool) -> list[tuple[str, RunSummary]]:
    """The newest runs of all configurations together; one that cannot be read is named and passed over."""
    here = project.entered()
    rows: list[tuple[str, RunSummary]] = []
    for file in here.configurations if here else []:
        try:
            rows += _of(str(file), overrides, last, failed)
        except MillraceError as error:
            echo(f"passed over: {error}", err=True)
    return sorted(rows, key=lambda row: row[1].started)[-last:]


def print_runs(
    rows: Sequence[tuple[str, RunSummary]], console: Optional[Console] = None, pipelines: bool = False
) -> None:
    """Prints a line for each run, and on a terminal below them why a run did not push its model.

    Args:
        rows: the pipeline's name and the run, the newest last.
        console: where to; standard output by default.
        pipelines: whether the name of each run's pipeline is shown.
    """
    console = console or Console(highlight=False)
    if not console.is_terminal:
        for line in printing.separated(_FIELDS, [_fields(pipeline, row) for pipeline, row in rows]):
            # rich would make spaces of the tabs.
            print(line, file=console.file)
        return
    heads = ("run", *(["pipeline"] if pipelines else []), "state", "seconds", "metrics", "result")
    columns = [TableColumn(head, right=head == "seconds") for head in heads]
    for most in range(max((len(row.judged) for _, row in rows), default=0), -1, -1):
        cells: list[tuple[printing.Cell, ...]] = [
            (
                row.run_id,
                *([pipeline] if pipelines else []),
                Text(row.state.value, style=STYLES[row.state]),
                seconds(row.seconds),
                # Those that have a threshold, as many as there is room for; the others are in `runs show`.
                "  ".join(f"{name} {rounded(value, 4)}" for name, value in list(row.judged.items())[:most]),
                row.result,
            )
            for pipeline, row in rows
        ]
        if max(map(len, printing.lines(columns, cells))) <= console.width:
            break
    printing.show(columns, cells, console)
    reasons = [f"{row.run_id}: {row.reason.splitlines()[0]}" for _, row in rows if row.reason]
    for line in ["", *reasons] if reasons else []:
        printing.say(line, console)


def _fields(pipeline: str, row: RunSummary) -> tuple[str, ...]:
    metrics = "; ".join(f"{name} {rounded(value, 4)}" for name, value in row.judged.items())
    reason = row.reason.splitlines()[0] if row.reason else ""
    took = seconds(row.seconds)
    return row.run_id, pipeline, row.state, row.started, took, metrics, row.result, row.pushed_to, reason
