"""How far two sets of rows lie apart, beside the same from the rows themselves."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from millrace.statistics.distances import (
    critical,
    distributions_differ,
    exact_chance,
    least_distance,
    least_total_distance,
    means_differ,
    share_effect,
    shares_differ,
)


def deciles(values):
    return tuple(np.quantile(values, np.linspace(0, 1, 11), method="inverted_cdf"))


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        (0.5, 0.5, 0.0),
        (0.1, 0.293, 0.5),
        (0.5, 0.74, 0.5),
        (0.74, 0.5, -0.5),
        (0.0, 1.0, math.pi),
        (-0.1, 1.2, math.pi),
    ],
)
def test_the_size_of_a_share_that_moves(before, after, effect):
    assert share_effect(before, after) == pytest.approx(effect, abs=0.003)


@pytest.mark.parametrize("rows, differ", [(100, False), (500, False), (1000, True)])
def test_shares_differ_as_two_proportions_do(rows, differ):
    """The statistic is 4.49 at a thousand rows each, 3.18 at five hundred; chance reaches 3.29 once in a thousand."""
    assert shares_differ(0.5, rows, 0.6, rows, 0.001) is differ
    assert critical(0.001) == pytest.approx(3.2905, abs=1e-4)


@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_no_yes_of_the_exact_test_is_lost_to_what_makes_it_quick(alpha):
    """All that two samples of some rows can be, one of them few; beside a tie there is none that decides."""
    for rows, others in ((8, 8), (4, 20)):
        for one in range(rows + 1):
            for other in range(others + 1):
                exact = stats.fisher_exact([[one, rows - one], [other, others - other]]).pvalue
                quick = shares_differ(one / rows, rows, other / others, others, alpha)
                assert quick == (exact < alpha), (one, rows, other, others, exact)


@pytest.mark.parametrize("before, after", [((0.0, 0), (1.0, 5)), ((1.0, 5), (0.0, 0))])
def test_no_rows_are_no_evidence(before, after):
    assert not shares_differ(*before, *after, 0.5)
    assert not means_differ((before[0], 1.0), before[1], (after[0], 1.0), after[1], 0.5)
    assert not distributions_differ((0.0, 1.0), before[1], (5.0, 6.0), after[1], 0.5)


def test_equal_shares_of_nothing_and_of_all_do_not_differ():
    assert not shares_differ(0.0, 10, 0.0, 10, 0.5) and not shares_differ(1.0, 10, 1.0, 10, 0.5)


def test_means_differ_as_welch_says():
    rng = np.random.default_rng(1)
    one, other = rng.normal(0, 1, 400), rng.normal(0.4, 3, 300)
    result = stats.ttest_ind(one, other, equal_var=False)
    described = [((float(values.mean()), float(values.std(ddof=1))), len(values)) for values in (one, other)]
    for alpha in (result.pvalue * 0.8, result.pvalue * 1.25):
        assert means_differ(*described[0], *described[1], alpha) is bool(alpha > result.pvalue)


@pytest.mark.parametrize("seed", range(30))
def test_the_distance_is_never_more_than_the_rows_have(seed):
    """Numbers of a continuous kind, with ties, and mostly zero."""
    rng = np.random.default_rng(seed)
    kinds = (rng.normal, lambda _a, _b, n: rng.integers(0, 4, n).astype(float), lambda _a, _b, n: rng.poisson(0.3, n))
    draw = kinds[seed % 3]
    one, other = draw(0, 1, 300), draw(0.7, 2, 500) * (1 + seed % 5)
    true = stats.ks_2samp(one, other).statistic
    assert true - 0.2 - 1e-9 <= least_distance(deciles(one), deciles(other)) <= true + 1e-9


def test_the_limit_is_smirnovs():
    """Two samples of 40 that share nothing differ; of 8 each even that may be chance, once in ten thousand."""
    low, high = tuple(float(n) for n in range(11)), tuple(float(n) for n in range(20, 31))
    assert least_distance(low, high) == 1.0
    assert distributions_differ(low, 40, high, 40, 1e-4)
    assert not distributions_differ(low, 8, high, 8, 1e-4)
    limit = math.sqrt(-math.log(1e-4 / 2) / 2) * math.sqrt(2 / 9)
    assert limit > 0.98 and math.sqrt(-math.log(1e-4 / 2) / 2) * math.sqrt(2 / 12) < 0.98
    assert not distributions_differ(low, 9, high, 9, 1e-4) and distributions_differ(low, 12, high, 12, 1e-4)


MANY = 10**8
"""Rows so many that chance moves nothing."""


@pytest.mark.parametrize(
    ("before", "after", "distance"),
    [
        ({"a": 0.5, "b": 0.5}, {"a": 0.5, "b": 0.5}, 0.0),
        ({"a": 0.5, "b": 0.5}, {"a": 0.2, "b": 0.8}, 0.3),
        ({"a": 1.0}, {"b": 1.0}, 1.0),
        ({"a": 1.0}, {"a": 0.6, "b": 0.3, "c": 0.1}, 0.4),
        # A tenth of these is in no table: a value that is not there may be as frequent as the rarest that is.
        ({"a": 0.8, "b": 0.1}, {"a": 0.8, "b": 0.1, "c": 0.1}, 0.0),
        ({"a": 0.8, "b": 0.1}, {"a": 0.4, "b": 0.1, "c": 0.5}, 0.4),
    ],
)
def test_the_distance_of_all_shares_together_is_half_of_what_moved(before, after, distance):
    for one, other in ((before, after), (after, before)):
        assert least_total_distance(one, MANY, other, MANY, 0.001) == pytest.approx(distance, abs=1e-3)


@pytest.mark.parametrize(("rows", "others", "values"), [(40, 400, 3), (300, 300, 30), (2_000, 500, 200)])
def test_the_shares_of_honest_samples_are_no_distance_and_those_of_others_are_less_than_the_true_one(
    rows, others, values
):
    rng = np.random.default_rng(5)
    honest = rng.dirichlet(np.ones(values))

    def drawn(shares, count):
        return {str(at): share for at, share in enumerate(rng.multinomial(count, shares) / count) if share}

    def measured(shares):
        return least_total_distance(drawn(honest, rows), rows, drawn(shares, others), others, 0.01)

    assert sum(measured(honest) > 0 for _ in range(400)) <= 4
    moved = np.roll(honest, 1)
    true = np.abs(moved - honest).sum() / 2
    assert all(measured(moved) < true for _ in range(50))
    assert least_total_distance(drawn(honest, MANY), MANY, drawn(moved, MANY), MANY, 0.01) == pytest.approx(
        true, abs=0.01
    )


def test_two_ends_are_a_distribution_and_one_number_is_none():
    assert distributions_differ((0.0, 1.0), 1000, (5.0, 6.0), 1000, 1e-4)
    assert not distributions_differ((0.0,), 1000, (5.0, 6.0), 1000, 0.5)
    assert not distributions_differ((0.0, 1.0), 1000, (5.0,), 1000, 0.5)


@pytest.mark.parametrize(
    ("count", "rows", "other", "other_rows"),
    [(0, 9, 9, 9), (3, 20, 9, 31), (50, 100, 50, 100), (1, 2, 1, 2), (40, 100, 60, 100), (0, 5, 0, 7), (5, 5, 7, 7),
     (900, 1000, 10_000, 12_000), (5_000, 1_000_000, 5_400, 1_000_000),
     (3, 40, 2_000, 90_000_000), (50_000_000, 100_000_000, 50_010_000, 100_000_000)],
)  # fmt: skip
def test_the_exact_test_is_scipys(count, rows, other, other_rows):
    expected = stats.fisher_exact([[count, rows - count], [other, other_rows - other]]).pvalue
    assert exact_chance(count, rows, other, other_rows) == pytest.approx(expected, rel=1e-6, abs=0)


def test_to_compare_shares_imports_no_statistics_of_scipy():
    """It took the first page of a wide table a second, of every console's start."""
    asked = "import sys; from millrace.statistics.distances import shares_differ; shares_differ(.1, 900, .3, 800, .01)"
    told = subprocess.run([sys.executable, "-c", f"{asked}; print('scipy.stats' in sys.modules)"], capture_output=True)
    assert told.stdout.split() == [b"False"], told.stderr
