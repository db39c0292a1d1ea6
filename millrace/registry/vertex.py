"""What of the registry Vertex AI has followed, and what it could not follow, as the events tell.

The registry decides, and the service follows as the last step of a command. That it has followed is an event, so that a
step which failed is known, and made when the same command is given again.
"""

import re

from millrace.base.errors import BadInput
from millrace.registry.events import CHAMPION, EventKind
from millrace.registry.registry import Registry
from millrace.registry.version import Version

FOLLOWS = "Vertex AI follows"
"""The kind of event that says so; its details name the alias."""

# google/cloud/aiplatform/v1/model.proto, `Model.version_aliases`.
_ALIAS = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")


def is_behind(registry: Registry, alias: str) -> bool:
    """Whether an alias has moved here, and Vertex AI has not followed.

    Args:
        registry: of the pipeline.
        alias: its name.
    """
    moved = max((event.id for event in registry.events(alias=alias)), default=0)
    told = (one.id for one in registry.events() if one.kind == FOLLOWS and one.details["alias"] == alias)
    return moved > max(told, default=0)


def roll_back_is_behind(registry: Registry) -> bool:
    """Whether the champion was rolled back here, and Vertex AI has not followed.

    Args:
        registry: of the pipeline.
    """
    events = registry.events(alias=CHAMPION)
    return bool(events) and events[-1].kind == EventKind.ROLLED_BACK.value and is_behind(registry, CHAMPION)


def require_can_follow(alias: str, version: Version) -> None:
    """Refuses, before anything moves, what Vertex AI could not follow.

    Args:
        alias: its name.
        version: that it is to name.

    Raises:
        BadInput: the version is not in Vertex AI, or the service takes no such alias.
    """
    if not version.facts.vertex:
        raise BadInput(
            f"version {version.number} was never pushed to Vertex AI, whose {alias} could not follow",
            "push.vertex",
            "name a version that was; or move it here alone, with --set push.vertex=null",
        )
    if not _ALIAS.fullmatch(alias):
        raise BadInput(
            f"{alias!r} can be no alias in Vertex AI",
            "push.vertex",
            "write letters, digits and dashes, two at least: a small letter first, a small letter or a digit last",
        )
