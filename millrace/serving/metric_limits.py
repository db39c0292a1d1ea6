"""The Evaluator's thresholds as a rollout judges by them: pure values, for `decision` to decide by.

An accuracy is a mean of answers that are right or wrong, and is tested after every label. Any other metric (AUC, say)
is no mean of single answers, and nothing makes it safe to look at often: it is measured when a step ends, on the
labelled answers of that step, and speaks against the candidate only where it misses by more than chance explains.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional, Union

from millrace.base.numbers import rounded
from millrace.serving.sequential import AtMost, FallsBy


@dataclass(frozen=True)
class MetricLimit:
    """What labelled answers must reach, from the thresholds of one metric.

    Args:
        metric: its name in the configuration.
        higher_is_better: which values are better.
        at_least: the least value; None for none.
        at_most: the greatest.
        worse_by: by how much it may be worse than the champion's.
    """

    metric: str
    higher_is_better: bool
    at_least: Optional[float] = None
    at_most: Optional[float] = None
    worse_by: Optional[float] = None


@dataclass(frozen=True)
class MeasuredMetric:
    """A metric of the labelled answers of one version.

    Args:
        value: NaN where it has none yet, as an AUC before there are labels of both classes.
        chance: two standard errors of it.
        labels: how many answers it was measured on.
    """

    value: float
    chance: float
    labels: int


Measured = Mapping[str, Mapping[int, MeasuredMetric]]
"""By metric and version."""


def tests_of(limit: MetricLimit) -> dict[str, Union[FallsBy, AtMost]]:
    """The tests of an accuracy, by what they are called; all of them count wrong answers.

    Args:
        limit: of an accuracy, without `at_most`.
    """
    tests: dict[str, Union[FallsBy, AtMost]] = {}
    if limit.at_least is not None:
        tests[f"wrong {limit.metric} at_least"] = AtMost(1 - limit.at_least)
    if limit.worse_by is not None:
        tests[f"wrong {limit.metric} worse_by"] = FallsBy(limit.worse_by)
    return tests


def waits_for(limits: Sequence[MetricLimit], measured: Measured, labels: int, champion: int, candidate: int) -> str:
    """What a step still waits for before its metrics say something; empty for nothing.

    Args:
        limits: of the rollout.
        measured: at the step's end.
        labels: that each version needs.
        champion: a version.
        candidate: the other one.
    """
    for limit in limits:
        for who, version in (("candidate", candidate), ("champion", champion)):
            of = measured[limit.metric][version]
            if version == champion and limit.worse_by is None:
                continue
            if of.labels < labels:
                return f"{limit.metric}: {of.labels} of {labels} labelled answers of the {who} in this step"
            if math.isnan(of.value) or math.isnan(of.chance):
                return f"{limit.metric}: it has no value yet on {of.labels} labelled answers of the {who}"
    return ""


def speaks_against(limits: Sequence[MetricLimit], measured: Measured, champion: int, candidate: int) -> str:
    """Why a metric sends the candidate back; empty where none does.

    Args:
        limits: of the rollout.
        measured: at the step's end, all of it known.
        champion: a version.
        candidate: the other one.
    """
    for limit in limits:
        mine = measured[limit.metric][candidate]
        misses = []
        if limit.at_least is not None:
            misses.append((limit.at_least - mine.value, mine.chance, f"at least {rounded(limit.at_least, 6)}"))
        if limit.at_most is not None:
            misses.append((mine.value - limit.at_most, mine.chance, f"at most {rounded(limit.at_most, 6)}"))
        if limit.worse_by is not None:
            other = measured[limit.metric][champion]
            fall = (other.value - mine.value) * (1 if limit.higher_is_better else -1)
            # Two versions answer different requests: their errors add up as those of independent samples do.
            both = math.hypot(mine.chance, other.chance)
            words = f"not worse than the champion's by more than {rounded(limit.worse_by, 6)}"
            misses.append((fall - limit.worse_by, both, words))
        for miss, chance, words in misses:
            if miss > chance:
                told = in_words((limit,), measured, champion, candidate)
                return f"{told}; {words}, and chance explains {rounded(chance, 3)}"
    return ""


def in_words(limits: Sequence[MetricLimit], measured: Measured, champion: int, candidate: int) -> str:
    """What was measured: `AUC 0.91 on 240 labels, the champion's 0.92 on 2160`."""
    told = []
    for limit in limits:
        mine, other = measured[limit.metric][candidate], measured[limit.metric].get(champion)
        told.append(f"{limit.metric} {rounded(mine.value, 4)} on {mine.labels} labels")
        if other and not math.isnan(other.value):
            told.append(f"the champion's {rounded(other.value, 4)} on {other.labels}")
    return ", ".join(told)
