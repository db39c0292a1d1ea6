"""What TFMA measures and what a model must reach: the `EvalConfig`, from plain values of the configuration."""

import json
from collections.abc import Mapping, Sequence
from typing import Optional, Union

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import confusion_matrix_metrics, metric_types
from tensorflow_model_analysis.proto import config_pb2

from millrace.base.errors import InputRefused
from millrace.catalog.metric_names import (
    FROM_KERAS,
    NEEDS_EVERY_CLASS,
    require_known,
)
from millrace.catalog.metric_section import Metric
from millrace.components.evaluator.section import Evaluation, Threshold
from millrace.features.description import Label
from millrace.features.keys import transformed_key

CLASS_SHARE = "class_share"
"""The share of a class among a slice's labels, measured beside what is asked for: so many rows the class has."""

_OF_MANY_CLASSES = frozenset(
    """
    CategoricalAccuracy CategoricalCrossEntropy CategoricalCrossentropy SparseCategoricalAccuracy
    SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy TopKCategoricalAccuracy
    """.split()  # noqa: SIM905 (a table; as literals it would take a line each)
)
"""Metrics whose predictions are a probability per class."""
_OF_TWO_CLASSES = frozenset({"BinaryCrossEntropy", "BinaryCrossentropy"})
_OF_NUMBERS = frozenset(
    {"MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError", "MeanSquaredLogarithmicError"}
)

# TFMA weighs every metric of a model with a weight, unless it is told otherwise.
_ROWS = config_pb2.ExampleWeightOptions(unweighted=True)

# Defined for two classes, as confusion metrics are.
_AVERAGED_BESIDES = frozenset({"BinaryCrossEntropy", "Calibration"})

Slice = Mapping[str, Union[int, float, str]]


def eval_config(label: Label, evaluation: Evaluation, *, has_baseline: bool = True) -> config_pb2.EvalConfig:
    """Builds the configuration for TFX's Evaluator, or for `tfma.run_model_analysis`.

    Args:
        label: what is predicted.
        evaluation: what is measured and needed. `min_slice_size` is not TFMA's to apply (its own option hides small
            slices, and a threshold on a hidden slice fails): the Evaluator judges by it.
        has_baseline: describe a baseline model too. Without one, thresholds against it are left out.

    Returns:
        The configuration. A threshold without a slice holds for the overall slice only (TFMA would apply it to every
        slice if it were not told so).

    Raises:
        InputRefused: a metric is unknown, does not fit the task, or has no better direction to compare by.
    """
    metrics = evaluation.measured()
    known = frozenset({*metric_types.registered_metrics(), *FROM_KERAS})
    for metric in metrics:
        if not metric.module:
            require_known(metric.class_name, known)
            _require_fit(metric.class_name, label.task)
        _require_classes(label, metric)
    # The overall slice first, then each once: what is asked for, and what a threshold needs.
    slices = [config_pb2.SlicingSpec()]
    slices += [config_pb2.SlicingSpec(feature_keys=list(keys)) for keys in evaluation.slices]
    slices += [_slicing_spec(threshold.slice) for threshold in evaluation.thresholds]
    config = config_pb2.EvalConfig(
        model_specs=_model_specs(label, has_baseline),
        slicing_specs={spec.SerializeToString(deterministic=True): spec for spec in slices}.values(),
        metrics_specs=_metrics_specs(label, metrics, evaluation.thresholds, has_baseline),
    )
    if evaluation.confidence_intervals:
        config.options.compute_confidence_intervals.value = True
        config.options.confidence_intervals.method = config_pb2.ConfidenceIntervalOptions.JACKKNIFE
    return config


