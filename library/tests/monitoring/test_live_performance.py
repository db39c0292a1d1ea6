"""Labels on live traffic, and what is expected before they come: measured against what was planted."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, rankdata
from watched_traffic import NOON, VERSION, log_requests, probability, trips

from millrace.components.evaluator.section import Evaluation
from millrace.features.label import Label
from millrace.monitoring import estimate
from millrace.monitoring.live_metrics import of_labels
from millrace.monitoring.monitor import monitor_window
from millrace.monitoring.window import Window
from millrace.serving.labels import Labelled
from millrace.serving.rollouts import label_store, places_of

WINDOW = Window(NOON, NOON.replace(hour=13))
LABEL = Label(column="big_tipper", task="binary", classes=(0, 1))


def evaluation(*thresholds):
    return Evaluation.model_validate(
        {
            "metrics": ["AUC", "BinaryAccuracy"],
            "thresholds": thresholds,
            "slices": [["payment_type"]],
            "min_slice_size": 20,
        }
    )


def area(labels, scores):
    ranks, positives = rankdata(scores), int(labels.sum())
    return (ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_holds_what_the_labels_turn_out_to_say(seed):
    random = np.random.default_rng(seed)
    scores = random.beta(0.6, 1.4, 1500)
    inside = {"AUC": 0, "BinaryAccuracy": 0}
    by_name = {one.metric: one for one in estimate.of_two_classes(scores)}
    for _ in range(200):
        labels = random.random(len(scores)) < scores
        measured = {"AUC": area(labels, scores), "BinaryAccuracy": float(np.mean(labels == (scores >= 0.5)))}
        for name, value in measured.items():
            inside[name] += by_name[name].low <= value <= by_name[name].high
    # 95 of 100 are promised; 200 draws of that lie above 175 but once in a thousand.
    assert min(inside.values()) >= 176
    assert by_name["BinaryAccuracy"].value == pytest.approx(np.maximum(scores, 1 - scores).mean())


def test_of_several_classes_the_accuracy_is_the_mean_of_the_largest_probabilities():
    [one] = estimate.of_many_classes(np.full(400, 0.8))
    assert (one.metric, one.value) == ("Accuracy", pytest.approx(0.8))
    assert one.high - one.low == pytest.approx(2 * 1.96 * math.sqrt(0.16 / 400))
    assert estimate.of_answers(replace_task("regression"), np.full(4, 0.5), {}) == []
    assert estimate.of_answers(LABEL, None, {}) == []


def replace_task(task):
    return Label(column="tips", task=task)


def labelled_answers(scores, labels):
    return {
        f"r{place}": Labelled(VERSION, NOON.timestamp(), 0.0, int(label), (float(score),))
        for place, (score, label) in enumerate(zip(scores, labels, strict=True))
    }


def test_labels_are_judged_overall_and_on_slices_by_the_evaluators_thresholds():
    scores = np.tile([0.1, 0.9], 60)
    labels = np.tile([0, 1], 60)
    labels[:40] = 1 - labels[:40]  # wrong, and all of them paid in cash
    kinds = [[b"Cash"] if place < 40 else [b"Credit Card"] for place in range(120)]
    inputs = {f"r{place}": {"payment_type": kind} for place, kind in enumerate(kinds)}
    thresholds = (
        {"metric": "BinaryAccuracy", "at_least": 0.6},
        {"metric": "BinaryAccuracy", "at_least": 0.5, "slice": {"payment_type": ""}},
        {"metric": "AUC", "worse_by_at_most": 0.01},
    )
    metrics, missed = of_labels(
        labelled_answers(scores, labels), inputs, LABEL, evaluation(*thresholds), VERSION, WINDOW
    )
    found = {(one.metric, one.slice): (one.value, one.examples, one.passed) for one in metrics}
    assert found["BinaryAccuracy", "overall"] == (pytest.approx(80 / 120), 120, True)
    assert found["BinaryAccuracy", "payment_type=Cash"] == (pytest.approx(0.0), 40, False)
    assert found["BinaryAccuracy", "payment_type=Credit Card"] == (pytest.approx(1.0), 80, True)
    assert len(metrics) == 3  # no other model answered these requests
    [miss] = missed
    assert (miss.detector, miss.column, miss.alert) == ("metric", "payment_type=Cash", True)


def test_a_threshold_that_chance_explains_is_a_note():
    scores, labels = np.tile([0.1, 0.9], 50), np.tile([0, 1], 50)
    labels[:22] = 1 - labels[:22]
    limit = {"metric": "BinaryAccuracy", "at_least": 0.8}
    _, [miss] = of_labels(labelled_answers(scores, labels), {}, LABEL, evaluation(limit), VERSION, WINDOW)
    assert miss.value == pytest.approx(0.78) and not miss.alert and "chance explains" in miss.summary


def test_an_accuracy_at_its_limit_is_an_alert_in_one_window_of_a_thousand():
    """Every number of wrong answers of a hundred, each as probable as the binomial distribution says."""
    scores, alerts = np.tile([0.1, 0.9], 50), set()
    limit = {"metric": "BinaryAccuracy", "at_least": 0.8}
    for wrong in range(21, 50):
        labels = np.tile([0, 1], 50)
        labels[:wrong] = 1 - labels[:wrong]
        _, found = of_labels(labelled_answers(scores, labels), {}, LABEL, evaluation(limit), VERSION, WINDOW)
        alerts |= {wrong for one in found if one.alert}
    least = min(alerts)
    assert alerts == set(range(least, 50))
    assert 1e-5 < binom.sf(least - 1, 100, 0.2) <= 0.001


@pytest.mark.parametrize(("limit", "rows"), [(0.05, 100), (0.1, 30), (0.3, 30)])
def test_a_low_limit_alarms_no_oftener(limit, rows):
    """What is all wrong has no error of its own: at a limit of 5 % that was an alert in 4 of 100 quiet windows."""
    scores, threshold, alarms = np.tile([0.1, 0.9], rows // 2), {"metric": "BinaryAccuracy", "at_least": limit}, 0.0
    for right in range(int(limit * rows)):
        labels = np.tile([1, 0], rows // 2)
        labels[:right] = 1 - labels[:right]
        _, [miss] = of_labels(labelled_answers(scores, labels), {}, LABEL, evaluation(threshold), VERSION, WINDOW)
        assert miss.value == pytest.approx(right / rows)
        alarms += binom.pmf(right, rows, limit) if miss.alert else 0.0
    assert alarms <= 0.001


def test_what_a_model_could_not_compute_is_no_probability():
    scores = np.linspace(0.05, 0.95, 200)
    with_gaps = np.concatenate([scores, [np.nan, np.inf]])
    assert estimate.of_answers(LABEL, with_gaps, {}) == estimate.of_answers(LABEL, scores, {})
    assert estimate.of_answers(LABEL, np.full(3, np.nan), {}) == []


def test_labels_join_requests_and_say_how_good_the_estimate_was(served):
    config = served("monitoring.labels=100", "evaluation.thresholds=[{metric: AUC, at_least: 0.99}]")
    rows = trips(400)
    log_requests(config, rows, name="asked")
    scores = [probability(row) for row in rows]
    labels = np.random.default_rng(3).random(400) < scores
    before = monitor_window(config, WINDOW, WINDOW.end)
    [expected] = [one for one in before.findings if one.detector == "estimate"]
    assert expected.reason == "AUC" and expected.alert and expected.value < 0.99
    store = label_store(places_of(config))
    answers = {
        f"asked-{place}": Labelled(VERSION, NOON.timestamp() + place, 0.0, int(labels[place]), (scores[place],))
        for place in range(250)
    }
    store.add({**answers, "later": replace(answers["asked-0"], answered=WINDOW.end.timestamp())})
    report = monitor_window(config, WINDOW, WINDOW.end)
    [auc] = [one for one in report.metrics if one.slice == "overall"]
    assert (report.labelled, auc.examples, auc.passed) == (250, 250, False)
    [estimated] = [one for one in report.estimates if one.metric == "AUC"]
    assert estimated.measured == auc.value == pytest.approx(area(labels[:250], np.array(scores[:250])), abs=5e-3)
    assert [one.detector for one in report.findings if one.reason == "AUC"] == ["metric"]
