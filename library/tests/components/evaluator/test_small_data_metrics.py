"""Metrics where a class is missing or rare, a probability is exact, an interval passes the end, or chance is large."""

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as tfma_writer

from millrace.catalog.metric_names import value_range
from millrace.components.evaluator import tfma_results
from millrace.components.evaluator.bulk_metrics import Rows
from millrace.components.evaluator.eval_config import eval_config
from millrace.components.evaluator.judging import Baseline, judge
from millrace.components.evaluator.section import Evaluation
from millrace.components.evaluator.slice_metrics import Computations, ScoredExamples
from millrace.features.label import Label

# TFMA's own combiners turn arrays of one value into numbers in a way that numpy discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning")

BINARY = Label(column="y", task="binary", classes=("no", "yes"))
FOUR = Label(column="y", task="multilabel", classes=("a", "b", "c", "d"))
THREE = Label(column="y", task="multiclass", classes=("a", "b", "c"))


def report_of(
    label, thresholds, labels, scores, *, metrics=(), baseline=None, slices=None, intervals=False, min_class_size=10
):
    """The gate's report on labels and scores, through TFMA's computations and files' records."""
    metrics = metrics or tuple(dict.fromkeys(threshold["metric"] for threshold in thresholds))
    evaluation = Evaluation(
        metrics=metrics,
        thresholds=thresholds,
        slices=[["s"]] if slices else [],
        confidence_intervals=intervals,
    )
    config = tfma_results.with_example_count(eval_config(label, evaluation))
    full = tfma_results.complete(config, has_baseline=baseline is not None)
    labels = np.asarray(labels).reshape(len(labels), -1)
    names = [spec.name for spec in full.model_specs]
    rows = {
        (name, ""): Rows(labels, np.asarray(given, np.float32).reshape(len(labels), -1), None)
        for name, given in zip(names if baseline is not None else [""], (scores, baseline), strict=False)
    }
    keys = {(): np.arange(len(labels)), **{(("s", key),): np.asarray(of) for key, of in (slices or {}).items()}}
    measured = Computations(full).of_slices(ScoredExamples(rows, keys))
    records = [tfma_writer.convert_slice_metrics_to_proto(item, []) for item in measured]
    read = tfma_results.read_slices(records, tfma_results.baseline_name(full))
    named = Baseline("/models/1" if baseline is not None else "")
    return judge(tfma_results.checks(config, read), 100, named, tfma_results.overall(read, ""), min_class_size)


def test_of_any_number_of_classes_those_that_all_or_none_have_are_left_out_of_the_average():
    random = np.random.default_rng(4)
    labels = np.stack([random.integers(0, 2, 300), np.zeros(300), np.ones(300), random.integers(0, 2, 300)], axis=1)
    scores = labels * 0.9 + random.random((300, 4)) * 0.05
    few = np.flatnonzero(labels[:, 0])[:105]
    report = report_of(
        FOUR,
        [
            {"metric": "AUC", "at_least": 0.99},
            {"metric": "AUC", "class": "a", "at_least": 0.99},
            {"metric": "AUC", "class": "d", "at_least": 0.99, "slice": {"s": "few"}},
            {"metric": "AUC", "class": "a", "at_least": 0.99, "slice": {"s": "few"}},
        ],
        labels,
        scores,
        slices={"few": few},
    )
    rows = {(row.metric, row.slice): row for row in report.rows}
    overall, of_a = rows["AUC", "overall"], rows["auc (a)", "overall"]
    of_d, small = rows["auc (d)", "s=few"], rows["auc (a)", "s=few"]
    assert overall.value == pytest.approx(1.0) and overall.classes == tuple(labels.sum(axis=0))
    assert (of_d.verdict, of_a.verdict, small.verdict) == ("pass", "pass", "not judged")
    assert of_a.classes == (300 - labels[:, 0].sum(), labels[:, 0].sum())
    assert "105 positives and 0 negatives" in small.reason


