"""Tests that may be looked at after every request: how strongly what was seen speaks against a version.

A test keeps its wealth in a game that is fair, or worse, as long as the hypothesis holds, and that starts with 1.
Whoever bets against a true hypothesis comes to 1 / risk with a probability of at most `risk`, whenever and however
often one looks (Ville's inequality): a wealth of 20 refutes at a risk of 5 %, and no number of requests is settled.

What is counted is how bad an answer was, from 0 (good) to 1: a failure, a slow answer, a wrong one, or a loss between.
Each bet is linear in it, so what holds for failures holds for every mean of values from 0 to 1.

Sources. Two versions: Turner, Ly, Gruenwald, "Generic E-variables for exact sequential k-sample tests that allow for
optional stopping" (2024, arXiv:2106.02693), section 2; with a difference between them: Turner, Gruenwald, "Exact
anytime-valid confidence intervals for contingency tables and beyond" (2023, arXiv:2203.09785). One share:
Waudby-Smith, Ramdas, "Estimating means of bounded random variables by betting" (2024, arXiv:2010.09686). Several bets
at once keep the average of their wealth, as Robbins' mixtures do.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

# How bad each answer was, and how many answers were so bad.
Tally = Mapping[float, int]

# Shares of the good answers that a bet expects to be lost: from one in five hundred to nearly all.
_LOSSES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95)
_EVEN = (0.0,) * len(_LOSSES)
# Where nothing was seen yet, one bad answer in a hundred is expected of the champion, with the weight of fifty answers.
_EXPECTED_BAD, _EXPECTED_OF = 0.5, 50.0
# A share of bad answers of exactly 0 could not be betted on; so many halves bring a bisection to a float's last digits.
_NEAR_NOTHING, _HALVES = 1e-4, 48


@dataclass(frozen=True)
class WorseThan:
    """Speaks against: of the candidate's answers at least `1 - margin` times the champion's share is good.

    What both are asked may change from hour to hour, and so may their shares of the requests: within each block of
    answers they are compared with one another alone. Which version a request comes to must not depend on what it is.

    Args:
        margin: the part of the champion's good answers that the candidate may lack, from 0 to below 1.
        wealth: the logarithm of each bet's wealth.
        champion_bad: the sum of how bad the champion's answers were, and in `champion_of` their number.
        champion_of: the number of the champion's answers.
    """

    margin: float
    wealth: tuple[float, ...] = _EVEN
    champion_bad: float = 0.0
    champion_of: int = 0

    def after(self, champion: Tally, candidate: Tally) -> "WorseThan":
        """The test after a block of answers.

        Args:
            champion: its answers in a while.
            candidate: its answers in the same while.
        """
        of_champion, of_candidate = sum(champion.values()), sum(candidate.values())
        wealth = self.wealth
        if of_champion and of_candidate:
            # The bets are laid before the block is looked at: on what was seen until now.
            base = (self.champion_bad + _EXPECTED_BAD) / (self.champion_of + _EXPECTED_OF)
            wealth = tuple(
                before + self._gain(base, loss, champion, candidate)
                for before, loss in zip(self.wealth, _LOSSES, strict=True)
            )
        bad = self.champion_bad + sum(value * count for value, count in champion.items())
        return replace(self, wealth=wealth, champion_bad=bad, champion_of=self.champion_of + of_champion)

    def _gain(self, base: float, loss: float, champion: Tally, candidate: Tally) -> float:
        """The logarithm of what a bet wins in a block.

        The champion is given its margin first: of its good answers that part counts as bad. Then the likelihood of the
        block, where the candidate loses `loss` of the good answers, is compared with the one where both share one rate.
        """
        of_champion, of_candidate = sum(champion.values()), sum(candidate.values())
        allowed = base + self.margin * (1 - base)
        worse = allowed + loss * (1 - allowed)
        both = (of_champion * allowed + of_candidate * worse) / (of_champion + of_candidate)
        bad, good = allowed / both, (1 - allowed) / (1 - both)
        good = self.margin * bad + (1 - self.margin) * good
        of_worse = worse / both, (1 - worse) / (1 - both)
        return _log_gain(champion, bad, good) + _log_gain(candidate, *of_worse)

    @property
    def evidence(self) -> float:
        """The wealth: 1 at the start, and 1 / risk refutes."""
        return _mean_exp(self.wealth)


@dataclass(frozen=True)
class FallsBy:
    """Speaks against: the candidate's share of bad answers is at most `margin` larger than the champion's.

    Args:
        margin: an absolute difference, above -1 and below 1; a negative one asks for an improvement.
        wealth: the logarithm of each bet's wealth.
        champion_bad: the sum of how bad the champion's answers were, and in `champion_of` their number.
        champion_of: the number of the champion's answers.
    """

    margin: float
    wealth: tuple[float, ...] = _EVEN
    champion_bad: float = 0.0
    champion_of: int = 0

    def after(self, champion: Tally, candidate: Tally) -> "FallsBy":
        """The test after a block of answers.

        Args:
            champion: its answers in a while.
            candidate: its answers in the same while.
        """
        of_champion, of_candidate = sum(champion.values()), sum(candidate.values())
        wealth = self.wealth
        if of_champion and of_candidate:
            # The bets are laid before the block is looked at: on what was seen until now.
            base = (self.champion_bad + _EXPECTED_BAD) / (self.champion_of + _EXPECTED_OF)
            wealth = tuple(
                before + self._gain(base, loss, champion, candidate)
                for before, loss in zip(self.wealth, _LOSSES, strict=True)
            )
        bad = self.champion_bad + sum(value * count for value, count in champion.items())
        return replace(self, wealth=wealth, champion_bad=bad, champion_of=self.champion_of + of_champion)

    def _gain(self, base: float, loss: float, champion: Tally, candidate: Tally) -> float:
        """The logarithm of what a bet wins in a block.

        Its likelihood where the candidate loses `loss` more than it may, against that of the pair of shares within the
        margin that is nearest to it (in Kullback-Leibler divergence, by the number of answers of each): that pair lies
        on the margin itself.
        """
        base = max(base, _NEAR_NOTHING - self.margin)
        worse = base + self.margin + loss * (1 - base - self.margin)
        if worse <= base + self.margin:  # the champion is so bad that the candidate may be wrong always
            return 0.0
        at = self._nearest(base, worse, sum(champion.values()), sum(candidate.values()))
        gain = _log_gain(champion, base / at, (1 - base) / (1 - at))
        at += self.margin
        return gain + _log_gain(candidate, worse / at, (1 - worse) / (1 - at))

    def _nearest(self, base: float, worse: float, of_champion: int, of_candidate: int) -> float:
        """The champion's share in that pair, by bisection: the divergence is convex in it."""
        low, high = max(0.0, -self.margin), min(1.0, 1.0 - self.margin)
        for _ in range(_HALVES):
            at = (low + high) / 2
            other = at + self.margin
            slope = of_champion * (at - base) / (at * (1 - at)) + of_candidate * (other - worse) / (other * (1 - other))
            low, high = (at, high) if slope < 0 else (low, at)
        return (low + high) / 2

    @property
    def evidence(self) -> float:
        """The wealth: 1 at the start, and 1 / risk refutes."""
        return _mean_exp(self.wealth)


