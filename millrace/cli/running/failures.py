"""How the end of a run that did not end well is printed: where, what, what a gate found, and what to do."""

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.errors import Failure
from millrace.base.visible import visible
from millrace.components.data_gate import report


def say_failure(failure: Failure, remedy: str, console: Console) -> None:
    """Prints what went wrong; DataGate's findings as tables of the console's width.

    Args:
        failure: of a run or of a rehearsal.
        remedy: its own, or another; nothing is printed for an empty one.
        console: where to.
    """
    what, findings = failure.what, report.recorded(failure)
    width = max(map(cell_len, what.splitlines()), default=0)
    if console.is_terminal and width > console.width and not findings and what.startswith(report.SAYS):
        # An earlier release wrote down the table of its own terminal; folded, its columns run into each other.
        what = f"{what.splitlines()[0]}\nIts table is {width} characters wide: add to this command | less -S"
    place = Text(f"{visible(failure.where)}: " if failure.where else "", style="bold red")
    printing.say(place + Text(visible(what)), console)
    for title, part in report.by_weight(findings):
        console.print()
        if title:
            printing.say(title, console)
            console.print()
        printing.show(report.COLUMNS, report.rows(part), console)
    if findings:
        console.print()
    if remedy:
        printing.say(f"remedy: {remedy}", console, indent=2)
