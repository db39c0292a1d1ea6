"""The judge against TFMA's own validation, on random metrics and thresholds."""

import math

import tensorflow_model_analysis as tfma
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as tfma_writer

from millrace.components.evaluator import tfma_results
from millrace.components.evaluator.judging import Baseline, judge

METRICS = {"AUC": "auc", "BinaryAccuracy": "binary_accuracy"}
SLICES = [(), (("hour", 1),), (("hour", 2),), (("paid", "Cash"),), (("hour", 1), ("paid", "Cash"))]
SPECS = [
    None,
    config_pb2.SlicingSpec(),
    config_pb2.SlicingSpec(feature_keys=["hour"]),
    config_pb2.SlicingSpec(feature_values={"hour": "2"}),
    config_pb2.SlicingSpec(feature_values={"paid": "Cash"}),
    config_pb2.SlicingSpec(feature_keys=["hour"], feature_values={"paid": "Cash"}),
]
number = st.one_of(st.sampled_from([0.0, 0.5, 1.0, math.nan]), st.floats(-2, 2))
limit = st.sampled_from([-0.5, 0.0, 0.25, 0.5, 1.0])


@st.composite
def threshold(draw):
    made = config_pb2.MetricThreshold()
    kinds = draw(st.sampled_from([("value",), ("change",), ("value", "change")]))
    if "value" in kinds:
        for side in draw(st.sampled_from([("lower_bound",), ("upper_bound",), ("lower_bound", "upper_bound")])):
            getattr(made.value_threshold, side).value = draw(limit)
    if "change" in kinds:
        made.change_threshold.direction = draw(st.sampled_from([0, 1, 2]))
        for side in draw(st.sampled_from([("absolute",), ("relative",), ("absolute", "relative")])):
            getattr(made.change_threshold, side).value = draw(limit)
    return made


@st.composite
def configuration(draw):
    config = config_pb2.EvalConfig(model_specs=[config_pb2.ModelSpec(label_key="label")])
    metrics = config.metrics_specs.add().metrics
    for name in METRICS:
        metric = metrics.add(class_name=name)
        for spec in draw(st.lists(st.sampled_from(SPECS), max_size=3)):
            if spec is None:
                metric.threshold.CopyFrom(draw(threshold()))
            else:
                metric.per_slice_thresholds.add(slicing_specs=[spec], threshold=draw(threshold()))
    return tfma_results.with_example_count(config)


@st.composite
def measured(draw, has_baseline):
    """Every slice's metrics as TFMA's evaluator has them; a metric may be missing from a slice altogether."""
    slices = []
    keys = draw(st.lists(st.sampled_from(SLICES), unique=True))
    # Where there is an example in any slice, there is one overall.
    for key in keys if () in keys or not keys else [(), *keys]:
        examples = draw(st.sampled_from([1, 50, 99, 100, 5000]))
        values = {metric_types.MetricKey("example_count", _candidate(has_baseline)): float(examples)}
        for name in METRICS.values():
            if draw(st.integers(0, 9)) == 0:
                continue
            mine = metric_types.MetricKey(name, _candidate(has_baseline))
            values[mine] = draw(number)
            if has_baseline:
                values[mine.make_baseline_key("baseline")] = draw(number)
                values[mine.make_diff_key()] = values[mine] - values[mine.make_baseline_key("baseline")]
        slices.append((key, values))
    return slices


def _candidate(has_baseline):
    return "candidate" if has_baseline else ""


@st.composite
def cases(draw):
    has_baseline = draw(st.booleans())
    return draw(configuration()), draw(measured(has_baseline)), has_baseline


def tfma_says(config, slices, has_baseline):
    full = tfma_results.complete(config, has_baseline)
    combine = tfma_writer.CombineValidations(full)
    merged = combine.create_accumulator()
    for item in slices:
        merged = combine.add_input(merged, metrics_validator.validate_metrics(item, full))
    return combine.extract_output(merged)


def we_say(config, slices, has_baseline, min_slice_size):
    records = [tfma_writer.convert_slice_metrics_to_proto(item, []) for item in slices]
    read = tfma_results.read_slices(records, "baseline" if has_baseline else "")
    return judge(tfma_results.checks(config, read), min_slice_size, Baseline("/models/1" if has_baseline else ""))


many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(cases())
def test_without_a_minimum_size_both_say_the_same(case):
    theirs, ours = tfma_says(*case), we_say(*case, min_slice_size=1)
    if theirs.missing_thresholds:
        # TFX gives no verdict here. Without any threshold nothing is blessed; a first model that has thresholds only
        # against the baseline which does not exist yet is.
        assert ours.blessed == (
            {row.reason for row in ours.rows} == {"there is no baseline, as no model but trials was blessed yet"}
        ), ours.to_text()
    elif _only_change_thresholds_miss_their_slice(theirs, ours):
        assert not ours.blessed
    else:
        assert ours.blessed == theirs.validation_ok, ours.to_text()


@many
@given(cases())
def test_with_a_minimum_size_only_small_slices_make_a_difference(case):
    _, slices, _ = case
    theirs, ours = tfma_says(*case), we_say(*case, min_slice_size=100)
    if theirs.missing_thresholds or theirs.validation_ok == ours.blessed:
        return
    if theirs.validation_ok:
        assert "No threshold could be judged" in ours.reason or _only_change_thresholds_miss_their_slice(theirs, ours)
        return
    sizes = {key: next(iter(values.values())) for key, values in slices}
    # TFMA also calls a slice missing that is there, but small and without the metric that a threshold names.
    for spec in theirs.missing_slices:
        applicable = tfma.slicer.SingleSliceSpec(spec=spec).is_slice_applicable
        assert 0 < max((size for key, size in sizes.items() if applicable(key)), default=0) < 100, ours.to_text()
    failed = [tfma.slicer.deserialize_slice_key(each.slice_key) for each in theirs.metric_validations_per_slice]
    assert failed
    assert all(key != () and sizes[key] < 100 for key in failed), ours.to_text()


def _only_change_thresholds_miss_their_slice(theirs, ours):
    """Without a baseline TFMA forgets its thresholds, and with them that their slices are not in the data."""
    absent = [row for row in ours.rows if row.reason.startswith("no example")]
    return (
        bool(absent)
        and theirs.validation_ok
        and ours.rubber_stamped
        and [row for row in ours.rows if row.verdict == "fail"] == absent
        and all("baseline" in row.threshold for row in absent)
    )
