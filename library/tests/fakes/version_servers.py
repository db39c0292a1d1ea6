"""Small servers that stand for the versions' own, and clients of a gateway."""

import contextlib
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Optional

import httpx

from millrace.serving.envoy_config import Upstream

USER = "x-user-id"


class VersionServer:
    """Answers each request with its version, and counts those that it was asked itself and those of a mirror."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.asked: Counter = Counter()
        self.ids: list[str] = []
        self.status = 200
        self.seconds = 0.0
        self.wait = threading.Event()
        self.wait.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.asked["mirror" if "-shadow" in self.headers["host"] else "own"] += 1
                outer.ids.append(self.headers["x-request-id"])
                outer.wait.wait(30)
                time.sleep(outer.seconds)
                body = str(outer.version).encode()
                self.send_response(outer.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        port = self._server.server_port
        self.upstream = Upstream(version, port, port)

    def stop(self) -> None:
        self.wait.set()
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Started:
    """A version's server that starts when it is told to, and ends when it is told to."""

    version: int
    server: VersionServer = field(init=False)
    ready: bool = True
    ended: bool = False

    def __post_init__(self) -> None:
        self.server = VersionServer(self.version)

    @property
    def upstream(self) -> Optional[Upstream]:
        return self.server.upstream if self.ready and not self.ended else None

    def crash(self) -> None:
        self.server.stop()
        self.ended = True

    def stop(self) -> None:
        if not self.ended:
            self.crash()


def answered(port: int, users: int = 300) -> dict[str, int]:
    """The version that each of some users gets."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        versions = {}
        for user in (f"user-{number}" for number in range(users)):
            answer = client.post("/v1/models/taxi:predict", content=b"{}", headers={USER: user})
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-model-version"] == answer.text
            versions[user] = int(answer.text)
    return versions


def eventually(condition, seconds: float = 10.0):
    for _ in range(int(seconds / 0.02)):
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError("waited in vain")
