"""The model server speaks TensorFlow Serving's protocols, seen by TensorFlow Serving's own stubs and by plain HTTP."""

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import grpc
import numpy as np
import psutil
import pytest
import tensorflow as tf
from saved_models import SIGNATURES
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from millrace.model_server.logged_requests import logged_requests
from millrace.model_server.query import Query

pytestmark = pytest.mark.slow

MODULE = [sys.executable, "-m", "millrace.model_server"]
AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


def wait_for(condition, seconds: float = 90.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("waited in vain")


@pytest.fixture(scope="module")
def server(tmp_path_factory, save_model, records):
    """A server with version 2 of a model; version 1 is older, and a folder that is no version lies beside them."""
    base = tmp_path_factory.mktemp("served")
    save_model(base / "2", **SIGNATURES)
    (base / "1").mkdir()
    (base / "notes").mkdir()
    warm_up = base / "2" / "assets.extra" / "tf_serving_warmup_requests"
    warm_up.parent.mkdir()
    with tf.io.TFRecordWriter(str(warm_up)) as writer:
        query = Query("serving_default", {"examples": np.array(records[:2], object)}, {}, 2)
        writer.write(query.warm_up_record("taxi"))
    ports_file, log_path = base / "ports.json", base / "server.log"
    command = [*MODULE, "--model_name=taxi", f"--model_base_path={base}", f"--ports_file={ports_file}"]
    command += ["--max_num_load_retries=0", "--file_system_poll_wait_seconds=0.2", "--rest_api_timeout_in_ms=2000"]
    with open(log_path, "wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            ports = json.loads(wait_for(lambda: ports_file.exists() and ports_file.read_text()))
            with grpc.insecure_channel(f"127.0.0.1:{ports['grpc']}") as channel:
                found = SimpleNamespace(
                    base=base,
                    log=log_path,
                    process=process,
                    ports=ports,
                    predictions=prediction_service_pb2_grpc.PredictionServiceStub(channel),
                    models=model_service_pb2_grpc.ModelServiceStub(channel),
                )
                wait_for(lambda: versions(found).get(2) == AVAILABLE)
                yield found
        finally:
            process.terminate()


def versions(server) -> dict:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "taxi"
    try:
        response = server.models.GetModelStatus(request, timeout=5)
    except grpc.RpcError:
        return {}
    return {one.version: one.state for one in response.model_version_status}


def ask(server, path: str, body=None):
    data = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
    url = f"http://127.0.0.1:{server.ports['rest']}{path}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def predict_request(inputs, signature: str = "", name: str = "taxi", version=None):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, signature
    if version is not None:
        request.model_spec.version.value = version
    for alias, value in inputs.items():
        request.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
    return request


def expected(model_path, records):
    loaded = tf.saved_model.load(str(model_path))
    return loaded.signatures["serving_default"](examples=tf.constant(records))["probabilities"].numpy()


def test_predict_gives_what_tensorflow_gives(server, records):
    response = server.predictions.Predict(predict_request({"examples": records}), timeout=10)
    np.testing.assert_allclose(
        tf.make_ndarray(response.outputs["probabilities"]), expected(server.base / "2", records), rtol=1e-6
    )
    assert set(response.outputs) == {"probabilities", "payment_bytes"}
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("taxi", 2, "serving_default")


def test_only_the_outputs_wanted(server, records):
    request = predict_request({"examples": records}, version=2)
    request.output_filter.append("payment_bytes")
    assert list(server.predictions.Predict(request, timeout=10).outputs) == ["payment_bytes"]


@pytest.mark.parametrize(
    "request_, code, said",
    [
        (predict_request({}, name="other"), "NOT_FOUND", r"Servable not found for request: Latest\(other\)"),
        (predict_request({}, version=7), "NOT_FOUND", r"Specific\(taxi, 7\)"),
        (predict_request({}, "none"), "FAILED_PRECONDITION", 'Serving signature key "none" not found'),
        (predict_request({"x": [1.0]}), "INVALID_ARGUMENT", r"Sent extra: {x}. Missing but required: {examples}"),
        (predict_request({"examples": [1.0]}), "INVALID_ARGUMENT", "to be string but float32 is provided"),
        (predict_request({"examples": [[b"a"]]}), "INVALID_ARGUMENT", "Cannot feed value of shape"),
        (
            predict_request({"examples": [b"not an example"]}),
            "INVALID_ARGUMENT",
            "^Could not parse example input, value: 'not an example'",
        ),
        (predict_request({"examples": [b""]}, "raise"), "INVALID_ARGUMENT", "^assertion failed: .*no such trip"),
    ],
)
def test_errors_by_grpc(server, request_, code, said):
    with pytest.raises(grpc.RpcError, match=code) as caught:
        server.predictions.Predict(request_, timeout=10)
    assert caught.value.code() == grpc.StatusCode[code]
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(caught.value.details())


def test_a_request_that_never_ends_is_given_up_and_the_server_lives(server, records):
    with pytest.raises(grpc.RpcError) as caught:
        server.predictions.Predict(predict_request({"examples": records}, "loop"), timeout=1)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    status, answer = ask(server, "/v1/models/taxi:predict", {"signature_name": "loop", "instances": ["a"]})
    assert (status, list(answer)) == (504, ["error"])
    assert server.predictions.Predict(predict_request({"examples": records}), timeout=10).outputs


def test_metadata_by_both_protocols(server):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "taxi"
    response = server.predictions.GetModelMetadata(request, timeout=10)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def) >= set(SIGNATURES)
    status, answer = ask(server, "/v1/models/taxi/versions/2/metadata")
    assert (status, answer["model_spec"]) == (200, {"name": "taxi", "signature_name": "", "version": "2"})
    by_rest = answer["metadata"]["signature_def"]["signature_def"]["predict_json"]["inputs"]["distance"]
    assert by_rest["dtype"] == "DT_FLOAT"
    assert by_rest["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}, {"size": "1", "name": ""}]
    assert by_rest["name"] == signatures.signature_def["predict_json"].inputs["distance"].name


def test_status_by_rest(server):
    known = {"version": "2", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert ask(server, "/v1/models/taxi/versions/2") == (200, {"model_version_status": [known]})
    assert ask(server, "/v1/models/other") == (404, {"error": "Could not find any versions of model other"})
    assert ask(server, "/v2/models") == (400, {"error": "Malformed request: GET /v2/models"})


def test_predict_by_rest_in_both_formats(server):
    rows = [{"distance": [1.0], "payment": ["Cash"]}, {"distance": [4], "payment": [{"b64": "Tm8="}]}]
    columns = {"distance": [[1.0], [4]], "payment": [["Cash"], ["No"]]}
    status, by_row = ask(server, "/v1/models/taxi:predict", {"signature_name": "predict_json", "instances": rows})
    assert status == 200
    np.testing.assert_allclose(by_row["predictions"], [[1 / (1 + np.exp(0.25))], [1 / (1 + np.exp(2.0))]], rtol=1e-6)
    path = "/v1/models/taxi/versions/2:predict"
    status, by_column = ask(server, path, {"signature_name": "predict_json", "inputs": columns})
    assert (status, by_column) == (200, {"outputs": by_row["predictions"]})


@pytest.mark.parametrize(
    "path, body, status, said",
    [
        ("/v1/models/taxi:predict", b"{", 400, "JSON Parse error"),
        ("/v1/models/taxi:predict", b'{"instances": ' + b"[" * 100_000, 400, "nested too deeply"),
        ("/v1/models/taxi:predict", b'{"inputs": ' + b"[" * 300 + b"1" + b"]" * 300 + b"}", 400, "300 dimensions"),
        ("/v1/models/taxi:predict", {"instances": ["not an example"]}, 400, "Could not parse example input"),
        ("/v1/models/taxi:predict", {"signature_name": "no", "inputs": 1}, 400, 'Serving signature name: "no" not'),
        ("/v1/models/taxi/versions/9:predict", {"instances": ["a"]}, 404, "Servable not found"),
        ("/v1/models/taxi:explain", {}, 400, "Malformed request: POST /v1/models/taxi:explain"),
        ("/v1/models/taxi:classify", {"signature_name": "classify"}, 400, "'examples'"),
    ],
)
def test_errors_by_rest(server, path, body, status, said):
    found, answer = ask(server, path, body)
    assert found == status
    assert said in answer["error"]


@pytest.mark.parametrize(
    "announced, status, said",
    [("-1", 411, "Content-Length"), ("8000000000", 413, "8000000000 bytes"), ("many", 411, "Content-Length")],
)
def test_a_length_that_cannot_be_is_refused_at_once(server, announced, status, said):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.ports["rest"], timeout=10)) as connection:
        connection.putrequest("POST", "/v1/models/taxi:predict")
        connection.putheader("Content-Length", announced)
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Connection")) == (status, "close")
        assert said in json.load(answer)["error"]


def test_a_tensor_of_one_value_and_a_huge_shape_takes_no_memory(server, records):
    request = predict_request({"examples": records[:2]})
    huge = tf.make_tensor_proto(np.array(records[:1], object))
    huge.tensor_shape.dim[0].size = 2**30
    request.inputs["examples"].CopyFrom(huge)
    with pytest.raises(grpc.RpcError) as refused:
        server.predictions.Predict(request, timeout=10)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "1073741824" in refused.value.details()
    assert psutil.Process(server.process.pid).memory_info().rss < 2 << 30


def test_classify_and_regress(server):
    example = tf.train.Example()
    example.features.feature["distance"].float_list.value.append(0.25)
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name, request.model_spec.signature_name = "taxi", "classify"
    request.input.example_list.examples.append(example)
    (found,) = server.predictions.Classify(request, timeout=10).result.classifications
    assert [(one.label, one.score) for one in found.classes] == [("far", 0.25), ("near", 0.75)]
    request = regression_pb2.RegressionRequest(input=request.input)
    request.model_spec.name, request.model_spec.signature_name = "taxi", "regress"
    assert [one.value for one in server.predictions.Regress(request, timeout=10).result.regressions] == [0.5]

    body = {"signature_name": "classify", "context": {"distance": 0.5}, "examples": [{"distance": 0.25}, {}]}
    status, answer = ask(server, "/v1/models/taxi:classify", body)
    assert (status, answer) == (200, {"results": [[["far", 0.25], ["near", 0.75]], [["far", 0.5], ["near", 0.5]]]})
    body = {"signature_name": "regress", "examples": [{"distance": [1.5]}]}
    assert ask(server, "/v1/models/taxi:regress", body) == (200, {"results": [3.0]})


def test_warm_up_requests_were_replayed(server):
    assert "replayed 1 warm-up requests" in server.log.read_text()


def test_a_taken_port_is_an_error(server):
    command = [*MODULE, f"--model_base_path={server.base}", f"--port={server.ports['grpc']}"]
    found = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert found.returncode == 1
    assert f"port {server.ports['grpc']}" in found.stderr.splitlines()[-1]


def test_a_newer_version_replaces_the_older_and_a_broken_one_does_not(server, save_model, records):
    """Runs last: it changes what is served. Pusher writes saved_model.pb last, so the folder is renamed here."""
    (server.base / "3").mkdir()
    wait_for(lambda: versions(server).get(3) is not None)
    assert versions(server)[2] == AVAILABLE
    save_model(server.base / "new", serving_default="regress").rename(server.base / "4")
    wait_for(lambda: versions(server).get(4) == AVAILABLE)
    assert versions(server)[2] == get_model_status_pb2.ModelVersionStatus.END
    response = server.predictions.Predict(predict_request({"inputs": records[:2]}), timeout=10)
    assert response.model_spec.version.value == 4
    # Going back is a folder that is moved away: what was served before is served again, and what returns is, too.
    (server.base / "4").rename(server.base / "four")
    wait_for(lambda: versions(server).get(2) == AVAILABLE)
    response = server.predictions.Predict(predict_request({"examples": records[:2]}), timeout=10)
    assert response.model_spec.version.value == 2
    (server.base / "four").rename(server.base / "4")
    wait_for(lambda: versions(server).get(4) == AVAILABLE)
    server.process.terminate()
    assert server.process.wait(20) == 0


def test_a_server_of_a_configuration_follows_it(tmp_path, save_model, records):
    """Several versions, labels, batches, metrics and a log; the file is read again when it changes, and by SIGHUP."""
    for number in ("1", "2"):
        save_model(tmp_path / "taxi" / number, serving_default="good")
    ports_file, log_path, config_file = tmp_path / "ports.json", tmp_path / "server.log", tmp_path / "models.config"
    monitoring, batching = tmp_path / "monitoring.txt", tmp_path / "batching.txt"
    monitoring.write_text('prometheus_config { enable: true path: "/metrics" }')
    batching.write_text("max_batch_size { value: 64 } batch_timeout_micros { value: 1000 }")

    def configure(champion: int, broken: str = "") -> None:
        beside = tmp_path / "models.partial"
        beside.write_text(
            f"""model_config_list {{ config {{
                name: "taxi" base_path: "{tmp_path}/taxi" {broken}
                model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
                version_labels {{ key: "champion" value: {champion} }}
                logging_config {{
                  log_collector_config {{ filename_prefix: "{tmp_path}/requests/taxi/requests" }}
                  sampling_config {{ sampling_rate: 1 }}
                }}
            }} }}"""
        )
        beside.rename(config_file)

    configure(champion=1)
    command = [*MODULE, f"--model_config_file={config_file}", "--model_config_file_poll_wait_seconds=0.2"]
    command += [f"--ports_file={ports_file}", f"--monitoring_config_file={monitoring}", "--enable_batching"]
    command += [f"--batching_parameters_file={batching}"]
    with open(log_path, "wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            ports = json.loads(wait_for(lambda: ports_file.exists() and ports_file.read_text()))
            with grpc.insecure_channel(f"127.0.0.1:{ports['grpc']}") as channel:
                predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)

                def champion() -> int:
                    request = predict_request({"examples": records[:3]})
                    request.model_spec.version_label = "champion"
                    try:
                        return predictions.Predict(request, timeout=20).model_spec.version.value
                    except grpc.RpcError:
                        return 0

                wait_for(lambda: champion() == 1)
                configure(champion=2)
                wait_for(lambda: champion() == 2)
                configure(champion=1, broken="name: 7")
                wait_for(lambda: "no ModelServerConfig" in log_path.read_text())
                assert champion() == 2
                configure(champion=1)
                process.send_signal(signal.SIGHUP)
                wait_for(lambda: champion() == 1)
            with urllib.request.urlopen(f"http://127.0.0.1:{ports['rest']}/metrics", timeout=10) as response:
                metrics = response.read().decode()
            assert (
                'model_server_requests_total{api="gRPC",code="OK",method="Predict",model="taxi",version="2"}' in metrics
            )
        finally:
            process.terminate()
        assert process.wait(20) == 0
    logged = list(logged_requests(tmp_path / "requests" / "taxi"))
    assert {one.version for one in logged} == {1, 2}
    assert logged[0].inputs["examples"].tolist() == records[:3]
    # The end of a server is the end of its shard.
    assert all(path.suffix == ".tfrecord" for path in (tmp_path / "requests" / "taxi").iterdir())


def test_a_configuration_that_is_bad_ends_the_start_with_its_reason(tmp_path):
    file = tmp_path / "models.config"
    file.write_text("model_config_list { config {} }")
    command = [*MODULE, f"--model_config_file={file}", "--port=0"]
    ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert "'' is no name of a model" in ended.stderr and str(file) in ended.stderr and "Traceback" not in ended.stderr
