"""From TFMA's configuration and the metrics that it wrote to the judge's plain data."""

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Optional

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2
from tensorflow_model_analysis.slicer import slicer_lib
from tensorflow_model_analysis.utils import config_util, model_util

from millrace.catalog.metric_names import AVERAGED_OVER_PRESENT, NEEDS_EVERY_CLASS, value_range
from millrace.components.evaluator import cross_entropy as cross_entropy  # registers a metric for every evaluation
from millrace.components.evaluator.eval_config import CLASS_SHARE
from millrace.components.evaluator.gate_report import OVERALL, MeasuredSlice
from millrace.components.evaluator.judging import Bound, ChangeBound, Measured, Overall, ThresholdCheck, ValueBound

EXAMPLE_COUNT = "ExampleCount"
_AVERAGED_OVER_PRESENT = {metric_types.registered_metrics()[name]().name for name in AVERAGED_OVER_PRESENT}


class SliceResult(NamedTuple):
    """All metrics of one slice, keyed without the model's name and the difference's flag."""

    key: tuple[tuple[str, Any], ...]
    examples: Optional[int]
    metrics: dict[metric_types.MetricKey, Measured]
    classes: Mapping[str, tuple[int, ...]] = {}
    """How many examples each class has, by class id, of each output where that was measured, by its name."""


def with_example_count(eval_config: config_pb2.EvalConfig) -> config_pb2.EvalConfig:
    """A copy that also counts the examples of each slice, which the gate report shows and the judge needs."""
    copy = config_pb2.EvalConfig.FromString(eval_config.SerializeToString())
    counted = any(
        metric.class_name == EXAMPLE_COUNT and not metric.config
        for spec in copy.metrics_specs
        for metric in spec.metrics
        if not spec.query_key
    )
    if not counted:
        # With weights TFMA would add these up in place of the rows.
        weighted = any(spec.example_weight_key for spec in copy.model_specs)
        rows = config_pb2.ExampleWeightOptions(unweighted=True) if weighted else None
        copy.metrics_specs.add(example_weights=rows).metrics.add(class_name=EXAMPLE_COUNT)
    return copy


def complete(eval_config: config_pb2.EvalConfig, has_baseline: bool) -> config_pb2.EvalConfig:
    """TFMA's own completion of a configuration, as TFX's Evaluator asks for it.

    Args:
        eval_config: as configured.
        has_baseline: whether a baseline is evaluated; without one, thresholds against it are taken out.
    """
    return config_util.update_eval_config_with_defaults(eval_config, has_baseline=has_baseline, rubber_stamp=True)


def has_threshold(eval_config: config_pb2.EvalConfig) -> bool:
    """Whether a configuration has any threshold, a baseline's included."""
    full = complete(eval_config, has_baseline=True)
    return bool(metric_specs.metric_thresholds_from_metrics_specs(full.metrics_specs, eval_config=full))


def read_slices(metrics: Iterable[metrics_for_slice_pb2.MetricsForSlice], baseline_name: str) -> list[SliceResult]:
    """Reads what TFMA measured.

    Args:
        metrics: the records of an evaluation folder, as `tfma.load_metrics` yields them.
        baseline_name: the baseline's name in the evaluation, empty when there was none.

    Returns:
        The slices, the whole data set first, then by feature and value.
    """
    slices = [_slice_result(record, baseline_name) for record in metrics if not record.HasField("cross_slice_key")]

    def place(result: SliceResult) -> tuple[int, list[tuple[str, bool, Any]]]:
        # Numbers by size before texts by letter.
        return len(result.key), [(name, isinstance(value, str), value) for name, value in result.key]

    return sorted(slices, key=place)


def checks(eval_config: config_pb2.EvalConfig, slices: list[SliceResult]) -> list[ThresholdCheck]:
    """Each threshold of a configuration on each slice that it names, in the order of the configuration.

    Args:
        eval_config: as configured, before TFMA completes it: thresholds against a baseline are in it even when the
            evaluation had none.
        slices: what was measured.
    """
    full = complete(eval_config, has_baseline=True)
    named = {
        _bare(key): (json.loads(metric.config or "{}").get("name", metric.class_name), metric.class_name)
        for key, metric, _ in metric_specs.keys_and_metrics_from_specs(full, full.metrics_specs)
    }
    baseline = baseline_name(full)
    thresholds = metric_specs.metric_thresholds_from_metrics_specs(full.metrics_specs, eval_config=full)
    return [
        check
        for key, limits in thresholds.items()
        if key.model_name != baseline
        for spec, limit in limits
        for check in _on_slices(_bare(key), *named.get(_bare(key), (key.name, key.name)), spec, _bound(limit), slices)
    ]


