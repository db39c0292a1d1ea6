"""Both services in this process: what TensorFlow Serving's own stubs and plain HTTP get from them."""

import contextlib
import http.client
import json
import re
import socket
import threading
import urllib.request

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from millrace.model_server import __main__ as server_program
from millrace.model_server import grpc_service, rest, server
from millrace.model_server.rest import Api

HOST = "127.0.0.1"


@pytest.fixture
def api(local_server) -> Api:
    return Api(local_server.models, 5)


@pytest.fixture
def stubs(local_server):
    with grpc.insecure_channel(f"{HOST}:{local_server.ports.grpc}") as channel:
        yield (
            prediction_service_pb2_grpc.PredictionServiceStub(channel),
            model_service_pb2_grpc.ModelServiceStub(channel),
        )


@pytest.fixture
def connection(local_server):
    with contextlib.closing(http.client.HTTPConnection(HOST, local_server.ports.rest, timeout=10)) as opened:
        yield opened


def post(api: Api, path: str, **document) -> tuple:
    return api.answer("POST", path, json.dumps(document).encode())


def test_rest_predicts_by_rows_and_by_columns(api):
    rows = [{"distance": [1.0], "payment": ["Cash"]}, {"distance": [4], "payment": [{"b64": "Tm8="}]}]
    expected = [[1 / (1 + np.exp(0.25))], [1 / (1 + np.exp(2.0))]]
    status, by_row = post(api, "/v1/models/taxi:predict", signature_name="predict_json", instances=rows)
    assert (status, list(by_row)) == (200, ["predictions"])
    np.testing.assert_allclose(by_row["predictions"], expected, rtol=1e-6)
    columns = {"distance": [[1.0], [4]], "payment": [["Cash"], ["No"]]}
    path = "/v1/models/taxi/versions/2:PREDICT"
    assert post(api, path, signature_name="predict_json", inputs=columns) == (200, {"outputs": by_row["predictions"]})


def test_rest_asks_the_default_signature_where_none_is_named(api):
    assert "Could not parse example input" in post(api, "/v1/models/taxi:predict", instances=["no example"])[1]["error"]


