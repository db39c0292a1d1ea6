"""How a version answered: failures, times and load, from the gateway's access log."""

from collections.abc import Iterable
from typing import Optional

import numpy as np
from scipy.stats import binom

from millrace.base.cores import cores
from millrace.base.numbers import counted, rounded, share
from millrace.components.data_gate.findings import CHANCE
from millrace.config.monitoring_section import Detector, Monitoring, Saturation
from millrace.monitoring.findings import MonitorFinding, ServiceFigures, Unmeasured, of_minutes
from millrace.monitoring.window import Window
from millrace.serving.access_log import Answer

_PERCENTILES = (50, 90, 95, 99, 100)
_MINUTE = 60
# The load that one of twenty minutes has at least; of a window of a few minutes, the fullest.
_BUSIEST = 95
FEWEST_MINUTES = 5
"""Below so many whole minutes nobody is told of the load: a burst of some seconds is no full service."""


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
    busy = _Busy(window)
    for answer in answers:
        if answer.version == version:
            milliseconds.append(answer.milliseconds)
            busy.add(answer)
            failed += answer.failed
            refused += answer.refused
            slow += not answer.refused and slow_ms is not None and answer.milliseconds > slow_ms
    if not milliseconds:
        return None
    times = np.array(milliseconds)
    by_percentile = dict(zip(_PERCENTILES, np.percentile(times, _PERCENTILES).tolist(), strict=True))
    return ServiceFigures(
        len(times),
        len(times) / window.seconds,
        failed,
        refused,
        by_percentile,
        slow,
        in_flight=float(times.sum()) / 1000 / window.seconds,
        busiest=float(np.percentile(busy.loads, _BUSIEST, method="higher")),
    )


class _Busy:
    """How many requests were worked on at once, in each minute of a window.

    The minutes are counted from its start and are all of one length: a little more than a minute where it has no whole
    number of them, and less where it is shorter than one.
    """

    def __init__(self, window: Window) -> None:
        self._start, self._seconds = window.start.timestamp(), window.seconds
        self._busy = np.zeros(max(1, int(window.seconds // _MINUTE)))
        self._length = window.seconds / len(self._busy)

    def add(self, answer: Answer) -> None:
        """Adds the seconds in which an answer was worked on to the minutes of the window that they lie in."""
        begun = max(answer.time - self._start, 0.0)
        done = min(answer.time - self._start + answer.milliseconds / 1000, self._seconds)
        last = min(int(done // self._length), len(self._busy) - 1)
        for minute in range(int(begun // self._length), last + 1):
            at = minute * self._length
            self._busy[minute] += max(min(done, at + self._length) - max(begun, at), 0.0)

    @property
    def loads(self) -> np.ndarray:
        """The mean in each minute."""
        return self._busy / self._length


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
    findings: list[MonitorFinding] = []
    for detector, bad, limit, words, remedy in asked:
        if limit is None or not judged or bad / judged <= limit:
            continue
        alert = float(binom.sf(bad - 1, judged, limit)) <= CHANCE
        text = f"{bad:,} of {counted(judged, 'answer')} {words} ({share(bad, judged)}, limit {share(limit, 1)})"
        text += "" if alert else "; of so few that may be chance"
        findings.append(
            MonitorFinding(detector, detector, "", bad / judged, limit, text, version, window, alert, remedy)
        )
    if section.saturation and not unjudged(window):
        findings += _of_load(figures, section.saturation, version, window)
    return findings


def unjudged(window: Window) -> list[Unmeasured]:
    """What of the service cannot be judged in so short a window."""
    minutes = int(window.seconds // _MINUTE)
    if minutes >= FEWEST_MINUTES:
        return []
    why = f"the window has {counted(minutes, 'whole minute')}, and {FEWEST_MINUTES} are needed"
    return [Unmeasured("saturation", why)]


def _of_load(figures: ServiceFigures, limit: Saturation, version: int, window: Window) -> list[MonitorFinding]:
    """Requests in flight beyond what the service can work on at once, by Little's law: times added up over a minute."""
    at_once = limit.in_flight or cores()
    used = figures.busiest / at_once
    if used <= limit.at_most:
        return []
    text = (
        f"{rounded(figures.busiest, 3)} requests at once in the busiest of {of_minutes(window)}, and it can work "
        f"on {at_once} ({share(used, 1)}, limit {share(limit.at_most, 1)})"
    )
    remedy = "give it more cores or another replica, or set monitoring.saturation.in_flight to what it can do"
    return [MonitorFinding("saturation", "saturation", "", used, limit.at_most, text, version, window, True, remedy)]