@pytest.mark.parametrize("metric", ["AUC", "AUCPrecisionRecall"])
def test_a_class_without_an_example_is_left_out_of_the_average_and_named(metric):
    random = np.random.default_rng(2)
    labels = random.integers(0, 2, 300)
    scores = np.eye(3)[labels] * 0.9 + random.random((300, 3)) * 0.05
    report = report_of(THREE, [{"metric": metric, "at_least": 0.99}], labels, scores)
    assert report.rows[0].value == pytest.approx(1.0)
    assert report.blessed
    assert f"left out of {metric} overall: class 2 (counted from 0), which has no example" in report.to_text()
    scores = random.random((300, 3))
    report = report_of(THREE, [{"metric": "AUC", "at_least": 0.9}], labels, scores)
    expected = np.mean([roc_auc_score(labels == number, scores[:, number]) for number in (0, 1)])
    assert report.rows[0].value == pytest.approx(expected, abs=1e-3)
    assert not report.blessed


def test_every_class_with_an_example_counts():
    labels = np.arange(300) % 3
    report = report_of(THREE, [{"metric": "AUC", "at_least": 0.9}], labels, np.eye(3)[labels] * 0.8 + 0.1)
    assert report.rows[0].value == pytest.approx(1.0)
    assert "left out" not in report.to_text()


@pytest.mark.parametrize("metric", ["Precision", "Recall"])
def test_one_class_can_be_judged_beside_the_average_over_all(metric):
    labels = np.arange(300) % 3
    guesses = np.where(np.arange(300) % 5 == 0, 0, labels)
    of_a, mean = {"Precision": (100 / 140, (100 / 140 + 2) / 3), "Recall": (1.0, (1.0 + 0.8 + 0.8) / 3)}[metric]
    report = report_of(
        THREE,
        [{"metric": "of_a", "at_least": of_a - 0.01}, {"metric": metric, "at_most": mean - 0.01}],
        labels,
        np.eye(3)[guesses] * 0.8 + 0.1,
        metrics=[metric, {"metric": metric, "class_id": 0, "name": "of_a"}],
    )
    assert {row.metric.split(" ")[0]: row.value for row in report.rows} == pytest.approx({"of_a": of_a, metric: mean})
    assert [row.metric.split(" ")[0] for row in report.rows if row.verdict != "pass"] == [metric]


@pytest.mark.parametrize("metric", ["Recall", "Precision", "Specificity", "MissRate", "NPV", "ThreatScore"])
@pytest.mark.parametrize("positives", [0, 1, 9])
def test_a_slice_with_next_to_no_positives_is_not_judged_by_a_rate(metric, positives):
    """One missed positive in 400 rows: "Recall is 0"; none: "Recall is not a number". Both refused."""
    labels = np.zeros(800)
    labels[:positives] = 1.0
    labels[600:] = 1.0
    scores = np.where(labels, 0.9, 0.1)
    scores[:positives] = 0.1
    limit = "at_most" if metric == "MissRate" else "at_least"
    thresholds = [{"metric": "BinaryAccuracy", "at_least": 0.5}, {"metric": metric, limit: 0.5, "slice": {"s": ""}}]
    report = report_of(BINARY, thresholds, labels, scores, slices={"rare": range(400)})
    [row] = [row for row in report.rows if row.metric == metric]
    assert (row.verdict, row.classes) == ("not judged", (400 - positives, positives))
    assert row.reason.startswith(f"slice with {positives} positive")
    assert report.blessed


def test_one_class_alone_is_no_verdict_on_its_ranking():
    report = report_of(BINARY, [{"metric": "AUC", "at_least": 0.5}], np.zeros(50), np.linspace(0.1, 0.9, 50))
    assert report.rows[0].verdict == "not judged"
    assert "0 positives and 50 negatives" in report.rows[0].reason


