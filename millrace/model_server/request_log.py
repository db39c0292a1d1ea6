"""What was asked and answered, written down as PredictionLogs by a thread that stops no answer.

TensorFlow Serving says what is logged (LoggingConfig and SamplingConfig of a ModelConfig) and in which messages
(tensorflow_serving/apis/prediction_log.proto), but its open-source build writes nothing. `logged_requests.py` reads
what is written here.
"""

import collections
import functools
import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Optional, Union

import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, predict_pb2, prediction_log_pb2, regression_pb2
from tensorflow_serving.config import logging_config_pb2

from millrace.model_server.request_shards import RequestShards

# What waits for a slow disk.
_WAITING_BYTES = 64 << 20
# A disk that is full stays so for a while.
_PAUSE_SECONDS = 5.0

Request = Union[predict_pb2.PredictRequest, classification_pb2.ClassificationRequest, regression_pb2.RegressionRequest]
Response = Union[
    predict_pb2.PredictResponse, classification_pb2.ClassificationResponse, regression_pb2.RegressionResponse
]


class _Entry(NamedTuple):
    request_id: str
    seconds: int
    request: Request
    response: Response
    size: int


class RequestLog:
    """A sample of the answered requests of one model.

    What cannot be written in time, or at all, is dropped and counted.

    Args:
        config: the model's, checked: where to write, and how large a share.
        shards: where records go; made from the configuration when left out.
        waiting_bytes: of messages that may wait to be written.
        clock: seconds that only rise.
        now: seconds since the epoch, which each request is stamped with.

    Attributes:
        config: as given.
        dropped: how many requests were not written, by reason: `queue` when too many waited, `disk` when they could not
            be written.
    """

    def __init__(
        self,
        config: logging_config_pb2.LoggingConfig,
        shards: Optional[RequestShards] = None,
        waiting_bytes: int = _WAITING_BYTES,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.dropped: collections.Counter[str] = collections.Counter()
        self._shards = shards or RequestShards(config.log_collector_config.filename_prefix)
        self._clock, self._now = clock, now
        self._waiting_bytes = waiting_bytes
        self._waiting = 0
        self._lock = threading.Lock()
        self._entries: queue.SimpleQueue[Optional[_Entry]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._thread.start()

    @property
    def written(self) -> int:
        """How many requests were written."""
        return self._shards.saved

    def offer(self, request_id: str, request: Request, response: Response) -> None:
        """Takes an answered request, if it is drawn for the sample; returns at once.

        Args:
            request_id: the caller's name for the request, or one that was made for it.
            request: as it was asked; nobody changes it any more.
            response: what was answered; its `model_spec` says by which version and signature.
        """
        if random.random() >= self.config.sampling_config.sampling_rate:
            return
        size = request.ByteSize() + response.ByteSize()
        with self._lock:
            if self._waiting + size > self._waiting_bytes:
                self.dropped["queue"] += 1
                return
            self._waiting += size
        self._entries.put(_Entry(request_id, int(self._now()), request, response, size))

    def close(self, seconds: float = 5.0) -> None:
        """Writes what waits, and ends the last shard.

        Args:
            seconds: how long that may take.
        """
        self._entries.put(None)
        self._thread.join(seconds)

    def _write_all(self) -> None:
        shards, resumes = self._shards, self._clock()
        while True:
            try:
                entry = self._entries.get(timeout=shards.seconds_left())
            except queue.Empty:  # the shard's time is over
                self._attempt(shards.end)
                continue
            if entry is None:
                self._attempt(shards.end)
                return
            if self._clock() < resumes:
                self.dropped["disk"] += 1
            elif not self._attempt(functools.partial(self._write, entry)):
                resumes = self._clock() + _PAUSE_SECONDS
            with self._lock:
                self._waiting -= entry.size

    def _write(self, entry: _Entry) -> None:
        self._shards.add(_prediction_log(entry, self.config.sampling_config).SerializeToString())
        # Whoever reads while it is written sees whole records, as long as there is time for it.
        if self._entries.empty():
            self._shards.save()

    def _attempt(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except (OSError, tf.errors.OpError) as error:
            lost = self._shards.abandon()
            self.dropped["disk"] += lost
            prefix = self.config.log_collector_config.filename_prefix
            logging.error("%d requests were not written to %s: %s", lost, prefix, error)
            return False
        return True


def _prediction_log(
    entry: _Entry, sampling_config: logging_config_pb2.SamplingConfig
) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    metadata = log.log_metadata
    metadata.model_spec.CopyFrom(entry.response.model_spec)
    metadata.sampling_config.CopyFrom(sampling_config)
    metadata.timestamp_secs = entry.seconds
    # The message has no field for a request's own name; this one says where the request came from.
    metadata.request_origin = entry.request_id
    if isinstance(entry.request, predict_pb2.PredictRequest):
        kind = log.predict_log
    elif isinstance(entry.request, classification_pb2.ClassificationRequest):
        kind = log.classify_log
    else:
        kind = log.regress_log
    kind.request.CopyFrom(entry.request)
    kind.response.CopyFrom(entry.response)
    return log
