"""The rollout: who gets which version now, what was seen of both, and each decision with its reason."""

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Optional

from millrace.base.errors import BadInput
from millrace.console.page import Page, PageRequest, RailEntry, Table
from millrace.project import default_configuration
from millrace.serving.envoy_config import WHOLE
from millrace.serving.rollouts import standing
from millrace.serving.state import RolloutState


@dataclass(frozen=True)
class JudgedRow:
    """What was seen of one thing that is judged: bad answers and their number, None where there were none."""

    judged: str
    candidate: Optional[tuple[float, int]]
    champion: Optional[tuple[float, int]]


@dataclass(frozen=True)
class DecidedRow:
    """One decision."""

    at: str
    action: str
    percent: float
    who: str
    reason: str


@dataclass(frozen=True)
class RolloutView:
    """How a rollout and its gateway stand.

    Args:
        live: whether one goes on.
        status: running or paused, or how it ended; empty where there never was one.
        sentence: how it stands.
        candidate: the version that is to be.
        champion: the version that it is compared with.
        reason: of the last look.
        address: where the gateway listens; empty where none runs.
        ready: the versions with a server, and whether it answers.
        judged: what was seen.
        decided: the decisions, the newest first.
        start: the command that starts what is missing.
    """

    live: bool
    status: str
    sentence: str
    candidate: int
    champion: int
    reason: str
    address: str
    ready: dict[int, bool]
    judged: tuple[JudgedRow, ...]
    decided: tuple[DecidedRow, ...]
    start: str


def view(request: PageRequest) -> RolloutView:
    """How things stand; to look at the page changes nothing."""
    option = default_configuration.option(request.config.file, request.config.environment)
    try:
        now = standing(request.config)
    except BadInput:
        # Its models are in a bucket: traffic is a service's.
        return RolloutView(False, "", "", 0, 0, "", "", {}, (), (), f"millrace rollout compile{option}")
    gateway = now.gateway if now.gateway_runs and now.gateway and now.gateway.port else None
    rollout = now.rollout
    start = f"millrace rollout start VERSION{option} --because WHY" if gateway else f"millrace rollout gateway{option}"
    return RolloutView(
        live=bool(rollout and not rollout.over),
        status=rollout.status if rollout else "",
        sentence=now.sentence,
        candidate=rollout.progress.candidate if rollout else 0,
        champion=rollout.progress.champion if rollout else 0,
        reason=rollout.reason if rollout else "",
        address=f"{gateway.host}:{gateway.port}" if gateway else "",
        ready=dict(gateway.ready) if gateway else {},
        judged=_judged(rollout) if rollout else (),
        decided=_decided(rollout) if rollout else (),
        start=start,
    )


def _judged(rollout: RolloutState) -> tuple[JudgedRow, ...]:
    progress = rollout.progress
    return tuple(
        JudgedRow(name, by_version.get(progress.candidate), by_version.get(progress.champion))
        for name, by_version in progress.totals.items()
    )


def _decided(rollout: RolloutState) -> tuple[DecidedRow, ...]:
    return tuple(
        DecidedRow(
            datetime.fromtimestamp(one.at, timezone.utc).isoformat(timespec="seconds"),
            one.action,
            one.weight * 100 / WHOLE,
            one.who,
            one.reason,
        )
        for one in reversed(rollout.decisions)
    )


def _table(shown: RolloutView) -> Table:
    return Table(
        ("at", "decided", "percent", "who", "reason"),
        [(one.at, one.action, one.percent, one.who, one.reason) for one in shown.decided],
    )


PAGES = (
    Page(
        address="/rollout",
        title="Rollout",
        template="pages/rollout.html",
        view=view,
        rail=RailEntry("Rollout", "t", "rollout", "/rollout"),
        rows=_table,
    ),
)
