"""The table of what a check of a compiled job found."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from millrace.jobspec.findings import JobFinding

_COLOURS = {"error": "bold red", "before submit": "yellow", "warning": "cyan"}


def print_findings(findings: Sequence[JobFinding], console: Console) -> None:
    """Prints the findings with their remedies; nothing when there are none."""
    if not findings:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("what, where, and what to do", overflow="fold")
    for finding in findings:
        table.add_row(
            f"[{_COLOURS[finding.severity]}]{finding.severity}[/]",
            f"{escape(finding.what)} [dim]({escape(finding.where)})[/]\n  [green]{escape(finding.remedy)}[/]",
        )
    console.print(table)
    console.print()
