"""TFMA's computations on a table of scored examples, slice by slice, with its own confidence intervals."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

import numpy as np
from tensorflow_model_analysis.evaluators import (
    confidence_intervals_util,
    jackknife,
    metrics_plots_and_validations_evaluator,
    poisson_bootstrap,
)
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2

from millrace.components.beam_engine import NeedsBeam
from millrace.components.evaluator import bulk_metrics, tfma_results
from millrace.components.evaluator.bulk_metrics import Rows
from millrace.components.evaluator.results_writer import SlicedMetrics
from millrace.components.evaluator.slicing import SliceKey

# As many as TFMA takes.
_SAMPLES = 20
# Fixed, so that the same data and model give the same intervals.
_SEED = 20


class ScoredExamples(NamedTuple):
    """Scored examples: `rows` by the models' names in the completed configuration and the output's name, which is empty
    for one alone; ascending row numbers by slice.
    """

    rows: dict[tuple[str, str], Rows]
    slices: dict[SliceKey, np.ndarray]


Inputs = dict[int, list[Rows]]
"""What each computation reads, by its `id`."""


class Computations:
    """What a configuration asks for, in the three steps that TFMA makes of it: combined, derived, and differences.

    Args:
        eval_config: completed by TFMA.

    Raises:
        NeedsBeam: something in it needs Beam.
    """

    def __init__(self, eval_config: config_pb2.EvalConfig) -> None:
        self._config = eval_config
        self._baseline = tfma_results.baseline_name(eval_config)
        steps = metrics_plots_and_validations_evaluator._filter_and_separate_computations(
            metric_specs.to_computations(list(eval_config.metrics_specs), eval_config=eval_config)
        )
        if steps.cross_slice_computations:
            raise NeedsBeam("metrics that compare slices")
        self._derived = [bulk_metrics.derivation(step) for step in steps.derived_computations]
        self._of_intervals = steps.ci_derived_computations
        self._combined = [(step, bulk_metrics.rule(step.combiner)) for step in steps.non_derived_computations]
        for step, _ in self._combined:
            if any(type(one) is not metric_types.StandardMetricInputsPreprocessor for one in step.preprocessors or []):
                raise NeedsBeam("a metric that preprocesses its inputs")

    def of_slices(self, table: ScoredExamples) -> list[SlicedMetrics]:
        """Every metric and plot of every slice, as TFMA's own evaluator yields them."""
        inputs = {id(step): self._rows(step, table) for step, _ in self._combined}
        return [(key, self._of_slice(inputs, rows)) for key, rows in table.slices.items()]

    def _of_slice(self, inputs: Inputs, rows: np.ndarray) -> dict[Any, Any]:
        values = self._measure(inputs, rows)
        samples = self._samples(rows)
        if samples is not None:
            combine, drawn = samples
            values = self._with_intervals(inputs, values, combine, drawn)
        for step in self._of_intervals:
            values.update(step.result(values))
        return metrics_plots_and_validations_evaluator._remove_private_metrics((), values)[1]

    def _measure(self, inputs: Inputs, rows: np.ndarray) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        for step, fill in self._combined:
            parts = [
                Rows(*(None if column is None else column[rows] for column in whole)) for whole in inputs[id(step)]
            ]
            values.update(step.combiner.extract_output(fill(step.combiner, *parts)))
        # TFMA divides by zero where a ratio has no value, and means the NaN that comes of it.
        with np.errstate(divide="ignore", invalid="ignore"):
            for derive in self._derived:
                values.update(derive(values))
        values.update(self._differences(values))
        return values

    def _differences(self, values: dict[Any, Any]) -> dict[Any, Any]:
        differences: dict[Any, Any] = {}
        if not self._baseline:
            return differences
        for key, value in values.items():
            private = metrics_plots_and_validations_evaluator._is_private_metrics(key)
            if private or key.is_diff or key.model_name == self._baseline:
                continue
            other = values.get(key.make_baseline_key(self._baseline))
            if other is not None and metrics_plots_and_validations_evaluator._is_metric_diffable(value):
                differences[key.make_diff_key()] = value - other
        return differences

    def _samples(self, rows: np.ndarray) -> Optional[tuple[Any, Iterator[np.ndarray]]]:
        """TFMA's sample combiner and the rows of each sample; None when no intervals are asked for."""
        if not self._config.options.compute_confidence_intervals.value:
            return None
        skipped = metric_specs.metric_keys_to_skip_for_confidence_intervals(
            self._config.metrics_specs, eval_config=self._config
        )
        random = np.random.default_rng(_SEED)
        if self._config.options.confidence_intervals.method == config_pb2.ConfidenceIntervalOptions.POISSON_BOOTSTRAP:
            drawn = (np.repeat(rows, random.poisson(1.0, len(rows))) for _ in range(_SAMPLES))
            return poisson_bootstrap._BootstrapSampleCombineFn(_SAMPLES, skipped), drawn
        buckets = random.integers(_SAMPLES, size=len(rows))
        left = (rows[buckets != bucket] for bucket in range(_SAMPLES))
        return jackknife._JackknifeSampleCombineFn(_SAMPLES, skipped), left

    def _with_intervals(
        self, inputs: Inputs, values: dict[Any, Any], combine: Any, drawn: Iterator[np.ndarray]
    ) -> dict[Any, Any]:
        samples = combine.create_accumulator()
        whole = confidence_intervals_util.SampleMetrics(metrics=values, sample_id=combine._full_sample_id)
        samples = combine.add_input(samples, whole)
        for number, rows in enumerate(drawn):
            if len(rows):
                sample = confidence_intervals_util.SampleMetrics(self._measure(inputs, rows), number)
                samples = combine.add_input(samples, sample)
        return combine.extract_output(samples)

    def _rows(self, step: metric_types.MetricComputation, table: ScoredExamples) -> list[Rows]:
        """The columns that one computation reads: of one output, or of those that its combiner names."""
        key, found = step.keys[-1], []
        for name in bulk_metrics.outputs_of(step.combiner) or [key.output_name]:
            # What is counted of no output is counted as well of any.
            output = name or next(output for _, output in table.rows)
            labels, predictions, weights = table.rows[key.model_name, output]
            if key.sub_key is not None:
                labels, predictions = _of_class(labels, predictions, key.sub_key)
            found.append(Rows(labels, predictions, weights if bulk_metrics.is_weighted(step.combiner) else None))
        return found


def _of_class(
    labels: np.ndarray, predictions: np.ndarray, sub_key: metric_types.SubKey
) -> tuple[np.ndarray, np.ndarray]:
    if sub_key != metric_types.SubKey(class_id=sub_key.class_id):
        raise NeedsBeam(f"metrics of {sub_key}")
    chosen = sub_key.class_id
    if not 0 <= chosen < predictions.shape[1]:
        raise ValueError(f"class_id {chosen} is out of range: there are {predictions.shape[1]} predictions")
    sparse = labels.shape != predictions.shape
    label = (labels == chosen).astype(np.float32) if sparse else labels[:, chosen : chosen + 1]
    return label, predictions[:, chosen : chosen + 1]
