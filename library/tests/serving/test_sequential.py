"""Tests that may be looked at any time: how often they are wrong, and how often they see, with fixed seeds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.serving.sequential import AtMost, FallsBy, WorseThan

RISK = 0.05


def tally(generator, rate, number):
    bad = int(generator.binomial(number, rate))
    return {1.0: bad, 0.0: number - bad}


def refuted(test, champion_rates, candidate_rates, sizes, seed):
    """Whether a test ever refutes, looked at after every block; the rates may change from block to block."""
    generator = np.random.default_rng(seed)
    for champion, candidate, (of_champion, of_candidate) in zip(champion_rates, candidate_rates, sizes, strict=True):
        test = test.after(tally(generator, champion, of_champion), tally(generator, candidate, of_candidate))
        if test.evidence >= 1 / RISK:
            return True
    return False


def share_refuted(margin, champion_rates, candidate_rates, sizes, times=150, kind=WorseThan):
    return np.mean([refuted(kind(margin), champion_rates, candidate_rates, sizes, seed) for seed in range(times)])


DAY = 0.03 + 0.025 * np.sin(np.arange(80) / 80 * 2 * math.pi)
GROWING = [(99, 1)] * 20 + [(90, 10)] * 30 + [(50, 50)] * 30


@pytest.mark.parametrize("margin", [0.0, 0.005])
def test_an_equal_version_is_rarely_refuted_though_the_rate_and_the_shares_move_and_each_block_is_looked_at(margin):
    # Ville promises 5 % at most; with 150 trials four standard errors are 7 points.
    assert share_refuted(margin, DAY, DAY, GROWING) <= 0.05


def test_a_version_that_lacks_just_its_margin_is_rarely_refuted():
    assert share_refuted(0.02, DAY, DAY + 0.02 * (1 - DAY), GROWING) <= 0.05


def test_a_version_that_is_worse_is_seen():
    assert share_refuted(0.005, DAY, DAY + 0.2, GROWING, times=50) == 1.0
    # Two points beyond the margin, of 1,820 answers: often, and not always.
    assert 0.5 < share_refuted(0.005, DAY, DAY + 0.025, GROWING, times=100) < 0.95


@pytest.mark.parametrize("margin", [0.0, 0.02, -0.02])
def test_a_version_that_falls_by_just_its_margin_is_rarely_refuted_and_by_more_is_seen(margin):
    champion = DAY + 0.1
    assert share_refuted(margin, champion, champion + margin, GROWING, times=60, kind=FallsBy) <= 0.05
    assert share_refuted(margin, champion, champion + margin + 0.15, GROWING, times=20, kind=FallsBy) == 1.0


def test_a_bet_on_a_fall_wins_nothing_on_average_whatever_the_shares_within_the_margin():
    """The mean of one bet's gain over all outcomes of a block of 3 and 2 answers is at most 1."""
    bet = FallsBy(0.1)
    for champion in (0.05, 0.3, 0.6):
        for candidate in (0.0, champion, champion + 0.1):
            mean = sum(
                math.comb(3, bad) * champion**bad * (1 - champion) ** (3 - bad)
                * math.comb(2, other) * candidate**other * (1 - candidate) ** (2 - other)
                * bet.after({1.0: bad, 0.0: 3 - bad}, {1.0: other, 0.0: 2 - other}).evidence
                for bad in range(4)
                for other in range(3)
            )  # fmt: skip
            assert mean <= 1 + 1e-9


def test_a_version_that_only_fails_is_seen_within_ten_answers():
    test, answers = WorseThan(0.005), 0
    while test.evidence < 3 / RISK:
        test, answers = test.after({0.0: 99}, {1.0: 1}), answers + 1
    assert answers <= 10


def test_losses_between_none_and_one_are_means_too():
    generator = np.random.default_rng(7)

    def losses(low, high):
        return {float(value): 1 for value in generator.uniform(low, high, size=40)}

    same, worse = WorseThan(0.0), WorseThan(0.0)
    for _ in range(60):
        same = same.after(losses(0.0, 0.4), losses(0.0, 0.4))
        worse = worse.after(losses(0.0, 0.4), losses(0.1, 0.5))
    assert same.evidence < 1 / RISK < worse.evidence


def test_a_limit_is_rarely_refuted_by_what_keeps_it_and_soon_by_what_does_not():
    def ever(rate, seed):
        generator, test = np.random.default_rng(seed), AtMost(0.02)
        for _ in range(100):
            test = test.after(tally(generator, rate, 20))
            if test.evidence >= 1 / RISK:
                return True
        return False

    assert np.mean([ever(0.02, seed) for seed in range(200)]) <= 0.05
    assert np.mean([ever(0.06, seed) for seed in range(50)]) > 0.95


@settings(deadline=None, max_examples=40)
@given(
    rate=st.floats(0.001, 0.5),
    margin=st.sampled_from([0.0, 0.005, 0.05]),
    champion=st.integers(1, 12),
    candidate=st.integers(1, 12),
)
def test_a_block_is_a_fair_game_where_the_hypothesis_holds(rate, margin, champion, candidate):
    """Exactly, over all that a block can be: the mean of the wealth after it is not above the wealth before."""
    worse = rate + margin * (1 - rate)

    def probability(bad, number, of):
        return math.comb(number, bad) * of**bad * (1 - of) ** (number - bad)

    mean = sum(
        probability(one, champion, rate)
        * probability(other, candidate, worse)
        * WorseThan(margin, champion_bad=3, champion_of=80)
        .after({1.0: one, 0.0: champion - one}, {1.0: other, 0.0: candidate - other})
        .evidence
        for one in range(champion + 1)
        for other in range(candidate + 1)
    )
    assert mean <= 1 + 1e-9


def test_nothing_is_learned_while_one_of_them_answers_nothing():
    assert WorseThan(0.0).after({1.0: 5}, {}).evidence == WorseThan(0.0).after({}, {1.0: 500}).evidence == 1.0
    assert WorseThan(0.0).after({1.0: 5, 0.0: 5}, {}).champion_of == 10


def test_overwhelming_evidence_is_a_number():
    test = AtMost(0.01).after({1.0: 100_000})
    assert 1e100 < test.evidence < math.inf