def test_rest_classifies_and_regresses_with_a_context_that_examples_may_overrule(api):
    asked = {"signature_name": "classify", "context": {"distance": 0.5}, "examples": [{"distance": 0.25}, {}]}
    results = [[["far", 0.25], ["near", 0.75]], [["far", 0.5], ["near", 0.5]]]
    assert post(api, "/v1/models/taxi:classify", **asked) == (200, {"results": results})
    asked = {"signature_name": "regress", "examples": [{"distance": [1.5]}, {"distance": 2.0}]}
    assert post(api, "/v1/models/taxi:regress", **asked) == (200, {"results": [3.0, 4.0]})


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/v1/models/taxi:predict", b"{", 400, "JSON Parse error"),
        ("POST", "/v1/models/taxi:predict", b'{"signature_name": "no", "inputs": 1}', 400, 'signature name: "no" not'),
        ("POST", "/v1/models/taxi:predict", b'{"signature_name": "loop", "instances": ["a"]}', 504, ""),
        (
            "POST",
            "/v1/models/taxi:predict",
            b'{"instances": [{"distance": 1.0, "payment": "Cash"}]}',
            400,
            'must be equal to: examples; rows by their columns are read with "signature_name": "predict_json"$',
        ),
        ("POST", "/v1/models/taxi/versions/9:predict", b"{}", 404, r"Specific\(taxi, 9\)"),
        ("POST", "/v1/models/bus:predict", b"{}", 404, r"Latest\(bus\)"),
        ("POST", "/v1/models/taxi:explain", b"{}", 400, "^Malformed request: POST /v1/models/taxi:explain$"),
        ("POST", "/v1/models/taxi", b"{}", 400, "Malformed request"),
        ("POST", "/v1/models/taxi:classify", b'{"signature_name": "classify"}', 400, "'examples'"),
        ("POST", "/v1/models/taxi:predict", b'{"signature_name": {}, "inputs": 1}', 400, "must be a string"),
        ("GET", "/v1/models/taxi:predict", b"", 400, "Malformed request: GET"),
        ("GET", "/v1/models/taxi/versions/" + "1" * 5000, b"", 400, "^Failed to convert version: 1{20}"),
        ("GET", f"/v1/models/taxi/versions/{2**63}", b"", 400, "^Failed to convert version"),
        ("GET", f"/v1/models/taxi/versions/{2**63 - 1}", b"", 404, "Could not find version"),
        ("GET", "/v1/models/taxi/versions/²", b"", 400, "Malformed request"),
        (
            "POST",
            "/v1/models/taxi:predict",
            b'{"signature_name": "\\ud800", "inputs": 1}',
            400,
            "signature_name has half",
        ),
        (
            "POST",
            "/v1/models/taxi:classify",
            b'{"signature_name": "\\uDFFF", "examples": [{}]}',
            400,
            "JSON Parse error",
        ),
        (
            "POST",
            "/v1/models/taxi:classify",
            b'{"examples": [{"\\ud800x": 1}]}',
            400,
            r"^JSON Parse error: a key of examples\[0\] has half of a character, '\\ud800'$",
        ),
        (
            "POST",
            "/v1/models/taxi:predict",
            b'{"instances": [{"payment": "a"}, {"payment": "\\ud800"}]}',
            400,
            r"^JSON Parse error: instances\[1\].payment has half of a character, '\\ud800'$",
        ),
        ("POST", "/v1/models/taxi:predict", b'{"instances": ["\xed\xa0\x80"]}', 400, "byte 16 is not UTF-8"),
        ("POST", "/v1/models/taxi:predict", b'{"instances": [' + b"1" * 6000 + b"]}", 400, "too many digits|incorrect"),
        ("POST", "/v1/models/taxi:predict", b'{"instances": [{"b64": "////"}]}', 400, "Could not parse example input"),
        ("POST", "/v1/models/taxi:predict", b'{"instances": ["\\ud83d\\ude00"]}', 400, "Could not parse example input"),
        (
            "POST",
            "/v1/models/taxi:classify",
            b'{"signature_name": "classify", "examples": [{"distance": 99999999999999999999}]}',
            400,
            "Feature: distance: ",
        ),
        (
            "POST",
            "/v1/models/taxi:predict",
            b'{"instances": [' + b"[]," * (1 << 20) + b"[]]}",
            429,
            "send less at once",
        ),
        ("GET", "/v2/models/taxi", b"", 400, "Malformed request: GET /v2/models/taxi"),
        ("GET", "/v1/models/bus", b"", 404, "Could not find any versions of model bus"),
        ("GET", "/v1/models/taxi/versions/9", b"", 404, "Could not find version 9 of model taxi"),
        ("GET", "/v1/models/taxi/versions/9/metadata", b"", 404, "Servable not found"),
    ],
)
def test_rest_refuses_with_tensorflow_servings_status_and_words(local_server, method, path, body, status, words):
    found, answer = Api(local_server.models, 0.2).answer(method, path, body)
    assert (found, list(answer)) == (status, ["error"])
    assert re.search(words, answer["error"])


def test_a_request_that_took_its_time_before_the_model_is_asked_is_given_up(local_server):
    ticks = iter(range(0, 100, 20))
    slow = Api(local_server.models, 30, lambda: next(ticks))
    body = json.dumps({"signature_name": "regress", "examples": [{"distance": 1.5}]}).encode()
    assert slow.answer("POST", "/v1/models/taxi:regress", body) == (504, {"error": "Timed out"})


