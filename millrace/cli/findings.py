"""The table of what a check of a compiled job found."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.printing import TableColumn
from millrace.jobspec.findings import JobFinding

_COLOURS = {"error": "bold red", "before submit": "yellow", "warning": "cyan"}


def print_findings(findings: Sequence[JobFinding], console: Console) -> None:
    """Prints the findings with their remedies, the gravest first; nothing when there are none.

    Args:
        findings: of one compiled job.
        console: where to.
    """
    if not findings:
        return
    columns = (TableColumn(""), TableColumn("what, where, and what to do", folds=True))
    rows = (
        (
            Text(finding.severity, style=_COLOURS[finding.severity]),
            Text.assemble(
                finding.what, (f" ({finding.where})", "dim"), (f"\n{finding.remedy}" if finding.remedy else "", "green")
            ),
        )
        for finding in sorted(findings, key=lambda finding: list(_COLOURS).index(finding.severity))
    )
    printing.show(columns, rows, console)
    console.print()
