"""What a check of a compiled job finds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "before submit", "warning"]
SEVERITIES: tuple[Severity, ...] = ("error", "before submit", "warning")


@dataclass(frozen=True)
class JobFinding:
    """One thing that the service, or the container, would refuse later.

    Args:
        rule: the rule's name.
        severity: `error` is wrong wherever the job runs; `before submit` must be set before a service gets it, and does
            not hinder a rehearsal on this machine; `warning` may be meant.
        what: one sentence, what is wrong.
        where: the task, the parameter or the key of the configuration.
        remedy: what to do about it.
    """

    rule: str
    severity: Severity
    what: str
    where: str
    remedy: str


def refusing(findings: Iterable[JobFinding], *, submitting: bool) -> list[JobFinding]:
    """Those findings that forbid to go on.

    Args:
        findings: of a check.
        submitting: whether the job is about to be sent to a service; a rehearsal needs less.
    """
    forbidding = {"error", "before submit"} if submitting else {"error"}
    return [finding for finding in findings if finding.severity in forbidding]


def counted(findings: Sequence[JobFinding]) -> str:
    """The findings in a few words: how many of each severity."""
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in SEVERITIES}
    words = {"error": "{} wrong", "before submit": "{} to set before submit", "warning": "{} to look at"}
    return ", ".join(words[severity].format(count) for severity, count in counts.items() if count) or "nothing found"
