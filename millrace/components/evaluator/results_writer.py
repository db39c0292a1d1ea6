"""Writes sliced metrics by TFMA's own validation and conversion, into the files that every TFMA reader knows.

A few hundred small records: TFMA's Beam writers would take seconds for what is a write of four files.
"""

import os
from collections.abc import Iterable
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from google.protobuf.message import Message
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.writers import eval_config_writer
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as tfma_writer

from millrace.base import files
from millrace.components.evaluator.slicing import SliceKey

SlicedMetrics = tuple[SliceKey, dict[metric_types.MetricKey, Any]]


def write_results(
    sliced: list[SlicedMetrics], eval_config: config_pb2.EvalConfig, model_paths: dict[str, str], folder: str
) -> None:
    """Validates and writes an evaluation.

    Args:
        sliced: a slice's key with its metrics and plots, as TFMA's evaluators yield them; empty when there is nothing
            to measure, which TFMA's validation refuses.
        eval_config: completed by TFMA.
        model_paths: where the models are, by name, for TFMA's record of the run.
        folder: where to.
    """
    run = config_pb2.EvalRun(
        eval_config=eval_config,
        version=tfma.__version__,
        data_location="<user provided PCollection>",
        file_format="<unknown>",
        model_locations=model_paths,
    )
    name = f"{eval_config_writer.EVAL_CONFIG_FILE}.{eval_config_writer.EVAL_CONFIG_FILE_FORMAT}"
    files.write(os.path.join(folder, name), json_format.MessageToJson(run))
    metrics = [_only(metric_types.MetricKey, item) for item in sliced]
    plots = [_only(metric_types.PlotKey, item) for item in sliced]
    attributions = [_only(metric_types.AttributionsKey, item) for item in sliced]
    for kind, records in (
        (constants.METRICS_KEY, [tfma_writer.convert_slice_metrics_to_proto(item, []) for item in metrics]),
        (constants.PLOTS_KEY, [tfma_writer.convert_slice_plots_to_proto(item, []) for item in plots]),
        (constants.ATTRIBUTIONS_KEY, [tfma_writer.convert_slice_attributions_to_proto(item) for item in attributions]),
    ):
        _write_records(folder, f"{kind}-00000-of-00001.tfrecord", records)
    combine = tfma_writer.CombineValidations(eval_config)
    merged = combine.create_accumulator()
    for item in metrics:
        merged = combine.add_input(merged, metrics_validator.validate_metrics(item, eval_config))
    _write_records(folder, f"{constants.VALIDATIONS_KEY}.tfrecord", [combine.extract_output(merged)])


def _only(kind: type, item: SlicedMetrics) -> SlicedMetrics:
    """The values of one kind; plot and attribution keys are metric keys by inheritance, so the type must be exact."""
    key, values = item
    return key, {name: value for name, value in values.items() if type(name) is kind}


def _write_records(folder: str, name: str, records: Iterable[Message]) -> None:
    with files.whole(os.path.join(folder, name)) as beside, tf.io.TFRecordWriter(beside) as writer:
        for record in records:
            writer.write(record.SerializeToString())