def _model_specs(label: Label, has_baseline: bool) -> list[config_pb2.ModelSpec]:
    common = {
        "signature_name": "serving_default",
        "preprocessing_function_names": ["transform_features"],
        "label_key": transformed_key(label.column),
        "prediction_key": "prediction" if label.task == "regression" else "probabilities",
        # A raw column: TFMA looks among the transformed features first, and then among the examples' own.
        "example_weight_key": label.weight or "",
    }
    candidate = config_pb2.ModelSpec(name=tfma.CANDIDATE_KEY if has_baseline else "", **common)
    if not has_baseline:
        return [candidate]
    return [candidate, config_pb2.ModelSpec(name=tfma.BASELINE_KEY, is_baseline=True, **common)]


def _slicing_spec(slice_: Slice) -> config_pb2.SlicingSpec:
    values = {key: str(value) for key, value in slice_.items() if value != ""}
    return config_pb2.SlicingSpec(feature_keys=sorted(set(slice_) - set(values)), feature_values=values)


def _metrics_specs(
    label: Label, metrics: Sequence[Metric], thresholds: Sequence[Threshold], has_baseline: bool
) -> list[config_pb2.MetricsSpec]:
    labels = {metric.label for metric in metrics}
    configs = {}
    for metric in metrics:  # a threshold may name a class, unless another metric is called so
        names = {metric.label, metric.metric if metric.metric not in labels else metric.label}
        of_metric = [threshold for threshold in thresholds if threshold.metric in names]
        configs[metric.label] = _metric_config(label, metric, of_metric, has_baseline)
    own = {metric.label: metric.class_name for metric in metrics if not metric.module}
    chosen = {metric.label: chosen for metric in metrics if (chosen := _chosen_classes(label, metric))}
    binary = [name for name in own if _is_confusion_metric(own[name]) or own[name] in _AVERAGED_BESIDES]
    per_class = [name for name in binary if name not in chosen] if label.task == "multiclass" else []
    # However much they weigh, rows are counted as rows: slices are judged by how many there are.
    counts = [name for name in own if label.weight and own[name] == "ExampleCount"]
    others = [name for name in configs if name not in (*per_class, *counts, *chosen)]
    specs = [config_pb2.MetricsSpec(metrics=[configs[name] for name in others])]
    specs.append(config_pb2.MetricsSpec(metrics=[configs[name] for name in counts], example_weights=_ROWS))
    specs += [config_pb2.MetricsSpec(metrics=[configs[name]], binarize=classes) for name, classes in chosen.items()]
    if per_class:  # these are defined for two classes: one class against the rest, then the mean over the classes
        mean = config_pb2.AggregationOptions(
            macro_average=True, class_weights=dict.fromkeys(range(len(label.classes)), 1.0)
        )
        specs.append(config_pb2.MetricsSpec(metrics=[configs[name] for name in per_class], aggregate=mean))
    if any(name in NEEDS_EVERY_CLASS for name in own.values()):
        specs.append(_class_shares(label))
    return [spec for spec in specs if spec.metrics]


def _chosen_classes(label: Label, metric: Metric) -> Optional[config_pb2.BinarizationOptions]:
    """One class, or the most probable ones, against the rest: TFMA averages no metric that says so as its parameter,
    and finds no threshold of it.
    """
    given = metric.parameters
    if label.task != "multiclass" or metric.module:
        return None
    if "class_id" in given:
        return config_pb2.BinarizationOptions(class_ids={"values": [given["class_id"]]})
    if "top_k" in given:
        return config_pb2.BinarizationOptions(top_k_list={"values": [given["top_k"]]})
    return None


def _class_shares(label: Label) -> config_pb2.MetricsSpec:
    """The mean of a label of 0 and 1 is the share of the positives; of several classes each has one of its own."""
    rows = _ROWS if label.weight else None
    share = config_pb2.MetricConfig(class_name="MeanLabel", config=json.dumps({"name": CLASS_SHARE}))
    if label.task != "multiclass":
        return config_pb2.MetricsSpec(metrics=[share], example_weights=rows)
    each = config_pb2.BinarizationOptions(class_ids={"values": range(len(label.classes))})
    return config_pb2.MetricsSpec(metrics=[share], binarize=each, example_weights=rows)


