"""The evaluation of labels and predictions that are arrays already, such as those of answered requests."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tensorflow_model_analysis.api import types as tfma_types
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.slicer import slicer_lib
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as tfma_writer

from millrace.components.evaluator import slicing, tfma_results
from millrace.components.evaluator.bulk_metrics import Rows
from millrace.components.evaluator.eval_config import eval_config
from millrace.components.evaluator.judging import ThresholdCheck
from millrace.components.evaluator.section import Evaluation
from millrace.components.evaluator.slice_metrics import Computations, ScoredExamples
from millrace.features.label import Label


def checks_of(
    label: Label,
    evaluation: Evaluation,
    labels: np.ndarray,
    scores: np.ndarray,
    columns: Mapping[str, Sequence[Any]] = {},
) -> list[ThresholdCheck]:
    """Measures what thresholds name; rows are not weighted.

    Args:
        label: what is predicted, a single output.
        evaluation: what is measured, with a threshold for each metric.
        labels: class ids, [rows].
        scores: probabilities, [rows, 1] of the second of two classes, or [rows, classes].
        columns: the values by which rows are sliced: of each column a list for each row. Without any, the whole alone
            is measured.

    Returns:
        A check for each threshold and each slice that it names, with what was measured.

    Raises:
        NeedsBeam: a metric cannot be measured in this process.
    """
    unweighted = label.model_copy(update={"weight": None})
    config = tfma_results.complete(eval_config(unweighted, evaluation, has_baseline=False), has_baseline=False)
    slices: dict[slicing.SliceKey, np.ndarray] = {(): np.arange(len(labels))}
    if columns:
        specs = [slicer_lib.SingleSliceSpec(spec=spec) for spec in config.slicing_specs]
        ragged = {name: _ragged(values) for name, values in columns.items()}
        names = slicing.sliced_features(config) & set(columns)
        slices |= slicing.slice_rows(specs, [], ragged, names, len(labels))
    table = ScoredExamples({("", ""): Rows(labels.reshape(-1, 1), scores, None)}, slices)
    records = []
    for key, values in Computations(tfma_results.with_example_count(config)).of_slices(table):
        metrics = {name: value for name, value in values.items() if type(name) is metric_types.MetricKey}
        records.append(tfma_writer.convert_slice_metrics_to_proto((key, metrics), []))
    return tfma_results.checks(config, tfma_results.read_slices(records, ""))


def _ragged(rows: Sequence[Any]) -> tfma_types.VarLenTensorValue:
    """Lists of any length, in TFMA's form."""
    counts = np.array([len(row) for row in rows], np.int64)
    values = [value for row in rows for value in row]
    places = np.concatenate([np.arange(count) for count in counts]) if len(values) else np.zeros(0, np.int64)
    return tfma_types.VarLenTensorValue(
        values=np.array(values, object if values and isinstance(values[0], (bytes, str)) else None),
        indices=np.stack([np.repeat(np.arange(len(rows)), counts), places], axis=1),
        dense_shape=np.array([len(rows), counts.max(initial=0)]),
    )
