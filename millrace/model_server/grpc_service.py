"""TensorFlow Serving's gRPC services, PredictionService and ModelService, over the served models.

Beside them stand gRPC's own: health (https://grpc.io/docs/guides/health-checking/) of the server and of each model, and
reflection.
"""

import logging
from collections.abc import Callable
from concurrent import futures
from typing import TYPE_CHECKING, Any, Optional, TypeVar

import grpc
import tensorflow as tf
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from millrace.base.errors import BadInput
from millrace.model_server import model_config
from millrace.model_server.calls import REQUEST_ID, Call, request_id_of
from millrace.model_server.limits import MOST_REQUEST_BYTES
from millrace.model_server.model_config import VersionChoice
from millrace.model_server.models import Models
from millrace.model_server.request_log import Request
from millrace.model_server.versions import original_message

if TYPE_CHECKING:  # only who shows metrics loads Prometheus's client
    from millrace.model_server.metrics import Metrics

# It is sent as a header, and clients take 8 KiB of headers.
_LONGEST_MESSAGE = 2000
_SERVICES = (
    prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"].full_name,
    model_service_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name,
)
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_OPTIONS = (
    ("grpc.max_receive_message_length", MOST_REQUEST_BYTES),
    ("grpc.max_send_message_length", -1),
    # Without this two servers share a port, and each gets some of the other's requests.
    ("grpc.so_reuseport", 0),
)

Answer = TypeVar("Answer")


def start(
    models: Models, host: str, port: int, threads: int = 16, metrics: Optional["Metrics"] = None
) -> tuple[grpc.Server, int]:
    """Starts the services in threads of this process.

    Args:
        models: what is served.
        host: the interface to listen on.
        port: 0 lets the operating system choose.
        threads: requests that are answered at once, at most.
        metrics: counts the requests; None counts none.

    Returns:
        The server and its port.

    Raises:
        OSError: the port is taken.
    """
    server = grpc.server(futures.ThreadPoolExecutor(threads), options=_OPTIONS)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Prediction(models, metrics), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Model(models), server)
    _add_health(models, server)
    reflection.enable_server_reflection((*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise OSError(f"port {port}: {error}") from error
    if not bound:
        raise OSError(f"port {port} is taken")
    server.start()
    return server, bound


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, models: Models, metrics: Optional["Metrics"]) -> None:
        self._models = models
        self._metrics = metrics

    def Predict(self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext) -> Any:
        return self._infer("Predict", request, context)

    def Classify(self, request: classification_pb2.ClassificationRequest, context: grpc.ServicerContext) -> Any:
        return self._infer("Classify", request, context)

    def Regress(self, request: regression_pb2.RegressionRequest, context: grpc.ServicerContext) -> Any:
        return self._infer("Regress", request, context)

    def _infer(self, method: str, request: Request, context: grpc.ServicerContext) -> Any:
        request_id = request_id_of(dict(context.invocation_metadata()).get(REQUEST_ID))
        context.set_trailing_metadata(((REQUEST_ID, request_id),))

        def answer() -> Any:
            with Call(self._models, self._metrics, "gRPC", method, request_id) as call:
                call.find(request.model_spec.name, _choice(request.model_spec))
                return call.answer(request, context.time_remaining())

        return _answer(context, answer)

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
        servable = self._models.servable(request.model_spec.name, _choice(request.model_spec))
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signatures)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        servable.stamp(response.model_spec, "")
        response.metadata["signature_def"].Pack(signatures)
        return response


class _Model(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, models: Models) -> None:
        self._models = models

    def GetModelStatus(self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext) -> Any:
        spec = request.model_spec
        return _answer(context, lambda: self._models.status(spec.name, _choice(spec)))

    def HandleReloadConfigRequest(
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> Any:
        return _answer(context, lambda: self._reload(request, context.time_remaining()))

    def _reload(
        self, request: model_management_pb2.ReloadConfigRequest, timeout: Optional[float]
    ) -> model_management_pb2.ReloadConfigResponse:
        try:
            configs = model_config.check(request.config)
        except BadInput as error:
            raise tf.errors.InvalidArgumentError(None, None, error.what) from error
        logging.info("ReloadConfig: %s", ", ".join(sorted(configs)) or "no model")
        self._models.serve(configs)
        self._models.wait(configs, timeout)
        return model_management_pb2.ReloadConfigResponse()


def _add_health(models: Models, server: grpc.Server) -> None:
    """Has the health service say who answers: the server when every model does, and each model by its name."""
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    told: set[str] = set()

    def tell() -> None:
        told.update(models.names())
        healthy = {health.OVERALL_HEALTH: models.are_available(), **dict.fromkeys(_SERVICES, models.are_available())}
        for name, is_healthy in {**healthy, **{name: bool(models.available(name)) for name in told}}.items():
            status = health_pb2.HealthCheckResponse.ServingStatus
            servicer.set(name, status.SERVING if is_healthy else status.NOT_SERVING)

    models.on_change(tell)


def _choice(spec: model_pb2.ModelSpec) -> VersionChoice:
    kind = spec.WhichOneof("version_choice")
    if kind == "version":
        return spec.version.value
    return spec.version_label if kind else None


def _answer(context: grpc.ServicerContext, answer: Callable[[], Answer]) -> Answer:
    try:
        return answer()
    except tf.errors.OpError as error:
        code, message = _CODES.get(error.error_code, grpc.StatusCode.UNKNOWN), original_message(error)
    except Exception as error:  # whatever a request provokes, its sender gets an answer
        logging.exception("a gRPC request failed")
        code, message = grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}"
    return context.abort(code, message[:_LONGEST_MESSAGE])