def overall(slices: list[SliceResult], model: str) -> Overall:
    """The numbers of the whole data set, by TFMA's metric names.

    Args:
        slices: what was measured.
        model: the candidate's URI.
    """
    whole = next((result for result in slices if not result.key), None)
    if whole is None:
        return Overall(model=model, examples=0)
    measured = _measured_slice(whole)
    return Overall(
        model=model,
        examples=whole.examples,
        metrics=measured.metrics,
        intervals=measured.intervals,
        baseline_metrics=measured.baseline_metrics,
        slices=tuple(_measured_slice(result) for result in slices if result.key),
    )


def _measured_slice(result: SliceResult) -> MeasuredSlice:
    named = _by_name(result)
    return MeasuredSlice(
        slice=slice_name(result.key),
        examples=result.examples,
        classes=result.classes.get(""),
        output_classes={output: counts for output, counts in result.classes.items() if output},
        metrics={name: measured.value for name, measured in named.items()},
        intervals={name: measured.interval for name, measured in named.items() if measured.interval is not None},
        baseline_metrics={name: measured.baseline for name, measured in named.items() if measured.baseline is not None},
    )


def _by_name(result: SliceResult) -> dict[str, Measured]:
    return {_with_details(key.name, key): measured for key, measured in result.metrics.items()}


def baseline_name(eval_config: config_pb2.EvalConfig) -> str:
    """The baseline's name in a completed configuration, empty when it has none."""
    spec = model_util.get_baseline_model_spec(eval_config)
    return spec.name if spec else ""


def slice_name(key: Iterable[tuple[str, Any]]) -> str:
    """A slice as people write it: `payment_type=Cash`, `overall`."""
    return ", ".join(f"{feature}={value}" for feature, value in key) or OVERALL


def _slice_result(record: metrics_for_slice_pb2.MetricsForSlice, baseline: str) -> SliceResult:
    values: dict[metric_types.MetricKey, dict[str, Any]] = {}
    for entry in record.metric_keys_and_values:
        if entry.value.WhichOneof("type") != "double_value":
            continue
        key = metric_types.MetricKey.from_proto(entry.key)
        measured = values.setdefault(_bare(key), {})
        if key.is_diff:
            measured["difference"] = entry.value.double_value.value
        elif baseline and key.model_name == baseline:
            measured["baseline"] = entry.value.double_value.value
        else:
            measured["value"] = entry.value.double_value.value
            if entry.HasField("confidence_interval"):
                bounds = entry.confidence_interval
                measured["interval"] = (bounds.lower_bound.double_value.value, bounds.upper_bound.double_value.value)
    shares: dict[str, dict[metric_types.MetricKey, float]] = {}
    for key in [key for key in values if key.name == CLASS_SHARE]:
        shares.setdefault(key.output_name or "", {})[key] = values.pop(key)["value"]
    metrics = {key: Measured(**measured) for key, measured in values.items() if "value" in measured}
    count = next((value.value for key, value in metrics.items() if key.name == tfma.metrics.ExampleCount().name), None)
    counted = ((output, _classes(of_output, count)) for output, of_output in shares.items())
    classes = {output: of_output for output, of_output in counted if of_output is not None}
    metrics = {
        key: _within_range(key.name, _over_present(key, measured, classes.get(key.output_name or "", ()), count or 0))
        for key, measured in metrics.items()
    }
    slice_key = slicer_lib.deserialize_slice_key(record.slice_key)
    return SliceResult(slice_key, None if count is None else int(count), metrics, classes)