@dataclass(frozen=True)
class AtMost:
    """Speaks against: answers are bad at most in a share of `limit`.

    Args:
        limit: above 0 and below 1.
        wealth: the logarithm of each bet's wealth.
    """

    limit: float
    wealth: tuple[float, ...] = _EVEN

    def after(self, answers: Tally) -> "AtMost":
        """The test after more answers.

        Args:
            answers: how bad they were.
        """
        expected = [self.limit + loss * (1 - self.limit) for loss in _LOSSES]
        gains = [_log_gain(answers, worse / self.limit, (1 - worse) / (1 - self.limit)) for worse in expected]
        return replace(self, wealth=tuple(before + gain for before, gain in zip(self.wealth, gains, strict=True)))

    @property
    def evidence(self) -> float:
        """The wealth: 1 at the start, and 1 / risk refutes."""
        return _mean_exp(self.wealth)


def _log_gain(answers: Tally, bad: float, good: float) -> float:
    return sum(count * math.log(value * bad + (1 - value) * good) for value, count in answers.items())


def _mean_exp(logarithms: tuple[float, ...]) -> float:
    highest = max(logarithms)
    # Beyond that, more says no more.
    return math.exp(min(highest, 500.0)) * sum(math.exp(one - highest) for one in logarithms) / len(logarithms)
