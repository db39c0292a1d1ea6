"""What of a promotion happens in Vertex AI: the version is copied there into the model of the taking environment.

The registries here decide, and keep the record: each step is an event of the one that takes the version in, so that
what was done before is found when the command is given again. The service itself is asked by
`millrace.cloud.vertex.model_copy`, a room above this one, which is handed in.
"""

from dataclasses import dataclass
from typing import Optional, Protocol

from millrace.base.errors import BadInput
from millrace.jobspec.rules.encryption import key_location
from millrace.promotion.side import Side
from millrace.registry.events import CANDIDATE, CHAMPION
from millrace.registry.registry import Registry
from millrace.registry.version import Version
from millrace.registry.vertex import is_behind

COPYING = "copying in Vertex AI"
"""The kind of event of a copy that the service has begun; its details name the operation."""

COPIED = "copied in Vertex AI"
"""Of a copy that is there; its details name it."""

DESCRIBED = "described in Vertex AI"
"""Of a copy that has its labels, its description and its evaluations."""


@dataclass(frozen=True)
class VertexCopy:
    """A version's copy in Vertex AI, as it is to be, or as it was made before.

    Args:
        of: the version's resource name in the environment that it comes from, as the service writes it.
        model: the resource name of the model that it becomes a version of.
        new: whether that model is to be made.
        there: the copy's resource name; empty where there is none yet.
        evaluations: how many the version has there, which go with it.
        key: the encryption key that the copy gets; empty for Google's own.
        named: the version of the model that has the alias now; empty for none.
    """

    of: str
    model: str
    new: bool
    there: str
    evaluations: int
    key: str
    named: str


class VertexCopies(Protocol):
    """Vertex AI, as a promotion asks it. Each raises a `MillraceError` where the service says no, or says nothing."""

    def plan(self, version: Version, alias: str, known: str) -> VertexCopy:
        """What copying a version would do, of which `known` may be a copy already; nothing is changed."""

    def begin(self, planned: VertexCopy) -> str:
        """Has the service begin to copy; the operation's name."""

    def goes_on(self, operation: str) -> bool:
        """Whether an operation that was begun before is worth waiting for: it has not failed, and is known."""

    def end(self, operation: str) -> str:
        """Waits for an operation; the copy's resource name."""

    def describe(self, copy: str, planned: VertexCopy, version: Version, environment: str) -> None:
        """Gives a copy its labels, its description and the evaluations; what it has of that stays."""

    def named(self, planned: VertexCopy, alias: str) -> str:
        """The version that has an alias at this moment; empty for none."""

    def follow(self, registry: Registry, alias: str) -> list[str]:
        """Has the alias there name what the registry's names; for the champion the endpoint's traffic too."""


def require_can_copy(source: Side, target: Side, version: Version) -> None:
    """Refuses, before the service is asked, what it could not copy.

    Args:
        source: where the version is.
        target: where it is to go, which pushes to Vertex AI.
        version: of the source's registry.

    Raises:
        BadInput: the version is not in Vertex AI, or both environments have one model there; the key is of another
            region; or the target has the version without a copy.
    """
    wanted, has = target.config.push.vertex, source.config.push.vertex
    assert wanted is not None
    if has is None or not version.facts.vertex:
        why = f"{source.name} does not push there" if has is None else f"{source.name} did not push it there"
        raise BadInput(
            f"{target.name} serves from Vertex AI, and version {version.number} is not there to be copied: {why}",
            where=source.config.place("push.vertex"),
            remedy=f"let {source.name} push to Vertex AI (push.vertex in its overlay), and run it; or take push.vertex "
            f"out of {target.name}'s, which then takes the files alone",
        )
    if (has.project, has.region) == (wanted.project, wanted.region):
        raise BadInput(
            f"{source.name} and {target.name} push to one model of Vertex AI, in {wanted.project}, {wanted.region}: "
            "there is nothing to copy, and its aliases cannot be both's",
            where=target.config.place("push.vertex"),
            remedy=f"let {target.name} have a project or a region of its own",
        )
    key = wanted.encryption_key or ""
    if key and key_location(key) not in (wanted.region, "global"):
        raise BadInput(
            f"the key is in {key_location(key)}, and the copy would be made in {wanted.region}",
            where=target.config.place("push.vertex.encryption_key"),
            remedy=f"name a key of {wanted.region}",
        )
    known = _known(target, version)
    if known and not known.facts.vertex:
        raise BadInput(
            f"{target.name} has version {version.number} already, taken in without a copy in Vertex AI",
            where=target.config.place("push.vertex"),
            remedy="promote a later version: where a version is in Vertex AI is said once, when it is registered",
        )


