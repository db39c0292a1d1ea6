"""Decision thresholds: the best of all that there are, and what they decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from millrace.statistics.decisions import Confusion, best_thresholds, confusion

_ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=30).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


@given(_ROWS)
def test_no_other_threshold_scores_better(rows):
    labels = np.array([label for label, _ in rows], np.int64)
    probabilities = np.array([tenths / 10 for _, tenths in rows])
    found = best_thresholds(labels, probabilities)
    for name, score in (("f1", f1_score), ("balanced_accuracy", balanced_accuracy_score)):
        chosen = confusion(labels, probabilities, found[name])
        best = max(score(labels, probabilities > at) for at in (-1, *np.unique(probabilities)))
        assert getattr(chosen, name) == pytest.approx(best)


def test_a_threshold_is_half_way_to_what_it_leaves_out():
    labels, probabilities = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.7, 0.9])
    assert best_thresholds(labels, probabilities) == pytest.approx({"f1": 0.5, "balanced_accuracy": 0.5})


def test_the_counts_are_by_what_is_so_and_what_is_said():
    said = confusion(np.array([0, 0, 0, 1, 1]), np.array([0.1, 0.6, 0.5, 0.6, 0.5]), 0.5)
    assert said == Confusion(true_negatives=2, false_positives=1, false_negatives=1, true_positives=1)
    assert said.f1 == pytest.approx(0.5) and said.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_one_class_alone_has_no_balanced_accuracy():
    assert np.isnan(confusion(np.array([1, 1]), np.array([0.9, 0.1]), 0.5).balanced_accuracy)
