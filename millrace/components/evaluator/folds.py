"""The intervals of a small table's thresholds: a cross-validation's predictions, measured as the evaluation measures.

The verdict is about the model that is pushed, and stays the thresholds'. What the folds add is how much such a verdict
is worth: what models score that are trained so, on rows that none of them saw.
"""

from collections.abc import Sequence
from typing import Optional

import numpy as np
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as tfma_writer

from millrace.catalog.metric_names import needs_every_class, value_range
from millrace.components.beam_engine import NeedsBeam
from millrace.components.evaluator import tfma_results
from millrace.components.evaluator.bulk_metrics import Rows
from millrace.components.evaluator.gate_report import OVERALL, Folds, GateReport, MeasuredSlice
from millrace.components.evaluator.judging import ThresholdCheck, ValueBound
from millrace.components.evaluator.slice_metrics import Computations, ScoredExamples
from millrace.components.evaluator.slicing import SliceKey
from millrace.statistics import fold_scores
from millrace.statistics.fold_scores import FoldScores, interval


def with_folds(
    report: GateReport, checks: Sequence[ThresholdCheck], eval_config: config_pb2.EvalConfig, model: str
) -> GateReport:
    """The report with what the folds say of each threshold on the whole data set that is not against a baseline.

    Args:
        report: of the candidate.
        checks: what its rows were made of.
        eval_config: as configured.
        model: the URI of the Model artifact, in which the Trainer leaves the folds' predictions.

    Returns:
        The same where there are none, or a metric is left to Beam.
    """
    scores = fold_scores.read(model)
    if scores is None:
        return report
    try:
        measured = _measured(scores, eval_config)
    except NeedsBeam:
        return report
    rows = [
        row.model_copy(update={"folds": _of_threshold(check.bound, row.measured_as, measured, scores)})
        if row.slice == OVERALL and isinstance(check.bound, ValueBound)
        else row
        for row, check in zip(report.rows, checks, strict=True)
    ]
    return report.model_copy(update={"rows": tuple(rows)})


def _measured(scores: FoldScores, eval_config: config_pb2.EvalConfig) -> tuple[MeasuredSlice, ...]:
    """All metrics of each fold, as if it were a slice."""
    config = tfma_results.complete(eval_config, has_baseline=False)
    config.options.compute_confidence_intervals.value = False
    [spec] = config.model_specs
    rows = Rows(scores.labels.reshape(-1, 1), scores.predictions, scores.weights if spec.example_weight_key else None)
    slices: dict[SliceKey, np.ndarray] = {(): np.arange(len(scores.labels))}
    slices |= {(("fold", str(fold)),): np.flatnonzero(scores.folds == fold) for fold in range(scores.count)}
    sliced = Computations(config).of_slices(ScoredExamples({("", ""): rows}, slices))
    records = [tfma_writer.convert_slice_metrics_to_proto(item, []) for item in sliced]
    return tfma_results.overall(tfma_results.read_slices(records, ""), "").slices


def _of_threshold(
    bound: ValueBound, metric: str, measured: Sequence[MeasuredSlice], scores: FoldScores
) -> Optional[Folds]:
    # TFMA's value of a metric that needs every class is 0 where one has no row.
    whole = [fold for fold in measured if not (needs_every_class(metric) and fold.classes and not min(fold.classes))]
    values = [fold.metrics[metric] for fold in whole if np.isfinite(fold.metrics.get(metric, np.nan))]
    reach = interval(values, scores.learned_rows, len(scores.labels) / scores.count)
    if reach is None:
        return None
    least, most = value_range(metric)
    low, high = max(reach[0], least), min(reach[1], most)
    return Folds(
        count=len(values),
        value=float(np.mean(values)),
        interval=(low, high),
        threshold=bound.words(),
        inside=any(limit is not None and low < limit < high for limit in (bound.lower, bound.upper)),
        learned_rows=scores.learned_rows,
        rows=len(scores.labels),
        seconds=scores.seconds,
    )
