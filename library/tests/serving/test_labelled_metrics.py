"""The Evaluator's metrics on labelled requests: what is refused, what is measured of labels and probabilities."""

import math

import numpy as np
import pytest

from millrace.base.errors import BadInput
from millrace.components.evaluator.section import Evaluation
from millrace.config.loading import load
from millrace.config.rollout_section import Ab, Bandit, BlueGreen, Canary, Judged, Limit
from millrace.serving.labelled_metrics import LabelledMetrics, limits_of
from millrace.serving.labels import Labelled, LabelStore
from millrace.serving.metric_limits import MetricLimit


def evaluation(*thresholds, metrics=("AUC", "BinaryAccuracy", "Precision")):
    return Evaluation.model_validate({"metrics": metrics, "thresholds": thresholds})


EVALUATION = evaluation(
    {"metric": "AUC", "at_least": 0.6},
    {"metric": "AUC", "at_least": 0.7, "worse_by_at_most": 0.02},
    {"metric": "BinaryAccuracy", "at_least": 0.8},
    {"metric": "Precision", "at_least": 0.3},
)


@pytest.fixture
def config():
    return load("conf/taxi.yaml").model_copy(update={"evaluation": EVALUATION})


def test_an_accuracy_is_tested_after_every_label_and_others_when_a_step_ends(config):
    judged = Judged(metrics=("BinaryAccuracy", "AUC"))
    tested, measured = limits_of(config, Canary(judged=judged))
    assert tested == (MetricLimit("BinaryAccuracy", True, at_least=0.8),)
    assert measured == (MetricLimit("AUC", True, at_least=0.7, worse_by=0.02),)
    assert limits_of(config, Canary()) == ((), ())


@pytest.mark.parametrize(
    ("policy", "metrics", "words"),
    [
        (Canary, ["AUCs"], "no threshold of the whole data names AUCs; did you mean AUC?"),
        (Canary, ["Precision"], "how far chance moves Precision"),
        (BlueGreen, ["AUC"], "the champion gets no requests in a step of 100 percent"),
        (Bandit, ["BinaryAccuracy", "AUC"], "a bandit has none"),
    ],
)
def test_what_cannot_be_measured_is_refused(config, policy, metrics, words):
    judged = {**policy.model_fields["judged"].default.model_dump(exclude_unset=True), "metrics": metrics}
    if policy is Bandit:
        judged["wrong"] = Limit(worse_by=0.01)
    with pytest.raises(BadInput) as refusal:
        limits_of(config, policy(judged=judged))
    assert words in str(refusal.value)


def test_a_threshold_of_slices_alone_and_a_label_that_is_a_number_are_refused(config):
    sliced = evaluation({"metric": "AUC", "at_least": 0.6, "slice": {"payment_type": "Cash"}})
    policy = Ab(judged=Judged(wrong=Limit(worse_by=0.01), metrics=("AUC",)))
    with pytest.raises(BadInput, match="no threshold of the whole data names AUC"):
        limits_of(config.model_copy(update={"evaluation": sliced}), policy)
    number = config.label.model_copy(update={"task": "regression", "classes": ()})
    with pytest.raises(BadInput, match="binary or multiclass"):
        limits_of(config.model_copy(update={"label": number}), policy)


def filled(folder, rights, scores, version=1, answered=100.0):
    store = LabelStore(folder / "labels.db")
    store.add(
        {
            f"{version}-{answered}-{at}": Labelled(version, answered, 0.0, int(right), tuple(map(float, of)))
            for at, (right, of) in enumerate(zip(rights, scores, strict=True))
        }
    )
    return store


def test_the_evaluators_auc_is_measured_on_the_answers_of_the_step_alone(config, tmp_path):
    random = np.random.default_rng(1)
    rights = random.random(400) < 0.3
    scores = np.clip(0.35 + 0.2 * rights + random.normal(0, 0.2, 400), 0.01, 0.99)
    filled(tmp_path, ~rights, scores[:, None], answered=50.0)
    store = filled(tmp_path, rights, scores[:, None])
    metrics = LabelledMetrics(store, config.label, EVALUATION)
    measured = metrics.of_versions([MetricLimit("AUC", True, at_least=0.7)], (1, 2), answered_since=100.0, least=50)
    one, other = measured["AUC"][1], measured["AUC"][2]
    # The share of pairs that are in order; Keras's thresholds are a grid.
    exact = np.mean(scores[rights][:, None] > scores[~rights][None, :])
    assert one.labels == 400 and abs(one.value - exact) < 0.005
    assert 0.03 < one.chance < 0.08
    assert other.labels == 0 and math.isnan(other.value)
    few = metrics.of_versions([MetricLimit("AUC", True)], (1,), answered_since=100.0, least=401)
    assert few["AUC"][1].labels == 400 and math.isnan(few["AUC"][1].value)


def test_labels_of_one_class_give_no_auc(config, tmp_path):
    store = filled(tmp_path, [1] * 60, np.full((60, 1), 0.7))
    metrics = LabelledMetrics(store, config.label, EVALUATION)
    measured = metrics.of_versions([MetricLimit("AUC", True, at_least=0.7)], (1,), 0.0, least=50)["AUC"][1]
    assert measured.labels == 60 and (math.isnan(measured.value) or math.isnan(measured.chance))


def test_several_classes_are_measured_as_the_evaluator_averages_them(config, tmp_path):
    random = np.random.default_rng(2)
    rights = random.integers(3, size=300)
    logits = random.normal(0, 1, (300, 3)) + 1.5 * np.eye(3)[rights]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label = config.label.model_copy(update={"task": "multiclass", "classes": ("a", "b", "c")})
    several = evaluation({"metric": "AUC", "at_least": 0.6}, metrics=("AUC", "SparseCategoricalAccuracy"))
    metrics = LabelledMetrics(filled(tmp_path, rights, scores), label, several)
    measured = metrics.of_versions([MetricLimit("AUC", True, at_least=0.6)], (1,), 0.0, least=50)["AUC"][1]
    pairs = [np.mean(scores[rights == at, at][:, None] > scores[rights != at, at][None, :]) for at in range(3)]
    assert abs(measured.value - np.mean(pairs)) < 0.005 and measured.chance > 0
