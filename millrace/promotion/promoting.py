"""Promotes a version: what would be done, and doing it, the alias last, and after it what follows in Vertex AI.

A step that was done before is not done again, so that a promotion which was killed is finished by the same command.
"""

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput, GateRefused
from millrace.config.paths import registry_file
from millrace.promotion import evidence, vertex
from millrace.promotion.policy import PolicyRule, rules
from millrace.promotion.side import Side
from millrace.promotion.vertex import VertexCopies, VertexCopy
from millrace.registry import archive, served_file
from millrace.registry.events import CANDIDATE, CHAMPION, Event, EventKind, VersionState
from millrace.registry.rollback import roll_back
from millrace.registry.version import Version

TAKEN_IN = "promoted from"
SENT_ON = "promoted to"
"""How the kinds of event begin that say so: in the registry that takes a version in, and in the one that it comes from;
behind it stands the other environment's name."""


@dataclass(frozen=True)
class PromotionPlan:
    """What a promotion does, or would do.

    Args:
        version: as its registry has it now: the source's, of a roll-back the target's.
        alias: that it is to have.
        before: the number that the alias names now; None where it names none.
        going_back: whether the version was champion there before: then it is a roll-back, and no rule is asked.
        rules: of the policy, each with what became of it.
        copy: of the version in Vertex AI; None where none is made, or policy says no.
        only_follow: whether all is done but that Vertex AI has not followed; no rule is asked then.
        only_record: whether all is done but that the registry it comes from does not say so; no rule is asked then.
        followed: what Vertex AI did, in sentences.
    """

    version: Version
    alias: str
    before: Optional[int]
    going_back: bool
    rules: tuple[PolicyRule, ...]
    copy: Optional[VertexCopy] = None
    only_follow: bool = False
    only_record: bool = False
    followed: tuple[str, ...] = ()

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why policy says no; none where it says yes."""
        return tuple(f"{one.name}: {one.words}" for one in self.rules if not one.holds)


def plan(
    source: Side, target: Side, name: str, who: str, now: float, service: Optional[VertexCopies] = None
) -> PromotionPlan:
    """Says what a promotion would do; nothing is changed.

    Args:
        source: where the version is.
        target: where it is to go.
        name: of the version: a number, or an alias in the source.
        who: who promotes it.
        now: seconds since the epoch.
        service: Vertex AI, where the target pushes to it.

    Raises:
        BadInput: there is no such version, or the target takes none in by this command; or Vertex AI could not copy it.
        MillraceError: Vertex AI says no, or says nothing.
    """
    _require_takes_in(source, target)
    assert (service is None) == (target.config.push.vertex is None)
    champions = [str(number) for number in target.registry.champions()]
    number = name if name in champions else str(source.registry.version(name).number)
    aliases = target.registry.aliases()
    untold = _untold(source, target, number)
    if left := vertex.left_behind(target, number):
        there = aliases[left]
        return PromotionPlan(there, left, there.number, False, (), only_follow=True, only_record=untold == left)
    if number in champions[:-1]:
        earlier = target.registry.version(number)
        vertex.require_can_go_back(target, earlier)
        return PromotionPlan(earlier, CHAMPION, aliases[CHAMPION].number, True, ())
    if untold:
        return PromotionPlan(aliases[untold], untold, aliases[untold].number, False, (), only_record=True)
    version = source.registry.version(number)
    if service:
        vertex.require_can_copy(source, target, version)
    by_degrees = target.registry.approval == "candidate" and CHAMPION in aliases
    alias = CANDIDATE if by_degrees else CHAMPION
    before = aliases[alias].number if alias in aliases else None
    asked = tuple(rules(source, target, version, alias, who, now))
    allowed = PromotionPlan(version, alias, before, False, asked)
    if service is None or allowed.refusals:
        return allowed
    return replace(allowed, copy=vertex.planned_copy(service, target, version, alias))


def require_allowed(chosen: PromotionPlan, target: Side) -> None:
    """Refuses what policy says no to.

    Args:
        chosen: of `plan`.
        target: whose policy it is.

    Raises:
        GateRefused: with each reason.
    """
    if chosen.refusals:
        raise GateRefused(
            f"{target.name} does not take version {chosen.version.number}: {'; '.join(chosen.refusals)}",
            where=target.config.place("promotion"),
            remedy="put right what each reason names; millrace promote with --dry-run shows every rule",
        )


def promote(
    source: Side,
    target: Side,
    name: str,
    because: str,
    who: str,
    now: float,
    service: Optional[VertexCopies] = None,
) -> PromotionPlan:
    """Promotes a version, or goes back to one that was champion in the target before.

    Args:
        source: where the version is.
        target: where it goes.
        name: of the version: a number, or an alias in the source.
        because: why.
        who: who promotes it, by whom both registries were opened.
        now: seconds since the epoch.
        service: Vertex AI, where the target pushes to it.

    Returns:
        What was done.

    Raises:
        BadInput: as of `plan`; somebody else is promoting to there, or has moved the alias meanwhile.
        GateRefused: policy says no, with each reason; or the version to go back to does not answer. Nothing has
            changed.
        CouldNotJudge: the version to go back to could not be tried on this machine. Nothing has changed.
        MillraceError: Vertex AI says no, or says nothing; the same command goes on from there.
    """
    with _alone(target):
        chosen = plan(source, target, name, who, now, service)
        require_allowed(chosen, target)
        served_file.sweep(target.registry.serving, now)
        evidence.sweep(target)
        if chosen.going_back:
            roll_back(target.registry, chosen.version, because, target.config.infra_validation)
        elif not (chosen.only_follow or chosen.only_record):
            _promote(source, target, chosen, because, who, now, service)
        if chosen.only_record:
            _record_sent_on(source, target, chosen, because, who)
        return replace(chosen, followed=tuple(service.follow(target.registry, chosen.alias))) if service else chosen


def _promote(
    source: Side,
    target: Side,
    chosen: PromotionPlan,
    because: str,
    who: str,
    now: float,
    service: Optional[VertexCopies],
) -> None:
    """The copy in Vertex AI, the files, the approval, and the alias once all of that stands."""
    version, copied = chosen.version, ""
    if service and chosen.copy:
        copied = vertex.bring(service, source, target, version, chosen.copy, because, who)
    _take_in(source, target, chosen, copied, because, who, now)
    there = target.registry.version(str(version.number))
    if there.state is not VersionState.APPROVED:
        target.registry.approve(there, because)
    if service and chosen.copy:
        vertex.require_unmoved(service, chosen.copy, chosen.alias)
    target.registry.move(chosen.alias, there, because, expected=chosen.before)
    _record_sent_on(source, target, chosen, because, who)


def _record_sent_on(source: Side, target: Side, chosen: PromotionPlan, because: str, who: str) -> None:
    taken = _taken_in(source, target, chosen.version.number)
    where_to = {"environment": target.config.environment, "alias": chosen.alias, "taken_in": taken.id if taken else 0}
    source.registry.record(f"{SENT_ON} {target.name}", chosen.version, because, where_to, who)


def _untold(source: Side, target: Side, number: str) -> str:
    """The alias that a promotion gave a version without the source's registry saying so: it was killed in between.

    Args:
        source: where the version comes from.
        target: where it is.
        number: the version's.

    Returns:
        The alias, which it still has; empty where nothing is missing.
    """
    taken = _taken_in(source, target, int(number))
    told = [one for one in source.registry.events(int(number)) if one.kind == f"{SENT_ON} {target.name}"]
    # Those that an earlier Millrace wrote do not say of which it was.
    if taken is None or any(one.details.get("taken_in", taken.id) == taken.id for one in told):
        return ""
    moved = _moved_since(target, taken)
    held = target.registry.aliases().get(moved.alias) if moved else None
    return moved.alias if moved and held and str(held.number) == number else ""


def _taken_in(source: Side, target: Side, number: int) -> Optional[Event]:
    """The event that says that a version was taken in last; None where it never was."""
    kind = f"{TAKEN_IN} {source.name}"
    return next((one for one in reversed(target.registry.events(number)) if one.kind == kind), None)


def _moved_since(target: Side, taken: Event) -> Optional[Event]:
    """The event by which a version first got an alias after it was taken in; None where it got none."""
    since = [one for one in target.registry.events(taken.version) if one.id > taken.id]
    return next((one for one in since if one.kind == EventKind.ALIAS_MOVED.value), None)


def _require_takes_in(source: Side, target: Side) -> None:
    """Refuses what this command does not do, before anything is looked at."""
    config = target.config
    if config.promotion.after is None:
        raise BadInput(
            f"nothing says what {target.name} comes after, so nothing is promoted to it",
            where=config.place("promotion"),
            remedy=f"write promotion: {{after: ENVIRONMENT}} into its overlay, for instance after: "
            f"{source.config.environment or 'dev'}",
        )
    if "://" in target.registry.serving:
        raise BadInput(
            f"{target.name} serves from a bucket, and versions are promoted between folders of this machine",
            where=config.place("push.directory"),
            remedy="name a folder of this machine in push.directory, or one that is mounted here",
        )


def _take_in(
    source: Side, target: Side, chosen: PromotionPlan, copied: str, because: str, who: str, now: float
) -> None:
    """Has the target register the version with all that is known of it; what it has of that already stays."""
    version = chosen.version
    known = next((one for one in target.registry.versions() if one.number == version.number), None)
    report = evidence.bring(source, target, version)
    if known is None or not known.there:
        with tempfile.TemporaryDirectory(prefix="millrace-promote-") as scratch:
            file = Path(scratch) / f"{version.number}.tar"
            archive.pack(version, source.registry.events(version.number), file)
            origin = str(version.folder)
            archive.import_version(target.registry, file, because, now, origin, gate_report=report, vertex=copied)
    details = {
        "environment": source.config.environment,
        "evidence": str(evidence.folder(target, version)),
        "rules": {one.name: one.words for one in chosen.rules},
        **({"vertex": copied, "vertex_of": chosen.copy.of} if chosen.copy else {}),
    }
    said = _taken_in(source, target, version.number)
    # Whoever was killed between this and the alias has said it; of another promotion the alias moved in between.
    if said is None or (said.because, said.who) != (because, who) or _moved_since(target, said):
        target.registry.record(f"{TAKEN_IN} {source.name}", version, because, details, who)


@contextlib.contextmanager
def _alone(target: Side) -> Iterator[None]:
    """Keeps all others from promoting to there meanwhile.

    Raises:
        BadInput: somebody else is at it.
    """
    place = registry_file(target.config).with_name(f"{target.config.name}.promotion.lock")
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place, "ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput(
                f"somebody else is promoting to {target.name} at this moment",
                where=str(place),
                remedy="wait until that is done, see what it did with millrace models, and decide again",
            ) from error
        yield
