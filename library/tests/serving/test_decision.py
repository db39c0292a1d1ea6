"""What a policy does with what was seen, step by step, on a clock that is given."""

import json
from dataclasses import replace

import numpy as np
import pytest

from millrace.config.rollout_section import Ab, Bandit, BlueGreen, Canary, Judged, Limit, Shadow, SlowAnswers, Step
from millrace.serving import decision
from millrace.serving.decision import Action, Seen, begin, decide, traffic
from millrace.serving.metric_limits import MeasuredMetric, MetricLimit

STEPS = (Step(percent=1, minutes=10, requests=50), Step(percent=50, minutes=10, requests=50))
CANARY = Canary(steps=STEPS)
LABELLED = Judged(wrong=Limit(worse_by=0.01))
MINUTE = 60.0


def seen(champion=(0, 900), candidate=(0, 100), judged="errors", **more):
    """What came, as bad answers and their number by version 1, the champion, and 2."""
    tallies = {
        judged: {
            version: {1.0: bad, 0.0: number - bad} for version, (bad, number) in {1: champion, 2: candidate}.items()
        }
    }
    return Seen(answers={1: champion[1], 2: candidate[1]}, tallies=tallies, **more)


def run(policy, looks, every=MINUTE):
    """The decisions at each look, one a minute, until one ends it."""
    progress, now, decisions = begin(1, 2, policy, 0.0), 0.0, []
    for look in looks:
        now += every
        decisions.append(decide(progress, look, policy, now))
        progress = decisions[-1].progress
        if decisions[-1].action not in (Action.HOLD, Action.STEP):
            break
    return decisions


def test_a_good_canary_goes_up_when_time_is_over_and_enough_was_answered_and_is_promoted():
    decisions = run(CANARY, [seen()] * 40)
    actions = [one.action for one in decisions]
    assert actions == [Action.HOLD] * 9 + [Action.STEP] + [Action.HOLD] * 9 + [Action.PROMOTE]
    assert traffic(decisions[8].progress, CANARY).weights == {1: 9_900, 2: 100}
    assert traffic(decisions[9].progress, CANARY).weights == {1: 5_000, 2: 5_000}
    assert decisions[0].reason == "1 of 10 minutes" and "on to 50 %" in decisions[9].reason


def test_a_step_waits_for_answers_and_a_rollout_that_gets_none_goes_back_after_its_hours():
    few = seen(candidate=(0, 0))
    decisions = run(CANARY, [few] * 100, every=60 * MINUTE)
    assert decisions[0].reason == "0 of 50 answers, after 60 minutes"
    assert (
        decisions[-1].action is Action.BACK
        and decisions[-1].reason == "after 72 hours it is not decided: 0 of 50 answers"
    )


def test_errors_slow_answers_and_crashes_send_a_canary_back():
    errors = run(CANARY, [seen(candidate=(30, 100))])[-1]
    assert errors.action is Action.BACK
    assert errors.reason.startswith("errors: 30 of 100 (30 %), the champion's 0 of 900 (0 %)")
    slow = run(CANARY, [seen(champion=(9, 900), candidate=(60, 100), judged="slow")])[-1]
    assert slow.action is Action.BACK and slow.reason.startswith("slow: 60 of 100")
    crash = run(CANARY, [seen(crashes=1)])[-1]
    assert (crash.action, crash.reason) == (Action.BACK, "its server ended by itself")


def test_the_risk_is_shared_by_all_that_is_judged():
    def refuted(judged):
        return run(Canary(steps=STEPS, judged=judged), [seen(candidate=(100, 100))])[0].reason

    assert ", 20 refutes" in refuted(Judged(slow=None))
    assert ", 40 refutes" in refuted(Judged()), "errors, and slow answers"
    assert ", 60 refutes" in refuted(Judged(slow=SlowAnswers(worse_by=0.02, at_most=0.1)))
    assert ", 400 refutes" in refuted(Judged(risk=0.005))


