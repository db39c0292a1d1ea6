"""Several models by both protocols: labels, other configurations while it runs, health, metrics, names of requests."""

import contextlib
import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families
from saved_models import SIGNATURES, save
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from millrace.model_server import grpc_service, rest
from millrace.model_server.logged_requests import logged_requests
from millrace.model_server.metrics import Metrics
from millrace.model_server.model_config import ModelConfig
from millrace.model_server.models import Models
from millrace.model_server.versions import Loading

HOST = "127.0.0.1"
ROW = {"distance": [1.0], "payment": ["Cash"]}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("model"), **SIGNATURES)


@pytest.fixture
def folder(tmp_path, model) -> Path:
    for name in ("taxi/1", "taxi/2", "bus/5"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(model)
    return tmp_path


def config(folder: Path, name: str = "taxi", **fields) -> ModelConfig:
    return ModelConfig(name=name, base_path=str(folder / name), **fields)


def versions(*numbers: int, **labels: int) -> dict:
    return {"model_version_policy": {"specific": {"versions": numbers}}, "version_labels": labels}


@pytest.fixture
def served(folder):
    """Both versions of taxi, of which the older is the champion, with metrics and a log."""
    models = Models(Loading(warm_up=False), poll_seconds=0)
    metrics = Metrics(models)
    logging = {
        "log_collector_config": {"filename_prefix": str(folder / "logs/requests")},
        "sampling_config": {"sampling_rate": 1.0},
    }
    configs = {"taxi": config(folder, **versions(1, 2, champion=1), logging_config=logging)}
    server, grpc_port = grpc_service.start(models, HOST, 0, metrics=metrics)
    rest_port = rest.start(models, HOST, 0, 5000, metrics, "/metrics")
    with grpc.insecure_channel(f"{HOST}:{grpc_port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        before = health.Check(health_pb2.HealthCheckRequest(), timeout=10).status
        models.serve(configs)
        models.wait(configs, 60)
        yield SimpleNamespace(
            folder=folder,
            models=models,
            before=before,
            port=rest_port,
            channel=channel,
            health=health,
            predictions=prediction_service_pb2_grpc.PredictionServiceStub(channel),
            service=model_service_pb2_grpc.ModelServiceStub(channel),
        )
    models.close_logs()
    server.stop(grace=None).wait()


def post(served, path: str, body: dict, request_id: str = "") -> tuple:
    with contextlib.closing(http.client.HTTPConnection(HOST, served.port, timeout=10)) as connection:
        connection.request("POST", path, json.dumps(body), {"X-Request-Id": request_id})
        response = connection.getresponse()
        return response.status, json.load(response), response.getheader("x-request-id")


def get(served, path: str) -> tuple[int, str]:
    with contextlib.closing(http.client.HTTPConnection(HOST, served.port, timeout=10)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def predict_request(label: str = "", name: str = "taxi") -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, "predict_json"
    if label:
        request.model_spec.version_label = label
    request.inputs["distance"].CopyFrom(tf.make_tensor_proto(np.float32([[1.0]])))
    request.inputs["payment"].CopyFrom(tf.make_tensor_proto([[b"Cash"]]))
    return request


def reload(served, *configs: ModelConfig) -> None:
    request = model_management_pb2.ReloadConfigRequest()
    request.config.model_config_list.config.extend(configs)
    served.service.HandleReloadConfigRequest(request, timeout=60)


def test_a_server_that_belongs_to_a_gateway_changes_nothing_for_a_caller(served):
    server, port = grpc_service.start(served.models, HOST, 0, reloads=False)
    before = served.models.names()
    with grpc.insecure_channel(f"{HOST}:{port}") as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(), timeout=10)
    server.stop(grace=None).wait()
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "start one with --reload_config=true" in refused.value.details()
    assert served.models.names() == before


def test_a_label_is_asked_by_both_protocols(served):
    assert served.predictions.Predict(predict_request("champion"), timeout=10).model_spec.version.value == 1
    assert served.predictions.Predict(predict_request(), timeout=10).model_spec.version.value == 2
    with pytest.raises(grpc.RpcError, match="Unrecognized servable version label: other"):
        served.predictions.Predict(predict_request("other"), timeout=10)
    body = {"signature_name": "predict_json", "instances": [ROW]}
    assert post(served, "/v1/models/taxi/labels/champion:predict", body)[0] == 200
    status, answer, _ = post(served, "/v1/models/taxi/labels/other:predict", body)
    assert (status, answer) == (400, {"error": "Unrecognized servable version label: other"})
    [state] = json.loads(get(served, "/v1/models/taxi/labels/champion")[1])["model_version_status"]
    assert (state["version"], state["state"]) == ("1", "AVAILABLE")
    assert '"version": "1"' in get(served, "/v1/models/taxi/labels/champion/metadata")[1]
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name, request.model_spec.version_label = "taxi", "champion"
    [state] = served.service.GetModelStatus(request, timeout=10).model_version_status
    assert state.version == 1


def test_another_configuration_is_served_when_it_is_good_and_changes_nothing_when_it_is_bad(served):
    reload(served, config(served.folder, **versions(1, 2, champion=2)), config(served.folder, "bus"))
    assert served.predictions.Predict(predict_request("champion"), timeout=10).model_spec.version.value == 2
    assert served.predictions.Predict(predict_request(name="bus"), timeout=10).model_spec.version.value == 5
    with pytest.raises(grpc.RpcError, match="label old points at version 9, which is not served") as refused:
        reload(served, config(served.folder, **versions(1, old=9)))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    (served.folder / "taxi/3").mkdir()
    with pytest.raises(grpc.RpcError, match="not all is served: taxi version 3: ") as refused:
        reload(served, config(served.folder, **versions(2, 3, champion=3)))
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert served.predictions.Predict(predict_request("champion"), timeout=10).model_spec.version.value == 2


def test_a_configuration_that_names_what_is_not_there_is_served_as_far_as_it_is(served):
    with pytest.raises(grpc.RpcError, match=f"taxi version 9: not found in {served.folder}/taxi"):
        reload(served, config(served.folder, **versions(2, 9, champion=9)))
    assert served.predictions.Predict(predict_request("champion"), timeout=10).model_spec.version.value == 1
    with pytest.raises(grpc.RpcError, match="tram: there is no version in"):
        reload(served, config(served.folder, "tram"))


def test_moving_a_label_under_load_loses_no_request(served):
    """The version that a label leaves is unloaded, and each request is answered by one of the two."""
    moving = True

    def ask(_: int) -> set[int]:
        answered = set()
        while moving:
            response = served.predictions.Predict(predict_request("champion"), timeout=10)
            answered.add(response.model_spec.version.value)
        return answered

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask, number) for number in range(4)]
        try:
            for _ in range(3):
                reload(served, config(served.folder, **versions(2, champion=2)))
                reload(served, config(served.folder, **versions(1, champion=1)))
        finally:
            moving = False
        assert set().union(*(one.result(60) for one in asking)) == {1, 2}


