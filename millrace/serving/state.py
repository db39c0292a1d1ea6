"""What the gateway's processes tell each other and what outlives them: files of one folder, each with one writer.

deployment.json   the controller's: which versions have a server, and who gets which
gateway.json      the keeper's: where the gateway listens, which servers are ready, how often one ended by itself
rollout.json      the controller's: the rollout, how far it is, and what was decided
order.json        a person's, until the controller has taken it
gateway/          Envoy's files and its access log
servers/N/        of the server of version N: its output, and what it needs while it runs
"""

import json
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Optional, TypeVar

from pydantic import TypeAdapter

from millrace.base import files
from millrace.base.errors import BadInput, MillraceError
from millrace.config.rollout_section import AnyPolicy
from millrace.serving import decision
from millrace.serving.decision import Progress
from millrace.serving.envoy_config import WHOLE, Traffic

Status = Literal["running", "paused", "promoted", "back", "aborted", "done"]
OrderKind = Literal["start", "pause", "resume", "promote", "abort"]

CONTROLLER = "controller"
"""Who has decided where no person did."""

_POLICY: TypeAdapter[AnyPolicy] = TypeAdapter(AnyPolicy)
# Enough for a page and a report; all of them are events of the registry.
_DECISIONS_KEPT = 200


@dataclass(frozen=True)
class Places:
    """The folder of one pipeline's gateway.

    Args:
        folder: it is made when something is written.
    """

    folder: Path

    @property
    def gateway(self) -> Path:
        """Envoy's files."""
        return self.folder / "gateway"

    def server(self, version: int) -> Path:
        """The files of a version's server."""
        return self.folder / "servers" / str(version)

    @property
    def controller_log(self) -> Path:
        """What the controller says."""
        return self.folder / "controller.log"

    @property
    def lock(self) -> Path:
        """Held by the keeper while it runs."""
        return self.folder / "keeper.lock"

    @property
    def order_file(self) -> Path:
        """What a person asked for and the controller has not taken."""
        return self.folder / "order.json"


@dataclass(frozen=True)
class Deployment:
    """What is to be served.

    Args:
        folders: the SavedModel of each version that has a server.
        traffic: who gets which; all of them have a server.
    """

    folders: Mapping[int, str]
    traffic: Traffic


class Mirrored(NamedTuple):
    """What a version answered to mirrored requests, which nobody waited for.

    Args:
        good: how many it answered well.
        bad: how many it failed, or was too busy for.
        taken: by REST, how many it answered well.
        refused: by REST, how many it said to be no requests (4xx).
    """

    good: int = 0
    bad: int = 0
    taken: int = 0
    refused: int = 0


@dataclass(frozen=True)
class GatewayStatus:
    """What is served now.

    Args:
        pid: the keeper's process.
        host: where clients reach the gateway.
        port: 0 while there is none.
        ready: whether each version's server answers.
        ended: how often each version's server ended by itself.
        mirrored: by version, what it answered to mirrored requests.
    """

    pid: int
    host: str
    port: int = 0
    ready: Mapping[int, bool] = field(default_factory=dict)
    ended: Mapping[int, int] = field(default_factory=dict)
    mirrored: Mapping[int, Mirrored] = field(default_factory=dict)


@dataclass(frozen=True)
class Decided:
    """One decision, as it is shown.

    Args:
        at: seconds since the epoch.
        action: `started`, one of `decision.Action`, or what a person asked for.
        reason: why.
        weight: the candidate's part of `WHOLE` from then on.
        who: a person, or the controller.
    """

    at: float
    action: str
    reason: str
    weight: int
    who: str = CONTROLLER


@dataclass(frozen=True)
class Cursor:
    """How far what others write was read.

    Args:
        log_inode: the file of the access log; 0 before the first.
        log_offset: bytes of it.
        labels: the number of the last label.
        labels_from: of the last before the rollout started.
        corrections: how many of labels there had been.
        ended: how often the candidate's server had ended by itself.
        mirrored: the mirror's answers, as `GatewayStatus` counts them.
        compared: until when mirrored requests were compared, seconds since the epoch.
    """

    log_inode: int = 0
    log_offset: int = 0
    labels: int = 0
    labels_from: int = 0
    corrections: int = 0
    ended: int = 0
    mirrored: Mirrored = field(default_factory=Mirrored)
    compared: float = 0.0


@dataclass(frozen=True)
class RolloutState:
    """A rollout, all of it.

    Args:
        id: the candidate's number, when it started, and what no other has.
        status: running or paused, or how it ended.
        policy_name: the policy's name in the configuration.
        policy: as it was when the rollout started: a configuration that is changed later changes nothing.
        progress: how far it is.
        folders: the SavedModels of both versions.
        cursor: what was read.
        unsaid: a decision that is written down here, and perhaps not yet in the registry.
        number: of the last decision.
        order: the id of the last order that was taken.
        looked: when the controller looked last.
        reason: of the last look.
        decisions: the last ones, the newest last.
    """

    id: str
    status: Status
    policy_name: str
    policy: AnyPolicy
    progress: Progress
    folders: Mapping[int, str]
    cursor: Cursor = Cursor()
    unsaid: bool = False
    number: int = 0
    order: str = ""
    looked: float = 0.0
    reason: str = ""
    decisions: tuple[Decided, ...] = ()

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status not in ("running", "paused")

    @property
    def percent(self) -> float:
        """Of the users who get the candidate by the last decision; of one that is over, then."""
        return (self.decisions[-1].weight if self.decisions else 0) * 100 / WHOLE

    def decided(self, decided: Decided, **changes: Any) -> "RolloutState":
        """The state after one more decision, which the registry has still to be told."""
        kept = (*self.decisions, decided)[-_DECISIONS_KEPT:]
        return replace(
            self,
            decisions=kept,
            number=self.number + 1,
            unsaid=True,
            reason=decided.reason,
            looked=decided.at,
            **changes,
        )


