"""Alerts: what a source sees again and again is one alert, with one state, and what a new look changes about it.

| state | means |
|---|---|
| pending | seen, and not yet by as many looks one after the other as `alerts.looks` says |
| firing | seen by so many; people are told |
| resolved | a look that could judge it does not see it any more, or a person said so |

A silenced alert changes its state like any other, and nobody is told of it, nor does it start training, until then.
"""

import enum
import fnmatch
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from millrace.alerts.section import AlertPolicy


class AlertState(str, enum.Enum):
    """How an alert stands."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"

    def __str__(self) -> str:
        """Its word, in every Python."""
        return self.value


_URGENCY = (AlertState.FIRING, AlertState.PENDING, AlertState.RESOLVED)


@dataclass(frozen=True)
class Finding:
    """One thing that a source says is wrong now.

    Args:
        key: what it is about, the same from look to look: `monitor/drift/L_INFTY/fare/3`.
        summary: one sentence.
        since: when it began, seconds since the epoch.
        next: what to do, a command or a sentence; empty when nothing is known.
    """

    key: str
    summary: str
    since: float
    next: str = ""


@dataclass(frozen=True)
class Look:
    """All that a source says at one time.

    Args:
        source: who looked, such as `monitor`; a look says nothing about another source's alerts.
        findings: what is wrong; what is not among them is over, unless it could not be judged.
        unjudged: patterns of keys that could not be judged, with `*` as in a shell: these stay as they are.
        at: the end of what was looked at, seconds since the epoch; None where that is always now.
    """

    source: str
    findings: Sequence[Finding]
    unjudged: Collection[str] = ()
    at: Optional[float] = None

    def judged(self, key: str) -> bool:
        """Whether this look could judge an alert."""
        return not any(fnmatch.fnmatchcase(key, pattern) for pattern in self.unjudged)


@dataclass(frozen=True)
class Alert:
    """An alert as it stands.

    Args:
        id: of the event that put it into its state; a number that only grows.
        key: what it is about.
        source: who sees it.
        state: how it stands.
        since: when what it is about began, seconds since the epoch.
        changed: when it came into its state.
        looks: how many looks one after the other have seen it while it was pending.
        summary: one sentence.
        next: what to do, a command or a sentence.
        silenced_until: nobody is told until then, seconds since the epoch; None where it is not silenced.
        told: the last state that each channel has delivered, and when, by its name; `*` is any of those there were when
            the channel was not written down yet.
    """

    id: int
    key: str
    source: str
    state: AlertState
    since: float
    changed: float
    looks: int = 1
    summary: str = ""
    next: str = ""
    silenced_until: Optional[float] = None
    told: Mapping[str, tuple[AlertState, float]] = field(default_factory=dict)

    def is_silenced(self, now: float) -> bool:
        """Whether nobody is told of it at a time."""
        return self.silenced_until is not None and now < self.silenced_until

    def starts_training(self, now: float) -> bool:
        """Whether a trigger may start a run because of it."""
        return self.state is AlertState.FIRING and not self.is_silenced(now)


@dataclass(frozen=True)
class AlertChange:
    """A new state of an alert.

    Args:
        key: which alert.
        source: who sees it.
        state: its state from now on.
        finding: what was seen; None of what is over.
        looks: how many looks one after the other have seen it.
        because: why, where a person says so.
    """

    key: str
    source: str
    state: AlertState
    finding: Optional[Finding] = None
    looks: int = 1
    because: str = ""


def by_urgency(alerts: Iterable[Alert]) -> list[Alert]:
    """Alerts as people list them: what fires, what is pending, what is over, and of each what changed last first.

    Args:
        alerts: in any order.
    """
    return sorted(alerts, key=lambda one: (_URGENCY.index(one.state), -one.id))


def changes(
    alerts: Mapping[str, Alert], look: Look, policy: AlertPolicy, before: Sequence[Look] = ()
) -> list[AlertChange]:
    """What a look changes: nothing of an alert that stays as it is, so that one which goes on is one alert.

    What a look at something newer has judged stays as that look left it, and a second look at the same is no second
    one.

    Args:
        alerts: every alert as it stands, by key.
        look: what its source says now.
        policy: how many looks must see it.
        before: the looks of this source that were taken in, at the same or at something newer.
    """
    changed = []
    seen = {finding.key: finding for finding in look.findings}
    newer = [one for one in before if one.at is not None and look.at is not None and one.at > look.at]
    same = [one for one in before if one.at == look.at]
    for key, finding in seen.items():
        alert = alerts.get(key)
        if any(one.judged(key) for one in newer) or (alert and alert.state is AlertState.FIRING):
            continue
        if alert and alert.state is AlertState.PENDING and any(one.judged(key) for one in same):
            continue
        looks = alert.looks + 1 if alert and alert.state is AlertState.PENDING else 1
        state = AlertState.FIRING if looks >= policy.looks else AlertState.PENDING
        changed.append(AlertChange(key, look.source, state, finding, looks))
    for key, alert in alerts.items():
        over = alert.source == look.source and alert.state is not AlertState.RESOLVED and key not in seen
        if over and look.judged(key) and not any(one.judged(key) for one in newer):
            changed.append(AlertChange(key, look.source, AlertState.RESOLVED))
    return changed


def to_tell(alerts: Collection[Alert], policy: AlertPolicy, now: float, channel: str) -> list[Alert]:
    """The alerts that a channel has to tell: what fires, again after a while, and the end of what it has told.

    What a channel could not deliver it tells with the next look: it was not told yet.

    Args:
        alerts: every alert as it stands.
        policy: after how long they are told again.
        now: seconds since the epoch.
        channel: its name.
    """
    remind = policy.remind_hours
    due = []
    for alert in alerts:
        if alert.is_silenced(now):
            continue
        knows, at = alert.told.get(channel) or alert.told.get("*") or (None, now)
        if alert.state is AlertState.FIRING:
            again = remind is not None and now - at >= remind * 3600
            if knows is not AlertState.FIRING or again:
                due.append(alert)
        elif alert.state is AlertState.RESOLVED and knows is AlertState.FIRING:
            due.append(alert)
    return due
