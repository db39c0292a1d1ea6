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
from millrace.catalog.metric_tasks import OF_NUMBERS, OF_SEVERAL_CLASSES, OF_TWO_CLASSES, suits
from millrace.components.evaluator.measurements import COUNT, Measurement, measurements
from millrace.components.evaluator.section import Evaluation, Threshold
from millrace.features.expression import Misfit
from millrace.features.label import AnyLabel, Labels, Output, label_keys, prediction_key

CLASS_SHARE = "class_share"
"""The share of a class among a slice's labels, measured beside what is asked for: so many rows the class has."""

# TFMA weighs every metric of a model with a weight, unless it is told otherwise.
_ROWS = config_pb2.ExampleWeightOptions(unweighted=True)

# Defined for two classes, as confusion metrics are.
_AVERAGED_BESIDES = frozenset({"BinaryCrossEntropy", "Calibration"})

# Instead of Keras's own, of which this says why.
_MODULES = {"R2Score": "millrace.components.evaluator.r2_score"}

Slice = Mapping[str, Union[int, float, str]]


def eval_config(label: AnyLabel, evaluation: Evaluation, *, has_baseline: bool = True) -> config_pb2.EvalConfig:
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
    known = frozenset({*metric_types.registered_metrics(), *FROM_KERAS})
    for metric in evaluation.measured():
        if not metric.module:
            require_known(metric.class_name, known)
    outputs = label.by_output()
    try:
        measured = measurements(label, evaluation)
    except Misfit as error:
        raise InputRefused(error.what, where=".".join(error.key), remedy="see docs/guides/labels.md") from error
    for one in measured:
        if one.output in outputs:
            _require_fit(one.metric, outputs[one.output])
            _require_classes(outputs[one.output], one.metric)
    # The overall slice first, then each once: what is asked for, and what a threshold needs.
    slices = [config_pb2.SlicingSpec()]
    slices += [config_pb2.SlicingSpec(feature_keys=list(keys)) for keys in evaluation.slices]
    slices += [_slicing_spec(threshold.slice) for threshold in evaluation.thresholds]
    config = config_pb2.EvalConfig(
        model_specs=_model_specs(label, has_baseline),
        slicing_specs={spec.SerializeToString(deterministic=True): spec for spec in slices}.values(),
        metrics_specs=_metrics_specs(label, measured, has_baseline),
    )
    if evaluation.confidence_intervals:
        config.options.compute_confidence_intervals.value = True
        config.options.confidence_intervals.method = config_pb2.ConfidenceIntervalOptions.JACKKNIFE
    return config


def _model_specs(label: AnyLabel, has_baseline: bool) -> list[config_pb2.ModelSpec]:
    labels = label_keys(label)
    predictions = {name: prediction_key(name, output) for name, output in label.by_output().items()}
    one = "" in labels
    common = {
        "signature_name": "serving_default",
        "preprocessing_function_names": ["transform_features"],
        "label_key" if one else "label_keys": labels[""] if one else labels,
        "prediction_key" if one else "prediction_keys": predictions[""] if one else predictions,
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
    label: AnyLabel, measured: Sequence[Measurement], has_baseline: bool
) -> list[config_pb2.MetricsSpec]:
    weighted = bool(label.weight)
    specs = []
    for name, output in label.by_output().items():
        of_output = [one for one in measured if one.output == name]
        for spec in _of_output(output, of_output, weighted, has_baseline):
            spec.output_names.extend([name] if name else [])
            specs.append(spec)
    if isinstance(label, Labels):
        specs += _of_output(None, [one for one in measured if not one.output], weighted, has_baseline)
    return [spec for spec in specs if spec.metrics]


def _of_output(
    output: Optional[Output], measured: Sequence[Measurement], weighted: bool, has_baseline: bool
) -> list[config_pb2.MetricsSpec]:
    """The metrics of one output, those of a kind together; `output` is None for what is of none of several."""
    others, counts, chosen, per_class = [], [], [], []
    has_classes = output is not None and output.has_class_scores
    for one in measured:
        metric = one.metric
        config = _metric_config(one, output, has_baseline)
        classes = _chosen_classes(output, one)
        is_binary = not metric.module and (
            _is_confusion_metric(metric.class_name) or metric.class_name in _AVERAGED_BESIDES
        )
        if classes:
            chosen.append(config_pb2.MetricsSpec(metrics=[config], binarize=classes))
        elif weighted and metric.metric == COUNT:
            counts.append(config)
        elif has_classes and is_binary and metric.averaging == "macro":
            per_class.append(config)
        else:
            others.append(config)
    specs = [config_pb2.MetricsSpec(metrics=others)]
    # However much they weigh, rows are counted as rows: slices are judged by how many there are.
    specs.append(config_pb2.MetricsSpec(metrics=counts, example_weights=_ROWS))
    specs += chosen
    if per_class and output:  # these are defined for two classes: one class against the rest, then the mean over them
        mean = config_pb2.AggregationOptions(
            macro_average=True, class_weights=dict.fromkeys(range(len(output.classes)), 1.0)
        )
        specs.append(config_pb2.MetricsSpec(metrics=per_class, aggregate=mean))
    if output and any(not one.metric.module and one.metric.class_name in NEEDS_EVERY_CLASS for one in measured):
        specs.append(_class_shares(output, weighted))
    return specs