def _over_present(key: metric_types.MetricKey, measured: Measured, classes: Sequence[int], examples: float) -> Measured:
    """A mean over all classes, of which TFMA counts those as 0 that no or every example has, as that of the others."""
    present = sum(0 < count < examples for count in classes)
    averaged = key.aggregation_type is not None and key.aggregation_type.macro_average
    if not averaged or key.name not in _AVERAGED_OVER_PRESENT or not 1 < present < len(classes):
        return measured
    share = present / len(classes)

    def over(value: Optional[float]) -> Optional[float]:
        return None if value is None else value / share

    interval = measured.interval and (measured.interval[0] / share, measured.interval[1] / share)
    return Measured(measured.value / share, interval, over(measured.baseline), over(measured.difference))


def _within_range(name: str, measured: Measured) -> Measured:
    """An interval cut off where the metric ends; the jackknife's is symmetrical and knows no end."""
    if measured.interval is None:
        return measured
    least, greatest = value_range(name)
    lower, upper = (min(max(bound, least), greatest) for bound in measured.interval)
    return dataclasses.replace(measured, interval=(lower, upper))


def _classes(shares: dict[metric_types.MetricKey, float], count: Optional[float]) -> Optional[tuple[int, ...]]:
    """Examples per class id; the one share of two classes is that of the second."""
    if not shares or count is None or any(math.isnan(share) for share in shares.values()):
        return None
    by_class = {key.sub_key.class_id if key.sub_key else 1: round(share * count) for key, share in shares.items()}
    if by_class.keys() == {1}:
        return int(count) - by_class[1], by_class[1]
    return tuple(by_class[class_id] for class_id in sorted(by_class))


def _on_slices(
    key: metric_types.MetricKey, label: str, class_name: str, spec: Any, bound: Bound, slices: list[SliceResult]
) -> Iterator[ThresholdCheck]:
    """The checks of one threshold; without a slice of its own, TFMA holds every slice to it."""
    name, measured_as = _with_details(label, key), _with_details(key.name, key)
    wanted = None if spec is None else slicer_lib.SingleSliceSpec(spec=spec)
    matching = [result for result in slices if wanted is None or wanted.is_slice_applicable(result.key)]
    if not matching:
        yield ThresholdCheck(name, _spec_name(spec), bound, examples=0, in_data=False, measured_as=measured_as)
    for result in slices:
        # Where a metric is missing, TFMA's validation fails on whatever slice it is missing from.
        if result not in matching and key in result.metrics:
            continue
        classes = result.classes.get(key.output_name or "") if class_name in NEEDS_EVERY_CLASS else None
        if classes and key.sub_key and key.sub_key.class_id is not None and result.examples is not None:
            positives = classes[key.sub_key.class_id]
            classes = (result.examples - positives, positives)
        yield ThresholdCheck(
            metric=name,
            slice=slice_name(result.key),
            bound=bound,
            measured=result.metrics.get(key),
            examples=result.examples,
            classes=classes,
            measured_as=measured_as,
        )


def _spec_name(spec: Optional[config_pb2.SlicingSpec]) -> str:
    if spec is None:
        return OVERALL
    fixed = [f"{feature}={value}" for feature, value in sorted(spec.feature_values.items())]
    return ", ".join([*fixed, *(f"each {feature}" for feature in spec.feature_keys)]) or OVERALL


def _bound(limit: Any) -> Bound:
    def given(field: str) -> Optional[float]:
        return getattr(limit, field).value if limit.HasField(field) else None

    if isinstance(limit, config_pb2.GenericValueThreshold):
        return ValueBound(given("lower_bound"), given("upper_bound"))
    directions = {config_pb2.MetricDirection.HIGHER_IS_BETTER: True, config_pb2.MetricDirection.LOWER_IS_BETTER: False}
    return ChangeBound(directions.get(limit.direction), given("absolute"), given("relative"))


def _bare(key: metric_types.MetricKey) -> metric_types.MetricKey:
    return key._replace(model_name="", is_diff=False)


def _with_details(name: str, key: metric_types.MetricKey) -> str:
    """A metric's name, with the class, rank or output where one metric is computed for several."""
    base, _, of_class = name.partition(" (")  # the class's own name, where the configuration gives it
    parts = (key.output_name, of_class.removesuffix(")") or key.sub_key)
    details = [str(part) for part in parts if part]
    return f"{base} ({', '.join(details)})" if details else name
