"""A policy on traffic of the past: what it foretells of good and bad candidates, and what its first step can see."""

import numpy as np
import pytest

from millrace.config.rollout_section import Ab, Bandit, BlueGreen, Canary, Judged, Limit, Shadow, Step
from millrace.serving.decision import Action
from millrace.serving.rehearsal import Answers, power, rehearse

CANARY = Canary(
    steps=(Step(percent=1, minutes=120, requests=20), Step(percent=50, minutes=60)),
    judged=Judged(wrong=Limit(worse_by=0.01), labels=20),
)
LABELLED = Judged(wrong=Limit(worse_by=0.01))


def answers(champion=0.1, candidate=0.1, errors=0.0, differing=0.02, number=1000):
    def bad(share):
        return (np.arange(number) < share * number).astype(float)

    zero = np.zeros(number)
    return {
        "errors": Answers(zero, bad(errors)),
        "slow": Answers(zero, zero),
        "wrong": Answers(bad(champion), bad(candidate)),
        "disagreement": Answers(zero, bad(differing)),
    }


def test_a_good_candidate_is_foretold_to_be_promoted_when_its_steps_are_over():
    foretold = rehearse(CANARY, answers(), [3000], label_hours=1)
    assert foretold.ends is Action.PROMOTE
    assert [hour.percent for hour in foretold.hours] == [1, 50, 50, 100]
    assert foretold.hours[1].decided[0].startswith("step: nothing speaks against it at 1 %")
    assert 10 < foretold.hours[0].requests < 60


def test_errors_are_foretold_to_send_it_back_in_the_first_hour():
    foretold = rehearse(CANARY, answers(errors=0.5), [3000], label_hours=1)
    assert foretold.ends is Action.BACK and len(foretold.hours) == 1
    assert foretold.reason.startswith("errors:")


def test_wrong_answers_are_seen_when_their_labels_come_and_not_before():
    slow = Canary(steps=(Step(percent=50, minutes=600),), judged=LABELLED)
    soon, late = (rehearse(slow, answers(candidate=0.2), [3000], label_hours=hours) for hours in (1, 5))
    assert soon.ends is late.ends is Action.BACK and soon.reason.startswith("wrong:")
    assert 2 <= len(soon.hours) < 5 < len(late.hours)


def test_a_night_without_traffic_makes_a_step_longer():
    policy = Canary(steps=(Step(percent=10, minutes=60, requests=500),))
    foretold = rehearse(policy, answers(), [0, 0, 0, 2000], label_hours=1)
    assert len(foretold.hours) == 12 and "0 of 500 answers" in foretold.hours[0].decided[0]


@pytest.mark.parametrize(
    ("policy", "candidate", "ends"),
    [
        (Shadow(judged=Judged(disagreement=Limit(at_most=0.05))), 0.1, Action.DONE),
        (Shadow(judged=Judged(disagreement=Limit(at_most=0.005))), 0.1, Action.BACK),
        (BlueGreen(), 0.1, Action.PROMOTE),
        (Ab(judged=LABELLED, minutes=120), 0.05, Action.PROMOTE),
        (Ab(judged=LABELLED, minutes=120), 0.2, Action.BACK),
        (Ab(judged=LABELLED, minutes=120, hours=6), 0.1, Action.BACK),
        (Bandit(judged=LABELLED, minutes=120), 0.05, Action.PROMOTE),
        (Bandit(judged=LABELLED, minutes=120), 0.2, Action.BACK),
    ],
)
def test_each_kind_of_policy_is_rehearsed_to_its_end(policy, candidate, ends):
    assert rehearse(policy, answers(candidate=candidate), [1000], label_hours=0.5).ends is ends


def test_the_power_of_a_small_step_is_small_and_it_says_how_long_would_do():
    told = power(CANARY, "wrong", base=0.1, drop=0.05, per_hour=3000)
    assert (told.percent, told.hours) == (1, 2)
    assert told.seen < 0.3 and told.hold > 10
    again = Canary(steps=(Step(percent=1, minutes=60 * told.hold),), judged=LABELLED)
    assert power(again, "wrong", base=0.1, drop=0.05, per_hour=3000).seen >= 0.8


def test_what_cannot_be_seen_in_a_week_is_said_and_what_is_compared_with_nothing_has_no_power():
    told = power(CANARY, "wrong", base=0.1, drop=0.001, per_hour=300)
    assert told.hold is None and told.instead is None
    percent, hours = power(CANARY, "wrong", base=0.1, drop=0.05, per_hour=300).instead
    assert percent > 1 and hours <= 168
    assert power(BlueGreen(), "errors", base=0.1, drop=0.1, per_hour=300) is None
    assert power(Shadow(), "errors", base=0.1, drop=0.1, per_hour=300) is None


HALVES = Canary(
    steps=(Step(percent=10, minutes=60), Step(percent=50, minutes=60)), judged=Judged(wrong=Limit(worse_by=0.01))
)


def test_labels_that_come_after_a_day_are_waited_for_and_the_power_is_that_of_the_labels_there_are():
    """Three times as often wrong, and once promoted above a sentence that said it is seen in all cases."""
    told = power(HALVES, "wrong", base=0.1, drop=0.2, per_hour=5000, label_hours=24)
    # 100 labels of a tenth of 5,000 an hour.
    assert told.hours == pytest.approx(24.2) and told.seen >= 0.8
    for seed in range(2):
        foretold = rehearse(HALVES, answers(candidate=0.309), [5000], label_hours=24, seed=seed)
        assert foretold.ends is Action.BACK and foretold.reason.startswith("wrong:")
        assert len(foretold.hours) == 25 and foretold.hours[0].decided[0].endswith(
            "0 of 100 labelled answers of the champion in this step"
        )
    good = rehearse(HALVES, answers(), [5000], label_hours=24)
    assert good.ends is Action.PROMOTE and len(good.hours) == 49


def test_a_policy_that_is_over_before_its_labels_come_sees_none_of_them_and_says_so():
    short = HALVES.model_copy(update={"hours": 12.0})
    told = power(short, "wrong", base=0.1, drop=0.2, per_hour=5000, label_hours=24)
    assert (told.hours, told.seen) == (12, 0)
    foretold = rehearse(short, answers(candidate=0.309), [5000], label_hours=24)
    assert foretold.ends is Action.BACK
    assert foretold.reason.startswith("after 12 hours it is not decided: 0 of 100 labelled answers of the candidate")