def _chosen_classes(output: Optional[Output], one: Measurement) -> Optional[config_pb2.BinarizationOptions]:
    """One class, or the most probable ones, against the rest: TFMA averages no metric that says so as its parameter,
    and finds no threshold of it.
    """
    if one.class_id is not None:
        return config_pb2.BinarizationOptions(class_ids={"values": [one.class_id]})
    if output is None or not output.has_class_scores or one.metric.module:
        return None
    given = one.metric.parameters
    if "class_id" in given:
        return config_pb2.BinarizationOptions(class_ids={"values": [given["class_id"]]})
    if "top_k" in given:
        return config_pb2.BinarizationOptions(top_k_list={"values": [given["top_k"]]})
    return None


def _class_shares(output: Output, weighted: bool) -> config_pb2.MetricsSpec:
    """The mean of a label of 0 and 1 is the share of the positives; of several classes each has one of its own."""
    rows = _ROWS if weighted else None
    share = config_pb2.MetricConfig(class_name="MeanLabel", config=json.dumps({"name": CLASS_SHARE}))
    if not output.has_class_scores:
        return config_pb2.MetricsSpec(metrics=[share], example_weights=rows)
    each = config_pb2.BinarizationOptions(class_ids={"values": range(len(output.classes))})
    return config_pb2.MetricsSpec(metrics=[share], binarize=each, example_weights=rows)


def _metric_config(one: Measurement, output: Optional[Output], has_baseline: bool) -> config_pb2.MetricConfig:
    metric = one.metric
    settings = {**metric.parameters, **({"name": metric.name} if metric.name else {})}
    if _chosen_classes(output, one):
        settings = {key: value for key, value in settings.items() if key not in ("class_id", "top_k")}
    if one.class_id is not None:
        settings["name"] = f"{_name(metric)} ({metric.class_})"
    config = config_pb2.MetricConfig(
        class_name=metric.class_name,
        module=metric.module or _MODULES.get(metric.class_name, ""),
        config=json.dumps(settings, sort_keys=True) if settings else "",
    )
    for threshold in one.thresholds:
        bound = _metric_threshold(metric, threshold, has_baseline)
        if bound.ByteSize():
            config.per_slice_thresholds.add(slicing_specs=[_slicing_spec(threshold.slice)], threshold=bound)
    return config


def _name(metric: Metric) -> str:
    """What TFMA calls a metric."""
    registered = metric_types.registered_metrics().get(metric.class_name)
    if metric.name or metric.module or registered is None:
        return metric.label
    return str(registered(**metric.parameters).name)


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


def _require_classes(output: Output, metric: Metric) -> None:
    if not output.has_class_scores or metric.module:
        return
    given, count = metric.parameters, len(output.classes)
    if "class_id" in given and given["class_id"] not in range(count):
        names = ", ".join(f"{number} ({name})" for number, name in enumerate(output.classes[:10]))
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


def _fits(metric: Metric, output: Output) -> bool:
    """Whether a metric can be measured of an output; of one's own class that is not known."""
    name = metric.class_name
    if metric.module:
        return True
    if output.task == "regression":
        return not (name in OF_SEVERAL_CLASSES | OF_TWO_CLASSES or _is_confusion_metric(name))
    if output.task == "binary":
        return name not in OF_SEVERAL_CLASSES
    if output.task == "multilabel":
        return suits(name, output.task)
    # TFMA's BinaryCrossEntropy can be averaged over the classes, Keras's BinaryCrossentropy cannot.
    return name not in OF_NUMBERS and name != "BinaryCrossentropy"


_INSTEAD = {
    "regression": "MeanAbsoluteError, RootMeanSquaredError",
    "binary": "AUC, BinaryAccuracy, BinaryCrossEntropy",
    "multilabel": "AUC, BinaryAccuracy, BinaryCrossEntropy",
    "multiclass": "SparseCategoricalAccuracy, SparseCategoricalCrossentropy, AUC",
}


def _require_fit(metric: Metric, output: Output) -> None:
    if not _fits(metric, output):
        raise InputRefused(
            f"{metric.class_name} does not fit a {output.task} label",
            where="evaluation.metrics",
            remedy=f"choose from {_INSTEAD[output.task]} and their like",
        )
