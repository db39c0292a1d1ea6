"""The one reader of request logs: what `request_log.py` wrote, as plain values."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from millrace.base.errors import DataError
from millrace.model_server.inference import serialized_examples
from millrace.model_server.query import Arrays
from millrace.model_server.shard_files import OPEN, WHOLE, shard_files


@dataclass(frozen=True)
class LoggedRequest:
    """A request and its answer.

    Args:
        request_id: the caller's name for it, or the server's.
        model: the model's name.
        version: the version that answered.
        signature: the signature that answered.
        time: when, in UTC; seconds are not divided. None where the log does not say it.
        inputs: an array for each input alias; of Classify and Regress the serialised tf.Examples as `inputs`.
        outputs: an array for each output alias: `classes` (bytes) and `scores` of Classify, `outputs` of Regress.
    """

    request_id: str
    model: str
    version: int
    signature: str
    time: Optional[datetime]
    inputs: Arrays
    outputs: Arrays


def logged_requests(folder: Path, newer_than: Optional[datetime] = None) -> Iterator[LoggedRequest]:
    """Reads every shard of a folder, the older first, and the ones that are being written.

    Args:
        folder: of one model's request log; none, or an empty one, has no requests.
        newer_than: leaves out requests that the log says were answered before this second, with a zone.

    Yields:
        The requests, as they were written.

    Raises:
        DataError: a whole shard is damaged, or holds something else.
    """
    oldest = int(newer_than.timestamp()) if newer_than else 0
    for shard in shard_files(folder):
        if _last_written(shard) < oldest:
            continue
        for record in _records(shard):
            try:
                log = prediction_log_pb2.PredictionLog.FromString(record)
            except Exception as error:  # DecodeError of two implementations of protobuf
                raise DataError("a record is no PredictionLog", str(shard), "move the file away") from error
            # A shard grows for minutes, and is read again by who asks for what is new: its arrays are what costs.
            if not 0 < log.log_metadata.timestamp_secs < oldest:
                yield logged_request(log)


def logged_request(log: prediction_log_pb2.PredictionLog) -> LoggedRequest:
    """Reads one message, of a model server or of TFX's BulkInferrer.

    Args:
        log: a Predict, Classify or Regress log.

    Returns:
        Its values.

    Raises:
        DataError: it is of another kind.
    """
    kind = log.WhichOneof("log_type")
    if kind not in ("predict_log", "classify_log", "regress_log"):
        raise DataError(f"a log of the kind {kind or 'none'} cannot be read", remedy="leave such requests out")
    logged: Any = getattr(log, kind)
    inputs: Arrays
    outputs: Arrays
    if kind == "predict_log":
        inputs = {alias: tf.make_ndarray(tensor) for alias, tensor in logged.request.inputs.items()}
        outputs = {alias: tf.make_ndarray(tensor) for alias, tensor in logged.response.outputs.items()}
    else:
        inputs = {"inputs": np.array(serialized_examples(logged.request.input), object)}
        outputs = _classified(logged) if kind == "classify_log" else _regressed(logged)
    metadata = log.log_metadata
    spec = metadata.model_spec if metadata.HasField("model_spec") else logged.response.model_spec
    return LoggedRequest(
        metadata.request_origin,
        spec.name,
        spec.version.value,
        spec.signature_name,
        datetime.fromtimestamp(metadata.timestamp_secs, timezone.utc) if metadata.timestamp_secs else None,
        inputs,
        outputs,
    )


def _last_written(shard: Path) -> float:
    try:
        return shard.stat().st_mtime
    except FileNotFoundError:  # renamed just now
        return time.time()


def _records(shard: Path) -> Iterator[bytes]:
    try:
        yield from tf.data.TFRecordDataset(str(shard)).as_numpy_iterator()
    except tf.errors.NotFoundError:
        # Between being found and being opened a whole one was old and was removed, or one became whole and was renamed.
        if not shard.name.endswith(OPEN):
            return
        yield from _records(shard.with_name(shard.name.removesuffix(OPEN) + WHOLE))
    except tf.errors.DataLossError as error:
        if not shard.name.endswith(OPEN):
            raise DataError("the file is damaged", str(shard), "move it away, and read the others") from error


def _classified(logged: prediction_log_pb2.ClassifyLog) -> Arrays:
    rows = [classifications.classes for classifications in logged.response.result.classifications]
    return {
        "classes": np.array([[one.label.encode() for one in row] for row in rows], object),
        "scores": np.array([[one.score for one in row] for row in rows], np.float32),
    }


def _regressed(logged: prediction_log_pb2.RegressLog) -> Arrays:
    return {"outputs": np.array([one.value for one in logged.response.result.regressions], np.float32)}
