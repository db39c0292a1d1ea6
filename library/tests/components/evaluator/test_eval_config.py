"""The configuration for TFMA: what it says, what it refuses, and that TFMA measures exported models by it."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError
from tensorflow_model_analysis.proto import config_pb2

from millrace.base.errors import InputRefused
from millrace.components.evaluator.eval_config import eval_config
from millrace.components.evaluator.section import Evaluation
from millrace.features.label import Label

BINARY = Label(column="big tipper", task="binary")
MULTICLASS = Label(column="kind", task="multiclass", classes=("a", "b", "c"))
REGRESSION = Label(column="price", task="regression")


def evaluation(*thresholds: Mapping[str, Any], **more: Any) -> Evaluation:
    metrics = more.pop("metrics", ["AUC", "BinaryCrossEntropy", "ExampleCount"])
    return Evaluation(metrics=metrics, thresholds=thresholds or [{"metric": metrics[0], "at_least": 0.5}], **more)


def only_threshold(config: config_pb2.EvalConfig, name: str) -> Any:
    (metric,) = [metric for spec in config.metrics_specs for metric in spec.metrics if metric.class_name == name]
    (threshold,) = metric.per_slice_thresholds
    return threshold


def test_a_threshold_without_a_slice_is_for_the_overall_slice_only() -> None:
    config = eval_config(BINARY, evaluation({"metric": "AUC", "at_least": 0.9, "at_most": 0.99}))
    threshold = only_threshold(config, "AUC")
    assert list(threshold.slicing_specs) == [config_pb2.SlicingSpec()]
    assert threshold.threshold.value_threshold.lower_bound.value == 0.9
    assert threshold.threshold.value_threshold.upper_bound.value == 0.99
    assert not threshold.threshold.HasField("change_threshold")


def test_a_threshold_is_of_the_metric_that_is_called_so_and_of_its_class_only_where_none_is() -> None:
    fifty = {"metric": "AUC", "num_thresholds": 50, "name": "auc50"}

    def judged(*metrics: Any) -> dict[str, int]:
        config = eval_config(BINARY, evaluation({"metric": "AUC", "at_least": 0.6}, metrics=metrics))
        measured = [metric for spec in config.metrics_specs for metric in spec.metrics if metric.class_name == "AUC"]
        return {metric.config: len(metric.per_slice_thresholds) for metric in measured}

    named = '{"name": "auc50", "num_thresholds": 50}'
    assert judged("AUC", fifty) == {"": 1, named: 0}
    assert judged(fifty) == {named: 1}


@pytest.mark.parametrize(
    ("metric", "change", "direction"),
    [
        ("AUC", -0.01, config_pb2.MetricDirection.HIGHER_IS_BETTER),
        ("BinaryCrossEntropy", 0.01, config_pb2.MetricDirection.LOWER_IS_BETTER),
    ],
)
def test_worse_by_follows_the_metrics_direction(metric: str, change: float, direction: int) -> None:
    config = eval_config(BINARY, evaluation({"metric": metric, "worse_by_at_most": 0.01}))
    threshold = only_threshold(config, metric).threshold.change_threshold
    assert (threshold.absolute.value, threshold.direction) == (change, direction)


def test_slices_of_thresholds_are_computed_once_beside_those_asked_for() -> None:
    config = eval_config(
        BINARY,
        evaluation(
            {"metric": "AUC", "at_least": 0.5, "slice": {"hour": ""}},
            {"metric": "AUC", "at_least": 0.5, "slice": {"hour": 3, "payment": ""}},
            slices=[["hour"], ["company", "hour"]],
            confidence_intervals=True,
            min_slice_size=50,
        ),
    )
    assert list(config.slicing_specs) == [
        config_pb2.SlicingSpec(),
        config_pb2.SlicingSpec(feature_keys=["hour"]),
        config_pb2.SlicingSpec(feature_keys=["company", "hour"]),
        config_pb2.SlicingSpec(feature_keys=["payment"], feature_values={"hour": "3"}),
    ]
    assert config.options.compute_confidence_intervals.value
    assert not config.options.HasField("min_slice_size")


def test_the_models_are_named_as_tfx_names_them() -> None:
    candidate, baseline = eval_config(REGRESSION, evaluation(metrics=["MeanAbsoluteError"])).model_specs
    assert (candidate.name, baseline.name, baseline.is_baseline) == ("candidate", "baseline", True)
    assert candidate.prediction_key == "prediction"
    assert candidate.label_key == "price_xf"
    without = eval_config(
        BINARY, evaluation({"metric": "AUC", "at_least": 0.9, "worse_by_at_most": 0.0}), has_baseline=False
    )
    assert [spec.name for spec in without.model_specs] == [""]
    assert not only_threshold(without, "AUC").threshold.HasField("change_threshold")


@pytest.mark.parametrize(
    ("label", "values", "what", "remedy"),
    [
        (BINARY, {"metrics": ["Auc"]}, "Auc is not a metric of TFMA", "AUC"),
        (REGRESSION, {"metrics": ["AUC"]}, "AUC does not fit a regression label", "MeanAbsoluteError"),
        (MULTICLASS, {"metrics": ["AUC", {"metric": "Precision", "class_id": 3}]}, "of class 3", "from 0: 0 (a), 1"),
        (MULTICLASS, {"metrics": ["AUC", {"metric": "Recall", "top_k": 4}]}, "the 4 most probable", "from 1 to 3"),
        (MULTICLASS, {"metrics": ["MeanSquaredError"]}, "does not fit a multiclass label", "SparseCategoricalAccuracy"),
        (BINARY, {"metrics": ["SparseCategoricalAccuracy"]}, "does not fit a binary label", "BinaryAccuracy"),
        (
            BINARY,
            {"metrics": ["Calibration"], "thresholds": [{"metric": "Calibration", "worse_by_at_most": 0.1}]},
            "Calibration has no direction",
            "at_least and at_most",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(label: Any, values: Any, what: str, remedy: str) -> None:
    with pytest.raises(InputRefused, match=what) as caught:
        eval_config(label, evaluation(*values.pop("thresholds", ()), **values))
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == 2


def test_a_threshold_that_nothing_can_meet_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"AUC cannot be at least 0\.9 and at most 0\.1"):
        evaluation({"metric": "AUC", "at_least": 0.9, "at_most": 0.1})


def test_the_classes_are_counted_where_a_metric_needs_every_class() -> None:
    [shares] = [spec for spec in eval_config(BINARY, evaluation()).metrics_specs if "class_share" in str(spec)]
    assert not shares.HasField("binarize")
    several = eval_config(MULTICLASS, evaluation(metrics=["AUC", "SparseCategoricalAccuracy"]))
    [each] = [spec for spec in several.metrics_specs if "class_share" in str(spec)]
    assert list(each.binarize.class_ids.values) == list(range(len(MULTICLASS.classes)))
    none = eval_config(REGRESSION, evaluation(metrics=["MeanAbsoluteError"]))
    assert "class_share" not in str(none)
