"""Rollouts: who gets which version now, what was seen of both, each decision with its reason, and the earlier ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Optional, Union

from millrace.base.errors import BadInput
from millrace.console.page import NotFound, Page, PageRequest, RailEntry, Table
from millrace.project import default_configuration
from millrace.serving.envoy_config import WHOLE
from millrace.serving.recorded_rollouts import RecordedRollout, recorded_rollout, recorded_rollouts
from millrace.serving.rollouts import standing
from millrace.serving.state import Decided


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
class EarlierRow:
    """A rollout that is over."""

    number: int
    ended: str
    candidate: int
    champion: int
    policy: str
    status: str
    reason: str


@dataclass(frozen=True)
class RecordedRolloutView:
    """One rollout, as the registry's events tell of it.

    Args:
        number: its own.
        status: how it ended, or stands.
        candidate: the version that was to be champion.
        champion: the version that it was compared with.
        policy: the policy's name.
        judged: what was seen when it was decided last.
        decided: the decisions, the newest first.
    """

    number: int
    status: str
    candidate: int
    champion: int
    policy: str
    judged: tuple[JudgedRow, ...]
    decided: tuple[DecidedRow, ...]


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
        earlier: the other rollouts, the newest first.
        not_followed: why Vertex AI does not name the champion; empty where it does, or need not.
        follow: the command that asks it again.
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
    earlier: tuple[EarlierRow, ...] = ()
    not_followed: str = ""
    follow: str = ""


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
        judged=_judged(rollout.progress.totals, rollout.progress.candidate, rollout.progress.champion)
        if rollout
        else (),
        decided=_decided(rollout.decisions) if rollout else (),
        start=start,
        earlier=tuple(
            _earlier(one)
            for one in reversed(recorded_rollouts(request.config))
            if rollout is None or one.id != rollout.id
        ),
        not_followed=now.not_followed,
        follow=f"millrace models alias champion {now.champion} --because WHY{option}",
    )


def under_way(request: PageRequest) -> str:
    """How the rollout stands that goes on; empty where none does."""
    try:
        now = standing(request.config)
    except BadInput:
        return ""
    return now.sentence if now.rollout and not now.rollout.over else ""


def recorded_view(request: PageRequest) -> RecordedRolloutView:
    """One rollout, by its number.

    Raises:
        NotFound: there is none of that number.
    """
    asked = request.path["number"]
    try:
        shown = recorded_rollout(request.config, int(asked) if asked.isascii() and asked.isdecimal() else 0)
    except BadInput as error:
        raise NotFound(f"there is no rollout {asked}", remedy="the page of the rollout lists them") from error
    return RecordedRolloutView(
        shown.number,
        shown.status,
        shown.candidate,
        shown.champion,
        shown.policy,
        _judged(shown.seen, shown.candidate, shown.champion),
        _decided(shown.decisions),
    )


def _earlier(one: RecordedRollout) -> EarlierRow:
    last = one.decisions[-1]
    return EarlierRow(one.number, _moment(last.at), one.candidate, one.champion, one.policy, one.status, last.reason)


def _judged(
    seen: Mapping[str, Mapping[int, tuple[float, int]]], candidate: int, champion: int
) -> tuple[JudgedRow, ...]:
    return tuple(JudgedRow(name, of.get(candidate), of.get(champion)) for name, of in seen.items())


def _decided(decisions: Iterable[Decided]) -> tuple[DecidedRow, ...]:
    rows = [DecidedRow(_moment(one.at), one.action, one.weight * 100 / WHOLE, one.who, one.reason) for one in decisions]
    return tuple(reversed(rows))


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="seconds")


def _table(shown: Union[RolloutView, RecordedRolloutView]) -> Table:
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
    Page(
        address="/rollout/{number}",
        title="Rollout {number}",
        template="pages/rollout_recorded.html",
        view=recorded_view,
        rows=_table,
    ),
)
