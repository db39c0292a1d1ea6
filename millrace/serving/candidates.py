"""What is rolled out with nobody at the keyboard: the next policy of a version that a push has made candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from millrace.base.errors import BadInput
from millrace.config.rollout_section import AnyPolicy
from millrace.registry.events import CANDIDATE, CHAMPION
from millrace.registry.registry import Registry
from millrace.registry.version import Version
from millrace.serving.metric_limits import MetricLimit
from millrace.serving.recorded_rollouts import told_by


@dataclass(frozen=True)
class CandidatePolicy:
    """A policy that each new candidate goes through.

    Args:
        name: in the configuration.
        policy: what it says.
        tested: what accuracies must reach by labels.
        measured: what other metrics must reach when a step ends.
    """

    name: str
    policy: AnyPolicy
    tested: tuple[MetricLimit, ...] = ()
    measured: tuple[MetricLimit, ...] = ()


def next_of(
    registry: Registry, policies: Sequence[CandidatePolicy]
) -> Optional[tuple[Version, Version, CandidatePolicy]]:
    """The rollout that starts by itself, where none runs.

    A candidate goes through the policies in their order, each once, for as long as each lets it go on. One that was
    sent back, or whose rollout a person has ended, is left alone until the alias is moved to it again.

    Args:
        registry: of the pipeline's model.
        policies: `rollout.candidates`.

    Returns:
        The champion, the candidate and the policy; None where there is nothing to start.
    """
    aliases = registry.aliases() if policies else {}
    champion, candidate = aliases.get(CHAMPION), aliases.get(CANDIDATE)
    if champion is None or candidate is None or champion.number == candidate.number:
        return None
    try:
        registry.require_may_be(CHAMPION, candidate)
    except BadInput:  # gone, rejected, or not approved: whoever starts it by hand is told
        return None
    since = registry.events(alias=CANDIDATE)[-1].id
    ended = told_by(event for event in registry.events(candidate.number) if event.id > since)
    if any(rollout.status != "done" for rollout in ended):
        return None
    through = {rollout.policy for rollout in ended}
    one = next((one for one in policies if one.name not in through), None)
    return (champion, candidate, one) if one else None