def status_of(served, name: str) -> int:
    return served.health.Check(health_pb2.HealthCheckRequest(service=name), timeout=10).status


def test_health_is_of_the_server_and_of_each_model(served):
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    assert served.before == not_serving
    names = ("", "taxi", "tensorflow.serving.PredictionService")
    assert [status_of(served, name) for name in names] == [serving] * 3
    with pytest.raises(grpc.RpcError) as unknown:
        status_of(served, "bus")
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
    reload(served, config(served.folder, "bus"))
    assert [status_of(served, name) for name in ("", "bus", "taxi")] == [serving, serving, not_serving]


def test_services_are_told_by_reflection(served):
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(served.channel)
    [response] = stub.ServerReflectionInfo(iter([request]), timeout=10)
    assert {service.name for service in response.list_services_response.service} == {
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "tensorflow.serving.ModelService",
        "tensorflow.serving.PredictionService",
    }


def samples(served) -> dict:
    status, text = get(served, "/metrics")
    assert status == 200
    families = text_string_to_metric_families(text)
    return {(one.name, *sorted(one.labels.values())): one.value for family in families for one in family.samples}


def test_metrics_count_by_model_version_and_what_came_of_it(served):
    for label in ("champion", "champion", ""):
        served.predictions.Predict(predict_request(label), timeout=10)
    for name in ("none", "taxi"):
        request = predict_request(name=name)
        request.model_spec.signature_name = "none"
        with pytest.raises(grpc.RpcError):
            served.predictions.Predict(request, timeout=10)
    post(served, "/v1/models/taxi:predict", {"instances": 1})
    found = samples(served)
    requests = {key[1:]: value for key, value in found.items() if key[0] == "model_server_requests_total"}
    assert requests == {
        ("1", "OK", "Predict", "gRPC", "taxi"): 2,
        ("2", "OK", "Predict", "gRPC", "taxi"): 1,
        ("", "", "NOT_FOUND", "Predict", "gRPC"): 1,
        ("2", "FAILED_PRECONDITION", "Predict", "gRPC", "taxi"): 1,
        ("2", "INVALID_ARGUMENT", "Predict", "REST", "taxi"): 1,
    }
    assert found["model_server_request_seconds_count", "1", "Predict", "gRPC", "taxi"] == 2
    assert found["model_server_available", "1", "taxi"] == found["model_server_available", "2", "taxi"] == 1
    assert found["process_resident_memory_bytes",] > 0
    assert get(served, "/metrics/")[0] == 400


