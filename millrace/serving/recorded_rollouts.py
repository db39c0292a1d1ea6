"""Rollouts as the registry's events tell them: each with a number, its decisions and how it ended.

The gateway's folder holds the last one alone. The events hold all of them, and outlive that folder.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from millrace.base.errors import BadInput
from millrace.config.config import Config
from millrace.config.paths import registry_file
from millrace.registry.events import Event
from millrace.registry.intake import open_registry
from millrace.serving.envoy_config import WHOLE
from millrace.serving.state import Decided, Status

_KIND = "rollout"
# What each action is called in an event, and how the rollout stands after it.
_ACTIONS: Mapping[str, tuple[str, Status]] = {
    "start": ("started", "running"),
    "step": ("step", "running"),
    "pause": ("paused", "paused"),
    "resume": ("resumed", "running"),
    "promote": ("promoted", "promoted"),
    "promote by hand": ("promoted by hand", "promoted"),
    "back": ("went back", "back"),
    "abort": ("aborted", "aborted"),
    "done": ("done", "done"),
}
_BY_KIND = {f"{_KIND} {words}": (action, status) for action, (words, status) in _ACTIONS.items()}


def words(action: str) -> str:
    """What an action of the controller, or of a person, is called: `went back`."""
    return _ACTIONS[action][0]


def kind(action: str) -> str:
    """The kind of the event that tells of an action: `rollout went back`."""
    return f"{_KIND} {words(action)}"


@dataclass(frozen=True)
class RecordedRollout:
    """A rollout, as it was told to the registry.

    Args:
        number: its place among the pipeline's rollouts, from 1.
        id: by which its events name it.
        policy: the policy's name.
        candidate: the version that was to be champion.
        champion: the version over which it was rolled out.
        status: how it ended; running or paused of one that has not.
        decisions: all of them, the oldest first.
        seen: when it was decided last: by what is judged and version, the sum of how bad the answers were and their
            number.
    """

    number: int
    id: str
    policy: str
    candidate: int
    champion: int
    status: Status
    decisions: tuple[Decided, ...]
    seen: Mapping[str, Mapping[int, tuple[float, int]]]

    @property
    def sentence(self) -> str:
        """Which version, over which, by what and how it ended."""
        return f"rollout {self.number}: version {self.candidate} over {self.champion} by {self.policy}: {self.status}"


def recorded_rollouts(config: Config) -> tuple[RecordedRollout, ...]:
    """All rollouts of a pipeline, the oldest first; none before the first.

    Args:
        config: the pipeline's configuration.
    """
    if not registry_file(config).exists():
        return ()
    with open_registry(config) as registry:
        return told_by(registry.events())


def recorded_rollout(config: Config, number: int) -> RecordedRollout:
    """One rollout.

    Args:
        config: the pipeline's configuration.
        number: its own.

    Raises:
        BadInput: there is none of that number.
    """
    every = recorded_rollouts(config)
    if not 1 <= number <= len(every):
        known = f"there are {len(every)}, from 1 on" if every else "there was none yet"
        raise BadInput(f"there is no rollout {number}: {known}", remedy="millrace rollout list shows them")
    return every[number - 1]


def told_by(events: Iterable[Event]) -> tuple[RecordedRollout, ...]:
    """The rollouts that events tell of, in the order of their starts.

    Args:
        events: of a registry, in their order; those of other kinds are passed over.
    """
    by_rollout: dict[str, list[Event]] = {}
    for event in events:
        if event.kind in _BY_KIND:
            by_rollout.setdefault(event.details["rollout"], []).append(event)
    return tuple(_rollout(number, told) for number, told in enumerate(by_rollout.values(), 1))


def _rollout(number: int, told: list[Event]) -> RecordedRollout:
    last = told[-1]
    decisions = [
        Decided(
            datetime.fromisoformat(one.at).timestamp(),
            _BY_KIND[one.kind][0],
            one.because,
            round(one.details["weight"] * WHOLE),
            one.who,
        )
        for one in told
    ]
    assert last.version is not None, "a rollout is a version's"
    return RecordedRollout(
        number,
        last.details["rollout"],
        last.details["policy"],
        last.version,
        last.details["champion"],
        _BY_KIND[last.kind][1],
        tuple(decisions),
        {
            judged: {int(version): (float(bad), int(of)) for version, (bad, of) in by_version.items()}
            for judged, by_version in last.details["seen"].items()
        },
    )
