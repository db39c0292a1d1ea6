"""A webhook on this machine that takes messages, or misbehaves in every way that a server can."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# What it does with a request, by the first part of the path.
ANSWERS = {
    "ok": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "broken": b"HTTP/1.1 500 Oh no\r\nContent-Length: 0\r\n\r\n",
    "gone": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: /ok/elsewhere\r\nContent-Length: 0\r\n\r\n",
    "redirect-post": b"HTTP/1.1 307 Temporary\r\nLocation: /ok/elsewhere\r\nContent-Length: 0\r\n\r\n",
    "redirect-to-file": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
    "bad-status-line": b"SECRET-ANSWER is no HTTP\r\n\r\n",
    "bad-status": b"HTTP/1.1 999999 x\r\n\r\n",
    "line-too-long": b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n\r\n",
    "many-headers": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    "bad-chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
    "nothing": b"",
}


@dataclass
class Webhook:
    """A running webhook.

    Attributes:
        url: its address, without a path.
        requests: every request's path, headers by lower-case name, and body, as they came.
    """

    url: str
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The bodies, read as JSON."""
        return [json.loads(body) for _, _, body in self.requests]


@contextlib.contextmanager
def webhook(tls: tuple[str, str] = ("", "")) -> Iterator[Webhook]:
    """Listens on a free port of this machine.

    Args:
        tls: the files of a certificate and its key, to speak TLS; empty for plain HTTP.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    scheme = "https" if tls[0] else "http"
    hook, ended = Webhook(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"), threading.Event()

    def serve() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        if tls[0]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with contextlib.suppress(OSError), connection:
            _answer(connection, hook, ended)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        ended.set()
        with contextlib.suppress(OSError):  # wakes what waits for a connection
            socket.create_connection(listening.getsockname(), timeout=1).close()
        thread.join()
        listening.close()


def _answer(connection: socket.socket, hook: Webhook, ended: threading.Event) -> None:
    stream = connection.makefile("rb")
    if stream.peek(1)[:1] == b"\x16":  # TLS is spoken to a server that does not
        return
    words = stream.readline().decode().split()
    if len(words) < 2:
        return
    headers = dict(line.decode().rstrip().split(": ", 1) for line in iter(stream.readline, b"\r\n"))
    headers = {name.lower(): value for name, value in headers.items()}
    hook.requests.append((words[1], headers, stream.read(int(headers.get("content-length", 0)))))
    kind = words[1].split("?")[0].split("/")[1]
    if kind == "never":
        ended.wait()
    elif kind == "drip":
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not ended.wait(0.02):
            connection.sendall(b"x")
    elif kind == "huge":
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not ended.is_set():
            connection.sendall(b"x" * 65_536)
    elif kind == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    else:
        connection.sendall(ANSWERS[kind])
