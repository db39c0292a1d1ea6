"""Each rule of the judge, on plain data."""

import math
from dataclasses import replace

import pytest

from millrace.components.evaluator.gate_report import OVERALL
from millrace.components.evaluator.judging import (
    Baseline,
    ChangeBound,
    Measured,
    Overall,
    ThresholdCheck,
    ValueBound,
    judge,
    refuse,
)

BASELINE = Baseline(uri="/models/1")


def check(value=0.9, bound=ValueBound(lower=0.8), where=OVERALL, examples=1000, **measured):
    return ThresholdCheck("AUC", where, bound, Measured(value, **measured), examples)


def against(value, baseline, **bound):
    return check(value, ChangeBound(**bound), baseline=baseline, difference=value - baseline)


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        (ValueBound(lower=0.92), "at least 0.92"),
        (ValueBound(upper=3), "at most 3"),
        (ValueBound(lower=0.9, upper=1.1), "at least 0.9 and at most 1.1"),
        (ChangeBound(absolute=-0.005), "not worse than the baseline by more than 0.005"),
        (ChangeBound(higher_is_better=False, absolute=0.005), "not worse than the baseline by more than 0.005"),
        (ChangeBound(absolute=0.0), "not worse than the baseline"),
        (ChangeBound(absolute=-0.0), "not worse than the baseline"),
        (ChangeBound(absolute=0.01), "better than the baseline by at least 0.01"),
        (ChangeBound(relative=-0.02), "not worse than the baseline by more than 2%"),
    ],
)
def test_thresholds_in_words(bound, words):
    assert bound.words() == words


def test_a_value_on_its_bound_passes():
    assert judge([check(0.8)]).blessed
    assert judge([check(0.8, ValueBound(upper=0.8))]).blessed


def test_the_reason_names_metric_slice_value_and_threshold():
    report = judge([check(0.7), check(0.75, where="hour=3")])
    assert not report.blessed
    assert report.reason == "AUC overall is 0.7; it must be at least 0.8 (1 more threshold failed)."
    assert [row.verdict for row in report.rows] == ["fail", "fail"]


def test_the_worst_is_the_largest_shortfall_in_the_threshold_s_own_scale():
    slices = [
        check(0.79, where="hour=3"),
        ThresholdCheck("MSE", "hour=4", ValueBound(upper=100.0), Measured(180.0), 500),
    ]
    assert judge([check(), *slices]).reason.startswith("MSE on hour=4 is 180; it must be at most 100")


def test_a_value_just_below_its_bound_is_not_shown_as_equal_to_it():
    reason = judge([check(0.7999999)]).reason
    assert "0.7999999" in reason


def test_not_a_number_fails_and_is_the_reason():
    report = judge([check(0.1), check(math.nan)])
    assert report.reason.startswith("AUC overall is not a number")


def test_a_metric_that_was_not_computed_fails():
    report = judge([ThresholdCheck("AUC", OVERALL, ValueBound(lower=0.1), None, 1000)])
    assert (report.blessed, report.reason) == (False, "AUC overall was not computed.")


def test_a_small_slice_is_shown_and_not_judged():
    report = judge([check(), check(0.1, where="hour=3", examples=37)], min_slice_size=100)
    assert report.blessed
    row = report.rows[1]
    assert (row.verdict, row.reason) == ("not judged", "slice of 37 examples is smaller than 100")
    assert row.value == 0.1
    assert "1 with too few examples was not judged" in report.reason


def test_a_slice_of_the_minimum_size_is_judged():
    assert not judge([check(), check(0.1, where="hour=3", examples=100)], min_slice_size=100).blessed


def test_the_whole_data_set_is_judged_however_small():
    assert not judge([check(0.1, examples=3)], min_slice_size=100).blessed


def test_when_nothing_could_be_judged_the_model_is_refused():
    report = judge([check(0.9, where="hour=3", examples=37)], min_slice_size=100)
    assert not report.blessed
    assert "No threshold could be judged" in report.reason
    assert "minimum slice size" in report.remedy


def test_no_threshold_at_all_refuses():
    assert not judge([]).blessed


def test_a_slice_that_is_not_in_the_data_fails_with_a_remedy():
    report = judge([check(), ThresholdCheck("AUC", "payment_type=Prcad", ValueBound(0.5), None, 0, in_data=False)], 100)
    assert not report.blessed
    assert report.reason == "No example of the evaluated data is in slice payment_type=Prcad."
    assert "feature and value" in report.remedy


@pytest.mark.parametrize(
    ("value", "baseline", "bound", "blessed"),
    [
        (0.896, 0.9, {"absolute": -0.005}, True),
        (0.894, 0.9, {"absolute": -0.005}, False),
        (0.9, 0.9, {"absolute": 0.0}, True),
        (0.3, 0.2, {"higher_is_better": False, "absolute": 0.05}, False),
        (0.24, 0.2, {"higher_is_better": False, "absolute": 0.05}, True),
        (0.89, 0.9, {"relative": -0.02}, True),
        (0.85, 0.9, {"relative": -0.02}, False),
        (0.1, 0.0, {"relative": -0.02}, False),
        (0.9, 0.8, {"higher_is_better": None, "absolute": -0.1}, False),
        (0.9, math.nan, {"absolute": -0.1}, False),
    ],
)
def test_thresholds_against_the_baseline(value, baseline, bound, blessed):
    report = judge([against(value, baseline, **bound)], baseline=BASELINE)
    assert report.blessed is blessed
    assert bool(report.rows[0].reason) is not blessed


