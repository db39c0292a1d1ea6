"""What is served, watched: the windows that were looked at, and what one of them says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from millrace.console.page import NotFound, Page, PageRequest, RailEntry, Table, address
from millrace.metadata.run_summaries import Runs
from millrace.monitoring.findings import MonitorReport
from millrace.monitoring.records import reports
from millrace.project import default_configuration

_SHOWN = 60


@dataclass(frozen=True)
class WindowRow:
    """One window in the list.

    Args:
        report: what is to be said of it.
        address: of its page.
        state: quiet, alert or not judged, as a state of the style sheet.
        worst: the first alert, in a sentence; empty where all is quiet.
    """

    report: MonitorReport
    address: str
    state: str
    worst: str


@dataclass(frozen=True)
class MonitoringView:
    """The windows, the newest first, and the one that is shown.

    Args:
        windows: those that were recorded last.
        shown: which is shown whole; None before the first.
        start: the command that looks at a window.
    """

    windows: tuple[WindowRow, ...]
    shown: Optional[MonitorReport]
    start: str


def view(request: PageRequest) -> MonitoringView:
    """The newest window, or the one that the address names."""
    recorded = reports(Runs(request.config))[-_SHOWN:][::-1]
    named = request.path.get("execution", "")
    shown = next((one for one in recorded if str(one.execution) == named or not named), None)
    if named and shown is None:
        raise NotFound(f"no window {named} was recorded", remedy="millrace monitor run")
    option = default_configuration.option(request.config.file, request.config.environment)
    return MonitoringView(tuple(map(_row, recorded)), shown, f"millrace monitor run{option}")


def _row(report: MonitorReport) -> WindowRow:
    state = "fail" if report.alerts else "pass" if report.judged else "not judged"
    worst = f"{report.alerts[0].column} {report.alerts[0].summary}".strip() if report.alerts else ""
    return WindowRow(report, address("monitoring", str(report.execution)), state, worst)


def _table(shown: MonitoringView) -> Table:
    heads = ("window start", "window end", "version", "detector", "column", "reason", "value", "limit", "alert", "what")
    return Table(
        heads,
        [
            (
                one.window.start.isoformat(),
                one.window.end.isoformat(),
                one.version,
                one.detector,
                one.column,
                one.reason,
                one.value,
                one.limit,
                one.alert,
                one.summary,
            )
            for row in shown.windows
            for one in row.report.findings
        ],
    )


PAGES = (
    Page(
        address="/monitoring",
        title="Monitoring",
        template="pages/monitoring.html",
        view=view,
        rail=RailEntry("Monitoring", "o", "monitoring", "/monitoring"),
        rows=_table,
    ),
    Page(
        address="/monitoring/{execution}",
        title="Window {execution}",
        template="pages/monitoring.html",
        view=view,
        rows=_table,
    ),
)


def page_of(report: MonitorReport) -> tuple[Page, Mapping[str, str]]:
    """The page of one window, and the values of its address: what `millrace monitor report` writes as a file."""
    return PAGES[1], {"execution": str(report.execution)}