def test_as_many_crashes_as_are_allowed_are_no_reason():
    policy = Canary(steps=STEPS, judged=Judged(crashes=2))
    assert run(policy, [seen(crashes=1), seen(crashes=1)])[-1].action is Action.HOLD
    last = run(policy, [seen(crashes=1), seen(crashes=1), seen(crashes=1)])[-1]
    assert (last.action, last.reason) == (Action.BACK, "its server ended by itself, 3 times")


def test_just_at_its_hours_a_rollout_still_goes_on():
    policy = Canary(steps=STEPS, hours=1)
    progress = begin(1, 2, policy, 0.0)
    assert decide(progress, seen(candidate=(0, 0)), policy, 60 * MINUTE).action is Action.HOLD
    assert decide(progress, seen(candidate=(0, 0)), policy, 60 * MINUTE + 1).action is Action.BACK


def test_a_step_counts_its_own_answers_and_minutes():
    first = decide(begin(1, 2, CANARY, 0.0), seen(candidate=(0, 80)), CANARY, 10 * MINUTE)
    assert (first.action, first.progress.step, first.progress.answers) == (Action.STEP, 1, 0)
    second = decide(first.progress, seen(candidate=(0, 49)), CANARY, 21 * MINUTE)
    assert (second.action, second.reason) == (Action.HOLD, "49 of 50 answers, after 11 minutes")
    third = decide(second.progress, seen(candidate=(0, 1)), CANARY, 21 * MINUTE)
    assert third.action is Action.PROMOTE and "(50 %, 50 answers)" in third.reason


def test_a_candidate_that_nobody_labelled_gets_what_a_bandit_begins_with_and_one_with_few_labels_not_all():
    policy = Bandit(minutes=3, requests=100, judged=LABELLED, least_percent=10)
    begun = begin(1, 2, policy, 0.0)
    assert traffic(begun, policy).weights == {1: 5_000, 2: 5_000}
    few = decide(begun, seen((50, 50), (0, 50), "wrong"), policy, MINUTE)
    assert few.action is Action.STEP and few.progress.weight == 9_000, "certain, and it waits for more all the same"
    assert "2.9 of 3 minutes" in decide(few.progress, Seen(), policy, 2.95 * MINUTE).reason


def test_a_candidate_that_is_as_bad_as_the_champion_goes_on():
    assert run(CANARY, [seen(champion=(90, 900), candidate=(10, 100))] * 40)[-1].action is Action.PROMOTE


def test_pausing_holds_the_steps_and_not_the_way_back():
    progress = begin(1, 2, CANARY, 0.0)
    late = 30 * MINUTE
    assert decide(progress, seen(), CANARY, late, paused=True).action is Action.HOLD
    assert decide(progress, seen(), CANARY, late).action is Action.STEP
    assert decide(progress, seen(candidate=(50, 100)), CANARY, late, paused=True).action is Action.BACK


def test_a_shadow_gets_no_user_is_judged_by_what_it_decides_and_is_not_promoted():
    policy = Shadow(minutes=2, requests=100, judged=Judged(disagreement=Limit(at_most=0.05)))
    agrees = run(policy, [seen(disagreement={0.0: 99, 1.0: 1})] * 5)
    assert traffic(agrees[0].progress, policy).weights == {1: 10_000, 2: 0}
    assert traffic(agrees[0].progress, policy).mirrored == {2: 100}
    assert agrees[-1].action is Action.DONE
    differs = run(policy, [seen(disagreement={0.0: 70, 1.0: 30})] * 5)
    assert differs[-1].action is Action.BACK
    assert differs[-1].reason.startswith("disagreement: 30 of 100 (30 %); at most 5 %")


def test_blue_green_sends_everyone_and_watches_limits_of_its_own():
    policy = BlueGreen(minutes=3)
    good = run(policy, [seen(champion=(0, 0), candidate=(0, 500))] * 5)
    assert traffic(good[0].progress, policy).weights == {1: 0, 2: 10_000}
    assert [one.action for one in good] == [Action.HOLD, Action.HOLD, Action.PROMOTE]
    assert run(policy, [seen(champion=(0, 0), candidate=(40, 500))])[-1].action is Action.BACK


