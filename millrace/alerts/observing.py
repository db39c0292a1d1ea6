"""Takes in what a source says, and tells people of what is new, of what goes on for long, and of what is over."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

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
        link: the page that shows more; empty when none is known.
    """

    pipeline: str
    alerts: Sequence[Alert]
    link: str = ""

    @property
    def title(self) -> str:
        """How many fire, and how many are over."""
        firing = sum(alert.state is AlertState.FIRING for alert in self.alerts)
        over = len(self.alerts) - firing
        parts = [f"{counted(firing, 'alert')} firing" if firing else "", f"{over} resolved" if over else ""]
        return cut(f"{self.pipeline}: {', '.join(filter(None, parts))}")

    @property
    def body(self) -> str:
        """Each alert, since when, and the next command; what fires first."""
        lines = [self.title, ""]
        for alert in sorted(self.alerts, key=lambda one: one.state is not AlertState.FIRING):
            lines.append(f"{alert.state}: {alert.summary or alert.key}")
            lines.append(f"  {alert.key}, since {when(alert.since)}")
            lines += [f"  next: {alert.next}"] if alert.next and alert.state is AlertState.FIRING else []
        lines += ["", self.link] if self.link else []
        return cut("\n".join(lines))

    def to_json(self) -> str:
        """`text` is what a chat shows; `alerts` has every field of each."""
        first = self.alerts[0]
        more = f" and {len(self.alerts) - 1} more" if len(self.alerts) > 1 else ""
        text = f"{self.title}. {first.summary or first.key}{more}"
        message = {"kind": "alert", "pipeline": self.pipeline, "link": self.link}
        alerts = [_without_secrets(asdict(alert)) for alert in self.alerts]
        return json.dumps({"text": cut(text), **message, "alerts": alerts})


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
    log: AlertLog, look: Look, policy: AlertPolicy, channels: Sequence[Channel], now: float, link: str = ""
) -> dict[str, str]:
    """Takes in a look, and tells.

    Args:
        log: the pipeline's alerts.
        look: what its source says now.
        policy: when people are told.
        channels: by which.
        now: seconds since the epoch.
        link: the page that shows more.

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
        failed = tell(those, AlertNotice(log.pipeline, told, link))
        log.told(told, [channel.name for channel in those if channel.name not in failed], now)
        troubles |= failed
    for name, trouble in troubles.items():
        logging.getLogger(__name__).warning("The alerts were not delivered by %s: %s.", name, trouble)
    return troubles