def test_whatever_a_request_provokes_is_answered(api, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(rest, "_status", broken)
    assert api.answer("GET", "/v1/models/taxi", b"") == (500, {"error": "ZeroDivisionError: by nothing"})


def test_rest_says_what_is_served_and_what_its_signatures_take(api):
    known = {"version": "2", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("/v1/models/taxi", "/v1/models/taxi/versions/2"):
        assert api.answer("GET", path, b"") == (200, {"model_version_status": [known]})
    status, answer = api.answer("GET", "/v1/models/taxi/metadata", b"")
    assert (status, answer["model_spec"]) == (200, {"name": "taxi", "signature_name": "", "version": "2"})
    signature = answer["metadata"]["signature_def"]["signature_def"]["predict_json"]
    assert (list(signature["inputs"]), list(signature["outputs"])) == (["distance", "payment"], ["probabilities"])
    distance = signature["inputs"]["distance"]
    assert (distance["dtype"], signature["method_name"]) == ("DT_FLOAT", "tensorflow/serving/predict")
    assert distance["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}, {"size": "1", "name": ""}],
        "unknown_rank": False,
    }


def test_a_connection_is_kept_for_the_next_request_and_a_query_string_is_no_path(connection):
    for _ in range(2):
        connection.request("GET", "/v1/models/taxi?verbose=1")
        opened = connection.sock
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Content-Type")) == (200, "application/json")
        assert json.load(answer)["model_version_status"][0]["state"] == "AVAILABLE"
        assert connection.sock is opened is not None


def test_what_is_posted_is_the_body(connection):
    body = json.dumps({"signature_name": "regress", "examples": [{"distance": 2.0}]})
    for _ in range(2):
        connection.request("POST", "/v1/models/taxi:regress", body)
        assert json.load(connection.getresponse()) == {"results": [4.0]}


@pytest.mark.parametrize(
    ("announced", "status", "words"),
    [
        ("-1", 411, "Content-Length"),
        ("many", 411, "Content-Length"),
        ("²", 411, "Content-Length"),
        ("65", 413, "65 bytes, and a request may have 64"),
        (None, 411, "Content-Length"),
    ],
)
def test_a_body_without_a_length_or_too_long_is_refused_unread(connection, monkeypatch, announced, status, words):
    monkeypatch.setattr(rest, "MOST_JSON_BYTES", 64)
    connection.putrequest("POST", "/v1/models/taxi:regress")
    if announced is not None:
        connection.putheader("Content-Length", announced.encode("latin-1"))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (status, "close")
    assert words in json.load(answer)["error"]


def test_a_body_of_the_longest_length_is_taken(connection, monkeypatch):
    monkeypatch.setattr(rest, "MOST_JSON_BYTES", 64)
    body = b'{"signature_name":"regress","examples":[{"distance":2.5}]}'
    connection.request("POST", "/v1/models/taxi:regress", body.ljust(64))
    assert json.load(connection.getresponse()) == {"results": [5.0]}


def test_a_client_that_sends_less_than_it_announced_is_told_and_let_go(connection, monkeypatch):
    monkeypatch.setattr(rest._Handler, "timeout", 0.2)
    connection.putrequest("POST", "/v1/models/taxi:predict")
    connection.putheader("Content-Length", "10")
    connection.endheaders(b"{")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (408, "close")
    assert json.load(answer) == {"error": "the body did not arrive within 0.2 s"}


@pytest.mark.parametrize("begun", [b"POST /v1/models/taxi:predict HTTP/1.1\r\nContent-Length: 1000\r\n\r\n", b"GET /"])
def test_a_byte_now_and_then_does_not_hold_a_connection(local_server, monkeypatch, begun):
    monkeypatch.setattr(rest._Handler, "timeout", 0.5)
    with socket.create_connection((HOST, local_server.ports.rest), timeout=10) as connection:
        connection.sendall(begun)
        connection.settimeout(0.1)
        for _ in range(100):
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(1 << 16)
                break
            connection.sendall(b"x")
        else:
            raise AssertionError("it was held although each byte came in time")
    assert answer == b"" if begun == b"GET /" else answer.startswith(b"HTTP/1.1 408 ")


def test_a_length_of_thousands_of_digits_is_too_long(connection):
    connection.putrequest("POST", "/v1/models/taxi:regress")
    connection.putheader("Content-Length", "9" * 5000)
    connection.endheaders()
    assert connection.getresponse().status == 413


def request_of(kind, signature: str = "", name: str = "taxi", version=None):
    request = kind()
    request.model_spec.name, request.model_spec.signature_name = name, signature
    if version is not None:
        request.model_spec.version.value = version
    return request


def test_grpc_predicts_classifies_and_regresses(stubs, records):
    predictions, _ = stubs
    request = request_of(predict_pb2.PredictRequest, version=2)
    request.inputs["examples"].CopyFrom(tf.make_tensor_proto(records[:3]))
    response = predictions.Predict(request, timeout=10)
    assert (response.model_spec.name, response.model_spec.version.value) == ("taxi", 2)
    assert tf.make_ndarray(response.outputs["payment_bytes"]).tolist() == [[b"Cash"], [b"Credit Card"], [b"No Charge"]]

    example = tf.train.Example()
    example.features.feature["distance"].float_list.value.append(0.25)
    request = request_of(classification_pb2.ClassificationRequest, "classify")
    request.input.example_list.examples.append(example)
    [one] = predictions.Classify(request, timeout=10).result.classifications
    assert [(item.label, item.score) for item in one.classes] == [("far", 0.25), ("near", 0.75)]
    request = request_of(regression_pb2.RegressionRequest, "regress")
    request.input.example_list.examples.append(example)
    assert [one.value for one in predictions.Regress(request, timeout=10).result.regressions] == [0.5]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"name": "bus"}, "NOT_FOUND", r"Servable not found for request: Latest\(bus\)"),
        ({"version": 7}, "NOT_FOUND", r"Specific\(taxi, 7\)"),
        ({"signature": "none"}, "FAILED_PRECONDITION", 'Serving signature key "none" not found'),
        ({"signature": "loop"}, "DEADLINE_EXCEEDED", ""),
        ({}, "INVALID_ARGUMENT", "^Could not parse example input, value: 'no example'"),
        ({"signature": "raise"}, "INVALID_ARGUMENT", "^assertion failed: .*no such trip"),
    ],
)
def test_grpc_refuses_with_tensorflow_servings_code_and_words(stubs, changes, code, words):
    request = request_of(predict_pb2.PredictRequest, **changes)
    request.inputs["examples"].CopyFrom(tf.make_tensor_proto([b"no example"]))
    with pytest.raises(grpc.RpcError) as refused:
        stubs[0].Predict(request, timeout=0.5 if code == "DEADLINE_EXCEEDED" else 10)
    assert refused.value.code() == grpc.StatusCode[code]
    assert re.search(words, refused.value.details())


