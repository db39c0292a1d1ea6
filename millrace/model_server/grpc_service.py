"""TensorFlow Serving's gRPC services, PredictionService and ModelService, over the served model."""

import logging
from collections.abc import Callable
from concurrent import futures
from typing import Any, Optional, TypeVar

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from millrace.model_server import inference
from millrace.model_server.limits import MOST_REQUEST_BYTES
from millrace.model_server.servable import Servable
from millrace.model_server.versions import ModelVersions, original_message

_THREADS = 16
# It is sent as a header, and clients take 8 KiB of headers.
_LONGEST_MESSAGE = 2000
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_OPTIONS = (
    ("grpc.max_receive_message_length", MOST_REQUEST_BYTES),
    ("grpc.max_send_message_length", -1),
    # Without this two servers share a port, and each gets some of the other's requests.
    ("grpc.so_reuseport", 0),
)

Answer = TypeVar("Answer")


def start(versions: ModelVersions, host: str, port: int) -> tuple[grpc.Server, int]:
    """Starts the services in threads of this process.

    Args:
        versions: the model.
        host: the interface to listen on.
        port: 0 lets the operating system choose.

    Returns:
        The server and its port.

    Raises:
        OSError: the port is taken.
    """
    server = grpc.server(futures.ThreadPoolExecutor(_THREADS), options=_OPTIONS)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Prediction(versions), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Model(versions), server)
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise OSError(f"port {port}: {error}") from error
    if not bound:
        raise OSError(f"port {port} is taken")
    server.start()
    return server, bound


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, versions: ModelVersions) -> None:
        self._versions = versions

    def Predict(self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext) -> Any:
        return _answer(context, lambda: self._find(request).predict(request, context.time_remaining()))

    def Classify(self, request: classification_pb2.ClassificationRequest, context: grpc.ServicerContext) -> Any:
        return _answer(context, lambda: inference.classify(self._find(request), request, context.time_remaining()))

    def Regress(self, request: regression_pb2.RegressionRequest, context: grpc.ServicerContext) -> Any:
        return _answer(context, lambda: inference.regress(self._find(request), request, context.time_remaining()))

    def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> Any:
        return _answer(context, lambda: self._metadata(request))

    def _metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        for field in request.metadata_field:
            if field != "signature_def":
                raise tf.errors.InvalidArgumentError(None, None, f"Metadata field {field} is not supported")
        if not request.metadata_field:
            raise tf.errors.InvalidArgumentError(None, None, "GetModelMetadataRequest must specify at least one field")
        servable = self._find(request)
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signatures)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        servable.stamp(response.model_spec, "")
        response.metadata["signature_def"].Pack(signatures)
        return response

    def _find(self, request: Any) -> Servable:
        return self._versions.servable(request.model_spec.name, asked_version(request.model_spec))


class _Model(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, versions: ModelVersions) -> None:
        self._versions = versions

    def GetModelStatus(self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext) -> Any:
        spec = request.model_spec
        return _answer(context, lambda: self._versions.status(spec.name, asked_version(spec)))


def asked_version(spec: model_pb2.ModelSpec) -> Optional[int]:
    """The version that a request names; None for the newest."""
    return spec.version.value if spec.HasField("version") else None


def _answer(context: grpc.ServicerContext, answer: Callable[[], Answer]) -> Answer:
    try:
        return answer()
    except tf.errors.OpError as error:
        code, message = _CODES.get(error.error_code, grpc.StatusCode.UNKNOWN), original_message(error)
    except Exception as error:  # whatever a request provokes, its sender gets an answer
        logging.exception("a gRPC request failed")
        code, message = grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}"
    return context.abort(code, message[:_LONGEST_MESSAGE])
