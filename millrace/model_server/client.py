"""A client of TensorFlow Serving's two protocols, with a deadline on every call."""

import base64
import http.client
import json
import time
from dataclasses import dataclass
from typing import Any, Literal

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from millrace.base.errors import Signal
from millrace.model_server.query import Arrays, Infos, Query
from millrace.model_server.server_process import Ports

HOST = "127.0.0.1"
Protocol = Literal["gRPC", "REST"]
_State = get_model_status_pb2.ModelVersionStatus.State
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A loopback address must not go through a proxy that the environment names.
    ("grpc.enable_http_proxy", 0),
)


class NoAnswer(Signal):
    """A call that brought no answer.

    Args:
        kind: `refused` when the server answered with an error, `timeout` past the deadline, `lost` when there was no
            connection.
        message: the server's words, or what happened.
    """

    def __init__(self, kind: Literal["refused", "timeout", "lost"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Answer:
    """The outputs of one request by alias, and the milliseconds that it took."""

    outputs: Arrays
    milliseconds: float


class Client:
    """Connections to one server; a context manager.

    Args:
        ports: where it listens on the loopback interface.
        model_name: the model to ask for.
        seconds: the deadline of each call.
    """

    def __init__(self, ports: Ports, model_name: str, seconds: float) -> None:
        self._model_name = model_name
        self._seconds = seconds
        self._channel = grpc.insecure_channel(f"{HOST}:{ports.grpc}", options=_OPTIONS)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._http = http.client.HTTPConnection(HOST, ports.rest, timeout=seconds)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self._http.close()

    def state(self) -> tuple[str, str]:
        """The state of the newest version, by its name in get_model_status.proto, and its error message.

        Raises:
            NoAnswer: the server does not answer, or knows no version yet.
        """
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._model_name
        newest = max(self._call(self._models.GetModelStatus, request).model_version_status, key=lambda one: one.version)
        return _State.Name(newest.state), newest.status.error_message

    def has_rest(self) -> bool:
        """Whether the REST API listens; `tensorflow_model_server` opens it after gRPC."""
        try:
            self._http.connect()
        except OSError:
            return False
        return True

    def signatures(self) -> dict[str, meta_graph_pb2.SignatureDef]:
        """The model's signatures by name.

        Raises:
            NoAnswer: the server does not answer.
        """
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = self._model_name
        answer = self._call(self._predictions.GetModelMetadata, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(signatures)
        return dict(signatures.signature_def)

    def predict(self, protocol: Protocol, query: Query) -> Answer:
        """Sends one request.

        Args:
            protocol: by which way.
            query: the signature and its inputs.

        Returns:
            The outputs and the time.

        Raises:
            NoAnswer: there was none, or an error.
        """
        if protocol == "REST":
            return self._predict_rest(query)
        request = query.request(self._model_name)
        started = time.monotonic()
        response = self._call(self._predictions.Predict, request)
        milliseconds = (time.monotonic() - started) * 1000
        return Answer({alias: tf.make_ndarray(tensor) for alias, tensor in response.outputs.items()}, milliseconds)

    def _predict_rest(self, query: Query) -> Answer:
        columns = {alias: json_values(value) for alias, value in query.inputs.items()}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        body = json.dumps({"signature_name": query.signature, "instances": rows})
        started = time.monotonic()
        value = self._post(f"/v1/models/{self._model_name}:predict", body)
        milliseconds = (time.monotonic() - started) * 1000
        try:
            return Answer(_columns(value["predictions"], query.outputs), milliseconds)
        except (KeyError, TypeError, ValueError) as error:
            raise NoAnswer("refused", f"the REST answer does not fit the signature's outputs: {error}") from error

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=self._seconds)
        except grpc.RpcError as error:
            code, message = error.code(), error.details() or error.code().name
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            raise NoAnswer("timeout", f"no answer by gRPC within {self._seconds:g} s")
        raise NoAnswer("lost" if code == grpc.StatusCode.UNAVAILABLE else "refused", message)

    def _post(self, path: str, body: str) -> Any:
        try:
            self._http.request("POST", path, body, {"Content-Type": "application/json"})
            response = self._http.getresponse()
            payload = response.read()
        except TimeoutError as error:
            raise NoAnswer("timeout", f"no answer by REST within {self._seconds:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer("lost", f"{type(error).__name__}: {error}") from error
        finally:
            # A server ends a connection that was idle for a while, as long as an answer by gRPC may take in between.
            self._http.close()
        try:
            value = json.loads(payload)
        except ValueError as error:
            raise NoAnswer("refused", f"the REST answer is not JSON: {error}") from error
        if response.status != 200:
            raise NoAnswer("refused", str(value.get("error", payload)))
        return value


def json_values(value: np.ndarray) -> list[Any]:
    """The rows of an array as the REST API takes them: bytes as `{"b64": "..."}`."""
    if value.dtype != object:
        return value.tolist()
    encode = np.frompyfunc(lambda item: {"b64": base64.b64encode(item).decode()}, 1, 1)
    return encode(value).tolist()


def _columns(rows: list[Any], infos: Infos) -> Arrays:
    if len(infos) == 1:
        return {alias: _array(rows, info) for alias, info in infos.items()}
    return {alias: _array([row[alias] for row in rows], info) for alias, info in infos.items()}


def _array(values: list[Any], info: meta_graph_pb2.TensorInfo) -> np.ndarray:
    dtype = tf.as_dtype(info.dtype)
    return np.asarray(values, object if dtype == tf.string else dtype.as_numpy_dtype)
