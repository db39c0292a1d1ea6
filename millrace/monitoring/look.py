"""What a window's report says, as the look that alerts are made of."""

from millrace.alerts.alert import Finding, Look
from millrace.monitoring.findings import MonitorReport


def look_of(report: MonitorReport, model: str) -> Look:
    """The alerts of a window, and what it could not judge.

    Args:
        report: of the window.
        model: the version or the alias that is watched. Each is a source of its own: two that are watched side by side
            end no alert of each other, and what an alias named before is over.

    Returns:
        A look; of a window with too few rows nothing is over, nor what a detector could not judge.
    """
    since = report.window.start.timestamp()
    findings = [Finding(one.key, one.sentence, since, one.remedy or "millrace monitor report") for one in report.alerts]
    unjudged = [one.keys for one in report.unmeasured] if report.judged else ["*"]
    return Look(f"monitor {model}", findings, unjudged, report.window.end.timestamp())
