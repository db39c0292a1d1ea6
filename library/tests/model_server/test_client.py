"""The client gets what the model gives by either protocol, says how long it took, and tells why there is no answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from millrace.model_server import client as client_module
from millrace.model_server import grpc_service
from millrace.model_server.client import Client, NoAnswer
from millrace.model_server.model_config import ModelConfig
from millrace.model_server.models import Models
from millrace.model_server.query import Query
from millrace.model_server.server_process import Ports
from millrace.model_server.versions import Loading

PROTOCOLS = pytest.mark.parametrize("protocol", ["gRPC", "REST"])


@pytest.fixture
def client(local_server) -> Iterator[Client]:
    with Client(local_server.ports, "taxi", 10) as connected:
        yield connected


def query(client: Client, signature: str, **inputs: list) -> Query:
    arrays = {
        alias: np.array(value, object if isinstance(value[0], bytes) else None) for alias, value in inputs.items()
    }
    return Query(signature, arrays, dict(client.signatures()[signature].outputs), len(next(iter(arrays.values()))))


@PROTOCOLS
def test_several_outputs_are_the_models_own(client, local_server, records, protocol):
    answer = client.predict(protocol, query(client, "serving_default", examples=records[:3]))
    loaded = tf.saved_model.load(str(local_server.folder / "2")).signatures["serving_default"]
    expected = loaded(examples=tf.constant(records[:3]))["probabilities"].numpy()
    assert set(answer.outputs) == {"probabilities", "payment_bytes"}
    np.testing.assert_allclose(answer.outputs["probabilities"], expected, rtol=1e-6)
    assert answer.outputs["probabilities"].dtype == np.float32
    if protocol == "gRPC":
        assert answer.outputs["payment_bytes"].tolist() == [[b"Cash"], [b"Credit Card"], [b"No Charge"]]


@PROTOCOLS
def test_one_output_of_several_inputs_by_rows(client, protocol):
    rows = np.float32([[1.0], [4.0]]), np.array([[b"Cash"], [b"\xff"]], object)
    asked = Query(
        "predict_json", dict(zip(("distance", "payment"), rows, strict=True)),
        dict(client.signatures()["predict_json"].outputs), 2,
    )  # fmt: skip
    answer = client.predict(protocol, asked)
    np.testing.assert_allclose(
        answer.outputs["probabilities"], [[1 / (1 + np.exp(0.25))], [1 / (1 + np.exp(2.0))]], rtol=1e-6
    )
    assert (answer.outputs["probabilities"].dtype, list(answer.outputs)) == (np.float32, ["probabilities"])


@PROTOCOLS
def test_the_milliseconds_are_those_between_request_and_answer(client, records, monkeypatch, protocol):
    asked = query(client, "serving_default", examples=records[:1])
    ticks = iter([100.0, 100.25])
    monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    assert client.predict(protocol, asked).milliseconds == 250.0


def test_the_state_is_the_newest_versions_with_its_error(client, local_server, tmp_path):
    assert client.state() == ("AVAILABLE", "")
    (tmp_path / "10").mkdir()
    (tmp_path / "9").symlink_to(local_server.folder / "2")
    models = Models(Loading(), 0)
    server, port = grpc_service.start(models, "127.0.0.1", 0)
    try:
        with Client(Ports(port, local_server.ports.rest), "taxi", 10) as other:
            with pytest.raises(NoAnswer, match="Could not find any versions of model taxi") as early:
                other.state()
            assert early.value.kind == "refused"
            # The broken newest one is tried first, then the one before.
            configs = {"taxi": ModelConfig(name="taxi", base_path=str(tmp_path))}
            models.serve(configs)
            with pytest.raises(tf.errors.FailedPreconditionError, match="taxi version 10"):
                models.wait(configs, 60)
            state, message = other.state()
            assert (state, "10" in message) == ("END", True)
            assert models.servable("taxi", None).version == 9
    finally:
        server.stop(grace=None)


def test_signatures_are_those_of_the_model(client):
    signatures = client.signatures()
    assert {"serving_default", "predict_json", "classify", "regress"} <= set(signatures)
    assert signatures["predict_json"].inputs["distance"].dtype == tf.float32.as_datatype_enum


@PROTOCOLS
def test_an_error_of_the_model_is_a_refusal_in_the_servers_words(client, protocol):
    with pytest.raises(NoAnswer, match=r"assertion failed: .*no such trip") as refused:
        client.predict(protocol, query(client, "raise", examples=[b""]))
    assert refused.value.kind == "refused"


@PROTOCOLS
def test_past_its_deadline_a_call_is_given_up(client, local_server, protocol):
    asked = query(client, "loop", examples=[b"a"])
    words = rf"^no answer by {protocol} within 0\.25 s$"
    with Client(local_server.ports, "taxi", 0.25) as hurried, pytest.raises(NoAnswer, match=words) as late:
        hurried.predict(protocol, asked)
    assert late.value.kind == "timeout"


def test_what_the_server_gives_up_is_refused(client):
    with pytest.raises(NoAnswer) as refused:
        client.predict("REST", query(client, "loop", examples=[b"a"]))
    assert refused.value.kind == "refused"


@PROTOCOLS
def test_where_nobody_listens_the_connection_is_lost(protocol):
    with Client(Ports(1, 1), "taxi", 5) as nobody:
        assert not nobody.has_rest()
        with pytest.raises(NoAnswer) as lost:
            nobody.predict(protocol, Query("serving_default", {"examples": np.array([b"a"], object)}, {}, 1))
    assert lost.value.kind == "lost"


def test_rest_is_found_where_it_listens(client):
    assert client.has_rest()


@contextmanager
def answering(status: int, body: bytes) -> Iterator[Ports]:
    """A server of another make, which answers every POST alike."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.close_connection = True  # without a word, as of one that was idle for too long
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Ports(1, server.server_address[1])
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>", "the REST answer is not JSON"),
        (200, b'{"outputs": [1]}', "does not fit the signature's outputs: 'predictions'"),
        (200, b'{"predictions": [{"other": 1}]}', "does not fit the signature's outputs"),
        (503, b'{"error": "the model is loading"}', "^the model is loading$"),
        (503, b'{"detail": "busy"}', "busy"),
        (201, b'{"predictions": [1]}', "predictions"),
    ],
)
def test_an_answer_that_is_none_is_refused(client, records, status, body, words):
    asked = query(client, "serving_default", examples=records[:1])
    with (
        answering(status, body) as ports,
        Client(ports, "taxi", 5) as other,
        pytest.raises(NoAnswer, match=words) as refused,
    ):
        other.predict("REST", asked)
    assert refused.value.kind == "refused"


def test_a_connection_that_the_server_ended_meanwhile_is_not_asked_again(client, records):
    asked = query(client, "serving_default", examples=records[:1])
    with answering(200, b'{"predictions": [0.25]}') as ports, Client(ports, "taxi", 5) as other:
        one = Query("one", asked.inputs, dict(list(asked.outputs.items())[:1]), 1)
        assert [other.predict("REST", one).outputs[next(iter(one.outputs))].item() for _ in range(2)] == [0.25, 0.25]
