"""A rollout before any user sees it: the very policy, on traffic of the past and on a clock that is not the wall's.

What each version would have answered is known (both were asked the same examples), so requests are drawn from these
answers, as many an hour as there were, and given to the versions by the policy's shares. A rehearsal says what the
controller would have done hour by hour, and what its first step is able to see at all. Labels come as late as they do:
what is judged by them is judged by those that have come by then.
"""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np

from millrace.config.rollout_section import Ab, AnyPolicy, Bandit, Limit, Step
from millrace.serving import decision
from millrace.serving.decision import Action, Seen
from millrace.serving.envoy_config import WHOLE, Traffic
from millrace.serving.metric_limits import MetricLimit
from millrace.serving.sequential import Tally, WorseThan

CHAMPION, CANDIDATE = 1, 2
_LOOK_SECONDS = 60.0
_HOUR = 3600.0
# Of power: enough for a standard error of five points; seen often enough to rely on; as far as it is looked.
_TIMES, _OFTEN, _LONGEST_HOURS = 100, 0.8, 168
_BLOCKS = 30
# Shares of which the smallest that sees it within a week is named, where the policy's first one does not.
_PERCENTS = (2, 5, 10, 20, 50)


@dataclass(frozen=True)
class Answers:
    """How bad both versions' answers to the same examples were, from 0 to 1.

    Args:
        champion: float [n].
        candidate: float [n].
    """

    champion: np.ndarray
    candidate: np.ndarray


@dataclass(frozen=True)
class Hour:
    """What the controller would have done in an hour.

    Args:
        hour: from 1.
        percent: of the users, at its end.
        requests: that the candidate would have answered, a mirror's among them.
        decided: steps and ends with their reasons; the reason to hold where there were none.
    """

    hour: int
    percent: float
    requests: int
    decided: tuple[str, ...]


@dataclass(frozen=True)
class Rehearsed:
    """How a rollout would have gone.

    Args:
        ends: how it would have ended; `hold` where the traffic ended first.
        reason: why.
        hours: what was done.
    """

    ends: Action
    reason: str
    hours: tuple[Hour, ...]


@dataclass(frozen=True)
class Power:
    """What the first step can see.

    Args:
        judged: of what.
        drop: by how much the candidate is worse than its limit allows, as a part of all answers.
        percent: of the users.
        hours: how long the step takes, until its minutes, its answers and its labels are there.
        label_hours: how long a label takes to come; 0 where labels are not judged.
        seen: in how many of a hundred cases it is seen.
        hold: how many hours it takes to be seen in eighty; None where a week does not do.
        instead: where a week does not do, the smallest share in percent with which it does, and its hours; None where
            none does.
    """

    judged: str
    drop: float
    percent: float
    hours: float
    label_hours: float
    seen: float
    hold: Optional[float]
    instead: Optional[tuple[float, float]] = None


def rehearse(
    policy: AnyPolicy,
    answers: Mapping[str, Answers],
    an_hour: Sequence[int],
    label_hours: float,
    seed: int = 0,
    tested: Sequence[MetricLimit] = (),
) -> Rehearsed:
    """Has a policy decide about traffic of the past.

    Args:
        policy: as the configuration has it.
        answers: by what is judged, `wrong` and `disagreement` among them where they are known.
        an_hour: the requests of each hour of a day, or of several; they are repeated until the policy has ended.
        label_hours: how long a label takes to come.
        seed: of the draws.
        tested: what accuracies must reach by labels. Metrics that are measured when a step ends are not rehearsed.
    """
    generator = np.random.default_rng(seed)
    progress, hours = decision.begin(CHAMPION, CANDIDATE, policy, 0.0, tested), []
    late = _LateLabels(label_hours)
    now, looks = 0.0, int(_HOUR / _LOOK_SECONDS)
    for hour in range(int(policy.hours) + 2):
        decided, answered, reason = [], 0, ""
        for _ in range(looks):
            now += _LOOK_SECONDS
            number = int(generator.poisson(an_hour[hour % len(an_hour)] / looks))
            seen, labelled = _drawn(generator, number, decision.traffic(progress, policy), answers)
            wrong, of_step = late.after(now, labelled, progress.step_started)
            seen = replace(seen, tallies={**seen.tallies, "wrong": wrong}, labelled=of_step)
            answered += seen.answers[CANDIDATE]
            done = decision.decide(progress, seen, policy, now)
            progress, reason = done.progress, done.reason
            if done.action is not Action.HOLD:
                decided.append(f"{done.action.value}: {done.reason}")
            if done.action not in (Action.HOLD, Action.STEP):
                hours.append(Hour(hour + 1, _percent_after(done.action, progress.weight), answered, tuple(decided)))
                return Rehearsed(done.action, done.reason, tuple(hours))
        percent = progress.weight * 100 / WHOLE
        hours.append(Hour(hour + 1, percent, answered, tuple(decided) or (f"hold: {reason}",)))
    return Rehearsed(Action.HOLD, hours[-1].decided[-1], tuple(hours))


