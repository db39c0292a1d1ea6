"""What a policy does next, from what was seen until now: a function of values, which neither waits nor acts.

The controller asks it every few seconds, and a rehearsal asks it about traffic of the past, on a clock of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Optional, Union

from millrace.base.numbers import counted, rounded
from millrace.config.rollout_section import Ab, AnyPolicy, Bandit, BlueGreen, Canary, Limit, Shadow, Step
from millrace.serving.envoy_config import WHOLE, Traffic
from millrace.serving.metric_limits import (
    Measured,
    MeasuredMetric,
    MetricLimit,
    in_words,
    speaks_against,
    tests_of,
    waits_for,
)
from millrace.serving.sequential import AtMost, FallsBy, Tally, WorseThan

Test = Union[WorseThan, FallsBy, AtMost]
_TESTS: dict[str, type[Test]] = {kind.__name__: kind for kind in (WorseThan, FallsBy, AtMost)}
# A bandit's share is moved only when it changes by more: each move sends some users to another version.
_LEAST_MOVE = WHOLE // 50
_QUANTILES = 2_000
# What a version says to be no request, 4xx, may be its client's fault: users differ, and a broken client stays with one
# version. Of mirrored requests both are asked the very same ones, and the candidate is to take what the champion takes.
REFUSED = "refused worse_by"
# Evidence beyond which nobody wants to know the number.
_CERTAIN = 1_000_000


class Action(str, Enum):
    """What a decision does."""

    HOLD = "hold"
    STEP = "step"
    BACK = "back"
    PROMOTE = "promote"
    DONE = "done"
    # Nothing is decided: the metrics are to be measured, and the decision asked for again.
    MEASURE = "measure"


@dataclass(frozen=True)
class Seen:
    """What came since the last look.

    Args:
        answers: how many answers each version gave, a mirror's among them.
        tallies: how bad answers were, by what is judged (`errors`, `slow`, `refused`, `wrong`) and by version.
        disagreement: of mirrored requests, 1 where the two versions decided differently and 0 where not.
        crashes: how often the candidate's server ended by itself.
        labelled: by version, how many answers of this step have their label by now.
        measured: the metrics of this step, where `Action.MEASURE` asked for them; None else.
    """

    answers: Mapping[int, int] = field(default_factory=dict)
    tallies: Mapping[str, Mapping[int, Tally]] = field(default_factory=dict)
    disagreement: Tally = field(default_factory=dict)
    crashes: int = 0
    labelled: Mapping[int, int] = field(default_factory=dict)
    measured: Optional[Measured] = None


@dataclass(frozen=True)
class Progress:
    """How far a rollout is, and all that its decisions rest on.

    Args:
        champion: the version that is served.
        candidate: the version that is to be.
        started: seconds since the epoch.
        step_started: when the present step began.
        step: its place among the policy's steps, from 0.
        answers: what the candidate answered in this step; with labels, where these decide.
        crashes: how often the candidate's server ended by itself.
        weight: the candidate's part of `WHOLE`.
        tests: what speaks against the candidate, by what is judged and how.
        better: what speaks against the champion by the labels.
        totals: by what is judged and version, the sum of how bad the answers were and their number.
        limits: of the metrics that are measured when a step ends.
        measured: what these were when they were measured last.
    """

    champion: int
    candidate: int
    started: float
    step_started: float
    step: int = 0
    answers: int = 0
    crashes: int = 0
    weight: int = 0
    tests: Mapping[str, Test] = field(default_factory=dict)
    better: WorseThan = field(default_factory=lambda: WorseThan(0.0))
    totals: Mapping[str, Mapping[int, tuple[float, int]]] = field(default_factory=dict)
    limits: tuple[MetricLimit, ...] = ()
    measured: Measured = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """What is done, why, and the progress after it."""

    action: Action
    reason: str
    progress: Progress


def steps_of(policy: AnyPolicy) -> tuple[Step, ...]:
    """The steps of any policy: all but a canary have one."""
    if isinstance(policy, Canary):
        return policy.steps
    once: dict[str, Any] = {"minutes": policy.minutes, "requests": policy.requests}
    if isinstance(policy, Shadow):
        return (Step(mirror=policy.mirror, **once),)
    if isinstance(policy, BlueGreen):
        return (Step(percent=100, **once),)
    return (Step(percent=policy.percent if isinstance(policy, Ab) else 50, **once),)


def begin(
    champion: int,
    candidate: int,
    policy: AnyPolicy,
    now: float,
    tested: Sequence[MetricLimit] = (),
    measured: Sequence[MetricLimit] = (),
) -> Progress:
    """The progress of a rollout that starts.

    Args:
        champion: the version that is served.
        candidate: the version that is to be.
        policy: by which it gets its traffic.
        now: seconds since the epoch.
        tested: what accuracies must reach, tested after every label.
        measured: what other metrics must reach, measured when a step ends.
    """
    tests: dict[str, Test] = {}
    for limit_of_metric in tested:
        tests.update(tests_of(limit_of_metric))
    for name in ("errors", "slow", "wrong", "disagreement"):
        limit: Optional[Limit] = getattr(policy.judged, name)
        if limit and limit.worse_by is not None:
            tests[f"{name} worse_by"] = WorseThan(limit.worse_by)
        if limit and limit.at_most is not None:
            tests[f"{name} at_most"] = AtMost(limit.at_most)
    may_lack = policy.judged.errors.worse_by
    if may_lack is not None and any(step.mirror for step in steps_of(policy)):
        tests[REFUSED] = WorseThan(may_lack)
    weight = round(steps_of(policy)[0].percent * WHOLE / 100)
    return Progress(
        champion, candidate, started=now, step_started=now, weight=weight, tests=tests, limits=tuple(measured)
    )


def traffic(progress: Progress, policy: AnyPolicy) -> Traffic:
    """Who gets which version while a rollout is where it is."""
    mirror = steps_of(policy)[progress.step].mirror
    weights = {progress.champion: WHOLE - progress.weight, progress.candidate: progress.weight}
    return Traffic(weights, {progress.candidate: mirror} if mirror else {})


def decide(progress: Progress, seen: Seen, policy: AnyPolicy, now: float, paused: bool = False) -> Decision:
    """What to do next.

    Args:
        progress: after the last decision.
        seen: what came since then.
        policy: by which the candidate gets its traffic.
        now: seconds since the epoch.
        paused: whether a person stopped the steps; going back is still decided.

    Returns:
        The decision; its progress holds what was seen, whatever was decided.
    """
    progress = _after(progress, seen, policy)
    against = _speaks_against(progress, policy)
    if against:
        return Decision(Action.BACK, against, progress)
    waits = _waits(progress, seen, policy, now)
    if now - progress.started > policy.hours * 3600:
        hours = f"{policy.hours:g} hour{'' if policy.hours == 1 else 's'}"
        reason = f"after {hours} it is not decided" + (f": {waits}" if waits else "")
        return Decision(Action.BACK, reason, progress)
    if paused:
        return Decision(Action.HOLD, "paused", progress)
    late = int((now - progress.step_started) / 60)
    if waits and late > steps_of(policy)[progress.step].minutes:
        # Whoever looks at a step that takes long wants to know how long.
        waits += f", after {counted(late, 'minute')}"
    if isinstance(policy, Bandit):
        return _follow(progress, policy, waits)
    if isinstance(policy, Ab):
        decided = _compare(progress, policy, waits)
    elif waits:
        decided = Decision(Action.HOLD, waits, progress)
    else:
        decided = _next_step(progress, policy, now)
    if decided.action is Action.HOLD or not progress.limits or not progress.weight:
        return decided
    return _by_metrics(decided, progress, seen.measured, policy)


def _waits(progress: Progress, seen: Seen, policy: AnyPolicy, now: float) -> str:
    """What the step still waits for; empty for nothing.

    Labels come late. A step that ended before them would go on as if they had spoken for the candidate.
    """
    step = steps_of(policy)[progress.step]
    minutes = (now - progress.step_started) / 60
    waits = [] if minutes >= step.minutes else [f"{int(minutes * 10) / 10:g} of {step.minutes:g} minutes"]
    if progress.answers < step.requests:
        refused = int(progress.totals.get("refused", {}).get(progress.candidate, (0.0, 0))[0])
        said = f", and it refused {counted(refused, 'request')} as wrong (4xx)" if refused else ""
        waits.append(f"{progress.answers} of {counted(step.requests, 'answer')}{said}")
    needed = policy.judged.labels
    for version in labelled_versions(progress, policy):
        if (number := seen.labelled.get(version, 0)) < needed:
            who = "candidate" if version == progress.candidate else "champion"
            waits.append(f"{number} of {needed} labelled answers of the {who} in this step")
    return " and ".join(waits)


def labelled_versions(progress: Progress, policy: AnyPolicy) -> tuple[int, ...]:
    """The versions whose answers need labels before the present step may end.

    Args:
        progress: of the rollout.
        policy: one that labels decide anyway (`ab`, `bandit`) counts them as its answers.
    """
    judged = [test for name, test in progress.tests.items() if name.startswith("wrong ")]
    # Nobody labels what a mirror answered, and a version without users has nothing to be labelled.
    if not judged or isinstance(policy, (Ab, Bandit)) or not progress.weight:
        return ()
    compared = any(not isinstance(test, AtMost) for test in judged) and progress.weight < WHOLE
    return (progress.candidate, progress.champion) if compared else (progress.candidate,)


def with_labels_again(progress: Progress, blocks: Iterable[Mapping[int, Tally]], policy: AnyPolicy) -> Progress:
    """The progress with all that rests on labels made anew, since some of them were corrected.

    Args:
        progress: what it keeps of labels is forgotten.
        blocks: the labels as they are now, in the order in which they came, some at a time: by version, how wrong.
        policy: by which the candidate gets its traffic.
    """
    begun = {name: _begun(test) if name.startswith("wrong ") else test for name, test in progress.tests.items()}
    progress = replace(
        progress,
        answers=0 if isinstance(policy, (Ab, Bandit)) else progress.answers,
        tests=begun,
        better=WorseThan(progress.better.margin),
        totals={name: of for name, of in progress.totals.items() if name != "wrong"},
    )
    for tallies in blocks:
        progress = _after(progress, Seen(tallies={"wrong": tallies}), policy)
    return progress


def _begun(test: Test) -> Test:
    """A test as it was before it had seen anything."""
    return AtMost(test.limit) if isinstance(test, AtMost) else type(test)(test.margin)


def _by_metrics(decided: Decision, progress: Progress, measured: Optional[Measured], policy: AnyPolicy) -> Decision:
    """What is decided when a step ends, or what its metrics say against it."""
    if measured is None:
        return Decision(Action.MEASURE, "the step's metrics are to be measured", progress)
    judged = progress.limits, measured
    versions = progress.champion, progress.candidate
    waits = waits_for(*judged, policy.judged.labels, *versions)
    if waits:
        return Decision(Action.HOLD, waits, progress)
    against = speaks_against(*judged, *versions)
    if against:
        return Decision(Action.BACK, against, replace(progress, measured=measured))
    reason = f"{decided.reason}; {in_words(*judged, *versions)}"
    return Decision(decided.action, reason, replace(decided.progress, measured=measured))


def _after(progress: Progress, seen: Seen, policy: AnyPolicy) -> Progress:
    champion, candidate = progress.champion, progress.candidate
    tests: dict[str, Test] = {}
    for name, test in progress.tests.items():
        judged = name.partition(" ")[0]
        of = seen.tallies.get(judged, {})
        if not isinstance(test, AtMost):
            tests[name] = test.after(of.get(champion, {}), of.get(candidate, {}))
        else:
            tests[name] = test.after(seen.disagreement if judged == "disagreement" else of.get(candidate, {}))
    wrong = seen.tallies.get("wrong", {})
    tallies = {**seen.tallies, **({"disagreement": {candidate: seen.disagreement}} if seen.disagreement else {})}
    decided_by_labels = isinstance(policy, (Ab, Bandit))
    answers = sum(wrong.get(candidate, {}).values()) if decided_by_labels else seen.answers.get(candidate, 0)
    return replace(
        progress,
        answers=progress.answers + answers,
        crashes=progress.crashes + seen.crashes,
        tests=tests,
        # The two change places: what speaks against the champion as the worse one.
        better=progress.better.after(wrong.get(candidate, {}), wrong.get(champion, {})),
        totals=_added(progress.totals, tallies),
    )


def _added(
    totals: Mapping[str, Mapping[int, tuple[float, int]]], tallies: Mapping[str, Mapping[int, Tally]]
) -> dict[str, dict[int, tuple[float, int]]]:
    summed = {name: dict(of) for name, of in totals.items()}
    for name, by_version in tallies.items():
        for version, tally in by_version.items():
            bad, number = summed.setdefault(name, {}).get(version, (0.0, 0))
            bad += sum(value * count for value, count in tally.items())
            summed[name][version] = bad, number + sum(tally.values())
    return summed


def _speaks_against(progress: Progress, policy: AnyPolicy) -> str:
    """Why the candidate must not be served; empty where nothing says so."""
    if progress.crashes > policy.judged.crashes:
        return (
            f"its server ended by itself, {progress.crashes} times"
            if progress.crashes > 1
            else ("its server ended by itself")
        )
    needed = len(progress.tests) / policy.judged.risk
    for name, test in progress.tests.items():
        if test.evidence >= needed:
            return _told(name, test, progress, needed)
    return ""


def _told(name: str, test: Test, progress: Progress, needed: float) -> str:
    # `errors at_most`, or of a metric `wrong BinaryAccuracy at_least`.
    judged, *of_metric, _ = name.split()
    told = f"{judged}: {_share(progress, judged, progress.candidate)}"
    if not isinstance(test, AtMost):
        told += f", the champion's {_share(progress, judged, progress.champion)}"
    if isinstance(test, WorseThan):
        limit = f"may lack {_percent(test.margin)} of the champion's good answers"
    elif isinstance(test, FallsBy):
        limit = f"{of_metric[0]} not worse than the champion's by more than {rounded(test.margin, 6)}"
    elif of_metric:
        limit = f"{of_metric[0]} at least {rounded(1 - test.limit, 6)}"
    else:
        limit = f"at most {_percent(test.limit)}"
    evidence = rounded(test.evidence, 3) if test.evidence < _CERTAIN else f"over {_CERTAIN:,}"
    return f"{told}; {limit} (evidence {evidence}, {rounded(needed, 3)} refutes)"


def _share(progress: Progress, judged: str, version: int) -> str:
    bad, number = progress.totals.get(judged, {}).get(version, (0.0, 0))
    return f"{rounded(bad, 4)} of {number} ({_percent(bad / number if number else 0.0)})"


def _percent(share: float) -> str:
    return f"{rounded(share * 100, 3)} %"


def _next_step(progress: Progress, policy: AnyPolicy, now: float) -> Decision:
    steps = steps_of(policy)
    if progress.step + 1 == len(steps):
        if isinstance(policy, Shadow):
            return Decision(
                Action.DONE, f"nothing speaks against it after {progress.answers} mirrored answers", progress
            )
        return Decision(Action.PROMOTE, f"nothing speaks against it after its last step ({_at(progress)})", progress)
    after = steps[progress.step + 1]
    moved = replace(
        progress, step=progress.step + 1, step_started=now, answers=0, weight=round(after.percent * WHOLE / 100)
    )
    return Decision(Action.STEP, f"nothing speaks against it at {_at(progress)}: on to {after.percent:g} %", moved)


def _at(progress: Progress) -> str:
    return f"{progress.weight * 100 / WHOLE:g} %, {progress.answers} answers"


def _compare(progress: Progress, policy: Ab, waits: str) -> Decision:
    """A test between two: it ends when the labels show a better one; the candidate has the burden of proof."""
    wrong = [_share(progress, "wrong", version) for version in (progress.candidate, progress.champion)]
    shares = f"wrong: {wrong[0]}, the champion's {wrong[1]}"
    needed = 1 / policy.judged.risk
    if waits:
        return Decision(Action.HOLD, f"{waits}; {shares}", progress)
    if progress.better.evidence >= needed:
        return Decision(Action.PROMOTE, f"it is better: {shares}", progress)
    return Decision(Action.HOLD, f"no difference is shown: {shares}", progress)


def _follow(progress: Progress, policy: Bandit, waits: str) -> Decision:
    """A bandit: the candidate's share is the probability that it is the better one, as Thompson's sampling draws it."""
    best = _probability_best(progress)
    if not waits and best >= policy.certain:
        return Decision(Action.PROMOTE, f"it is the better one with a probability of {best:.4f}", progress)
    if not waits and 1 - best >= policy.certain:
        return Decision(Action.BACK, f"the champion is the better one with a probability of {1 - best:.4f}", progress)
    least = policy.least_percent / 100
    weight = round(WHOLE * min(max(best, least), 1 - least))
    if abs(weight - progress.weight) < _LEAST_MOVE:
        return Decision(Action.HOLD, f"{waits or 'not certain'}: the better one with {best:.3f}", progress)
    reason = f"it is the better one with a probability of {best:.3f}: on to {weight * 100 / WHOLE:g} %"
    return Decision(Action.STEP, reason, replace(progress, weight=weight))


def _probability_best(progress: Progress) -> float:
    """That the candidate answers well more often than the champion: of two Beta posteriors over labels that came."""
    import numpy as np
    from scipy import special

    def posterior(version: int) -> tuple[float, float]:
        bad, number = progress.totals.get("wrong", {}).get(version, (0.0, 0))
        return 1 + number - bad, 1 + bad

    middles = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    of_candidate = special.betaincinv(*posterior(progress.candidate), middles)
    return float(np.mean(special.betainc(*posterior(progress.champion), of_candidate)))


def as_plain(progress: Progress) -> dict[str, Any]:
    """A progress as JSON can keep it."""
    return {
        **vars(progress),
        "tests": {name: _plain_test(test) for name, test in progress.tests.items()},
        "better": _plain_test(progress.better),
        "totals": {name: {str(version): of for version, of in by.items()} for name, by in progress.totals.items()},
        "limits": [vars(limit) for limit in progress.limits],
        "measured": plain_measured(progress.measured),
    }


def plain_measured(measured: Measured) -> dict[str, dict[str, dict[str, Any]]]:
    """What was measured, as JSON can keep it."""
    return {name: {str(version): vars(of) for version, of in by.items()} for name, by in measured.items()}


def from_plain(plain: Mapping[str, Any]) -> Progress:
    """The progress that `as_plain` was given."""
    return Progress(
        **{
            **plain,
            "tests": {name: _test(of) for name, of in plain["tests"].items()},
            "better": _test(plain["better"]),
            "totals": {
                name: {int(version): tuple(of) for version, of in by.items()} for name, by in plain["totals"].items()
            },
            "limits": tuple(MetricLimit(**limit) for limit in plain["limits"]),
            "measured": {
                name: {int(version): MeasuredMetric(**of) for version, of in by.items()}
                for name, by in plain["measured"].items()
            },
        }
    )


def _plain_test(test: Test) -> dict[str, Any]:
    return {"kind": type(test).__name__, **vars(test)}


def _test(plain: Mapping[str, Any]) -> Any:
    fields = {name: value for name, value in plain.items() if name != "kind"}
    return _TESTS[plain["kind"]](**{**fields, "wealth": tuple(plain["wealth"])})
