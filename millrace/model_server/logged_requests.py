"""The one reader of request logs: what `request_log.py` wrote, as plain values."""

import math
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
from millrace.model_server.about import EMBED, EXPLAIN
from millrace.model_server.inference import serialized_examples
from millrace.model_server.query import Arrays
from millrace.model_server.shard_files import OPEN, WHOLE, shard_files
from millrace.tables.tfrecords import records


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

    @property
    def predicts(self) -> bool:
        """Whether it asks for a prediction, and not why one is so, of a row that was predicted or will be."""
        return self.signature not in (EXPLAIN, EMBED)


class LogReader:
    """Reads a log on from where it was: each record once, however long its shard still grows.

    Args:
        folder: of one model's request log; none, or an empty one, has no requests.
        newer_than: leaves out requests that the log says were answered before this second, with a zone.
        until: of a request that was answered then or later the inputs and outputs are not read, and are empty.
    """

    def __init__(self, folder: Path, newer_than: Optional[datetime] = None, until: Optional[datetime] = None) -> None:
        self._folder = folder
        self._until = until.timestamp() if until else math.inf
        self._oldest = int(newer_than.timestamp()) if newer_than else 0
        # Bytes by shard, which keeps its stem when it is whole.
        self._read: dict[str, int] = {}

    def read_on(self) -> Iterator[LoggedRequest]:
        """The requests that were written since the last time, of every shard, the older first.

        Yields:
            The requests, as they were written.

        Raises:
            DataError: a whole shard is damaged, or holds something else.
        """
        shards = {_stem(shard): shard for shard in shard_files(self._folder)}
        self._read = {stem: place for stem, place in self._read.items() if stem in shards}
        for stem, shard in shards.items():
            size, written = _size_and_time(shard)
            if written < self._oldest or size == self._read.get(stem):
                continue
            for record in self._records(stem, shard):
                try:
                    log = prediction_log_pb2.PredictionLog.FromString(record)
                except Exception as error:  # DecodeError of two implementations of protobuf
                    raise DataError("a record is no PredictionLog", str(shard), "move the file away") from error
                at = log.log_metadata.timestamp_secs
                if not 0 < at < self._oldest:
                    yield logged_request(log, has_values=at < self._until)

    def _records(self, stem: str, shard: Path) -> Iterator[bytes]:
        try:
            with open(shard, "rb") as stream:
                stream.seek(self._read.get(stem, 0))
                for record in records(stream, str(shard), checked=True):
                    self._read[stem] = stream.tell()
                    yield record
        except FileNotFoundError:
            # Since it was found, a whole one was old and was removed, or one became whole and was renamed.
            if shard.name.endswith(OPEN):
                yield from self._records(stem, shard.with_name(stem + WHOLE))
        except DataError as error:
            # What a server is still writing is read the next time, or never where it was killed.
            if not shard.name.endswith(OPEN):
                raise DataError("the file is damaged", str(shard), "move it away, and read the others") from error


def logged_requests(
    folder: Path, newer_than: Optional[datetime] = None, until: Optional[datetime] = None
) -> Iterator[LoggedRequest]:
    """Reads every shard of a folder, the older first, and the ones that are being written.

    Args:
        folder: of one model's request log; none, or an empty one, has no requests.
        newer_than: leaves out requests that the log says were answered before this second, with a zone.
        until: of a request that was answered then or later the inputs and outputs are not read, and are empty: it is
            counted in a tenth of the time.

    Yields:
        The requests, as they were written.

    Raises:
        DataError: a whole shard is damaged, or holds something else.
    """
    return LogReader(folder, newer_than, until).read_on()


def logged_request(log: prediction_log_pb2.PredictionLog, has_values: bool = True) -> LoggedRequest:
    """Reads one message, of a model server or of TFX's BulkInferrer.

    Args:
        log: a Predict, Classify or Regress log.
        has_values: whether its inputs and outputs are read, which takes most of the time; else they are empty.

    Returns:
        Its values.

    Raises:
        DataError: it is of another kind.
    """
    kind = log.WhichOneof("log_type")
    if kind not in ("predict_log", "classify_log", "regress_log"):
        raise DataError(f"a log of the kind {kind or 'none'} cannot be read", remedy="leave such requests out")
    logged: Any = getattr(log, kind)
    inputs, outputs = _values(kind, logged) if has_values else ({}, {})
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


def _values(kind: str, logged: Any) -> tuple[Arrays, Arrays]:
    if kind == "predict_log":
        inputs = {alias: tf.make_ndarray(tensor) for alias, tensor in logged.request.inputs.items()}
        return inputs, {alias: tf.make_ndarray(tensor) for alias, tensor in logged.response.outputs.items()}
    inputs = {"inputs": np.array(serialized_examples(logged.request.input), object)}
    return inputs, _classified(logged) if kind == "classify_log" else _regressed(logged)


def _stem(shard: Path) -> str:
    return shard.name.removesuffix(OPEN).removesuffix(WHOLE)


def _size_and_time(shard: Path) -> tuple[int, float]:
    """Its bytes, and when it was last written."""
    try:
        status = shard.stat()
    except FileNotFoundError:  # renamed just now
        return 0, time.time()
    return status.st_size, status.st_mtime


def _classified(logged: prediction_log_pb2.ClassifyLog) -> Arrays:
    rows = [classifications.classes for classifications in logged.response.result.classifications]
    return {
        "classes": np.array([[one.label.encode() for one in row] for row in rows], object),
        "scores": np.array([[one.score for one in row] for row in rows], np.float32),
    }


def _regressed(logged: prediction_log_pb2.RegressLog) -> Arrays:
    return {"outputs": np.array([one.value for one in logged.response.result.regressions], np.float32)}
