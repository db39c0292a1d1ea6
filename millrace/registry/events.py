"""What happens to versions: one event each, which is never changed and never taken back.

Other rooms add kinds of their own (a rollout's steps, a deployment) with `Registry.record`; the kinds here change the
state of a version, or what an alias names, and only the registry writes them.
"""

import enum
from dataclasses import dataclass, field
from typing import Any, Optional

CHAMPION = "champion"
"""The alias of the version that answers those who ask for no other."""

CANDIDATE = "candidate"
"""The alias of the newest version where `registry.approval` is of this name, until a rollout has made it champion."""


class EventKind(str, enum.Enum):
    """The kinds that the registry itself writes."""

    REGISTERED = "registered"
    APPROVED = "approved"
    REJECTED = "rejected"
    ALIAS_MOVED = "alias moved"
    ALIAS_REMOVED = "alias removed"
    ROLLED_BACK = "rolled back"
    EXPORTED = "exported"
    IMPORTED = "imported"

    def __str__(self) -> str:
        """Its words, in every Python."""
        return self.value


class VersionState(str, enum.Enum):
    """Whether a version may be served."""

    REGISTERED = "registered"
    APPROVED = "approved"
    REJECTED = "rejected"

    def __str__(self) -> str:
        """Its word, in every Python."""
        return self.value


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Args:
        kind: an `EventKind`'s words, or another room's own.
        version: the number of the version that it is about; None where it is about none.
        alias: the alias that it moved or removed; empty where it touched none.
        because: why, in the words of who did it.
        who: user and machine, or the rule that did it.
        run: the id of the run that it came of; empty where it came of none.
        details: what else there is to say, plain values.
        at: when, ISO 8601 in UTC; empty until it is written.
        id: its place in the order of all events; 0 until it is written.
    """

    kind: str
    version: Optional[int] = None
    alias: str = ""
    because: str = ""
    who: str = ""
    run: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    at: str = ""
    id: int = 0
