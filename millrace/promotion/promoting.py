"""Promotes a version: what would be done, and doing it, the alias last.

A step that was done before is not done again, so that a promotion which was killed is finished by the same command.
"""

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput, GateRefused
from millrace.config.environments import option
from millrace.config.paths import registry_file
from millrace.promotion import evidence
from millrace.promotion.policy import PolicyRule, rules
from millrace.promotion.side import Side
from millrace.registry import archive
from millrace.registry.events import CANDIDATE, CHAMPION, VersionState
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
    """

    version: Version
    alias: str
    before: Optional[int]
    going_back: bool
    rules: tuple[PolicyRule, ...]

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why policy says no; none where it says yes."""
        return tuple(f"{one.name}: {one.words}" for one in self.rules if not one.holds)


def plan(source: Side, target: Side, name: str, who: str, now: float) -> PromotionPlan:
    """Says what a promotion would do; nothing is changed.

    Args:
        source: where the version is.
        target: where it is to go.
        name: of the version: a number, or an alias in the source.
        who: who promotes it.
        now: seconds since the epoch.

    Raises:
        BadInput: there is no such version, or the target takes none in by this command.
    """
    _require_takes_in(source, target)
    earlier = {str(number) for number in target.registry.champions()[:-1]}
    number = name if name in earlier else str(source.registry.version(name).number)
    aliases = target.registry.aliases()
    if number in earlier:
        return PromotionPlan(target.registry.version(number), CHAMPION, aliases[CHAMPION].number, True, ())
    version = source.registry.version(number)
    by_degrees = target.registry.approval == "candidate" and CHAMPION in aliases
    alias = CANDIDATE if by_degrees else CHAMPION
    before = aliases[alias].number if alias in aliases else None
    asked = tuple(rules(source, target, version, alias, who, now))
    return PromotionPlan(version, alias, before, False, asked)


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


def promote(source: Side, target: Side, name: str, because: str, who: str, now: float) -> PromotionPlan:
    """Promotes a version, or goes back to one that was champion in the target before.

    Args:
        source: where the version is.
        target: where it goes.
        name: of the version: a number, or an alias in the source.
        because: why.
        who: who promotes it, by whom both registries were opened.
        now: seconds since the epoch.

    Returns:
        What was done.

    Raises:
        BadInput: as of `plan`; somebody else is promoting to there, or has moved the alias meanwhile.
        GateRefused: policy says no, with each reason; or the version to go back to does not answer. Nothing has
            changed.
        CouldNotJudge: the version to go back to could not be tried on this machine. Nothing has changed.
    """
    with _alone(target):
        chosen = plan(source, target, name, who, now)
        number = chosen.version.number
        require_allowed(chosen, target)
        if chosen.going_back:
            roll_back(target.registry, chosen.version, because, target.config.infra_validation)
            return chosen
        _take_in(source, target, chosen, because, who, now)
        there = target.registry.version(str(number))
        if there.state is not VersionState.APPROVED:
            target.registry.approve(there, because)
        target.registry.move(chosen.alias, there, because, expected=chosen.before)
        where_to = {"environment": target.config.environment, "alias": chosen.alias}
        source.registry.record(f"{SENT_ON} {target.name}", chosen.version, because, where_to, who)
        return chosen


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
    if config.push.vertex is not None:
        raise BadInput(
            f"{target.name} pushes to an endpoint of Vertex AI, and versions are promoted between registries of this "
            "machine",
            where=config.place("push.vertex"),
            remedy=f"millrace submit --set {option(config.environment)} pushes there what a job of that environment "
            "has trained",
        )
    if "://" in target.registry.serving:
        raise BadInput(
            f"{target.name} serves from a bucket, and versions are promoted between folders of this machine",
            where=config.place("push.directory"),
            remedy="name a folder that is mounted here in push.directory",
        )


def _take_in(source: Side, target: Side, chosen: PromotionPlan, because: str, who: str, now: float) -> None:
    """Has the target register the version with all that is known of it; what it has of that already stays."""
    version = chosen.version
    known = next((one for one in target.registry.versions() if one.number == version.number), None)
    report = evidence.bring(source, target, version)
    if known is None or not known.there:
        with tempfile.TemporaryDirectory(prefix="millrace-promote-") as scratch:
            file = Path(scratch) / f"{version.number}.tar"
            archive.pack(version, source.registry.events(version.number), file)
            archive.import_version(target.registry, file, because, now, origin=str(version.folder), gate_report=report)
    details = {
        "environment": source.config.environment,
        "evidence": str(evidence.folder(target, version)),
        "rules": {one.name: one.words for one in chosen.rules},
    }
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
