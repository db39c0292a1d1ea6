"""The evaluation of labels and predictions that are arrays already, such as those of answered requests."""

import numpy as np
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as tfma_writer

from millrace.components.evaluator import tfma_results
from millrace.components.evaluator.bulk_metrics import Rows
from millrace.components.evaluator.eval_config import eval_config
from millrace.components.evaluator.judging import ThresholdCheck
from millrace.components.evaluator.section import Evaluation
from millrace.components.evaluator.slice_metrics import Computations, ScoredExamples
from millrace.features.label import Label


def checks_of(label: Label, evaluation: Evaluation, labels: np.ndarray, scores: np.ndarray) -> list[ThresholdCheck]:
    """Measures what thresholds of the whole data name; rows are not weighted.

    Args:
        label: what is predicted, a single output.
        evaluation: what is measured, with a threshold for each metric.
        labels: class ids, [rows].
        scores: probabilities, [rows, 1] of the second of two classes, or [rows, classes].

    Returns:
        A check for each threshold, with what was measured.

    Raises:
        NeedsBeam: a metric cannot be measured in this process.
    """
    unweighted = label.model_copy(update={"weight": None})
    config = tfma_results.complete(eval_config(unweighted, evaluation, has_baseline=False), has_baseline=False)
    table = ScoredExamples({("", ""): Rows(labels.reshape(-1, 1), scores, None)}, {(): np.arange(len(labels))})
    records = []
    for key, values in Computations(tfma_results.with_example_count(config)).of_slices(table):
        metrics = {name: value for name, value in values.items() if type(name) is metric_types.MetricKey}
        records.append(tfma_writer.convert_slice_metrics_to_proto((key, metrics), []))
    return tfma_results.checks(config, tfma_results.read_slices(records, ""))