@pytest.mark.parametrize(
    ("tensor", "code"),
    [
        ({"dtype": 99}, "INVALID_ARGUMENT"),
        ({"sizes": [1] * 300}, "INVALID_ARGUMENT"),
        ({"sizes": [2**62] * 4 + [0]}, "INVALID_ARGUMENT"),
        ({"sizes": [30_000_000]}, "RESOURCE_EXHAUSTED"),
        ({"text": b"no example" * 10_000}, "INVALID_ARGUMENT"),
    ],
)
def test_grpc_says_whose_mistake_a_tensor_is(stubs, tensor, code):
    request = request_of(predict_pb2.PredictRequest)
    sent = request.inputs["examples"]
    sent.CopyFrom(tf.make_tensor_proto([tensor.get("text", b"")]))
    sent.dtype = tensor.get("dtype", sent.dtype)
    if "sizes" in tensor:
        sent.tensor_shape.CopyFrom(tf.TensorShape(tensor["sizes"][:254]).as_proto())
        for size in tensor["sizes"][254:]:
            sent.tensor_shape.dim.add(size=size)
    with pytest.raises(grpc.RpcError) as refused:
        stubs[0].Predict(request, timeout=10)
    assert refused.value.code() == grpc.StatusCode[code]


def test_whatever_a_grpc_request_provokes_is_answered(local_server, stubs, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(local_server.models, "status", broken)
    with pytest.raises(grpc.RpcError) as refused:
        stubs[1].GetModelStatus(request_of(get_model_status_pb2.GetModelStatusRequest), timeout=10)
    assert refused.value.code() == grpc.StatusCode.INTERNAL
    assert refused.value.details() == "ZeroDivisionError: by nothing"


def test_grpc_tells_states_and_signatures_and_nothing_else_of_a_model(stubs):
    predictions, models = stubs
    request = request_of(get_model_status_pb2.GetModelStatusRequest)
    [state] = models.GetModelStatus(request, timeout=10).model_version_status
    assert (state.version, state.state) == (2, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    with pytest.raises(grpc.RpcError, match="Could not find version 1"):
        models.GetModelStatus(request_of(get_model_status_pb2.GetModelStatusRequest, version=1), timeout=10)

    request = request_of(get_model_metadata_pb2.GetModelMetadataRequest)
    with pytest.raises(grpc.RpcError, match="must specify at least one field"):
        predictions.GetModelMetadata(request, timeout=10)
    request.metadata_field.extend(["signature_def", "assets"])
    with pytest.raises(grpc.RpcError, match="Metadata field assets is not supported"):
        predictions.GetModelMetadata(request, timeout=10)
    del request.metadata_field[1:]
    response = predictions.GetModelMetadata(request, timeout=10)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "classify"} <= set(signatures.signature_def)
    assert (response.model_spec.name, response.model_spec.version.value) == ("taxi", 2)


def test_a_port_that_is_taken_is_an_error_and_not_shared(local_server):
    taken = local_server.ports
    with pytest.raises(OSError, match=str(taken.grpc)):
        grpc_service.start(local_server.models, HOST, taken.grpc)
    with pytest.raises(OSError, match="in use"):
        rest.start(local_server.models, HOST, taken.rest, 1000)


@pytest.fixture
def serve(local_server):
    """Runs the server's program on its flags, in a thread, and ends it."""
    stop = threading.Event()
    threads = []

    def started(*flags: str, folder=local_server.folder) -> threading.Thread:
        parsed = server_program.parse_flags([f"--model_base_path={folder}", *flags])
        threads.append(threading.Thread(target=server.serve, args=(parsed, stop)))
        threads[-1].start()
        return threads[-1]

    yield started
    stop.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def eventually(condition, seconds: float = 20.0):
    for _ in range(int(seconds / 0.02)):
        with contextlib.suppress(OSError, http.client.HTTPException, grpc.RpcError):
            if result := condition():
                return result
        threading.Event().wait(0.02)
    raise AssertionError("waited in vain")


def free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return one.getsockname()[1]


def states_by_rest(port: int, name: str) -> list[str]:
    with urllib.request.urlopen(f"http://{HOST}:{port}/v1/models/{name}", timeout=5) as response:
        return [one["state"] for one in json.load(response)["model_version_status"]]


def states_by_grpc(port: int, name: str) -> list[int]:
    with grpc.insecure_channel(f"{HOST}:{port}") as channel:
        request = request_of(get_model_status_pb2.GetModelStatusRequest, name=name)
        response = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=5)
        return [one.state for one in response.model_version_status]


