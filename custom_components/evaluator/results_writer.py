"""Writes sliced metrics with TFMA's own validator and writers, so that every TFMA reader knows the folder."""

from typing import Any, Optional

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.metrics import metric_types

SlicedMetrics = tuple[tuple[tuple[str, Any], ...], dict[metric_types.MetricKey, Any]]

# The work here is a few hundred small records: nothing for a second process.
_IN_THIS_PROCESS = ["--runner=DirectRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1"]


def write_results(
    sliced: list[SlicedMetrics],
    eval_config: tfma.EvalConfig,
    models: Optional[list[tfma.EvalSharedModel]],
    output_path: str,
) -> None:
    """Validates and writes an evaluation.

    Args:
        sliced: a slice's key with its metrics and plots, as TFMA's evaluators yield them; empty when there is nothing
            to measure, which TFMA's validation refuses.
        eval_config: completed by TFMA.
        models: for the locations that TFMA records.
        output_path: the folder.
    """
    kinds = {
        constants.METRICS_KEY: metric_types.MetricKey,
        constants.PLOTS_KEY: metric_types.PlotKey,
        constants.ATTRIBUTIONS_KEY: metric_types.AttributionsKey,
    }
    with beam.Pipeline(argv=_IN_THIS_PROCESS) as pipeline:
        evaluation = {
            name: pipeline | f"Create[{name}]" >> beam.Create([_only(kind, item) for item in sliced], reshuffle=False)
            for name, kind in kinds.items()
        }
        evaluation[constants.VALIDATIONS_KEY] = evaluation[constants.METRICS_KEY] | "Validate" >> beam.Map(
            metrics_validator.validate_metrics, eval_config
        )
        writers = tfma.default_writers(output_path=output_path, eval_shared_model=models, eval_config=eval_config)
        _ = evaluation | "WriteResults" >> tfma.WriteResults(writers=writers)


def _only(kind: type, item: SlicedMetrics) -> SlicedMetrics:
    """The values of one kind; plot and attribution keys are metric keys by inheritance, so the type must be exact."""
    key, values = item
    return key, {name: value for name, value in values.items() if type(name) is kind}