@pytest.mark.parametrize("answer", [(1.0, 1.0), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0)], ids=str)
def test_an_exact_probability_leaves_the_cross_entropy_finite_here_and_by_beam(answer):
    """TFMA makes one right answer of exactly 1 a NaN of all of them; by Beam its combiner adds example by example."""
    random = np.random.default_rng(1)
    labels = (random.random(200) < 0.3).astype(np.float32)
    scores = random.uniform(0.05, 0.95, 200).astype(np.float32)
    labels[7], scores[7] = answer
    report = report_of(BINARY, [{"metric": "BinaryCrossEntropy", "at_most": 5.0}], labels, scores)
    clipped = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    assert report.rows[0].value == pytest.approx(log_loss(labels, clipped), rel=2e-3)
    assert report.blessed

    evaluation = Evaluation(metrics=["BinaryCrossEntropy"], thresholds=[{"metric": "BinaryCrossEntropy", "at_most": 5}])
    config = tfma_results.complete(eval_config(BINARY, evaluation, has_baseline=False), has_baseline=False)
    steps = metric_specs.to_computations(list(config.metrics_specs), eval_config=config)
    [step] = [step for step in steps if step.keys[0].name == "binary_crossentropy"]
    bundles = [step.combiner.create_accumulator() for _ in range(3)]
    for at, (label, score) in enumerate(zip(labels, scores, strict=True)):
        inputs = {"labels": np.array([label]), "predictions": np.array([score]), "example_weights": None}
        step.combiner.add_input(bundles[at % 3], metric_types.StandardMetricInputs(inputs))
    # TFMA's own adds the first of several bundles twice.
    [by_beam] = step.combiner.extract_output(step.combiner.merge_accumulators(bundles)).values()
    assert by_beam == pytest.approx(report.rows[0].value, rel=1e-6)


def test_an_interval_ends_where_its_metric_does():
    random = np.random.default_rng(4)
    labels = np.arange(40) % 2
    scores = np.clip(labels * 0.4 + random.random(40) * 0.55, 0, 1)
    thresholds = [{"metric": "AUC", "at_least": 0.5}, {"metric": "MatthewsCorrelationCoefficient", "at_least": -1}]
    report = report_of(BINARY, thresholds, labels, scores, intervals=True)
    lower, upper = report.rows[0].interval
    assert 0.0 < lower < report.rows[0].value < upper == 1.0
    assert report.intervals["auc"] == (lower, upper)
    assert "1]" in report.to_text()


@pytest.mark.parametrize(
    ("metric", "limits"),
    [
        ("auc", (0, 1)), ("Recall", (0, 1)), ("MissRate", (0, 1)), ("r2_score", (-math.inf, 1)),
        ("matthews_correlation_coefficient", (-1, 1)), ("true_positives", (0, math.inf)),
        ("mean_absolute_error", (0, math.inf)), ("mean_prediction", (-math.inf, math.inf)),
    ],
)  # fmt: skip
def test_the_values_that_a_metric_can_have(metric, limits):
    assert value_range(metric) == limits


def test_a_threshold_against_the_baseline_says_how_far_chance_goes():
    """150 rows, two models of the same skill: the report says what a limit of 0.005 is worth on them."""
    random = np.random.default_rng(9)
    labels = np.arange(150) % 2
    first, second = (1 / (1 + np.exp(-labels - random.normal(size=150))) for _ in range(2))
    thresholds = [{"metric": "AUC", "worse_by_at_most": 0.005}, {"metric": "BinaryAccuracy", "worse_by_at_most": 0.5}]
    strict, loose = report_of(BINARY, thresholds, labels, first, baseline=second).rows
    # Hanley and McNeil: some .04 at an AUC of .75 on 75 of each.
    assert strict.chance == pytest.approx(2 * 0.04, rel=0.15)
    assert loose.chance == pytest.approx(2 * math.sqrt(loose.baseline * (1 - loose.baseline) / 150))
    report = report_of(BINARY, thresholds, labels, first, baseline=second)
    [of_auc, of_accuracy] = [line for line in report.to_text().splitlines() if line.startswith("chance: ")]
    assert of_auc.startswith(
        f"chance: AUC overall of two equally good models differs by up to {strict.chance:.2g} on 150"
    )
    assert "refuses one that is as good in some 44% of evaluations" in of_auc
    assert "refuses" not in of_accuracy