@dataclass(frozen=True)
class Order:
    """What a person asks of the controller.

    Args:
        kind: what for.
        because: why.
        who: the user and the machine.
        id: of this order.
        state: of a start alone: the rollout as it begins.
    """

    kind: OrderKind
    because: str
    who: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: Optional[RolloutState] = None


def read_deployment(places: Places) -> Optional[Deployment]:
    """What is to be served; None before the controller has said so."""
    return _read(
        places.folder / "deployment.json",
        lambda plain: Deployment(
            _by_version(plain["folders"]), Traffic(_by_version(plain["weights"]), _by_version(plain["mirrored"]))
        ),
    )


def write_deployment(places: Places, deployment: Deployment) -> None:
    """Says what is to be served."""
    plain = {
        "folders": dict(deployment.folders),
        "weights": dict(deployment.traffic.weights),
        "mirrored": dict(deployment.traffic.mirrored),
    }
    _write(places.folder / "deployment.json", plain)


def read_gateway(places: Places) -> Optional[GatewayStatus]:
    """What the keeper said last; None where none ever ran here. `rollouts.gateway_runs` tells whether it still runs."""
    return _read(places.folder / "gateway.json", _gateway)


def _gateway(plain: dict[str, Any]) -> GatewayStatus:
    by_version = {name: _by_version(plain[name]) for name in ("ready", "ended")}
    mirrored = {version: Mirrored(*counts) for version, counts in _by_version(plain["mirrored"]).items()}
    return GatewayStatus(plain["pid"], plain["host"], plain["port"], mirrored=mirrored, **by_version)


def write_gateway(places: Places, status: GatewayStatus) -> None:
    """Says what is served."""
    _write(places.folder / "gateway.json", asdict(status))


def read_rollout(places: Places) -> Optional[RolloutState]:
    """The rollout that runs, or the last one that did; None before the first."""
    return _read(places.folder / "rollout.json", _state)


def write_rollout(places: Places, state: RolloutState) -> None:
    """Keeps a rollout."""
    _write(places.folder / "rollout.json", _plain(state))


def read_order(places: Places) -> Optional[Order]:
    """What a person asked for and nobody has taken; None where nothing was."""
    return _read(
        places.order_file,
        lambda plain: Order(**{**plain, "state": _state(plain["state"]) if plain["state"] else None}),
    )


def give_order(places: Places, order: Order) -> None:
    """Asks the controller for something.

    Args:
        places: where the gateway keeps its files.
        order: what for.

    Raises:
        BadInput: another order was not taken yet.
    """
    plain = {**vars(order), "state": _plain(order.state) if order.state else None}
    beside = places.folder / f".order.{order.id}"
    _write(beside, plain)
    try:
        # Unlike a rename, it replaces nothing: of two people one is told.
        os.link(beside, places.order_file)
    except FileExistsError as error:
        waiting = read_order(places)
        what = f"{waiting.who} asked for {waiting.kind}" if waiting else "somebody asked for something"
        raise BadInput(
            f"{what}, and the controller has not taken it yet",
            where=str(places.order_file),
            remedy="start the gateway with millrace rollout gateway, or remove the file to take that back",
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def _plain(state: RolloutState) -> dict[str, Any]:
    return {
        **vars(state),
        "policy": state.policy.model_dump(mode="json"),
        "progress": decision.as_plain(state.progress),
        "cursor": asdict(state.cursor),
        "decisions": [asdict(one) for one in state.decisions],
    }


def _state(plain: dict[str, Any]) -> RolloutState:
    return RolloutState(
        **{
            **plain,
            "policy": _POLICY.validate_python(plain["policy"]),
            "progress": decision.from_plain(plain["progress"]),
            "folders": _by_version(plain["folders"]),
            "cursor": Cursor(**{**plain["cursor"], "mirrored": Mirrored(*plain["cursor"]["mirrored"])}),
            "decisions": tuple(Decided(**one) for one in plain["decisions"]),
        }
    )


def _by_version(plain: Mapping[str, Any]) -> dict[int, Any]:
    return {int(version): value for version, value in plain.items()}


def _write(file: Path, plain: Mapping[str, Any]) -> None:
    files.write(file, json.dumps(plain, indent=1))


class UnreadableState(MillraceError):
    """A file of this folder that is cut off, or was written by another Millrace."""


_T = TypeVar("_T")


def _read(file: Path, value_of: Callable[[Any], _T]) -> Optional[_T]:
    """What a file holds; None where there is none."""
    try:
        return value_of(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = "is cut off" if isinstance(error, json.JSONDecodeError) else "was written by another Millrace"
        raise UnreadableState(f"cannot be read: it {what}", str(file), "move it away") from error