class _LateLabels:
    """Labels on their way.

    Args:
        hours: how long each takes.
    """

    def __init__(self, hours: float) -> None:
        self._delay = hours * _HOUR
        self._on_their_way: deque[tuple[float, dict[int, Tally]]] = deque()
        self._step_started, self._of_step = 0.0, Counter[int]()

    def after(
        self, now: float, answered: dict[int, Tally], step_started: float
    ) -> tuple[dict[int, Tally], dict[int, int]]:
        """The labels that come now, and how many of the present step's answers have one.

        Args:
            now: seconds.
            answered: how wrong the answers since the last look are, by version.
            step_started: seconds; earlier answers are no longer counted.
        """
        if step_started != self._step_started:
            self._step_started, self._of_step = step_started, Counter()
        self._on_their_way.append((now, answered))
        arrived = []
        while self._on_their_way and self._on_their_way[0][0] + self._delay <= now:
            when, tallies = self._on_their_way.popleft()
            arrived.append(tallies)
            if when > step_started:
                self._of_step.update({version: sum(tally.values()) for version, tally in tallies.items()})
        return _added(arrived), dict(self._of_step)


def power(
    policy: AnyPolicy,
    judged: str,
    base: float,
    drop: float,
    per_hour: float,
    label_hours: float = 0.0,
    seed: int = 0,
    tested: Sequence[MetricLimit] = (),
) -> Optional[Power]:
    """What the first step of a policy that gives users to the candidate can see.

    Args:
        policy: as the configuration has it.
        judged: `errors`, `slow` or `wrong`.
        base: the share of the champion's answers that are bad.
        drop: how much larger the candidate's is than its limit allows.
        per_hour: requests, of both versions; labelled ones where labels are judged.
        label_hours: how long a label takes to come.
        seed: of the draws.
        tested: what accuracies must reach, whose tests take a part of the risk.

    Returns:
        What it sees; None where it does not compare with the champion, gives it nobody, or nobody asks.
    """
    limit: Optional[Limit] = getattr(policy.judged, judged)
    step = next((one for one in decision.steps_of(policy) if 0 < one.percent < 100), None)
    if limit is None or limit.worse_by is None or step is None or not per_hour:
        return None
    begun = replace(decision.begin(CHAMPION, CANDIDATE, policy, 0.0, tested), weight=round(step.percent * WHOLE / 100))
    late = label_hours if judged == "wrong" else 0.0
    labelled = decision.labelled_versions(begun, policy)
    length = min(_step_hours(policy, step, per_hour, label_hours, labelled), policy.hours)

    def seen(percent: float, hours: float) -> float:
        """Of the answers whose labels have come by then."""
        answered, generator = per_hour * max(0.0, hours - late), np.random.default_rng(seed)
        needed = len(begun.tests) / policy.judged.risk
        cases = [_refuted(generator, limit, base, drop, answered, percent / 100, needed) for _ in range(_TIMES)]
        return float(np.mean(cases))

    def hold(percent: float, least: float) -> Optional[float]:
        whole = np.unique(np.round(np.geomspace(1, _LONGEST_HOURS, 40)))
        lengths = [least, *(float(one) for one in whole if one > least)]
        if seen(percent, lengths[-1]) < _OFTEN:
            return None
        # What is seen in a while is seen in a longer one: the first that will do is found by halves.
        return lengths[bisect_left(lengths[:-1], True, key=lambda hours: seen(percent, hours) >= _OFTEN)]

    held, instead = hold(step.percent, length), None
    if held is None:
        others = ((percent, hold(percent, 1.0)) for percent in _PERCENTS if percent > step.percent)
        instead = next(((float(percent), hours) for percent, hours in others if hours), None)
    return Power(judged, drop, step.percent, length, late, seen(step.percent, length), held, instead)


