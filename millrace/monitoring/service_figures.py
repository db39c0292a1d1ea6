"""How a version answered: failures and times, from the gateway's access log."""

from collections.abc import Iterable
from typing import Optional

import numpy as np
from scipy.stats import binom

from millrace.base.numbers import counted, rounded, share
from millrace.components.data_gate.findings import CHANCE
from millrace.config.monitoring_section import Monitoring
from millrace.monitoring.findings import Detector, MonitorFinding, ServiceFigures
from millrace.monitoring.window import Window
from millrace.serving.access_log import Answer

_PERCENTILES = (50, 90, 95, 99, 100)


def figures_of(
    answers: Iterable[Answer], version: int, window: Window, slow_ms: Optional[float]
) -> Optional[ServiceFigures]:
    """Counts the answers of a version.

    Args:
        answers: of the window, by any version.
        version: which one.
        window: how long it was.
        slow_ms: from when on an answer is slow; None where that is not judged.

    Returns:
        None where it gave no answer.
    """
    milliseconds, failed, refused, slow = list[float](), 0, 0, 0
    for answer in answers:
        if answer.version == version:
            milliseconds.append(answer.milliseconds)
            failed += answer.failed
            refused += answer.refused
            slow += not answer.refused and slow_ms is not None and answer.milliseconds > slow_ms
    if not milliseconds:
        return None
    times = np.array(milliseconds)
    by_percentile = dict(zip(_PERCENTILES, np.percentile(times, _PERCENTILES).tolist(), strict=True))
    return ServiceFigures(len(times), len(times) / window.seconds, failed, refused, by_percentile, slow)


def of_service(figures: ServiceFigures, section: Monitoring, version: int, window: Window) -> list[MonitorFinding]:
    """Failures and slow answers beyond what is allowed, and beyond what chance makes of so few answers.

    A share of 2 % is allowed, and of 10 answers one fails: with that share it happens in 18 of 100 windows. So it is
    an alert where so many or more come in fewer than one of a thousand (binomial distribution).

    Args:
        figures: of the version.
        section: what is allowed.
        version: which.
        window: which.
    """
    judged = figures.answers - figures.refused
    asked: list[tuple[Detector, int, Optional[float], str, str]] = [
        ("errors", figures.failed, section.errors, "failed", "millrace rollout status, and the server's own log")
    ]
    if section.slow:
        words = f"took longer than {rounded(section.slow.over_ms)} ms"
        asked.append(("slow", figures.slow, section.slow.at_most, words, "see what else its machine does"))
    findings = []
    for detector, bad, limit, words, remedy in asked:
        if limit is None or not judged or bad / judged <= limit:
            continue
        alert = float(binom.sf(bad - 1, judged, limit)) <= CHANCE
        text = f"{bad:,} of {counted(judged, 'answer')} {words} ({share(bad, judged)}, limit {share(limit, 1)})"
        text += "" if alert else "; of so few that may be chance"
        findings.append(
            MonitorFinding(detector, detector, "", bad / judged, limit, text, version, window, alert, remedy)
        )
    return findings
