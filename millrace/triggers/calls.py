"""Runs that programs ask for: an HTTP server that takes a call, writes it down, and answers with the decision.

    POST / HTTP/1.1
    Authorization: Bearer TOKEN
    Idempotency-Key: nightly-load-2031-01-31
    Content-Type: application/json

    {"because": "the load is done", "who": "warehouse"}

A call asks as `millrace triggers fire` does: it waits for a run that goes on, and for nothing else. The key names the
call: sent again it asks for nothing new, and tells what came of the first. The server starts nothing by itself; it
wakes what watches.
"""

import contextlib
import hmac
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional, cast

from millrace.base.errors import BadInput, MillraceError, Signal
from millrace.config.trigger_section import Listen
from millrace.triggers.deciding import Decision
from millrace.triggers.trigger_log import Asked

MOST_BYTES = 4096
"""Of a call's body."""

_SHORTEST_TOKEN = 16
_MOST_LETTERS = 500
_SECONDS = 10.0
_AT_ONCE = 8


@dataclass(frozen=True)
class Call:
    """What somebody asks.

    Args:
        who: who asks.
        because: why.
        key: names the call.
    """

    who: str
    because: str
    key: str


Ask = Callable[[Call], tuple[Asked, Optional[Decision]]]
"""Writes a call down: what became of it, and what is decided now; None of one that was answered before."""


class CallRefused(Signal):
    """A call that is not taken.

    Args:
        status: of HTTP.
        why: a sentence.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def token_of(listen: Listen) -> str:
    """The token that calls must show.

    Args:
        listen: names the variable that holds it.

    Raises:
        BadInput: it is not set, or so short that it can be guessed.
    """
    token = os.environ.get(listen.token_env, "")
    if len(token) >= _SHORTEST_TOKEN:
        return token
    what = "is not set" if not token else f"has fewer than {_SHORTEST_TOKEN} letters, which can be guessed"
    remedy = f'export {listen.token_env}="$(openssl rand -hex 24)"'
    raise BadInput(
        f"the environment variable {listen.token_env} {what}", where="triggers.listen.token_env", remedy=remedy
    )


@contextlib.contextmanager
def taking_calls(listen: Listen, token: str, ask: Ask) -> Iterator[int]:
    """Takes calls in threads of this process.

    Args:
        listen: where.
        token: that calls must show.
        ask: writes a call down; called from several threads.

    Yields:
        The port.

    Raises:
        BadInput: the address cannot be had.
    """
    try:
        server = _CallServer(listen, token, ask)
    except OSError as error:
        raise BadInput(
            f"cannot listen on {listen.host}:{listen.port}: {(error.strerror or str(error)).lower()}",
            where="triggers.listen",
            remedy="name another port, or end what has this one",
        ) from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


class _CallServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listen: Listen, token: str, ask: Ask) -> None:
        self.address_family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        self.token, self.ask = token.encode(), ask
        self.at_once = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__((listen.host, listen.port), _CallHandler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hands a connection to a thread, or closes it where too many are open."""
        if self.at_once.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answers a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.at_once.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a connection that broke off."""


class _CallHandler(BaseHTTPRequestHandler):
    server_version, sys_version = "millrace", ""
    timeout = _SECONDS  # a connection that sends nothing is closed

    def do_POST(self) -> None:
        """Takes a call."""
        try:
            call = self._call()
            asked, decision = cast(_CallServer, self.server).ask(call)
            self._answer(200 if decision is None else 202, _told(asked, decision))
        except CallRefused as refused:
            self._answer(refused.status, {"error": refused.why})
        except MillraceError as error:
            self._answer(503, {"error": str(error)})

    def _refuse_method(self) -> None:
        self._answer(405, {"error": "a call is a POST"}, Allow="POST")

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse_method

    def _call(self) -> Call:
        """Reads a call; nobody without the token is told anything of what it says.

        Raises:
            CallRefused: it is none.
        """
        given = self.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if not hmac.compare_digest(given.encode("utf-8", "replace"), cast(_CallServer, self.server).token):
            raise CallRefused(401, "the token is missing or wrong: Authorization: Bearer TOKEN")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise CallRefused(411, "the body's length is missing: Content-Length")
        if int(length) > MOST_BYTES:
            raise CallRefused(413, f"the body has more than {MOST_BYTES:,} bytes")
        try:
            body = json.loads(self.rfile.read(int(length)) or b"null")
        except (ValueError, OSError) as error:
            raise CallRefused(400, "the body is no JSON") from error
        if not isinstance(body, dict) or sorted(set(body) - {"because", "who"}):
            raise CallRefused(400, 'the body has "because" and perhaps "who", and nothing else')
        because, who = _text(body, "because"), _text(body, "who") if "who" in body else "a call"
        key = self.headers.get("Idempotency-Key", "").strip()
        if not 0 < len(key) <= _MOST_LETTERS:
            why = "any text that names this call, so that sending it again starts nothing twice"
            raise CallRefused(400, f"the header Idempotency-Key is missing or too long: {why}")
        return Call(f"{who} by HTTP", because, key)

    def _answer(self, status: int, body: dict[str, Any], **headers: str) -> None:
        text = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        # What was not read of a body would be taken for the next request.
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(text)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Quiet: what is started is in the log of triggers."""


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not 0 < len(text) <= _MOST_LETTERS:
        raise CallRefused(400, f'"{name}" is missing, or no text of at most {_MOST_LETTERS} letters')
    return text


def _told(asked: Asked, decision: Optional[Decision]) -> dict[str, Any]:
    state = "started" if asked.started else "cancelled" if asked.cancelled else "waiting"
    told: dict[str, Any] = {"id": asked.event, "state": state}
    if asked.started:
        told |= {"started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(asked.started))}
    if decision:
        told |= {"start": decision.start, "why": decision.why}
    else:
        told |= {"why": "this call was made before; the Idempotency-Key is the same"}
    return told
