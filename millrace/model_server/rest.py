"""TensorFlow Serving's REST API over the served models (https://www.tensorflow.org/tfx/serving/api_rest)."""

import io
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import parse_qsl

import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import error_codes_pb2, meta_graph_pb2
from tensorflow_serving.apis import classification_pb2, get_model_status_pb2, predict_pb2, regression_pb2

from millrace.base.errors import Signal
from millrace.model_server import form as form_page
from millrace.model_server import json_examples, json_rows, json_tensor
from millrace.model_server.calls import REQUEST_ID, Call, request_id_of
from millrace.model_server.example_row import JSON_SIGNATURE
from millrace.model_server.limits import MOST_JSON_BYTES, Deadline
from millrace.model_server.model_config import VersionChoice
from millrace.model_server.models import Models
from millrace.model_server.servable import Servable
from millrace.model_server.versions import State, original_message

if TYPE_CHECKING:  # only who shows metrics loads Prometheus's client
    from millrace.model_server.metrics import Metrics

_MODEL = r"/v1/models/([^/:]+)(?:/versions/([0-9]+)|/labels/([^/:]+))?"
_INFERENCE = re.compile(_MODEL + ":(classify|regress|predict)", re.IGNORECASE)
_STATUS = re.compile(_MODEL + "(/metadata)?", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_LONGEST_LINE, _MOST_TRAILERS = 4096, 100
_BY_COLUMNS = f'; rows by their columns are read with "signature_name": "{JSON_SIGNATURE}"'
# ToHTTPStatusCode of tensorflow_serving/model_servers/http_server.cc; what is not here is 500.
_HTTP_STATUS = {
    tf.errors.CANCELLED: 499,
    tf.errors.INVALID_ARGUMENT: 400,
    tf.errors.DEADLINE_EXCEEDED: 504,
    tf.errors.NOT_FOUND: 404,
    tf.errors.ALREADY_EXISTS: 409,
    tf.errors.PERMISSION_DENIED: 403,
    tf.errors.RESOURCE_EXHAUSTED: 429,
    tf.errors.FAILED_PRECONDITION: 400,
    tf.errors.ABORTED: 409,
    tf.errors.OUT_OF_RANGE: 400,
    tf.errors.UNIMPLEMENTED: 501,
    tf.errors.UNAVAILABLE: 503,
    tf.errors.UNAUTHENTICATED: 401,
}


def start(
    models: Models, host: str, port: int, timeout_ms: int, metrics: Optional["Metrics"] = None, metrics_path: str = ""
) -> int:
    """Starts the REST API in threads of this process.

    Args:
        models: what is served.
        host: the interface to listen on.
        port: 0 lets the operating system choose.
        timeout_ms: milliseconds after which a request is given up.
        metrics: counts the requests; None counts none.
        metrics_path: where they are shown.

    Returns:
        The port.

    Raises:
        OSError: the port is taken.
    """
    server = _Server((host, port), _Handler)
    server.api = Api(models, timeout_ms / 1000, metrics=metrics)
    server.metrics, server.metrics_path = metrics, metrics_path
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Api:
    """The API without its transport: a method, a path and a body in, a JSON value out.

    Args:
        models: what is served.
        timeout: seconds after which a request is given up.
        clock: seconds that only rise.
        metrics: counts the requests; None counts none.
    """

    def __init__(
        self,
        models: Models,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        metrics: Optional["Metrics"] = None,
    ) -> None:
        self._models = models
        self._timeout = timeout
        self._clock = clock
        self._metrics = metrics
        self._verbs: dict[str, Callable[[Call, Servable, dict[str, Any], Deadline], dict[str, Any]]] = {
            "predict": self._predict,
            "classify": self._classify,
            "regress": self._regress,
        }

    def answer(self, method: str, path: str, body: bytes, request_id: str = "") -> tuple[int, dict[str, Any]]:
        """Answers one request.

        Args:
            method: GET or POST.
            path: with its leading slash.
            body: the JSON text of a POST.
            request_id: the request's name in the log.

        Returns:
            The HTTP status and the body's value; of an error `{"error": message}`.
        """
        try:
            return 200, self._route(method, path, body, Deadline(self._timeout, self._clock), request_id)
        except tf.errors.OpError as error:
            return _HTTP_STATUS.get(error.error_code, 500), {"error": original_message(error)}
        except Exception as error:  # whatever a request provokes, its sender gets an answer
            logging.exception("%s %s failed", method, path)
            return 500, {"error": f"{type(error).__name__}: {error}"}

    def page(self, query: str, form: Optional[bytes], address: str, request_id: str) -> tuple[int, str]:
        """The page to try a model by hand.

        Args:
            query: what stands behind the question mark of the address; `model=NAME` chooses one of several.
            form: the form's fields, where one was sent.
            address: where this server answers.
            request_id: the name of the form's request in the log.

        Returns:
            The HTTP status and HTML.
        """
        names = sorted(self._models.names())
        chosen = dict(parse_qsl(query)).get("model", names[0] if names else "")
        try:
            servable = self._models.servable(chosen, None)
        except tf.errors.OpError:
            return 404 if names and chosen not in names else 503, form_page.no_model(names, chosen)

        def ask(path: str, body: str) -> tuple[int, dict[str, Any]]:
            return self.answer("POST", path, body.encode(), request_id)

        return 200, form_page.page(servable, [one for one in names if one != chosen], address, form, ask)

    def _route(self, method: str, path: str, body: bytes, deadline: Deadline, request_id: str) -> dict[str, Any]:
        asked = _INFERENCE.fullmatch(path) if method == "POST" else _STATUS.fullmatch(path)
        if not asked:
            raise json_tensor.invalid(f"Malformed request: {method} {path}")
        name, what = asked[1], asked[4]
        choice: VersionChoice = _version(asked[2]) if asked[2] else asked[3]
        if method == "POST":
            with Call(self._models, self._metrics, "REST", what.capitalize(), request_id) as call:
                servable = call.find(name, choice)
                document = json_tensor.parse_object(body)
                deadline.left()
                return self._verbs[what.lower()](call, servable, document, deadline)
        if what:
            return _metadata(self._models.servable(name, choice))
        return _status(self._models.status(name, choice))

    def _predict(self, call: Call, servable: Servable, document: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        name = document.get("signature_name") or "serving_default"
        if name not in servable.signatures:
            raise json_tensor.invalid(f'Serving signature name: "{name}" not found in signature def')
        infos, about = servable.signatures[name].inputs, servable.about
        if about is not None and json_rows.takes(about, infos):
            form, tensors = json_rows.read_rows(document, about, infos)
        else:
            # Who sends rows by their columns may not know that there is a signature for them.
            hint = "" if document.get("signature_name") or JSON_SIGNATURE not in servable.signatures else _BY_COLUMNS
            form, tensors = json_tensor.read_inputs(document, infos, hint)
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = servable.name, name
        for alias, tensor in tensors.items():
            request.inputs[alias].CopyFrom(tensor)
        return json_tensor.write_outputs(form, call.answer(request, deadline.left()).outputs)

    def _classify(self, call: Call, _: Servable, document: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        request = json_examples.read_examples(document, classification_pb2.ClassificationRequest())
        return json_examples.write_classifications(call.answer(request, deadline.left()))

    def _regress(self, call: Call, _: Servable, document: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        request = json_examples.read_examples(document, regression_pb2.RegressionRequest())
        return json_examples.write_regressions(call.answer(request, deadline.left()))


def _version(digits: str) -> int:
    # No int64 has 20 digits, and Python reads no number of some thousands.
    if len(digits) > 19 or int(digits) >= 2**63:
        raise json_tensor.invalid(f"Failed to convert version: {digits[:20]}... to numeric.")
    return int(digits)


class _UnreadBody(Signal):
    """A body that was not read to its end, so that nothing on its connection can be read after it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    api: Api
    metrics: Optional["Metrics"]
    metrics_path: str


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body are two writes; with Nagle's algorithm the second waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    server: _Server
    # A client that sends less than it announced, or nothing, must not hold a thread.
    timeout = 30

    def setup(self) -> None:
        """Reads through a deadline: the time-out of a socket begins again with each byte of a slow client."""
        super().setup()
        self._arriving = _Arriving(self.connection, self.timeout)
        self.rfile.close()
        self.rfile = io.BufferedReader(self._arriving)

    def handle_one_request(self) -> None:
        """Gives the next request a time of its own."""
        self._arriving.expect_request()
        super().handle_one_request()

    def do_GET(self) -> None:
        if self.headers.get("Content-Length", "0").strip() != "0" or "Transfer-Encoding" in self.headers:
            # A body that nobody reads would be taken for the next request, whoever's that is behind a proxy.
            self.close_connection = True
        if self.server.metrics and self.path == self.server.metrics_path:
            self._send(200, "text/plain; version=0.0.4; charset=utf-8", self.server.metrics.text())
        else:
            self._answer(b"")

    def do_POST(self) -> None:
        try:
            body = self._body()
        except TimeoutError:
            self._refuse(408, f"the body did not arrive within {self.timeout} s")
        except _UnreadBody as error:
            self._refuse(error.status, error.message)
        else:
            self._answer(body)

    def _body(self) -> bytes:
        """The body, of the length that was announced or in chunks (RFC 9112, section 6 and 7.1).

        Raises:
            _UnreadBody: its length is said wrongly, twice or not at all, or it is too long.
            TimeoutError: it did not arrive.
        """
        announced = ", ".join(self.headers.get_all("Content-Length", []))
        if "Transfer-Encoding" in self.headers:
            if announced or self.headers.get_all("Transfer-Encoding") != ["chunked"]:
                # Who else reads this connection may have believed the other one.
                raise _UnreadBody(400, "a body is chunked and nothing else, or Content-Length says how long it is")
            return self._chunks()
        if not (announced.isascii() and announced.isdecimal()):
            raise _UnreadBody(411, "Content-Length must say how many bytes the body has")
        if len(announced) > 19 or int(announced) > MOST_JSON_BYTES:
            raise _UnreadBody(413, f"{announced[:20]} bytes, and a request may have {MOST_JSON_BYTES}")
        return self.rfile.read(int(announced))

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            head = _CHUNK.fullmatch(self.rfile.readline(_LONGEST_LINE))
            if head is None:
                raise _UnreadBody(400, "a chunk does not say how many bytes it has")
            size = int(head[1], 16)
            if not size:
                break
            if len(body) + size > MOST_JSON_BYTES:
                raise _UnreadBody(413, f"the chunks have more than the {MOST_JSON_BYTES} bytes that a request may have")
            body += self.rfile.read(size)
            if self.rfile.read(2) != b"\r\n":
                raise _UnreadBody(400, "a chunk has another length than it says")
        for _ in range(_MOST_TRAILERS):
            if self.rfile.readline(_LONGEST_LINE) == b"\r\n":
                return bytes(body)
        raise _UnreadBody(400, "the chunks do not end")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing of each request, as TensorFlow Serving."""

    def _answer(self, body: bytes) -> None:
        request_id = request_id_of(self.headers.get(REQUEST_ID))
        path, _, query = self.path.partition("?")
        if path == "/":
            # Behind a gateway it is the gateway that the person has asked.
            host, port = self.connection.getsockname()[:2]
            asked = self.headers.get("Host", "")
            address = asked if _HOST.fullmatch(asked) else f"{host}:{port}"
            form = body if self.command == "POST" else None
            page_status, text = self.server.api.page(query, form, f"http://{address}", request_id)
            self._send(page_status, "text/html; charset=utf-8", text.encode(), request_id, form_page.HEADERS)
            return
        status, value = self.server.api.answer(self.command, path, body, request_id)
        self._send_json(status, value, request_id)

    def _refuse(self, status: int, message: str) -> None:
        """Answers without having read the body; what follows on this connection would be taken for a request."""
        self.close_connection = True
        self._send_json(status, {"error": message}, request_id_of(self.headers.get(REQUEST_ID)))

    def _send_json(self, status: int, value: dict[str, Any], request_id: str) -> None:
        self._send(status, "application/json", json.dumps(value, indent=4).encode(), request_id)

    def _send(
        self, status: int, kind: str, payload: bytes, request_id: str = "", headers: Optional[Mapping[str, str]] = None
    ) -> None:
        self.connection.settimeout(self.timeout)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if request_id:
            self.send_header(REQUEST_ID, request_id)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(payload)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(payload)


class _Arriving(io.RawIOBase):
    """What a client sends: each request, with its headers and its body, has so many seconds from its first byte on.

    Args:
        connection: the client's.
        seconds: for one request, and for the wait before it.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._ends: Optional[float] = None

    def readable(self) -> bool:
        """It is."""
        return True

    def expect_request(self) -> None:
        """What comes next belongs to another request."""
        self._ends = None

    def readinto(self, buffer: Any) -> int:
        """Waits for some bytes.

        Raises:
            TimeoutError: the request's time is over.
        """
        left = self._seconds if self._ends is None else self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        count = self._connection.recv_into(buffer)
        if self._ends is None:
            self._ends = time.monotonic() + self._seconds
        return count


def _status(response: get_model_status_pb2.GetModelStatusResponse) -> dict[str, Any]:
    return {
        "model_version_status": [
            {
                "version": str(one.version),
                "state": State.Name(one.state),
                "status": {
                    "error_code": error_codes_pb2.Code.Name(one.status.error_code),
                    "error_message": one.status.error_message,
                },
            }
            for one in response.model_version_status
        ]
    }


def _metadata(servable: Servable) -> dict[str, Any]:
    signatures = {
        name: {
            "inputs": {alias: _tensor_info(info) for alias, info in sorted(signature.inputs.items())},
            "outputs": {alias: _tensor_info(info) for alias, info in sorted(signature.outputs.items())},
            "method_name": signature.method_name,
        }
        for name, signature in sorted(servable.signatures.items())
    }
    return {
        "model_spec": {"name": servable.name, "signature_name": "", "version": str(servable.version)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _tensor_info(info: meta_graph_pb2.TensorInfo) -> dict[str, Any]:
    shape = info.tensor_shape
    return {
        "dtype": types_pb2.DataType.Name(info.dtype),
        "tensor_shape": {
            "dim": [{"size": str(dim.size), "name": dim.name} for dim in shape.dim],
            "unknown_rank": shape.unknown_rank,
        },
        "name": info.name,
    }
