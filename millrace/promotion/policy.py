"""What an environment asks before it takes a version in, rule by rule, so that all reasons are told at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from millrace.base.numbers import counted
from millrace.components import stage_ids
from millrace.config.promotion_section import PromotionPolicy
from millrace.promotion.side import Side
from millrace.registry import pushed_model
from millrace.registry.events import EventKind, VersionState
from millrace.registry.registry import AUTOMATIC, is_one_person
from millrace.registry.version import Version

# So many freezes in a row are followed to their end: a freeze that begins each minute has none.
_MOST_FREEZES = 100

BY_NAME = " (by the name that their machine gave, which nothing proves)"
"""Behind a second person whom no signature tells from the first."""


@dataclass(frozen=True)
class PolicyRule:
    """What became of one rule.

    Args:
        name: order, gates, approval, files, once or freeze; of a release also alone.
        holds: whether it lets the version through.
        words: why, in a sentence that stands by itself.
    """

    name: str
    holds: bool
    words: str


def rules(source: Side, target: Side, version: Version, alias: str, who: str, now: float) -> Iterator[PolicyRule]:
    """Holds a version to the policy of the environment that it is to go to.

    Args:
        source: where the version is.
        target: where it is to go; its section `promotion` is the policy.
        version: of the source's registry.
        alias: that it is to have there.
        who: who promotes it.
        now: seconds since the epoch.

    Yields:
        Each rule, whether it holds or not.
    """
    yield _order(source, target)
    yield _gates(version)
    yield _approval(source, target, version, who)
    lacking = pushed_model.damage(version)
    files = counted(len(version.facts.files), "file")
    words = f"it is not whole: {lacking}" if lacking else f"{files} as registered, sha256 {version.checksum[:16]}"
    yield PolicyRule("files", not lacking, words)
    yield _once(target, version, alias)
    yield freeze_rule(target.config.promotion, target.name, now)


def _order(source: Side, target: Side) -> PolicyRule:
    after = target.config.promotion.after
    if after == source.config.environment:
        return PolicyRule("order", True, f"{target.name} comes after {source.name}")
    return PolicyRule("order", False, f"{target.name} comes after {after or 'no environment'}, not after {source.name}")


def _gates(version: Version) -> PolicyRule:
    verdicts = version.facts.verdicts
    against = [stage for stage, blessed in verdicts.items() if not blessed]
    if against:
        return PolicyRule("gates", False, f"{' and '.join(against)} did not bless it")
    if stage_ids.EVALUATOR not in verdicts:
        return PolicyRule("gates", False, "the registry knows no verdict of the Evaluator on it")
    return PolicyRule("gates", True, f"{' and '.join(verdicts)} blessed it")


def _approval(source: Side, target: Side, version: Version, who: str) -> PolicyRule:
    asked = target.config.promotion.approval
    deciding = (EventKind.APPROVED.value, EventKind.REJECTED.value)
    last = next((one for one in reversed(source.registry.events(version.number)) if one.kind in deciding), None)
    if version.trial:
        return PolicyRule("approval", False, "it is a trial's, and nothing serves it")
    if last is None or version.state is not VersionState.APPROVED:
        why = f"it was rejected in {source.name}: {last.because} ({last.who})" if last else ""
        return PolicyRule("approval", False, why or f"nobody has approved it in {source.name}")
    if asked != "any" and last.who == AUTOMATIC:
        words = f"only registry.approval's rule has approved it in {source.name}, and a person must: set it to manual"
        return PolicyRule("approval", False, words)
    second = asked == "second person"
    if second and is_one_person(last.who, who):
        words = f"{last.who} has approved it, and may not promote it too: a second person must"
        return PolicyRule("approval", False, words)
    words = f"{last.who} has approved it in {source.name}: {last.because}{BY_NAME if second else ''}"
    return PolicyRule("approval", True, words)


def _once(target: Side, version: Version, alias: str) -> PolicyRule:
    known = next((one for one in target.registry.versions() if one.number == version.number), None)
    if known is None:
        return PolicyRule("once", True, f"{target.name} does not have it yet")
    if known.checksum != version.checksum:
        return PolicyRule("once", False, f"another version {version.number} is registered in {target.name}")
    events = target.registry.events(version.number)
    if alias in known.aliases:
        last = next(one for one in reversed(events) if one.alias == alias)
        return PolicyRule("once", False, f"it is {alias} in {target.name} already: {last.because} ({last.who})")
    if known.state is VersionState.REJECTED:
        last = next(one for one in reversed(events) if one.kind == EventKind.REJECTED.value)
        return PolicyRule("once", False, f"it was rejected in {target.name}: {last.because} ({last.who})")
    return PolicyRule("once", True, f"{target.name} has it, and it is not {alias} there")


def freeze_rule(policy: PromotionPolicy, name: str, now: float) -> PolicyRule:
    """Whether a freeze holds.

    Args:
        policy: of the environment that takes something in.
        name: of that environment.
        now: seconds since the epoch.
    """
    holding = [freeze for freeze in policy.freezes if freeze.over_at(now)]
    if not holding:
        return PolicyRule("freeze", True, f"{name} is not frozen now")
    until, ends = now, list[datetime]()
    # Another one, or the same, may begin before one is over.
    for _ in range(_MOST_FREEZES):
        if not (ends := [over for freeze in policy.freezes if (over := freeze.over_at(until))]):
            break
        until = max(ends).timestamp()
    last = f"{datetime.fromtimestamp(until, timezone.utc):%Y-%m-%d %H:%M} UTC"
    how_long = f"beyond {last}, each time beginning anew before it is over" if ends else f"until {last}"
    whys = "; ".join(dict.fromkeys(freeze.reason for freeze in holding if freeze.reason))
    return PolicyRule("freeze", False, f"{name} is frozen {how_long}{': ' if whys else ''}{whys}")
