"""The prediction of a table by TFX's BulkInferrer, on the engine that `beam:` names: Flink, Spark, Dataflow, another.

What comes back are TensorFlow Serving's `PredictionLog` records, read as those of a server's request log are.
"""

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tfx.components.bulk_inferrer import executor as tfx_executor
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.io import fileio
from tfx.proto import bulk_inferrer_pb2
from tfx.types import artifact_utils, standard_artifacts, standard_component_specs
from tfx.utils import io_utils, path_utils, proto_utils

from millrace.model_server.about import About
from millrace.model_server.logged_requests import logged_request
from millrace.model_server.servable import DEFAULT_SIGNATURE
from millrace.prediction.answers import answers
from millrace.prediction.numbered_examples import in_the_rows_order, row_numbers, write_examples
from millrace.prediction.table_to_score import TableToScore

_SPLIT = "table"
_LOGS_AT_ONCE = 8_192


def by_bulk_inferrer(
    folder: Path, about: About, root: str, beam_pipeline_args: list[str], show: Callable[[str, int], None]
) -> Callable[[TableToScore, int], Iterator[pa.RecordBatch]]:
    """Scores a table by Beam.

    Args:
        folder: the SavedModel.
        about: what it predicts.
        root: the pipeline's, on a file system that the workers reach.
        beam_pipeline_args: Beam's options.
        show: is told what is done, and of how many rows.

    Returns:
        An engine of `millrace.prediction.predict`.
    """

    def score(table: TableToScore, skipped: int) -> Iterator[pa.RecordBatch]:
        place = f"{root.rstrip('/')}/predictions/{uuid.uuid4().hex[:12]}"
        try:
            model = standard_artifacts.Model()
            model.uri = f"{place}/model"
            _copy_model(str(folder), path_utils.serving_model_path(model.uri))
            written = standard_artifacts.Examples()
            written.uri = f"{place}/examples"
            written.split_names = artifact_utils.encode_split_names([_SPLIT])
            rows = write_examples(table, skipped, artifact_utils.get_split_uri([written], _SPLIT), show)
            result = standard_artifacts.InferenceResult()
            result.uri = f"{place}/result"
            show("waiting for Beam:", rows)
            _infer(written, model, result, beam_pipeline_args)
            numbers, answered = _read(result.uri, about, str(folder))
            yield from in_the_rows_order(table, skipped, numbers, answered, result.uri)
        finally:
            with contextlib.suppress(Exception):  # what went wrong before is what must be told
                fileio.rmtree(place)

    return score


def _copy_model(folder: str, target: str) -> None:
    """Copies the model; one that gives a text a row is wrapped, since tfx_bsl's BulkInferrer fails on these.

    It asks each row's value for its type (`run_inference._PredictModelHandler`), which a list of one text has and a
    text, being plain bytes, has not.
    """
    loaded = tf.saved_model.load(folder)
    signature = loaded.signatures[DEFAULT_SIGNATURE]
    if not any(_is_text_a_row(tensor) for tensor in signature.structured_outputs.values()):
        io_utils.copy_dir(folder, target)
        return
    [name] = signature.structured_input_signature[1]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=name)], autograph=False)
    def wrapped(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = signature(**{name: examples})
        return {alias: tensor[:, tf.newaxis] if _is_text_a_row(tensor) else tensor for alias, tensor in outputs.items()}

    tf.saved_model.save(loaded, target, signatures={DEFAULT_SIGNATURE: wrapped})


def _is_text_a_row(tensor: Any) -> bool:
    return bool(tensor.dtype == tf.string and tensor.shape.rank == 1)


def _infer(
    written: standard_artifacts.Examples,
    model: standard_artifacts.Model,
    result: standard_artifacts.InferenceResult,
    beam_pipeline_args: list[str],
) -> None:
    model_spec = bulk_inferrer_pb2.ModelSpec(model_signature_name=[DEFAULT_SIGNATURE])
    executor = tfx_executor.Executor(BaseBeamExecutor.Context(beam_pipeline_args=beam_pipeline_args))
    executor.Do(
        {standard_component_specs.EXAMPLES_KEY: [written], standard_component_specs.MODEL_KEY: [model]},
        {standard_component_specs.INFERENCE_RESULT_KEY: [result]},
        {
            standard_component_specs.MODEL_SPEC_KEY: proto_utils.proto_to_json(model_spec),
            standard_component_specs.DATA_SPEC_KEY: proto_utils.proto_to_json(bulk_inferrer_pb2.DataSpec()),
        },
    )


def _read(folder: str, about: About, model: str) -> tuple[list[np.ndarray], list[pa.RecordBatch]]:
    """The numbers of the rows, and the answers, in the order in which Beam wrote them."""
    numbers: list[np.ndarray] = []
    parts: list[pa.RecordBatch] = []
    files = sorted(fileio.glob(os.path.join(folder, "*.gz")))
    for records in tf.data.TFRecordDataset(files, "GZIP").batch(_LOGS_AT_ONCE).as_numpy_iterator():
        logs = [logged_request(prediction_log_pb2.PredictionLog.FromString(record)) for record in records]
        numbers.append(row_numbers([example.item() for log in logs for example in log.inputs.values()]))
        outputs = {name: np.stack([log.outputs[name] for log in logs]) for name in logs[0].outputs}
        parts.append(answers(outputs, about, model))
    return numbers, parts