def _metric_config(
    label: Label, metric: Metric, thresholds: Sequence[Threshold], has_baseline: bool
) -> config_pb2.MetricConfig:
    settings = {**metric.parameters, **({"name": metric.name} if metric.name else {})}
    if _chosen_classes(label, metric):
        settings = {key: value for key, value in settings.items() if key not in ("class_id", "top_k")}
    config = config_pb2.MetricConfig(
        class_name=metric.class_name,
        module=metric.module,
        config=json.dumps(settings, sort_keys=True) if settings else "",
    )
    for threshold in thresholds:
        bound = _metric_threshold(metric, threshold, has_baseline)
        if bound.ByteSize():
            config.per_slice_thresholds.add(slicing_specs=[_slicing_spec(threshold.slice)], threshold=bound)
    return config


def _metric_threshold(metric: Metric, threshold: Threshold, has_baseline: bool) -> config_pb2.MetricThreshold:
    bound = config_pb2.MetricThreshold()
    if threshold.at_least is not None:
        bound.value_threshold.lower_bound.value = threshold.at_least
    if threshold.at_most is not None:
        bound.value_threshold.upper_bound.value = threshold.at_most
    loss = threshold.worse_by_at_most
    if loss is not None:
        direction = _direction(metric)
        if has_baseline:
            higher = direction == config_pb2.MetricDirection.HIGHER_IS_BETTER
            bound.change_threshold.direction = direction
            bound.change_threshold.absolute.value = -loss if higher else loss
    return bound


def _direction(metric: Metric) -> int:
    if metric.direction == "higher":
        return config_pb2.MetricDirection.HIGHER_IS_BETTER
    if metric.direction == "lower":
        return config_pb2.MetricDirection.LOWER_IS_BETTER
    raise InputRefused(
        f"{metric.label} has no direction in which it gets better, so worse_by_at_most says nothing about it",
        where="evaluation.thresholds",
        remedy="give it at_least and at_most, or say better: higher (or lower) of the metric, or compare by another "
        "metric, for instance AUC or MeanAbsoluteError",
    )


def _is_confusion_metric(name: str) -> bool:
    cls = metric_types.registered_metrics().get(name)
    return cls is not None and issubclass(cls, confusion_matrix_metrics.ConfusionMatrixMetricBase)


def _require_classes(label: Label, metric: Metric) -> None:
    if label.task != "multiclass" or metric.module:
        return
    given, count = metric.parameters, len(label.classes)
    if "class_id" in given and given["class_id"] not in range(count):
        names = ", ".join(f"{number} ({name})" for number, name in enumerate(label.classes[:10]))
        raise InputRefused(
            f"{metric.label} is of class {given['class_id']!r}, which the label does not have",
            where="evaluation.metrics",
            remedy=f"give class_id the place of a class in label.classes, counted from 0: {names}",
        )
    if "top_k" in given and given["top_k"] not in range(1, count + 1):
        raise InputRefused(
            f"{metric.label} is of the {given['top_k']!r} most probable classes, and the label has {count}",
            where="evaluation.metrics",
            remedy=f"give top_k a whole number from 1 to {count}",
        )


def _require_fit(name: str, task: str) -> None:
    unfit = {
        "regression": name in _OF_MANY_CLASSES | _OF_TWO_CLASSES or _is_confusion_metric(name),
        "binary": name in _OF_MANY_CLASSES,
        # TFMA's BinaryCrossEntropy can be averaged over the classes, Keras's BinaryCrossentropy cannot.
        "multiclass": name in _OF_NUMBERS or name == "BinaryCrossentropy",
    }
    instead = {
        "regression": "MeanAbsoluteError, RootMeanSquaredError",
        "binary": "AUC, BinaryAccuracy, BinaryCrossEntropy",
        "multiclass": "SparseCategoricalAccuracy, SparseCategoricalCrossentropy, AUC",
    }
    if unfit[task]:
        raise InputRefused(
            f"{name} does not fit a {task} label",
            where="evaluation.metrics",
            remedy=f"choose from {instead[task]} and their like",
        )