def _step_hours(policy: AnyPolicy, step: Step, per_hour: float, label_hours: float, labelled: Sequence[int]) -> float:
    """How long a step takes until nothing is left that it waits for."""
    share = {CANDIDATE: step.percent / 100, CHAMPION: 1 - step.percent / 100}
    answers = step.requests / (per_hour * share[CANDIDATE])
    if isinstance(policy, (Ab, Bandit)):
        answers += label_hours  # its answers are those that have a label
    labels = [policy.judged.labels / (per_hour * share[version]) + label_hours for version in labelled]
    return max(step.minutes / 60, answers, *labels)


def _refuted(
    generator: np.random.Generator, limit: Limit, base: float, drop: float, requests: float, share: float, needed: float
) -> bool:
    assert limit.worse_by is not None
    if not requests:
        return False
    test = WorseThan(limit.worse_by)
    worse = min(1.0, base + limit.worse_by * (1 - base) + drop)
    for _ in range(_BLOCKS):
        candidate = int(generator.poisson(requests * share / _BLOCKS))
        champion = int(generator.poisson(requests * (1 - share) / _BLOCKS))
        of = (int(generator.binomial(champion, base)), int(generator.binomial(candidate, worse)))
        test = test.after({1.0: of[0], 0.0: champion - of[0]}, {1.0: of[1], 0.0: candidate - of[1]})
        if test.evidence >= needed:
            return True
    return False


def _drawn(
    generator: np.random.Generator, number: int, traffic: Traffic, answers: Mapping[str, Answers]
) -> tuple[Seen, dict[int, Tally]]:
    """A while of requests, each of which gets its version, and what was right about them, for later."""
    rows = len(next(iter(answers.values())).champion)
    drawn = generator.integers(rows, size=number)
    to_candidate = generator.random(number) < traffic.weights[CANDIDATE] / WHOLE
    mirrored = generator.random(number) < traffic.mirrored.get(CANDIDATE, 0) / 100
    tallies: dict[str, dict[int, Tally]] = {}
    for judged, both in answers.items():
        if judged != "disagreement":
            # No user saw a mirror's answer, so nobody labels it.
            asked = to_candidate if judged == "wrong" else to_candidate | mirrored
            tallies[judged] = {
                CHAMPION: _tally(both.champion[drawn[~to_candidate]]),
                CANDIDATE: _tally(both.candidate[drawn[asked]]),
            }
    differing: Tally = {}
    if "disagreement" in answers:
        differing = _tally(answers["disagreement"].candidate[drawn[mirrored & ~to_candidate]])
    counted = {CHAMPION: int((~to_candidate).sum()), CANDIDATE: int((to_candidate | mirrored).sum())}
    labelled = tallies.pop("wrong", {})
    return Seen(counted, tallies, differing), labelled


def _tally(bad: np.ndarray) -> dict[float, int]:
    values, counts = np.unique(bad, return_counts=True)
    return {float(value): int(count) for value, count in zip(values, counts, strict=True)}


def _added(tallies: Sequence[Mapping[int, Tally]]) -> dict[int, Tally]:
    summed: dict[int, dict[float, int]] = {}
    for by_version in tallies:
        for version, tally in by_version.items():
            of = summed.setdefault(version, {})
            for value, count in tally.items():
                of[value] = of.get(value, 0) + count
    return dict(summed)


def _percent_after(action: Action, weight: int) -> float:
    return {Action.PROMOTE: 100.0, Action.BACK: 0.0, Action.DONE: 0.0}.get(action, weight * 100 / WHOLE)
