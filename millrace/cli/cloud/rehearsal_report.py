"""What a person reads when a rehearsal is over: tasks, findings, verdict, and what no rehearsal can prove."""

from typing import Optional

from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.numbers import rounded, seconds
from millrace.base.printing import Cell, TableColumn
from millrace.cli.running.board import STYLES
from millrace.cli.running.failures import say_failure
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
    # What was not rehearsed stands in the table, with the reason.
    in_table = {f"{row.task}: {row.note}" for row in result.tasks}
    findings = [finding for finding in result.findings if finding not in in_table]
    if findings:
        console.print()
        printing.say("on the service this would be different:", console)
        for finding in findings:
            printing.say(finding, console, indent=2)
    console.print()
    printing.say("no rehearsal proves", console)
    for open_question in result.cannot_prove:
        printing.say(open_question, console, indent=2)
    console.print()
    if result.isolation:
        hidden = f"{result.isolation} (this machine's files, programs and packages)"
        printing.say(f"{'hidden by:':<16}{hidden}", console)
    if result.pushed_to:
        printing.say(f"{'pushed to:':<16}{result.pushed_to}", console)
    if result.failure:
        say_failure(result.failure, result.failure.remedy, console)
    took = seconds(result.seconds)
    files = f"report: {result.folder / FILE_NAME}; logs: {result.folder / 'tasks'}"
    printing.say(f"rehearsal {result.run_id}: {result.ending} in {took} s; {files}", console)


def _cells(row: TaskReport) -> tuple[Cell, ...]:
    return (
        row.task,
        Text(row.state.value, style=STYLES[row.state.on_board]),
        seconds(row.seconds) if row.seconds else "",
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
    waits = ", ".join(f"{rounded(attempt.waits)} s" for attempt in row.attempts[:-1])
    return f"{len(row.attempts)} tries, which the service starts after {waits}"


def _outputs(row: TaskReport) -> str:
    """Each output's key; the URIs are long, and in the report's file."""
    return ", ".join(key for key, uris in row.outputs.items() if uris)
