"""The intervals of a small table's thresholds: a cross-validation's predictions, measured as the evaluation measures.

The verdict is about the model that is pushed, and stays the thresholds'. What the folds add is how much such a verdict
is worth: what models score that are trained so, on rows that none of them saw.
"""

from collections.abc import Sequence
from typing import Optional

import numpy as np
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as tfma_writer

from millrace.catalog.metric_names import is_count, needs_every_class, searches_a_threshold, value_range
from millrace.components.beam_engine import NeedsBeam
from millrace.components.evaluator import tfma_results
from millrace.components.evaluator.bulk_metrics import Rows
from millrace.components.evaluator.gate_report import OVERALL, Folds, GateReport
from millrace.components.evaluator.judging import Overall, ThresholdCheck, ValueBound
from millrace.components.evaluator.slice_metrics import Computations, ScoredExamples
from millrace.components.evaluator.slicing import SliceKey
from millrace.statistics import fold_scores
from millrace.statistics.fold_scores import FoldScores, interval

# Rows of the rarest class from which on the interval of a metric that needs every class holds: docs/decisions/0030.
_ENOUGH_OF_A_CLASS = 50


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


def _measured(scores: FoldScores, eval_config: config_pb2.EvalConfig) -> Overall:
    """All metrics of all folds together, and then without each of them, as if these were slices."""
    config = tfma_results.complete(eval_config, has_baseline=False)
    config.options.compute_confidence_intervals.value = False
    [spec] = config.model_specs
    rows = Rows(scores.labels.reshape(-1, 1), scores.predictions, scores.weights if spec.example_weight_key else None)
    slices: dict[SliceKey, np.ndarray] = {(): np.arange(len(scores.labels))}
    slices |= {(("without", str(fold)),): np.flatnonzero(scores.folds != fold) for fold in range(scores.count)}
    sliced = Computations(config).of_slices(ScoredExamples({("", ""): rows}, slices))
    records = [tfma_writer.convert_slice_metrics_to_proto(item, []) for item in sliced]
    return tfma_results.overall(tfma_results.read_slices(records, ""), "")


def _of_threshold(bound: ValueBound, metric: str, measured: Overall, scores: FoldScores) -> Optional[Folds]:
    if is_count(metric):  # it grows with the rows, and its threshold is meant for those of the split that judges
        return None
    value = measured.metrics.get(metric, np.nan)
    if not np.isfinite(value):
        return None
    reach, why_not = None, ""
    if searches_a_threshold(metric):
        why_not = "a score at the best of all thresholds has none that holds"
    elif needs_every_class(metric) and np.unique(scores.labels, return_counts=True)[1].min() < _ENOUGH_OF_A_CLASS:
        why_not = f"with fewer than {_ENOUGH_OF_A_CLASS} rows of a class none holds"
    else:
        without = [one.metrics.get(metric, np.nan) for one in measured.slices]
        reach = interval(value, without, scores.learned_rows, len(scores.labels) / scores.count)
        why_not = "" if reach else "it has no value without some of the folds"
    least, most = value_range(metric)
    within = (max(reach[0], least), min(reach[1], most)) if reach else None
    limits = [limit for limit in (bound.lower, bound.upper) if limit is not None]
    return Folds(
        count=scores.count,
        value=float(value),
        interval=within,
        no_interval=why_not,
        threshold=bound.words(),
        inside=within is not None and any(within[0] < limit < within[1] for limit in limits),
        learned_rows=scores.learned_rows,
        rows=len(scores.labels),
        seconds=scores.seconds,
    )
