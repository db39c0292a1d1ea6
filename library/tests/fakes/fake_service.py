"""A real HTTP server on this machine that stands for a cloud service: routes, a record of requests, and faults."""

import email
import email.message
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional
from urllib.parse import parse_qs, unquote, urlsplit


class Refused(Exception):
    """The service says no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    repeated: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class WithHeaders:
    """A body that is answered with headers of its own."""

    body: Any
    headers: dict[str, str]


@dataclass
class Fault:
    """What goes wrong with some requests.

    Args:
        method: which method.
        pattern: which paths, a regular expression.
        status: the answer; None for none at all.
        times: how many requests.
        after: whether the service does what was asked before it fails: an answer that got lost.
        message: what it says.
    """

    method: str
    pattern: str
    status: Optional[int]
    times: int = 1
    after: bool = False
    message: str = ""

    def takes(self, request: Request) -> bool:
        return self.times > 0 and self.method == request.method and bool(re.search(self.pattern, request.path))


@dataclass
class FakeService:
    """Serves `routes()` until it is left. Times in answers are the machine's clock."""

    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def __enter__(self) -> "FakeService":
        self.lock = threading.RLock()
        self.closed = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                service._answer(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve

            def log_message(self, format: str, *arguments: Any) -> None:
                """Quiet: the record of requests tells more."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, method: str, pattern: str, status: Optional[int], **more: Any) -> None:
        """Lets the next requests of a kind go wrong; status None never answers."""
        self.faults.append(Fault(method, pattern, status, **more))

    def sent(self, method: str, pattern: str) -> list[Request]:
        """The requests of a kind that arrived."""
        return [one for one in self.requests if one.method == method and re.search(pattern, one.path)]

    def routes(self) -> dict[tuple[str, str], Callable[..., Any]]:
        """Functions by method and path pattern; each gets the request and the pattern's groups."""
        raise NotImplementedError

    def error(self, status: int, message: str) -> Any:
        """The body with which the service says no."""
        raise NotImplementedError

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        request = _read(handler)
        with self.lock:
            self.requests.append(request)
            fault = next((one for one in self.faults if one.takes(request)), None)
            if fault:
                fault.times -= 1
        if fault is None or fault.after:
            status, body = self._served(request)
        if fault and fault.status is None:
            self.closed.wait()
            return
        if fault:
            status, body = (
                fault.status or 500,
                self.error(fault.status or 500, fault.message or "a fault was asked for"),
            )
        _write(handler, status, body)

    def _served(self, request: Request) -> tuple[int, Any]:
        try:
            with self.lock:
                return 200, self._routed(request)
        except Refused as refusal:
            return refusal.status, self.error(refusal.status, refusal.message)
        except Exception as error:
            # Without an answer a client would look for a network that is down, and wait for it.
            return 500, self.error(500, f"the stand-in failed: {error!r}")

    def _routed(self, request: Request) -> Any:
        for (method, pattern), function in self.routes().items():
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                return function(request, *found.groups())
        raise Refused(404, f"Method not found: {request.method} {request.path}")


class FakeGoogleService(FakeService):
    """One that says no as Google Cloud's APIs do (google.rpc.Code by HTTP status)."""

    _STATUS = {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        409: "ALREADY_EXISTS",
        429: "RESOURCE_EXHAUSTED",
        500: "INTERNAL",
        503: "UNAVAILABLE",
    }

    def error(self, status: int, message: str) -> Any:
        return {"error": {"code": status, "message": message, "status": self._STATUS.get(status, "UNKNOWN")}}


def now() -> str:
    """The time as the services write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{int(time.time() % 1 * 1e6):06d}Z"


def _read(handler: BaseHTTPRequestHandler) -> Request:
    parts = urlsplit(handler.path)
    size = int(handler.headers.get("Content-Length") or 0)
    raw = handler.rfile.read(size) if size else b""
    repeated = parse_qs(parts.query, keep_blank_values=True)
    query = {key: values[0] for key, values in repeated.items()}
    body = _body(raw, handler.headers.get("Content-Type", "")) if raw else None
    return Request(handler.command, unquote(parts.path), query, body, dict(handler.headers.items()), repeated)


def _body(raw: bytes, kind: str) -> Any:
    """The request's JSON; the bytes of an upload; of a form with files, each field's bytes by its name."""
    if kind == "*/*":
        return raw
    if not kind.startswith("multipart/form-data"):
        return json.loads(raw)
    form = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + raw)
    parts = form.get_payload()
    assert isinstance(parts, list)
    return {
        part.get_param("name", header="Content-Disposition"): part.get_payload(decode=True)
        for part in parts
        if isinstance(part, email.message.Message)
    }


def _write(handler: BaseHTTPRequestHandler, status: int, body: Any) -> None:
    """Writes JSON; bytes as they are."""
    headers: dict[str, str] = {}
    if isinstance(body, WithHeaders):
        body, headers = body.body, body.headers
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        handler.send_response(status)
        handler.send_header("Content-Type", "text/plain" if isinstance(body, bytes) else "application/json")
        handler.send_header("Content-Length", str(len(text)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text)
    except ConnectionError:
        handler.close_connection = True
