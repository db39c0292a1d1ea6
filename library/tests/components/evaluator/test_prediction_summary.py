"""Predictions beside labels, summed up for a picture, and found again in a file."""

import numpy as np
import pytest

from millrace.components.evaluator.prediction_summary import FILE, file_name, load, summarize, with_decisions

RANDOM = np.random.default_rng(5)


def column(*values):
    return np.array(values, dtype=np.float32)[:, None]


def test_two_classes_are_counted_and_calibrated():
    labels, predictions = column(0, 0, 0, 1, 1, 1), column(0.05, 0.4, 0.6, 0.5, 0.92, 0.95)
    summary = summarize(labels, predictions)
    assert (summary.task, summary.examples, summary.not_finite) == ("binary", 6, 0)
    assert summary.confusion == ((2, 1), (1, 2)), "half is the first class, as TFMA and the served label have it"
    assert [(one.examples, round(one.predicted, 3), one.observed) for one in summary.calibration] == [
        (1, 0.05, 0.0), (1, 0.4, 0.0), (1, 0.5, 1.0), (1, 0.6, 0.0), (2, 0.935, 1.0)
    ]  # fmt: skip


def test_a_calibrated_model_lies_on_the_diagonal():
    predictions = RANDOM.uniform(0, 1, (50_000, 1))
    summary = summarize((RANDOM.uniform(0, 1, (50_000, 1)) < predictions).astype(np.float32), predictions)
    assert len(summary.calibration) == 10 and sum(one.examples for one in summary.calibration) == 50_000
    assert all(abs(one.predicted - one.observed) < 0.03 for one in summary.calibration)


@pytest.mark.parametrize("one_hot", [False, True])
def test_many_classes_are_counted_by_the_likeliest(one_hot):
    ids, predicted = np.array([0, 1, 2, 2]), np.eye(3)[[0, 2, 2, 1]] * 0.7 + 0.1
    labels = np.eye(3)[ids] if one_hot else ids[:, None].astype(np.float32)
    summary = summarize(labels, predicted)
    assert (summary.task, summary.confusion) == ("multiclass", ((1, 0, 0), (0, 0, 1), (0, 1, 1)))
    assert [(one.examples, one.observed) for one in summary.calibration] == [(4, 0.5)]


def test_of_numbers_the_residuals_are_counted():
    labels = RANDOM.normal(100.0, 20.0, (10_000, 1))
    summary = summarize(labels, labels - RANDOM.normal(0.0, 5.0, (10_000, 1)))
    assert (summary.task, summary.confusion) == ("regression", ())
    assert len(summary.residual_bounds) == 21 and sum(summary.residuals) == 10_000
    assert summary.residual_bounds[-1] == pytest.approx(12.9, abs=1.0), "all but a hundredth"
    middle = sum(summary.residuals[7:13]) / 10_000
    assert middle > 0.5
    assert [one.examples for one in summary.calibration] == [1_000] * 10


def test_what_is_no_number_is_counted_apart():
    summary = summarize(column(0, 1, 1), column(0.2, np.nan, np.inf))
    assert (summary.examples, summary.not_finite, summary.confusion) == (1, 2, ((1, 0), (0, 0)))


def test_nothing_and_one_class_are_summed_up_too():
    assert summarize(np.zeros((0, 1)), np.zeros((0, 1))).examples == 0
    assert summarize(column(1, 1), column(0.9, 0.2)).confusion == ((0, 0), (1, 1))


@pytest.mark.parametrize(
    "labels, predictions",
    [
        (np.array([[1, 2, 0]]), np.array([[0.9, 0.8, 0.1]])),
        (np.array([[1.0, 2.0]]), np.array([[0.9, 0.8, 0.1]])),
        (np.array([[b"a"]]), np.array([[0.5]])),
    ],
)
def test_what_is_no_class_and_no_number_has_no_summary(labels, predictions):
    assert summarize(labels, predictions) is None


def test_it_is_read_as_it_was_written(tmp_path):
    summary = summarize(column(0, 1), column(0.1, 0.7))
    assert load(tmp_path) == {}
    (tmp_path / FILE).write_text(summary.model_dump_json())
    assert load(tmp_path) == {"": summary}
    (tmp_path / file_name("tip")).write_text(summary.model_dump_json())
    (tmp_path / FILE).write_text("{")
    assert load(tmp_path) == {"tip": summary}


def test_of_any_number_of_classes_every_answer_is_in_the_calibration():
    labels = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0]])
    summary = summarize(labels, np.where(labels, 0.95, 0.02))
    assert (summary.task, summary.examples, summary.confusion) == ("multilabel", 3, ())
    assert [(one.examples, one.observed) for one in summary.calibration] == [(6, 0.0), (3, 1.0)]