def test_the_program_writes_down_the_ports_that_the_system_chose(serve, tmp_path):
    file = tmp_path / "ports.json"
    serve(f"--ports_file={file}", "--model_name=cab", "--file_system_poll_wait_seconds=0", "--port=1")
    ports = json.loads(eventually(lambda: file.exists() and file.read_text()))
    assert eventually(lambda: states_by_rest(ports["rest"], "cab") == ["AVAILABLE"])
    assert states_by_grpc(ports["grpc"], "cab") == [get_model_status_pb2.ModelVersionStatus.AVAILABLE]


def test_the_program_listens_where_it_is_told_and_by_a_protocol_of_port_0_not_at_all(serve, monkeypatch):
    rest_port, grpc_port = free_port(), free_port()
    serve("--port=0", f"--rest_api_port={rest_port}")
    assert eventually(lambda: states_by_rest(rest_port, "default") == ["AVAILABLE"])

    def unwanted(*_):
        raise AssertionError("REST was not asked for")

    monkeypatch.setattr(rest, "start", unwanted)
    serve(f"--port={grpc_port}")
    available = [get_model_status_pb2.ModelVersionStatus.AVAILABLE]
    assert eventually(lambda: states_by_grpc(grpc_port, "default") == available)


def test_the_program_tries_a_model_that_does_not_load_again_after_the_pause_asked_for(serve, tmp_path):
    (tmp_path / "models" / "1").mkdir(parents=True)
    port = free_port()
    retries = ("--max_num_load_retries=1", "--load_retry_interval_micros=1000")
    serve("--port=0", f"--rest_api_port={port}", *retries, folder=tmp_path / "models")
    assert eventually(lambda: states_by_rest(port, "default") == ["END"])