def require_can_go_back(target: Side, version: Version) -> None:
    """Refuses, before anything moves, a roll-back that Vertex AI could not follow.

    Args:
        target: the environment that goes back.
        version: of its registry.

    Raises:
        BadInput: the version was never in Vertex AI.
    """
    if target.config.push.vertex and not version.facts.vertex:
        raise BadInput(
            f"version {version.number} was never in Vertex AI, from which {target.name} serves",
            where=target.config.place("push.vertex"),
            remedy=f"go back to one that was; or here alone: millrace models rollback --to {version.number} --env "
            f"{target.config.environment} --set push.vertex=null --because WHY",
        )


def left_behind(target: Side, number: str) -> str:
    """The alias that a version has in an environment, and not yet in that one's Vertex AI.

    Args:
        target: the environment.
        number: the version's.

    Returns:
        The alias; empty where there is nothing that Vertex AI has to follow.
    """
    if target.config.push.vertex is None:
        return ""
    aliases = target.registry.aliases()
    for alias in (CHAMPION, CANDIDATE):
        version = aliases.get(alias)
        if version and str(version.number) == number and version.facts.vertex and is_behind(target.registry, alias):
            return alias
    return ""


def planned_copy(service: VertexCopies, target: Side, version: Version, alias: str) -> VertexCopy:
    """What copying would do, as the service and the target's registry know it.

    Args:
        service: Vertex AI.
        target: where the version is to go.
        version: of the source's registry.
        alias: that it is to have there.

    Raises:
        BadInput: the version is gone in Vertex AI, or the copy that the target has registered.
    """
    known = _known(target, version)
    planned = service.plan(version, alias, known.facts.vertex if known else "")
    # The service writes a project by its number in one place, and by its id in another.
    if known and planned.there.rsplit("/", 1)[-1] != known.facts.vertex.rsplit("/", 1)[-1]:
        raise BadInput(
            f"version {version.number} was copied to {known.facts.vertex}, and is not there any more",
            where=target.config.place("push.vertex"),
            remedy="promote a later version: what somebody deletes in Vertex AI is not made again under its number",
        )
    return planned


def bring(
    service: VertexCopies, source: Side, target: Side, version: Version, planned: VertexCopy, because: str, who: str
) -> str:
    """Copies a version in Vertex AI, with its evaluations, and says there what it is; what was done before stays.

    Args:
        service: Vertex AI.
        source: where the version is.
        target: where it goes, whose registry gets an event of each step.
        version: of the source's registry.
        planned: the copy.
        because: why.
        who: who promotes it.

    Returns:
        The copy's resource name.
    """
    registry = target.registry
    # The registry does not know the version before it is taken in: its number stands in the details.
    about = {"number": version.number, "of": planned.of}

    def tell(kind: str, **more: str) -> None:
        told = any(one.kind == kind and one.details == {**about, **more} for one in registry.events())
        if not told:
            registry.record(kind, None, because, {**about, **more}, who)

    name = planned.there
    if not name:
        begun = [one.details for one in registry.events() if one.kind == COPYING and one.details["of"] == planned.of]
        operation = str(begun[-1]["operation"]) if begun else ""
        if not operation or not service.goes_on(operation):
            operation = service.begin(planned)
            tell(COPYING, operation=operation)
        name = service.end(operation)
    tell(COPIED, copy=name, key=planned.key)
    service.describe(name, planned, version, source.name)
    tell(DESCRIBED, copy=name)
    return name


def require_unmoved(service: VertexCopies, planned: VertexCopy, alias: str) -> None:
    """Refuses to move an alias that somebody has moved in Vertex AI since the rules were asked.

    Args:
        service: Vertex AI.
        planned: the copy, which says what the alias named then.
        alias: its name.

    Raises:
        BadInput: it names another version by now.
    """
    named = service.named(planned, alias)
    if named != planned.named:
        raise BadInput(
            f"{alias} was moved in Vertex AI from {planned.named or 'no version'} to {named or 'none'} in the meantime",
            where=planned.model,
            remedy="see who did it, and decide again: nothing serves the version yet",
        )


def _known(target: Side, version: Version) -> Optional[Version]:
    return next((one for one in target.registry.versions() if one.number == version.number), None)
