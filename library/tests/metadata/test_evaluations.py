"""A gate report as a person looks at it: what failed first, every slice, and the worst of them without being asked."""

import math

import pytest

from millrace.components.evaluator.gate_report import GateReport, MeasuredSlice, Row
from millrace.metadata.evaluations import by_slice, metrics_of


def report(slices=(), rows=(), **values):
    given = {"blessed": True, "reason": "", "examples": 10_000, "metrics": {"auc": 0.9, "example_count": 10_000}}
    return GateReport(slices=tuple(slices), rows=tuple(rows), **{**given, **values})


def measured(name, value, examples=1_000, metric="auc", **values):
    return MeasuredSlice(slice=name, examples=examples, metrics={metric: value}, **values)


def row(where, value, verdict="pass", **values):
    given = {"metric": "AUC", "threshold": "at least 0.8", "measured_as": "auc", "limits": (0.8, None)}
    return Row(slice=where, value=value, verdict=verdict, **{**given, **values})


def test_a_metric_has_every_slice_those_without_a_threshold_too():
    [view] = metrics_of(
        report([measured("a=1", 0.7), measured("a=2", 0.95)], [row("overall", 0.9), row("a=1", 0.7, "fail")])
    )
    assert (view.name, view.better, view.failed) == ("AUC", "higher", 1)
    assert (view.overall.value, view.overall.limits, view.overall.verdict) == (0.9, (0.8, None), "pass")
    assert [(one.slice, one.value, one.verdict) for one in view.slices] == [("a=1", 0.7, "fail"), ("a=2", 0.95, "")]


def test_missed_thresholds_come_first_and_then_the_worst_by_value():
    metrics = {"auc": 0.9, "binary_crossentropy": 0.2}
    slices = [
        MeasuredSlice(slice=name, examples=500, metrics={"auc": auc, "binary_crossentropy": loss})
        for name, auc, loss in (("a=1", 0.93, 0.1), ("a=2", 0.85, 0.4), ("a=3", math.nan, math.nan))
    ]
    missed = row("a=1", 0.1, "fail", metric="BinaryCrossentropy", measured_as="binary_crossentropy")
    loss, auc = metrics_of(report(slices, [missed], metrics=metrics))
    assert (loss.name, loss.better, auc.name) == ("BinaryCrossentropy", "lower", "auc")
    assert [one.slice for one in loss.slices] == ["a=1", "a=2", "a=3"]
    assert [one.slice for one in auc.slices] == ["a=2", "a=1", "a=3"], "what has no value comes last"


def test_several_thresholds_on_one_slice_are_one_with_the_strictest_limits():
    rows = [row("overall", 0.9), row("overall", 0.9, "fail", threshold="not worse", limits=(0.95, None), baseline=0.95)]
    [view] = metrics_of(report(rows=rows))
    assert (view.overall.limits, view.overall.verdict) == ((0.95, None), "fail")
    assert (view.overall.threshold, view.overall.baseline) == ("at least 0.8, not worse", 0.95)


def test_a_threshold_on_a_slice_that_is_not_in_the_data_is_shown():
    [view] = metrics_of(report(rows=[row("a=9", None, "fail", examples=0, reason="no example")]))
    assert [(one.slice, one.value, one.examples, one.reason) for one in view.slices] == [("a=9", None, 0, "no example")]


def test_a_report_of_an_earlier_release_does_not_name_what_was_measured():
    old = {"metric": "AUCPrecisionRecall", "slice": "overall", "threshold": "", "verdict": "pass", "value": 0.7}
    [view] = metrics_of(report(rows=[Row(**old)], metrics={"auc_precision_recall": 0.7}))
    assert (view.name, view.overall.value) == ("AUCPrecisionRecall", 0.7)


@pytest.mark.parametrize(
    "slices, worst",
    [
        ([measured("a=1", 0.8), measured("a=2", 0.89), measured("a=3", 0.99)], ["a=1"]),
        ([measured("few", 0.7, examples=12)], []),
        ([measured("one class rare", 0.8, examples=5_000, classes=(4_990, 10))], []),
        ([measured("one class", 0.0, classes=(1_000, 0), intervals={"auc": (0.0, 0.0)})], []),
        ([measured("wide", 0.8, intervals={"auc": (0.6, 0.95)})], []),
        ([measured("narrow", 0.88, intervals={"auc": (0.87, 0.89)})], ["narrow"]),
        ([measured("none", math.nan), measured("nobody", 0.1, examples=0)], []),
        ([measured(f"a={at}", 0.5 + at / 100, examples=10_000) for at in range(20)], [f"a={at}" for at in range(5)]),
    ],
)
def test_the_worst_slices_are_those_that_chance_does_not_explain(slices, worst):
    [view] = metrics_of(report(slices))
    assert [one.slice for one in view.worst] == worst


def test_of_a_loss_the_worst_are_the_greatest():
    slices = [measured("a=1", 90.0, metric="mean_squared_error"), measured("a=2", 40.0, metric="mean_squared_error")]
    [view] = metrics_of(report(slices, metrics={"mean_squared_error": 42.0}))
    assert (view.better, [one.slice for one in view.worst]) == ("lower", ["a=1"])
    assert [one.slice for one in view.slices] == ["a=1", "a=2"]


def test_a_metric_that_needs_every_class_says_nothing_of_a_slice_of_one():
    slices = (measured("kind=rare", 0.0, 4, classes=(0, 4)), measured("kind=common", 0.8, 90, classes=(40, 50)))
    [view] = metrics_of(report(slices))
    rare = next(one for one in view.slices if one.slice == "kind=rare")
    assert rare.value is None and "of one class" in rare.reason
    assert [one.value for one in view.slices] == [0.8, None], "what has no value is no worst one"


def test_by_slice_the_whole_is_first_then_what_missed_a_threshold():
    rows = [row("overall", 0.9), row("a=2", 0.7, "fail"), row("a=2", 0.7, threshold="not worse")]
    slices = by_slice(metrics_of(report([measured("a=1", 0.6), measured("a=2", 0.7, examples=7)], rows)))
    assert list(slices) == ["overall", "a=2", "a=1"]
    assert (slices["a=2"]["AUC"].missed, slices["a=2"]["AUC"].examples) == (("at least 0.8",), 7)


@pytest.mark.parametrize("metrics, examples", [({"auc": 0.9, "example_count": 9.0}, 9), ({"auc": 0.9}, None)])
def test_where_only_tfma_counted_the_examples_its_count_is_told(metrics, examples):
    [view] = metrics_of(report([measured("hour=3", 0.9, examples=7)], examples=None, metrics=metrics))
    assert (view.overall.examples, view.slices[0].examples) == (examples, 7)