# -- what is said of probabilities and decisions -----------------------------------------------------------------------
def two_classes(rows, share, sharper=1.0):
    """Labels and probabilities, [rows, 1] each, of a model whose log odds are `sharper` times what they should be."""
    odds = RANDOM.normal(np.log(share / (1 - share)), 1.5, (rows, 1))
    labels = (RANDOM.random((rows, 1)) < 1 / (1 + np.exp(-odds))).astype(np.float32)
    return labels, 1 / (1 + np.exp(-sharper * odds))


def test_a_threshold_is_chosen_on_one_split_and_counted_on_another():
    judged, chosen = two_classes(4_000, 0.1), two_classes(4_000, 0.1)
    summary = with_decisions(summarize(*judged), (*judged, None), (*chosen, None), "eval")
    by_name = {one.maximises: one for one in summary.decisions}
    assert set(by_name) == {"f1", "balanced_accuracy"}
    decision = by_name["f1"]
    assert decision.chosen_on == "eval" and 0.1 < decision.threshold < 0.5
    labels, probabilities = judged
    said = probabilities > decision.threshold
    assert decision.confusion.true_positives == int((labels[said] == 1).sum())
    assert decision.confusion.false_positives == int((labels[said] == 0).sum())
    titles = dict(summary.sentences(("no", "yes")))
    assert "yes above 0." in titles["threshold"] and "on eval: here" in titles["threshold"]
    assert "yes is " in titles["rare class"] and "training.class_weights" in titles["rare class"]


@pytest.mark.parametrize("labels", [np.zeros((50, 1)), np.full((50, 1), np.nan)])
def test_a_split_of_one_class_chooses_nothing(labels):
    judged = two_classes(400, 0.4)
    summary = summarize(*judged)
    chosen = (labels, np.full((50, 1), 0.4), None)
    assert with_decisions(summary, (*judged, None), chosen, "eval") == summary


@pytest.mark.parametrize(("sharper", "advised"), [(1.0, False), (3.0, True)])
def test_only_probabilities_that_are_off_are_worth_advice(sharper, advised):
    said = dict(summarize(*two_classes(5_000, 0.4, sharper)).sentences())["calibration"]
    assert ("model.calibrate fits them" in said) == advised


def test_a_handful_of_examples_have_no_calibration_error_and_frequent_classes_no_word():
    assert summarize(*two_classes(99, 0.4)).calibration_error is None
    assert "rare class" not in dict(summarize(*two_classes(2_000, 0.4)).sentences())


def test_a_summary_with_all_of_it_is_read_back(tmp_path):
    judged = two_classes(500, 0.3)
    summary = with_decisions(summarize(*judged), (*judged, None), (*judged, None), "test")
    (tmp_path / FILE).write_text(summary.model_dump_json())
    assert load(tmp_path) == {"": summary}


def thinned(rows):
    """What a perfect model says, with a fifth of the negatives, of which each stands for five."""
    probabilities = RANDOM.beta(2, 2, (rows, 1))
    labels = (RANDOM.random((rows, 1)) < probabilities).astype(np.float32)
    kept = (labels[:, 0] == 1) | (RANDOM.random(rows) < 0.2)
    return labels[kept], probabilities[kept], np.where(labels[kept, 0] == 1, 1.0, 5.0)


def test_weights_weigh_in_calibration_and_advice():
    weighted = thinned(4_000)
    summary = summarize(*weighted)
    assert summary.weighted and summary.calibration_error.interval[0] < 0.01
    said = dict(summary.sentences())["calibration"]
    assert "by weight" in said and "model.calibrate" not in said
    assert "model.calibrate" in dict(summarize(*weighted[:2]).sentences())["calibration"], "without its weights"
    assert all(abs(one.predicted - one.observed) < 0.1 for one in summary.calibration)


def test_weights_weigh_in_confusion_and_thresholds_as_copies_of_the_examples_would():
    labels, predictions, weights = thinned(4_000)
    summary = with_decisions(summarize(labels, predictions, weights), *[(labels, predictions, weights)] * 2, "")
    copies = [column.repeat(weights.astype(int), axis=0) for column in (labels, predictions)]
    copied = with_decisions(summarize(*copies), *[(*copies, None)] * 2, "")
    assert summary.confusion == copied.confusion and summary.examples < copied.examples
    assert [one.threshold for one in summary.decisions] == pytest.approx([one.threshold for one in copied.decisions])
    assert [one.confusion for one in summary.decisions] == [one.confusion for one in copied.decisions]
    half = RANDOM.uniform(0.1, 2.0, len(labels))
    assert sum(map(sum, summarize(labels, predictions, half).confusion)) == pytest.approx(half.sum())
