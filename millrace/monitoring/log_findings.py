"""What the log itself has to say: requests that could not be read, clocks that differ, versions that nobody knows."""

from collections.abc import Collection

from millrace.base.numbers import counted, share
from millrace.monitoring.findings import MonitorFinding
from millrace.monitoring.traffic import WindowTraffic
from millrace.monitoring.window import Window
from millrace.registry.version import Version

# More requests that cannot be read than that are no oddity.
_MOST_UNREAD = 0.01
_SHOWN = 5


def of_log(traffic: WindowTraffic, version: Version, known: Collection[int], window: Window) -> list[MonitorFinding]:
    """Says what was left out of a window, and why.

    Args:
        traffic: of the window, read.
        version: whose answers.
        known: the numbers of all versions of the registry.
        window: which.
    """

    def finding(reason: str, count: int, summary: str, alert: bool, remedy: str) -> MonitorFinding:
        return MonitorFinding("log", reason, "", float(count), None, summary, version.number, window, alert, remedy)

    findings = []
    if not traffic.requests:
        others = ", ".join(f"{number} ({count:,})" for number, count in traffic.others.most_common(_SHOWN))
        remedy = "millrace monitor run --model VERSION looks at another" if others else "see that the gateway runs"
        text = f"version {version.number} answered no request" + (f"; others did: {others}" if others else "")
        findings.append(finding("silent", 0, text, False, remedy))
    asked = traffic.requests + sum(traffic.unread.values())
    for why, count in traffic.unread.most_common(_SHOWN):
        text = f"{counted(count, 'request')} left out ({share(count, asked)}): {why}"
        findings.append(finding("unread", count, text, asked - traffic.requests > _MOST_UNREAD * asked, "see who asks"))
    if traffic.ahead:
        text = f"{counted(traffic.ahead, 'request')} left out, answered later than now by the clock of the server"
        findings.append(finding("clock", traffic.ahead, text, True, "set the clocks of both machines by NTP"))
    if traffic.without_time:
        text = f"{counted(traffic.without_time, 'request')} left out, whose log does not say when they were answered"
        findings.append(finding("no time", traffic.without_time, text, False, "keep batch predictions in a log apart"))
    for number in sorted(set(traffic.others) - set(known)):
        text = f"version {number}, which the registry does not know, answered {traffic.others[number]:,} requests"
        findings.append(finding("unknown version", traffic.others[number], text, True, "millrace models list"))
    if not version.there:
        text = f"{version.folder} is gone: what it reads is not known, and only tf.Examples could be read"
        findings.append(finding("version gone", 0, text, True, "millrace models alias champion VERSION --because WHY"))
    return findings