def test_a_refusal_against_the_baseline_shows_both_values():
    reason = judge([against(0.89, 0.9, absolute=-0.005)], baseline=BASELINE).reason
    assert reason == (
        "AUC overall is 0.89 and the baseline's is 0.9; it must be not worse than the baseline by more than 0.005."
    )


def test_the_first_model_is_judged_on_absolute_thresholds_alone_and_the_report_says_so():
    report = judge([check(), check(bound=ChangeBound(absolute=0.0))])
    assert (report.blessed, report.rubber_stamped) == (True, True)
    assert report.rows[1].reason == "there is no baseline, as no model but trials was blessed yet"
    assert "1 against a baseline did not apply" in report.reason
    assert not judge([check(0.1), check(bound=ChangeBound(absolute=0.0))]).blessed


def test_the_first_model_with_nothing_but_thresholds_against_a_baseline_is_stamped():
    report = judge([check(bound=ChangeBound(absolute=0.0))])
    assert report.blessed
    assert "first model" in report.reason


def test_a_baseline_that_cannot_be_evaluated_refuses_where_it_is_needed_and_only_there():
    broken = Baseline("/models/1", "it has no signature serving_default")
    report = judge([check(), check(bound=ChangeBound(absolute=0.0))], baseline=broken)
    assert (report.blessed, report.rubber_stamped) == (False, False)
    assert report.rows[1].verdict == "not judged"
    assert report.rows[1].reason == (
        "the latest blessed model cannot be evaluated: it has no signature serving_default"
    )
    assert "it has no signature serving_default" in report.reason
    assert "baseline" in report.remedy
    assert judge([check()], baseline=broken).blessed


def test_a_failed_threshold_outweighs_a_broken_baseline():
    broken = Baseline("/models/1", "it cannot be loaded")
    report = judge([check(0.1), check(bound=ChangeBound(absolute=0.0))], baseline=broken)
    assert report.reason.startswith("AUC overall is 0.1")


def test_a_candidate_that_cannot_be_evaluated():
    report = refuse("it predicts NaN for 3 of 8 examples", "fix it", BASELINE, "/models/2")
    assert not report.blessed
    assert report.reason == "The model cannot be evaluated: it predicts NaN for 3 of 8 examples."


@pytest.mark.parametrize(
    ("classes", "reason"),
    [
        ((339, 1), "slice with 1 positive and 339 negatives; AUC needs 10 of each"),
        ((9, 331), "slice with 331 positives and 9 negatives; AUC needs 10 of each"),
        ((340, 0), "slice with 0 positives and 340 negatives; AUC needs 10 of each"),
        ((200, 3, 137), "slice with 3 of a class among 340 examples; AUC needs 10 of each"),
        ((330, 10), ""),
    ],
)
def test_a_slice_with_a_handful_of_one_class_is_not_judged_by_what_needs_every_class(classes, reason):
    small = replace(check(0.5, where="hour=3", examples=340), classes=classes)
    row = judge([check(), small], min_slice_size=100, min_class_size=10).rows[1]
    assert (row.verdict, row.reason if reason else "", row.classes) == (
        ("not judged", reason, classes) if reason else ("fail", "", classes)
    )


def test_the_whole_data_set_is_judged_however_few_its_positives():
    row = judge([replace(check(0.5), classes=(990, 2))], min_class_size=10).rows[0]
    assert row.verdict == "fail"


@pytest.mark.parametrize(
    ("metric", "classes", "reason"),
    [
        ("AUC", (400, 0), "overall with 0 positives and 400 negatives; AUC needs an example of each"),
        ("Recall", (400, 0), "overall with 0 positives and 400 negatives; Recall needs an example of each"),
        ("AUC", (40, 0, 0), "overall with no example of class 1, 2 (counted from 0) among 40; AUC needs an example of"),
        ("Recall", (9, 0, 9), "overall with no example of class 1 (counted from 0) among 18; Recall needs an example"),
    ],
)
def test_what_has_no_value_without_a_class_is_not_judged_where_it_is_not_there(metric, classes, reason):
    report = judge([replace(check(float("nan"), examples=sum(classes)), metric=metric, classes=classes)])
    assert report.rows[0].reason.startswith(reason)
    assert not report.blessed
    assert report.reason.startswith("No threshold could be judged")


@pytest.mark.parametrize(
    ("metrics", "named"),
    [
        ({"auc": 1.0, "binary_accuracy": 0.97}, "auc is 1 on 4966 examples"),
        ({"auc": 0.999951}, "auc is 1 on 4966"),  # four digits show it as 1
        ({"root_mean_squared_error": 0.0}, "root_mean_squared_error is 0 on 4966"),
        ({"auc (class_id=1)": 1.0}, "auc (class_id=1) is 1"),
        ({"auc": 0.99, "example_count": 1.0, "calibration": 1.0, "mean_absolute_error": 0.01}, ""),
    ],
)
def test_a_perfect_metric_is_suspicious_and_says_what_to_look_for(metrics, named):
    report = judge([check()], overall=Overall(examples=4966, metrics=metrics))
    assert report.blessed
    if not named:
        assert report.suspicious == ()
        return
    [sentence] = report.suspicious
    assert named in sentence
    assert "a feature that gives the label away" in sentence
    assert f"suspicious: {sentence}" in report.to_text().splitlines()
