"""Which metric is of which output and class, and which threshold is for which of them."""

import pytest

from millrace.base.errors import InputRefused
from millrace.components.evaluator.eval_config import eval_config
from millrace.components.evaluator.measurements import measurements
from millrace.components.evaluator.section import Evaluation
from millrace.features.expression import Misfit
from millrace.features.label import Label, Labels

GENRES = Label(column="genres", task="multilabel", classes=("drama", "comedy", "war"))
BINARY = Label(column="y", task="binary")
BOTH = Labels.model_validate(
    {
        "outputs": {
            "tipped": {"column": "big_tipper", "task": "binary"},
            "tip": {"column": "tips", "task": "regression"},
            "paid": {"column": "payment", "task": "multiclass", "classes": ["cash", "card", "coin"]},
        }
    }
)


def evaluation(metrics, *thresholds):
    return Evaluation(metrics=metrics, thresholds=thresholds or [{"metric": "ExampleCount", "at_least": 1}])


def specs(label, metrics, *thresholds):
    """Of each metric TFMA is asked for: its class, its name, the output, the classes, and how many thresholds."""
    config = eval_config(label, evaluation(metrics, *thresholds), has_baseline=False)
    return {
        (metric.class_name, metric.config, tuple(spec.output_names), tuple(spec.binarize.class_ids.values)): len(
            metric.per_slice_thresholds
        )
        for spec in config.metrics_specs
        for metric in spec.metrics
        if "class_share" not in metric.config
    }


def test_classes_are_averaged_measured_alone_or_counted_together():
    config = eval_config(
        GENRES,
        evaluation(
            ["AUC", {"metric": "AUC", "averaging": "micro", "name": "auc_micro"}, {"metric": "Recall", "class": "war"}],
            {"metric": "AUC", "at_least": 0.6},
            {"metric": "AUC", "class": "comedy", "at_least": 0.7},
        ),
        has_baseline=False,
    )
    by_name = {metric.config or metric.class_name: spec for spec in config.metrics_specs for metric in spec.metrics}
    assert by_name["AUC"].aggregate.macro_average and len(by_name["AUC"].aggregate.class_weights) == 3
    assert not by_name['{"name": "auc_micro"}'].HasField("aggregate")
    assert list(by_name['{"name": "recall (war)"}'].binarize.class_ids.values) == [2]
    # A threshold names a class that no metric is of: it is measured besides.
    assert list(by_name['{"name": "auc (comedy)"}'].binarize.class_ids.values) == [1]
    [threshold] = by_name['{"name": "auc (comedy)"}'].metrics[0].per_slice_thresholds
    assert threshold.threshold.value_threshold.lower_bound.value == 0.7


def test_a_metric_is_of_each_output_that_it_fits():
    asked = specs(
        BOTH,
        [
            "AUC",
            "MeanAbsoluteError",
            "SparseCategoricalAccuracy",
            "ExampleCount",
            {"metric": "MSE", "output": "tipped"},
        ],
        {"metric": "AUC", "output": "tipped", "at_least": 0.6},
        {"metric": "MeanAbsoluteError", "at_most": 2},
        {"metric": "AUC", "class": "coin", "at_least": 0.6},
        {"metric": "ExampleCount", "at_least": 5},
    )
    assert asked == {
        ("AUC", "", ("tipped",), ()): 1,
        ("AUC", "", ("paid",), ()): 0,
        ("AUC", '{"name": "auc (coin)"}', ("paid",), (2,)): 1,
        ("MeanAbsoluteError", "", ("tip",), ()): 1,
        ("MSE", "", ("tipped",), ()): 0,
        ("SparseCategoricalAccuracy", "", ("paid",), ()): 0,
        ("ExampleCount", "", (), ()): 1,
    }
    [model] = eval_config(
        BOTH, evaluation(["AUC"], {"metric": "AUC", "output": "paid", "at_least": 0}), has_baseline=False
    ).model_specs
    assert dict(model.label_keys) == {"tipped": "big_tipper_xf", "tip": "tips_xf", "paid": "payment_xf"}
    assert dict(model.prediction_keys) == {"tipped": "tipped", "tip": "tip", "paid": "paid"}
    assert not model.label_key and not model.prediction_key


@pytest.mark.parametrize(
    ("label", "metrics", "threshold", "key", "said"),
    [
        (GENRES, [{"output": "x"}], {}, "metrics.0.output", "the label has one output"),
        (GENRES, [{"class": "comdy"}], {}, "metrics.0.class", "comdy is no class of the label; did you mean comedy"),
        (GENRES, [{}], {"metric": "AUC", "class": "noir"}, "thresholds.0.class", "it has: drama, comedy, war"),
        (GENRES, [{"class": "war"}], {"metric": "AUC"}, "thresholds.0", "of single classes; say which with class"),
        (BINARY, [{"class": "1"}], {}, "metrics.0.class", "only a multiclass or multilabel output"),
        (BOTH, [{"output": "tipp"}], {}, "metrics.0.output", "tipp is no output of the label; did you mean tip"),
        (BOTH, [{}], {"metric": "AUC", "output": "tps"}, "thresholds.0.output", "tps is no output"),
        (BOTH, [{}], {"metric": "AUC"}, "thresholds.0", "several outputs; say which with output: tipped or paid"),
        (BOTH, [{"output": "paid"}], {"metric": "AUC", "output": "tip"}, "thresholds.0", "AUC is not measured of tip"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_its_key(label, metrics, threshold, key, said):
    metrics = [{"metric": "AUC", **metric} for metric in metrics]
    wanted = evaluation([*metrics, "ExampleCount"], {"metric": "ExampleCount", **threshold, "at_least": 0.5})
    with pytest.raises(Misfit, match=said) as caught:
        measurements(label, wanted)
    assert ".".join(caught.value.key) == f"evaluation.{key}"


@pytest.mark.parametrize(
    ("label", "metrics", "said"),
    [
        (BOTH, [{"metric": "AUC", "output": "tip"}], "AUC does not fit a regression label"),
        (GENRES, ["SparseCategoricalAccuracy"], "SparseCategoricalAccuracy does not fit a multilabel label"),
    ],
)  # fmt: skip
def test_a_metric_that_fits_no_output_is_refused(label, metrics, said):
    with pytest.raises(InputRefused, match=said):
        eval_config(label, evaluation([*metrics, "ExampleCount"]))