def test_ab_promotes_what_is_better_and_sends_back_what_is_worse_or_not_shown_to_be_better():
    policy = Ab(minutes=5, requests=100, judged=LABELLED, hours=1)
    better = run(policy, [seen((100, 500), (60, 500), "wrong")] * 60)
    assert better[-1].action is Action.PROMOTE and len(better) == 5
    assert "it is better: wrong: 300 of 2500 (12 %)" in better[-1].reason
    assert run(policy, [seen((60, 500), (100, 500), "wrong")] * 60)[-1].action is Action.BACK
    same = run(policy, [seen((60, 500), (60, 500), "wrong")] * 61)
    assert same[-1].action is Action.BACK and "not decided" in same[-1].reason


def test_a_bandit_follows_the_labels_when_they_come_and_ends_when_it_is_certain():
    policy = Bandit(minutes=3, requests=100, judged=LABELLED)
    late = [seen(judged="errors")] * 4 + [seen((10, 50), (7, 50), "wrong")] * 30
    decisions = run(policy, late)
    assert {one.progress.weight for one in decisions[:4]} == {5_000}
    shares = [one.progress.weight for one in decisions]
    assert shares[4] > 6_000 and shares[-1] > shares[4] and max(shares) <= 9_500
    assert decisions[-1].action is Action.PROMOTE
    worse = run(policy, [seen((7, 50), (14, 50), "wrong")] * 30)
    assert worse[-1].action is Action.BACK and min(one.progress.weight for one in worse) >= 500


def test_a_candidate_at_all_of_its_limits_is_rarely_sent_back_however_often_one_looks():
    """The risk is the rollout's, not each test's: three of them at once, looked at fifty times, in 80 rollouts."""
    judged = Judged(errors=Limit(worse_by=0.02), slow=SlowAnswers(worse_by=0.05), wrong=Limit(at_most=0.2), risk=0.1)
    policy, sent_back = CANARY.model_copy(update={"judged": judged}), 0
    for seed in range(80):
        generator, progress = np.random.default_rng(seed), begin(1, 2, policy, 0.0)

        def tally(rate, number, generator=generator):
            bad = int(generator.binomial(number, rate))
            return {1.0: bad, 0.0: number - bad}

        for _ in range(50):
            tallies = {
                "errors": {1: tally(0.03, 45), 2: tally(0.03 + 0.02 * 0.97, 5)},
                "slow": {1: tally(0.1, 45), 2: tally(0.1 + 0.05 * 0.9, 5)},
                "wrong": {2: tally(0.2, 5)},
            }
            decided = decide(progress, Seen(tallies=tallies), policy, 0.0)
            progress = decided.progress
            if decided.action is Action.BACK:
                sent_back += 1
                break
    assert sent_back <= 0.1 * 80


@pytest.mark.parametrize(
    ("labelled", "judged", "waits"),
    [
        ({1: 100, 2: 100}, Limit(worse_by=0.01), ""),
        ({1: 900, 2: 63}, Limit(worse_by=0.01), "63 of 100 labelled answers of the candidate in this step"),
        ({1: 99, 2: 100}, Limit(worse_by=0.01), "99 of 100 labelled answers of the champion in this step"),
        ({2: 100}, Limit(at_most=0.3), ""),
        ({}, None, ""),
    ],
)
def test_a_step_does_not_go_on_before_its_labels_are_there(labelled, judged, waits):
    policy = CANARY.model_copy(update={"judged": Judged(wrong=judged)})
    decided = decide(begin(1, 2, policy, 0.0), replace(seen(), labelled=labelled), policy, 10 * MINUTE)
    assert decided.action is (Action.HOLD if waits else Action.STEP)
    assert decided.reason == waits or not waits


