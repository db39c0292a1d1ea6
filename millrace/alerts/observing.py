"""Takes in what a source says, and tells people of what is new, of what goes on for long, and of what is over."""

import json
import logging
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from millrace.alerts.alert import Alert, AlertState, Look, to_tell
from millrace.alerts.alert_log import AlertLog
from millrace.alerts.channels import Channel
from millrace.alerts.section import AlertPolicy
from millrace.alerts.telling import tell
from millrace.base.numbers import counted
from millrace.base.secrets import cut


@dataclass(frozen=True)
class AlertNotice:
    """The alerts of one look, as one message.

    Args:
        pipeline: the pipeline's name.
        alerts: what fires and what is over, at least one.
        console: where people reach millrace console; empty when that is not known.
        option: by which the next command takes the same configuration, with a space before it; may be empty.
    """

    pipeline: str
    alerts: Sequence[Alert]
    console: str = ""
    option: str = ""

    @property
    def title(self) -> str:
        """How many fire, and how many are over."""
        firing = sum(alert.state is AlertState.FIRING for alert in self.alerts)
        over = len(self.alerts) - firing
        parts = [f"{counted(firing, 'alert')} firing" if firing else "", f"{over} resolved" if over else ""]
        return cut(f"{self.pipeline}: {', '.join(filter(None, parts))}")

    @property
    def link(self) -> str:
        """The console's page of the alert, or of all of them; empty where no console is known."""
        if not self.console:
            return ""
        only = f"/{quote(self.alerts[0].key, safe='')}" if len(self.alerts) == 1 else ""
        return f"{self.console.rstrip('/')}/alerts{only}"

    @property
    def next(self) -> str:
        """The command to type next."""
        if len(self.alerts) == 1:
            return f"millrace alerts show {shlex.quote(self.alerts[0].key)}{self.option}"
        over = not any(alert.state is AlertState.FIRING for alert in self.alerts)
        return f"millrace alerts list{' --all' if over else ''}{self.option}"

    @property
    def text(self) -> str:
        """The sentence that a chat shows, with the first of what fires."""
        first, *others = self._firing_first
        more = f" (and {len(others)} more)" if others else ""
        return cut(f"{self.title}. {first.summary or first.key}{more}; next: {self.next}")

    @property
    def body(self) -> str:
        """Each alert, since when, and what to do; what fires first."""
        lines = [self.title, ""]
        for alert in self._firing_first:
            lines.append(f"{alert.state}: {alert.summary or alert.key}")
            lines.append(f"  {alert.key}, since {when(alert.since)}")
            lines += [f"  remedy: {alert.next}"] if alert.next and alert.state is AlertState.FIRING else []
        lines += ["", f"next: {self.next}", *([self.link] if self.link else [])]
        return cut("\n".join(lines))

    @property
    def _firing_first(self) -> list[Alert]:
        return sorted(self.alerts, key=lambda one: one.state is not AlertState.FIRING)

    def to_json(self) -> str:
        """`text` is what a chat shows; `alerts` has every field of each."""
        message = {"kind": "alert", "pipeline": self.pipeline, "next": cut(self.next), "link": cut(self.link)}
        alerts = [_without_secrets(asdict(alert)) for alert in self.alerts]
        return json.dumps({"text": self.text, **message, "alerts": alerts})


def _without_secrets(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: cut(value) if isinstance(value, str) else value for name, value in fields.items()}


@dataclass(frozen=True)
class TrialNotice:
    """A message to try the channels with.

    Args:
        pipeline: the pipeline's name.
        next: the command to type next.
    """

    pipeline: str
    next: str

    @property
    def title(self) -> str:
        """What it is."""
        return f"{self.pipeline}: a message to try this channel"

    @property
    def body(self) -> str:
        """What it is, and what would come."""
        return f"{self.title}. How runs end, and what alerts, is told here.\nnext: {self.next}"

    def to_json(self) -> str:
        """`text` is what a chat shows."""
        return json.dumps({"text": self.title, "kind": "trial", "pipeline": self.pipeline, "next": self.next})


def when(at: float) -> str:
    """A time as people read it, in UTC."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def observe(
    log: AlertLog,
    look: Look,
    policy: AlertPolicy,
    channels: Sequence[Channel],
    now: float,
    console: str = "",
    option: str = "",
) -> dict[str, str]:
    """Takes in a look, and tells.

    Args:
        log: the pipeline's alerts.
        look: what its source says now.
        policy: when people are told.
        channels: by which.
        now: seconds since the epoch.
        console: where people reach millrace console; empty when that is not known.
        option: by which a next command takes the same configuration, with a space before it; may be empty.

    Returns:
        By the channel's name a sentence that says why it did not deliver: it tells with the next look.
    """
    log.take(look, policy, now)
    alerts = log.alerts().values()
    due = {channel.name: to_tell(alerts, policy, now, channel.name) for channel in channels}
    troubles: dict[str, str] = {}
    # Channels that have the same to tell do so side by side: one that is down alone has more than the others.
    for keys in dict.fromkeys(tuple(one.key for one in each) for each in due.values() if each):
        those = [channel for channel in channels if tuple(one.key for one in due[channel.name]) == keys]
        told = due[those[0].name]
        failed = tell(those, AlertNotice(log.pipeline, told, console, option))
        log.told(told, [channel.name for channel in those if channel.name not in failed], now)
        troubles |= failed
    for name, trouble in troubles.items():
        logging.getLogger(__name__).warning("The alerts were not delivered by %s: %s.", name, trouble)
    return troubles
