"""What an environment asks before a release runs there, rule by rule, so that all reasons are told at once."""

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Optional

from millrace.base.errors import GateRefused
from millrace.base.numbers import counted
from millrace.config.config import Config
from millrace.config.promotion_section import PromotionPolicy
from millrace.cost.budget import dollars, require_budget
from millrace.delivery.approval import Approval, Approvals, signer
from millrace.delivery.shipped import LabelledJobs, Shipped, line, outcome, shipped
from millrace.jobspec.job import CompiledJob
from millrace.promotion.policy import BY_NAME, PolicyRule, freeze_rule
from millrace.registry.registry import is_one_person, user_of
from millrace.release.bundle import Manifest

# So many lines of a file that are no approvals are named.
_MOST_LINES = 5


def came_from(source: Optional[LabelledJobs], origin: str, target: str, manifest: Manifest) -> Iterator[PolicyRule]:
    """The rules order and gates: a release of the same commit, images and `--set` values has run in the one before.

    Args:
        source: the service of that environment; None where a release comes to the target first.
        origin: its name.
        target: the name of the environment that takes the release in.
        manifest: the release's.
    """
    if source is None:
        yield PolicyRule("order", True, f"a release comes to {target} first")
        return
    images = "image" if len(manifest.images) == 1 else f"{len(manifest.images)} images"
    what = f"commit {manifest.commit[:12]} with the same {images}"
    every = shipped(source, manifest.pipeline, origin)
    tried = [one for one in every if one.is_of(manifest)]
    same = [one for one in tried if one.is_set_as(manifest)]
    if not same:
        words = f"no release of {what} has been promoted to {origin}, after which {target} comes"
        if tried:
            words = f"{tried[-1].job.name} in {origin} was of {what}, and was compiled with other --set values"
        yield PolicyRule("order", False, words)
        return
    words = f"{same[-1].job.name} in {origin} was of {what}"
    instead = _gone_back_to(source, every, same)
    if instead:
        words += f", and {origin} has gone back from it to release {instead.release}, {instead.job.name}: promote it "
        words += f"to {origin} again first, where it is to go on all the same"
    yield PolicyRule("order", not instead, words)
    passed, words = outcome(source, same[-1])
    yield PolicyRule("gates", passed, words)


def _gone_back_to(source: LabelledJobs, every: list[Shipped], same: list[Shipped]) -> Optional[Shipped]:
    """What an environment is at since it has gone back from each of some promotions; None where it has not.

    What has come after a release there is no reason against it: only that somebody went back to one of before.
    """
    before = {one.release for one in every if one.number < same[-1].number}
    if not any(one.release in before for one in every if one.number > same[-1].number):
        return None
    led = line(source, every)
    releases = {one.release for one in led}
    was_there = [one for one in same if outcome(source, one)[0]]
    return led[-1] if was_there and not any(one.release in releases for one in was_there) else None


def within_budget(job: CompiledJob, config: Config) -> PolicyRule:
    """The rule budget.

    Args:
        job: of the release.
        config: of the environment that takes it in, with a budget.

    Raises:
        BadInput: the price table is old, or has no price of something.
    """
    try:
        unjudged = require_budget(job, config)
    except GateRefused as refusal:
        return PolicyRule("budget", False, f"{refusal.what}; {refusal.remedy}")
    return PolicyRule("budget", True, unjudged or f"a run costs no more than {dollars(config.vertex.cost.budget or 0)}")


def approved(policy: PromotionPolicy, name: str, read: Approvals, who: str) -> PolicyRule:
    """The rule approval.

    Args:
        policy: of the environment that takes the release in.
        name: of that environment.
        read: the release's approvals.
        who: who promotes it.
    """
    if not policy.approves_releases:
        return PolicyRule("approval", True, f"{name} asks for none")
    holds, words = _approved(policy, read.given, who)
    named = ", ".join([*map(str, read.strange[:_MOST_LINES]), *(["..."] if read.strange[_MOST_LINES:] else [])])
    lines = f"line{'s' if read.strange[1:] else ''} {named} of the file beside it"
    counts = "are no approvals, and count" if read.strange[1:] else "is no approval, and counts"
    return PolicyRule("approval", holds, f"{words} ({lines} {counts} for nothing)" if read.strange else words)


def _approved(policy: PromotionPolicy, given: tuple[Approval, ...], who: str) -> tuple[bool, str]:
    by = [(signer(one, policy.approvers) if policy.approvers else one.who, one) for one in given]
    known = [(person, one) for person, one in by if person]
    if not known:
        lacking = f", and {counted(len(given), 'approval')} of others do not count" if given else ""
        asked = f" who promotion.approvers names ({', '.join(policy.approvers)})" if policy.approvers else ""
        return False, f"nobody{asked} has approved this release{lacking}"
    # Who has a key of their own is known by its name, and promotes as a user of a machine, whichever that is.
    others = [
        (person, one) for person, one in known if not is_one_person(who, person) and not is_one_person(who, one.who)
    ]
    second = policy.approval == "second person"
    if second and not others:
        return False, f"{user_of(who)} has approved it, and may not promote it too: a second person must"
    person, last = (others or known)[-1]
    return True, f"{person} has approved it: {last.because}{_proven(policy) if second else ''}"


def _proven(policy: PromotionPolicy) -> str:
    if not policy.approvers:
        return BY_NAME
    return (
        " (by a key; that who promotes is somebody else is by the name that their machine gave, which nothing proves)"
    )


def at_rest(every: list[Shipped], current: Optional[Shipped], digest: str, name: str) -> Iterator[PolicyRule]:
    """The rules once and alone.

    Args:
        every: the promotions to the environment, the last one last.
        current: the one that it is at; None where nothing has come to its end there.
        digest: the SHA-256 of the release's file.
        name: of the environment.
    """
    if current and current.release == digest[:12]:
        words = f"{name} is at this release already: {current.job.name} of {_day(current.job.created)}"
        yield PolicyRule("once", False, words)
    else:
        there = (
            f"{name} is at release {current.release}, {current.job.name}" if current else f"{name} has no release yet"
        )
        yield PolicyRule("once", True, there)
    working = [one for one in every if not one.job.is_over]
    if working:
        which = "this release" if working[-1].release == digest[:12] else f"release {working[-1].release}"
        words = (
            f"{which} is being promoted to {name}: {working[-1].job.name} runs since {_day(working[-1].job.created)}"
        )
        yield PolicyRule("alone", False, words)
    else:
        yield PolicyRule("alone", True, f"nothing else is being promoted to {name}")


def frozen(config: Config, now: float) -> PolicyRule:
    """The rule freeze of the environment that a configuration is of."""
    return freeze_rule(config.promotion, config.environment, now)


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M} UTC"