def test_labels_are_not_waited_for_where_nobody_is_to_give_them():
    mirrored = Canary(
        steps=(Step(mirror=100, minutes=10, requests=0), Step(percent=50)), judged=Judged(wrong=Limit(worse_by=0.01))
    )
    assert decide(begin(1, 2, mirrored, 0.0), Seen(), mirrored, 10 * MINUTE).action is Action.STEP
    everyone = BlueGreen(
        minutes=10, requests=0, judged=Judged(errors=Limit(at_most=0.1), slow=None, wrong=Limit(at_most=0.3))
    )
    progress = begin(1, 2, everyone, 0.0)
    assert decide(progress, Seen(labelled={2: 99}), everyone, 10 * MINUTE).action is Action.HOLD
    assert decide(progress, Seen(labelled={2: 100}), everyone, 10 * MINUTE).action is Action.PROMOTE


AUC = MetricLimit("AUC", True, at_least=0.8, worse_by=0.01)


def measured(candidate, champion=(0.9, 0.01, 900)):
    return {"AUC": {1: MeasuredMetric(*champion), 2: MeasuredMetric(*candidate)}}


@pytest.mark.parametrize(
    ("candidate", "action", "words"),
    [
        ((0.9, 0.04, 100), Action.STEP, "on to 50 %; AUC 0.9 on 100 labels, the champion's 0.9 on 900"),
        ((0.85, 0.06, 100), Action.STEP, "AUC 0.85"),
        ((0.8, 0.06, 100), Action.BACK, "by more than 0.01, and chance explains 0.0608"),
        ((0.7, 0.09, 100), Action.BACK, "at least 0.8, and chance explains 0.09"),
        ((0.5, 0.1, 99), Action.HOLD, "AUC: 99 of 100 labelled answers of the candidate in this step"),
        (
            (float("nan"), float("nan"), 100),
            Action.HOLD,
            "it has no value yet on 100 labelled answers of the candidate",
        ),
    ],
)
def test_a_metric_is_measured_once_a_step_ends_and_sends_back_what_chance_does_not_explain(candidate, action, words):
    progress = begin(1, 2, CANARY, 0.0, measured=[AUC])
    assert decide(progress, seen(), CANARY, 9 * MINUTE).action is Action.HOLD
    asked = decide(progress, seen(), CANARY, 10 * MINUTE)
    assert asked.action is Action.MEASURE
    decided = decide(asked.progress, Seen(measured=measured(candidate)), CANARY, 10 * MINUTE)
    assert decided.action is action and words in decided.reason
    # What was seen before is counted once.
    assert decided.progress.totals == asked.progress.totals
    assert decision.from_plain(json.loads(json.dumps(decision.as_plain(decided.progress)))) == decided.progress


def test_an_accuracy_is_tested_after_every_label():
    limit = MetricLimit("BinaryAccuracy", True, at_least=0.7, worse_by=0.02)

    def look(of_candidate, policy=CANARY):
        progress = begin(1, 2, policy, 0.0, tested=[limit])
        return decide(progress, seen((100, 900), of_candidate, "wrong"), policy, MINUTE)

    assert look((12, 100)).action is Action.HOLD
    fallen = look((29, 100))
    assert fallen.action is Action.BACK
    assert "29 of 100 (29 %), the champion's 100 of 900" in fallen.reason
    assert "BinaryAccuracy not worse than the champion's by more than 0.02" in fallen.reason
    only_least = begin(1, 2, CANARY, 0.0, tested=[replace(limit, worse_by=None)])
    low = decide(only_least, seen((450, 900), (55, 100), "wrong"), CANARY, MINUTE)
    assert low.action is Action.BACK and "BinaryAccuracy at least 0.7" in low.reason


@pytest.mark.parametrize(
    "policy", [CANARY, Ab(judged=LABELLED), Canary(judged=Judged(slow=SlowAnswers(worse_by=0.1, at_most=0.2)))]
)
def test_a_progress_that_was_kept_decides_as_the_one_that_was_not(policy):
    decisions = run(policy, [seen(champion=(3, 900), candidate=(1, 100), judged="slow")] * 12)
    kept = decision.from_plain(json.loads(json.dumps(decision.as_plain(decisions[-1].progress))))
    assert kept == decisions[-1].progress
