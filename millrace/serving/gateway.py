"""Envoy as a process: found, started over the versions' servers, told new weights while it runs, and ended.

It never outlives the process that started it, and what it is told is in its files first: one that is started anew goes
on with what the last one was told.
"""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional
from urllib.parse import urlencode

from millrace.base import files
from millrace.base.errors import BadInput, MillraceError
from millrace.execution.envoy_program import find_envoy, remedy
from millrace.model_server import lifeline
from millrace.serving import envoy_config
from millrace.serving.envoy_config import Listener, Traffic, Upstream

_LIFELINE = Path(lifeline.__file__)
_ANSWER_SECONDS = 5.0
_START_SECONDS = 20.0
_LOOK_SECONDS = 0.02
_END_SECONDS = 10.0
# What reads the access log is not to wait for Envoy's ten seconds.
_FLUSH_MILLISECONDS = 250
_WORKERS = 2


def require_envoy() -> Path:
    """Envoy's program.

    Raises:
        BadInput: there is none.
    """
    program = find_envoy()
    if program is None:
        raise BadInput("the gateway is Envoy, and there is none here", remedy=remedy())
    return program


def require_free_ports(listener: Listener) -> None:
    """Raises where Envoy could not listen; it would say so only once servers run, and in its log.

    Args:
        listener: what clients see.

    Raises:
        BadInput: a port is taken, or the address cannot be had.
    """
    _require_free(listener.host, listener.port, "rollout.port", "set rollout.host and rollout.port")
    if listener.metrics_port:
        _require_free("127.0.0.1", listener.metrics_port, "rollout.metrics_port", "set another one, or none")


