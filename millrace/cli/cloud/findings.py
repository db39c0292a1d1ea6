"""What a check of a compiled job found, as a person reads it."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.printing import TableColumn
from millrace.base.visible import visible
from millrace.jobspec.findings import JobFinding

_COLOURS = {"error": "bold red", "before submit": "yellow", "warning": "cyan"}


def print_findings(findings: Sequence[JobFinding], console: Console) -> None:
    """Prints the findings with their remedies, the gravest first; nothing when there are none.

    On a terminal each is a few lines: how grave it is and where, then what, then what to do. In a pipe each is a line.

    Args:
        findings: of one compiled job.
        console: where to.
    """
    if not findings:
        return
    gravest_first = sorted(findings, key=lambda finding: list(_COLOURS).index(finding.severity))
    if console.is_terminal:
        for finding in gravest_first:
            head = Text(finding.severity, style=_COLOURS[finding.severity])
            printing.say(head + Text(f"  {visible(finding.where)}" if finding.where else "", style="dim"), console)
            printing.say(finding.what, console, indent=2)
            if finding.remedy:
                printing.say(Text(f"remedy: {visible(finding.remedy)}", style="green"), console, indent=4)
    else:
        columns = (TableColumn("severity"), TableColumn("where"), TableColumn("what"), TableColumn("what to do"))
        rows = ((finding.severity, finding.where, finding.what, finding.remedy) for finding in gravest_first)
        printing.show(columns, rows, console)
    console.print()