def test_a_request_is_logged_by_the_name_that_its_sender_gives(served):
    _, call = served.predictions.Predict.with_call(
        predict_request("champion"), timeout=10, metadata=(("x-request-id", "trip-1"),)
    )
    assert dict(call.trailing_metadata())["x-request-id"] == "trip-1"
    body = {"signature_name": "predict_json", "instances": [ROW, ROW]}
    assert post(served, "/v1/models/taxi:predict", body, "trip-2")[2] == "trip-2"
    made = {post(served, "/v1/models/taxi:predict", body, wrong)[2] for wrong in ("", "a b", "é" * 9)}
    body = {"signature_name": "regress", "examples": [{"distance": 1.5}]}
    post(served, "/v1/models/taxi:regress", body, "trip-3")
    assert post(served, "/v1/models/taxi:predict", {}, "bad")[::2] == (400, "bad")
    served.models.close_logs()
    logged = {one.request_id: one for one in logged_requests(served.folder / "logs")}
    assert set(logged) == {"trip-1", "trip-2", "trip-3"} | made
    assert len(made) == 3 and all(len(name) == 32 for name in made)
    assert [logged[f"trip-{number}"].version for number in (1, 2, 3)] == [1, 2, 2]
    assert logged["trip-2"].inputs["payment"].tolist() == [[b"Cash"], [b"Cash"]]
    assert logged["trip-3"].outputs["outputs"].tolist() == [3.0]
    by_rest, by_grpc = logged["trip-2"].outputs["probabilities"][0], logged["trip-1"].outputs["probabilities"][0]
    np.testing.assert_array_equal(by_rest, by_grpc)


def test_a_log_goes_on_over_a_reload_and_ends_with_its_model(served):
    log = served.models.request_log("taxi")
    logging_config = log.config
    reload(served, config(served.folder, **versions(1, 2), logging_config=logging_config), config(served.folder, "bus"))
    assert served.models.request_log("taxi") is log
    served.predictions.Predict(predict_request(), timeout=10)
    reload(served, config(served.folder, **versions(1, 2)))
    assert served.models.request_log("taxi") is None
    log.close()
    assert [path.suffix for path in (served.folder / "logs").iterdir()] == [".tfrecord"]
