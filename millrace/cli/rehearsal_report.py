"""What a person reads when a rehearsal is over: tasks, findings, verdict, and what no rehearsal can prove."""

from typing import Optional

from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.printing import Cell, TableColumn
from millrace.cli.board import STYLES
from millrace.cli.output import escape
from millrace.rehearsal.report import FILE_NAME, Result, TaskReport

_COLUMNS = (
    TableColumn("task"),
    TableColumn("state"),
    TableColumn("seconds", right=True),
    TableColumn("peak", right=True),
    TableColumn("limit", right=True),
    TableColumn("outputs", folds=True),
)


def print_report(result: Result, console: Console) -> None:
    """Prints the end of a rehearsal.

    Args:
        result: what it found.
        console: where a person looks.
    """
    console.print()
    printing.show(_COLUMNS, map(_cells, result.tasks), console)
    if result.findings:
        console.print("\non the service this would be different:")
        for finding in result.findings:
            console.print(f"  {escape(finding)}")
    console.print("\nno rehearsal proves")
    for open_question in result.cannot_prove:
        console.print(f"  {escape(open_question)}")
    console.print()
    if result.isolation:
        console.print(f"{'hidden by:':<16}{result.isolation} (this machine's files, programs and packages)")
    if result.pushed_to:
        console.print(f"{'pushed to:':<16}{escape(result.pushed_to)}")
    if result.failure:
        place = f"{result.failure.where}: " if result.failure.where else ""
        console.print(f"[bold red]{escape(place)}[/]{escape(result.failure.what)}")
        if result.failure.remedy:
            console.print(f"  remedy: {escape(result.failure.remedy)}")
    console.print(
        f"rehearsal {result.run_id}: {result.ending} in {result.seconds:.1f} s; "
        f"report: {result.folder / FILE_NAME}; logs: {result.folder / 'tasks'}"
    )


def _cells(row: TaskReport) -> tuple[Cell, ...]:
    return (
        row.task,
        Text(row.state.value, style=STYLES[row.state.on_board]),
        f"{row.seconds:.1f}" if row.seconds else "",
        Text(_size(row.peak), style="bold red" if row.over_limit else ""),
        _size(row.limit),
        "; ".join(filter(None, (_tries(row), row.note, _outputs(row)))),
    )


def _size(size: Optional[int]) -> str:
    """GB, as the job's spec counts memory."""
    return "" if size is None else f"{size / 1e9:.2f} GB"


def _tries(row: TaskReport) -> str:
    if len(row.attempts) < 2:
        return ""
    waits = ", ".join(f"{attempt.waits:g} s" for attempt in row.attempts[:-1])
    return f"{len(row.attempts)} tries, which the service starts after {waits}"


def _outputs(row: TaskReport) -> str:
    """Each output's key; the URIs are long, and in the report's file."""
    return ", ".join(key for key, uris in row.outputs.items() if uris)
