"""A request for an inference, whichever protocol brought it: its model is found, it is run, counted and logged."""

import re
import time
import uuid
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional

import tensorflow as tf
from tensorflow.core.protobuf import error_codes_pb2
from tensorflow_serving.apis import classification_pb2, predict_pb2

from millrace.model_server import inference
from millrace.model_server.model_config import VersionChoice
from millrace.model_server.models import Models
from millrace.model_server.request_log import Request
from millrace.model_server.servable import Servable

if TYPE_CHECKING:  # only who shows metrics loads Prometheus's client
    from millrace.model_server.metrics import Metrics

REQUEST_ID = "x-request-id"
"""The header, and the metadata of gRPC, that names a request."""

_REQUEST_ID = re.compile(r"[!-~]{1,128}")


def request_id_of(given: Optional[str]) -> str:
    """The name of a request: what its sender calls it, or a new one where that is none, or no header can hold it."""
    return given if given and _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


class Call:
    """One request; a context manager around all that is done for it.

    Args:
        models: what is served.
        metrics: counts it; None counts nothing.
        api: the protocol, `gRPC` or `REST`.
        method: `Predict`, `Classify` or `Regress`.
        request_id: its name in the log.
    """

    def __init__(self, models: Models, metrics: Optional["Metrics"], api: str, method: str, request_id: str) -> None:
        self._models = models
        self._metrics = metrics
        self._api, self._method = api, method
        self._request_id = request_id
        self._servable: Optional[Servable] = None
        self._began = time.monotonic()

    def __enter__(self) -> "Call":
        return self

    def __exit__(
        self, _: Optional[type[BaseException]], error: Optional[BaseException], __: Optional[TracebackType]
    ) -> None:
        if self._metrics:
            served = self._servable
            # A name that is not served is the client's invention, and there are many.
            model, version = (served.name, str(served.version)) if served else ("", "")
            seconds = time.monotonic() - self._began
            self._metrics.observe(model, version, self._api, self._method, _code(error), seconds)

    def find(self, name: str, choice: VersionChoice) -> Servable:
        """Finds the model that is asked.

        Args:
            name: the model's name.
            choice: a version's number, a label, or None for the newest.

        Raises:
            tf.errors.OpError: it is not served.
        """
        self._servable = self._models.servable(name, choice)
        return self._servable

    def answer(self, request: Request, timeout: Optional[float]) -> Any:
        """Runs the request on the model that was found.

        Args:
            request: TensorFlow Serving's message.
            timeout: seconds after which the run is given up; None waits for ever.

        Returns:
            The response of the same kind.

        Raises:
            tf.errors.OpError: as TensorFlow Serving would answer.
        """
        servable = self._servable
        assert servable is not None, "its model is found first"
        if isinstance(request, predict_pb2.PredictRequest):
            response: Any = servable.predict(request, timeout)
        elif isinstance(request, classification_pb2.ClassificationRequest):
            response = inference.classify(servable, request, timeout)
        else:
            response = inference.regress(servable, request, timeout)
        log = self._models.request_log(servable.name)
        if log:
            log.offer(self._request_id, request, response)
        return response


def _code(error: Optional[BaseException]) -> str:
    if error is None:
        return "OK"
    return error_codes_pb2.Code.Name(error.error_code) if isinstance(error, tf.errors.OpError) else "INTERNAL"