def test_the_programs_flags_are_tensorflow_servings(capsys):
    flags = server_program.parse_flags(["--model_base_path=/models"])
    assert (flags.model_name, flags.port, flags.rest_api_port, flags.rest_api_timeout_in_ms) == (
        "default", 8500, 0, 30_000,
    )  # fmt: skip
    assert (flags.file_system_poll_wait_seconds, flags.max_num_load_retries, flags.load_retry_interval_micros) == (
        1.0, 5, 60_000_000,
    )  # fmt: skip
    texts = {"true": True, "TRUE": True, "1": True, "false": False, "0": False}
    for text, value in texts.items():
        parsed = server_program.parse_flags(["--model_base_path=/models", f"--enable_model_warmup={text}"])
        assert parsed.enable_model_warmup is value
    assert flags.enable_model_warmup is True
    for wrong in (["--enable_model_warmup=maybe"], ["--model_base=/models"], ["--port=many"]):
        with pytest.raises(SystemExit):
            server_program.parse_flags(["--model_base_path=/models", *wrong])
        assert "error: " in capsys.readouterr().err
    with pytest.raises(SystemExit):
        server_program.parse_flags([])


def test_the_body_of_a_get_is_no_second_request(local_server):
    hidden = b"GET /v1/models/SMUGGLED HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection((HOST, local_server.ports.rest), timeout=10) as connection:
        connection.sendall(b"GET /v1/models/any HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden)
        with connection.makefile("rb") as stream, contextlib.suppress(ConnectionResetError):
            answers = b""
            while read := stream.readline():
                answers += read
    assert answers.count(b"HTTP/1.1 ") == 1 and b"SMUGGLED" not in answers


CHUNKED = b"POST /v1/models/taxi:regress HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"


def test_a_body_in_chunks_is_read_to_its_end_and_no_further(local_server):
    body = json.dumps({"signature_name": "regress", "examples": [{"distance": 2.5}]}).encode()
    chunks = b"%x;name=value\r\n%s\r\n%X\r\n%s\r\n" % (9, body[:9], len(body) - 9, body[9:])
    with socket.create_connection((HOST, local_server.ports.rest), timeout=10) as connection:
        after = b"GET /v1/models/taxi HTTP/1.1\r\nConnection: close\r\n\r\n"
        connection.sendall(CHUNKED + b"\r\n" + chunks + b"0\r\nTrailer: 1\r\n\r\n" + after)
        with connection.makefile("rb") as stream:
            answers = stream.read()
    assert answers.count(b"HTTP/1.1 200 ") == 2
    assert answers.index(b"5.0") < answers.index(b"model_version_status")


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (CHUNKED + b"Content-Length: 3\r\n\r\n", 400, "chunked and nothing else"),
        (CHUNKED + b"Transfer-Encoding: gzip\r\n\r\n", 400, "chunked and nothing else"),
        (CHUNKED + b"\r\nmany\r\n", 400, "does not say how many bytes"),
        (CHUNKED + b"\r\n-1\r\n", 400, "does not say how many bytes"),
        (CHUNKED + b"\r\n2\r\n{}}\r\n", 400, "another length than it says"),
        (CHUNKED + b"\r\nfffffff\r\n", 413, "that a request may have"),
        (CHUNKED + b"\r\n0\r\n" + b"a: b\r\n" * 101, 400, "do not end"),
    ],
)
def test_chunks_that_contradict_themselves_end_the_connection(local_server, sent, status, words):
    with socket.create_connection((HOST, local_server.ports.rest), timeout=10) as connection:
        connection.sendall(sent + b"GET /v1/models/SMUGGLED HTTP/1.1\r\nHost: a\r\n\r\n")
        answers = b""
        with contextlib.suppress(ConnectionResetError):
            while read := connection.recv(1 << 16):
                answers += read
    assert answers.startswith(b"HTTP/1.1 %d " % status) and words.encode() in answers
    assert answers.count(b"HTTP/1.1 ") == 1 and b"SMUGGLED" not in answers
