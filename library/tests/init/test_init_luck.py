"""What models without skill reach on init's thresholds: the share that is blessed by luck, over hundreds of splits."""

from types import SimpleNamespace

import numpy as np
import pytest

from millrace.init.defaults import baseline
from millrace.init.label import LabelPlan
from millrace.init.luck import explained_variance

SPLITS = 600
TEST = 1 / 6
# Two percent of 600 are 12; a rate of 2.3 % gives more than 25 in one of a thousand.
MOST = 25


def auc(positive, scores):
    """By Mann and Whitney's ranks; without ties."""
    ranks = np.argsort(np.argsort(scores)) + 1.0
    ones, zeros = positive.sum(), (~positive).sum()
    return (ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros)


def least(plan, rows):
    """The bars that hold without a baseline, by metric."""
    thresholds = [one for one in baseline(plan, rows).thresholds if "worse_by_at_most" not in one]
    assert all("at_most" not in one for one in thresholds)
    return {one["metric"]: one["at_least"] for one in thresholds}


CLASSES = {
    "balanced, 150 rows": (75, 75),
    "balanced, 2,000 rows": (1_000, 1_000),
    "10 % positives, 150 rows": (135, 15),
    "2 % positives, 2,000 rows": (1_960, 40),
    "2 % positives, 20,000 rows": (19_600, 400),
    "three classes, 150 rows": (50, 50, 50),
    "one class of three in 95 %, 600 rows": (570, 15, 15),
    "ten classes, one in 90 %, 2,000 rows": (1_820, *[20] * 9),
}


@pytest.mark.parametrize("counts", CLASSES.values(), ids=CLASSES)
def test_scores_that_know_nothing_pass_a_classes_bar_in_two_of_a_hundred_splits(counts):
    random = np.random.default_rng(11)
    labels = np.repeat(np.arange(len(counts)), counts)
    plan = LabelPlan(None, "binary" if len(counts) == 2 else "multiclass", tuple(range(len(counts))), counts, "")
    bars = least(plan, len(labels))
    blessed = {"scores of each class": 0, "one score for all classes": 0}
    for _ in range(SPLITS):
        test = labels[random.random(len(labels)) < TEST]
        judged = [number for number in range(len(counts)) if 0 < (test == number).sum() < len(test)]
        one = random.normal(size=len(test))
        alternating = np.where(np.arange(len(counts)) % 2, 1.0, -1.0)
        several = random.normal(size=(len(test), len(counts))) if len(counts) > 2 else np.outer(one, alternating)
        for name, scores in zip(blessed, (several, np.outer(one, alternating)), strict=True):
            reached = np.mean([auc(test == number, scores[:, number]) for number in judged]) if judged else 0.0
            blessed[name] += reached >= bars["AUC"]
    print(
        f"\n{counts}: AUC at least {bars['AUC']:.3f}: { ({name: f'{n / SPLITS:.1%}' for name, n in blessed.items()}) }"
    )
    assert max(blessed.values()) <= MOST, blessed
    # Bars that nobody reaches would keep the promise as well.
    assert bars["AUC"] < 1.0


AMOUNTS = {
    "normal": lambda random, rows: random.normal(50.0, 10.0, rows),
    "lognormal of sigma 1": lambda random, rows: random.lognormal(0.0, 1.0, rows),
    "lognormal of sigma 1.5": lambda random, rows: random.lognormal(0.0, 1.5, rows),
    "Student's t of 3 degrees": lambda random, rows: random.standard_t(3, rows),
    "zero in nine of ten": lambda random, rows: np.where(random.random(rows) < 0.9, 0, random.lognormal(0, 1, rows)),
    "years": lambda random, rows: random.integers(1990, 2024, rows).astype(float),
}
HEAVIEST = "lognormal of sigma 1.5"


def explained(metric, label, predictions):
    if metric == "SquaredPearsonCorrelation":
        return np.nan if np.ptp(predictions) == 0 else np.corrcoef(label, predictions)[0, 1] ** 2
    if np.ptp(label) == 0:
        return np.nan
    return 1.0 - ((label - predictions) ** 2).sum() / ((label - label.mean()) ** 2).sum()


@pytest.mark.parametrize(
    ("tail", "rows"), [*((tail, 150) for tail in AMOUNTS), *((tail, 1_000) for tail in AMOUNTS), (HEAVIEST, 20_000)]
)
def test_models_that_know_nothing_pass_a_numbers_bar_in_two_of_a_hundred_splits(tail, rows):
    random, draw = np.random.default_rng(5), AMOUNTS[tail]
    splits = SPLITS if rows < 20_000 else SPLITS // 6
    blessed = dict.fromkeys(("always the mean", "noise around it", "noise of its tail", "fitted to noise"), 0)
    for number in range(splits):
        if number % (splits // 5) == 0:
            label = draw(random, rows)
            plan = LabelPlan(SimpleNamespace(numbers=label), "regression", (), (), "")
            [(metric, bar)] = least(plan, rows).items()
        held = random.random(rows) < TEST
        test, train = label[held], label[~held]
        # The amplitude that gains most: noise as large as what the bar asks to be explained.
        size = train.std() * np.sqrt(bar)
        others = train[random.integers(len(train), size=len(test))]
        noise = random.normal(size=rows)
        slope = noise[~held] @ (train - train.mean()) / (noise[~held] @ noise[~held])
        for name, predictions in zip(
            blessed,
            (
                np.full(len(test), train.mean()),
                train.mean() + size * random.normal(size=len(test)),
                train.mean() + size * (others - train.mean()) / train.std(),
                train.mean() + noise[held] * slope,
            ),
            strict=True,
        ):
            blessed[name] += explained(metric, test, predictions) >= bar
    rates = {name: f"{count / splits:.1%}" for name, count in blessed.items()}
    print(f"\n{tail}, {rows} rows: {metric} at least {bar:.4f}: {rates}")
    assert max(blessed.values()) <= MOST * splits / SPLITS, blessed
    assert bar < 0.5


@pytest.mark.parametrize("squared", [True, False], ids=["squared correlation", "explained variance"])
def test_the_bar_is_that_of_the_heavier_tail(squared):
    """Which is the label's where it has one, and that of a sum of many values where it has none."""
    random = np.random.default_rng(5)
    light, heavy, flat = (
        explained_variance(draw(random, 1_000), 1_000, TEST, squared_correlation=squared)
        for draw in (AMOUNTS["normal"], AMOUNTS[HEAVIEST], lambda of, rows: of.random(rows))
    )
    assert heavy > 1.3 * light
    assert light == pytest.approx(flat, rel=0.15)


def test_two_models_as_good_as_each_other_are_both_blessed():
    """Two models of the same skill, which disagree as networks do that were trained anew, on splits of init's size."""
    random = np.random.default_rng(3)
    for rows in (300, 1_000, 20_000):
        labels = np.repeat([False, True], rows // 2)
        plan = LabelPlan(None, "binary", (0, 1), (rows // 2, rows // 2), "")
        [allowed] = [one["worse_by_at_most"] for one in baseline(plan, rows).thresholds if "worse_by_at_most" in one]
        refused = 0
        for _ in range(200):
            test = labels[random.random(rows) < TEST]
            shared = 1.2 * test + random.normal(size=len(test)) * 0.75
            first, second = (auc(test, shared + 0.66 * random.normal(size=len(test))) for _ in range(2))
            refused += second < first - allowed
        print(f"\n{rows} rows: AUC worse by at most {allowed}: {refused / 200:.1%} refused")
        assert refused <= 13