class Gateway:
    """A running Envoy; a context manager that never leaves a process behind.

    Args:
        envoy: its program.
        listener: what clients see.
        upstreams: the servers that there are.
        traffic: who gets which version; all of them are among the servers.
        log: a file that Envoy's own messages are added to.

    Raises:
        BadInput: the port is taken, or the address cannot be had.
        MillraceError: Envoy does not start.
    """

    def __init__(
        self, envoy: Path, listener: Listener, upstreams: Sequence[Upstream], traffic: Traffic, log: Path
    ) -> None:
        self._listener = listener
        self._log = log
        self._upstreams: tuple[Upstream, ...] = ()
        self._traffic = Traffic({})
        require_free_ports(listener)
        listener.admin.unlink(missing_ok=True)
        self._write_clusters(upstreams)
        self._write_routes(traffic)
        self._upstreams, self._traffic = tuple(upstreams), traffic
        bootstrap = listener.folder / "envoy.json"
        files.write(bootstrap, json.dumps(envoy_config.bootstrap(listener), indent=1))
        command = [str(envoy), "-c", str(bootstrap), "--disable-hot-restart", "--log-level", "warning"]
        command += ["--concurrency", str(_WORKERS), "--file-flush-interval-msec", str(_FLUSH_MILLISECONDS)]
        # Removed with its folder, should this process be killed: the socket's, which is nobody else's.
        held = [sys.executable, "-S", "-E", str(_LIFELINE), str(os.getpid()), str(listener.admin.parent)]
        with open(log, "ab") as output:
            self._process = subprocess.Popen(
                [*held, *command],
                stdin=subprocess.PIPE,
                bufsize=0,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_for(lambda: self._get("/ready") == "LIVE\n", _START_SECONDS, "Envoy does not start")
            self.port = self._bound_port()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def apply(self, upstreams: Sequence[Upstream], traffic: Traffic) -> None:
        """Serves other versions, or the same by other weights; no request is lost.

        A version that comes is known before requests are sent to it, and forgotten after the last one was.

        Args:
            upstreams: the servers that there are; one that is left out must still run until its answers are given.
            traffic: who gets which version; all of them are among the servers.

        Raises:
            MillraceError: Envoy does not take it; what it did before, it still does.
        """
        known = {upstream.version: upstream for upstream in self._upstreams}
        both = known | {upstream.version: upstream for upstream in upstreams}
        if both != known:
            self._write_clusters(list(both.values()))
        if self._traffic != traffic:
            # First the file: an Envoy that is started from now on is right, too.
            self._write_routes(traffic)
            self._post("/runtime_modify", envoy_config.runtime(traffic))
        self._traffic = traffic
        if len(both) > len(upstreams):
            self._write_clusters(upstreams)
        self._upstreams = tuple(upstreams)

    def weights(self) -> dict[int, int]:
        """What Envoy itself says that it does now: parts of `WHOLE` by version."""
        entries = json.loads(self._get("/runtime?format=json"))["entries"]
        told = {name: int(entry["final_value"]) for name, entry in entries.items()}
        return {version: told.get(f"weight.{version}-rest", part) for version, part in self._traffic.weights.items()}

    def counters(self, prefix: str) -> dict[str, int]:
        """Envoy's counters since it was started.

        Args:
            prefix: of their names, such as `cluster.17-rest-mirror.`.

        Returns:
            The value of each by the rest of its name.
        """
        query = urlencode({"format": "json", "filter": "^" + prefix.replace(".", r"\."), "type": "Counters"})
        stats = json.loads(self._get(f"/stats?{query}"))["stats"]
        return {entry["name"].removeprefix(prefix): entry["value"] for entry in stats}

    def reopen_log(self) -> None:
        """Goes on in a new access log, where the old one was renamed."""
        self._post("/reopen_logs", {})

    def exit_code(self) -> Optional[int]:
        """Envoy's exit code, above 128 for a signal; None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ends Envoy, politely first, and waits until it is gone."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(b"q")
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _write_clusters(self, upstreams: Sequence[Upstream]) -> None:
        edition = uuid.uuid4().hex
        text = json.dumps(envoy_config.clusters(upstreams, edition), indent=1)
        files.write(self._listener.clusters_file, text)
        if self._upstreams:
            self._wait_until_taken(edition)

    def _write_routes(self, traffic: Traffic) -> None:
        edition = uuid.uuid4().hex
        files.write(
            self._listener.routes_file, json.dumps(envoy_config.routes(traffic, self._listener, edition), indent=1)
        )
        if self._upstreams:
            self._wait_until_taken(edition)

    def _wait_until_taken(self, edition: str) -> None:
        self._wait_for(lambda: edition in self._get("/config_dump"), _ANSWER_SECONDS, "Envoy refuses what it was told")

    def _bound_port(self) -> int:
        listening = json.loads(self._get("/listeners?format=json"))["listener_statuses"]
        (clients,) = (one for one in listening if one["name"] == envoy_config.CLIENTS)
        return int(clients["local_address"]["socket_address"]["port_value"])

    def _wait_for(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if condition():
                    return
            if time.monotonic() > end or self.exit_code() is not None:
                raise MillraceError(f"{what}{self._last_words()}", where=str(self._log), remedy="look at its log")
            time.sleep(_LOOK_SECONDS)

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._log.read_text(errors="replace").splitlines()
            return f": {lines[-1][:300]}" if lines else ""
        return ""

    def _get(self, path: str) -> str:
        return self._ask("GET", path)

    def _post(self, path: str, query: Mapping[str, int]) -> str:
        return self._ask("POST", f"{path}?{urlencode(query)}" if query else path)

    def _ask(self, method: str, path: str) -> str:
        connection = _SocketConnection(self._listener.admin)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read().decode()
            if answer.status != 200:
                raise http.client.HTTPException(f"{path.partition('?')[0]}: {answer.status} {body[:200]}")
            return body
        finally:
            connection.close()


class _SocketConnection(http.client.HTTPConnection):
    """HTTP to a socket of the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock: Any = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _require_free(host: str, port: int, where: str, remedy: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            raise BadInput(
                f"the gateway cannot listen at {host}:{port}: {error.strerror}",
                where=where,
                remedy=f"{remedy}, or end what listens there",
            ) from error
