"""A server of the pipeline's model in the foreground: Millrace's, TensorFlow Serving's program, or its image.

All of them follow the registry's file of what is served, so an alias that moves is followed by a server that runs.
"""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Optional
from urllib.parse import quote

from millrace.base.errors import BadInput, MillraceError

ServerKind = Literal["millrace", "tensorflow_model_server", "docker"]
REST_PORT, GRPC_PORT = 8501, 8500
"""TensorFlow Serving's own."""

_LIFELINE = Path(__file__).parents[1] / "model_server" / "lifeline.py"
_POLL_SECONDS = 0.2
_END_SECONDS = 10.0
_TRIED = 50
_LAST_LINES = 12


@dataclass(frozen=True)
class ServedModel:
    """What a server is started for.

    Attributes:
        name: the model's, as clients say it.
        config_file: TensorFlow Serving's `ModelServerConfig` as text.
        folder: of the versions.
        choice: how a request names the version: `labels/ALIAS` or `versions/NUMBER`.
    """

    name: str
    config_file: Path
    folder: Path
    choice: str

    @property
    def path(self) -> str:
        """The address of the version below the server's."""
        return f"/v1/models/{quote(self.name, safe='')}/{self.choice}"


@dataclass(frozen=True)
class ServerPlace:
    """Where a server listens; `grpc` is 0 where it does not by gRPC."""

    host: str
    rest: int
    grpc: int

    @property
    def address(self) -> str:
        """Of REST."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.rest}"


def choose_place(host: str, rest: Optional[int], grpc: Optional[int]) -> ServerPlace:
    """Finds ports that are free.

    Args:
        host: the interface.
        rest: the port that a person named; None for the first that is free from `REST_PORT` on.
        grpc: the same, from `GRPC_PORT` on; 0 for none.

    Raises:
        BadInput: a port is taken, or this machine has no such interface.
    """
    rest_port = _free(host, rest, REST_PORT, "--port", set())
    return ServerPlace(host, rest_port, 0 if grpc == 0 else _free(host, grpc, GRPC_PORT, "--grpc-port", {rest_port}))


def _free(host: str, asked: Optional[int], first: int, option: str, taken: set[int]) -> int:
    for port in [asked] if asked is not None else [one for one in range(first, first + _TRIED) if one not in taken]:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        except socket.gaierror as error:
            raise BadInput(f"there is no interface {host}: {error.strerror}", "--host", "name an address") from error
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                tried.bind(place)
                return port
    which = f"the port {asked} is" if asked is not None else f"the ports {first} to {first + _TRIED - 1} are"
    raise BadInput(f"{which} taken, or may not be had on {host}", option, f"name a free one with {option}")


def command(kind: ServerKind, model: ServedModel, place: ServerPlace, image: str) -> list[str]:
    """The command that starts a server.

    Args:
        kind: of which.
        model: what it serves.
        place: where it listens.
        image: for docker.

    Raises:
        BadInput: the program is not installed, or cannot listen so.
    """
    if kind != "millrace" and shutil.which(kind) is None:
        remedy = "install it, or leave --with out: Millrace's server speaks the same protocols"
        raise BadInput(f"there is no {kind} on this machine", "--with", remedy)
    flags = [f"--model_config_file={model.config_file}", "--model_config_file_poll_wait_seconds=2"]
    # Five times again, as ever, and not a minute apart: somebody is waiting to be told.
    flags.append("--load_retry_interval_micros=1000000")
    if kind == "docker":
        # What lies where it lies here has the same name in the container.
        mounts = [f"--volume={folder}:{folder}:ro" for folder in sorted({model.folder, model.config_file.parent})]
        ports = [f"--publish={place.host}:{place.rest}:{REST_PORT}"]
        ports += [f"--publish={place.host}:{place.grpc}:{GRPC_PORT}"] if place.grpc else []
        flags.append("--allow_version_labels_for_unavailable_models=true")
        return ["docker", "run", "--rm", "--init", *ports, *mounts, image, *flags]
    flags += [f"--rest_api_port={place.rest}", f"--port={place.grpc}"]
    if kind == "millrace":
        return [sys.executable, "-m", "millrace.model_server", *flags, f"--host={place.host}"]
    # It binds gRPC to an address of its own, and REST to every interface.
    return ["tensorflow_model_server", *flags, "--allow_version_labels_for_unavailable_models=true"]


@contextlib.contextmanager
def running(command: Sequence[str], model: ServedModel, place: ServerPlace) -> Iterator["Server"]:
    """Starts a server, which ends with the block, and with this process whatever ends that.

    Args:
        command: as `command` gives it.
        model: what it serves.
        place: where it listens.

    Raises:
        MillraceError: it cannot be started.
    """
    scratch = tempfile.mkdtemp(prefix="millrace-serve-")
    log = Path(scratch, "server.log")
    # A session of its own: Ctrl-C comes to this process alone, which ends the server in order.
    lifeline = [sys.executable, "-S", "-E", str(_LIFELINE), str(os.getpid()), scratch]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*lifeline, *command],
            stdin=subprocess.PIPE,
            bufsize=0,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1")},
        )
    try:
        yield Server(process, log, model, place)
    finally:
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.write(b"q")
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with contextlib.suppress(OSError):
            process.stdin.close()
        shutil.rmtree(scratch, ignore_errors=True)


class Server:
    """A server that was started.

    Args:
        process: what holds it.
        log: where it writes.
        model: what it serves.
        place: where it listens.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, model: ServedModel, place: ServerPlace) -> None:
        self._process, self._log, self._model, self._place = process, log, model, place

    def wait_until_it_answers(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Returns once the version is loaded.

        Args:
            sleep: waits so many seconds.

        Raises:
            MillraceError: the server has ended, with the last lines of its log; or the version does not load.
        """
        before = ""
        while not self._answers():
            if self._process.poll() is not None:
                raise self._ended()
            failure = self._failure()
            # Seen twice: a label moves a moment after its version is there.
            if failure and failure == before:
                remedy = "millrace models rollback goes back to the version before; --model names another"
                raise MillraceError(f"it does not load: {failure}", where=str(self._model.folder), remedy=remedy)
            before = failure
            sleep(_POLL_SECONDS)

    def wait(self) -> None:
        """Returns never, but by an interrupt.

        Raises:
            MillraceError: the server has ended.
        """
        self._process.wait()
        raise self._ended()

    def _answers(self) -> bool:
        return self._get(f"{self._model.path}/metadata")[0] == 200

    def _failure(self) -> str:
        """Why versions did not load; empty as long as one of them may still do so."""
        try:
            states = json.loads(self._get(f"/v1/models/{quote(self._model.name)}")[1])["model_version_status"]
            if any(one["state"] not in ("AVAILABLE", "END") for one in states):
                return ""
            return "; ".join(filter(None, (one["status"].get("error_message", "") for one in states)))
        except (ValueError, KeyError, TypeError):
            return ""

    def _get(self, path: str) -> tuple[int, bytes]:
        """An answer's status and body; 0 where there is none."""
        host = "127.0.0.1" if self._place.host in ("0.0.0.0", "::") else self._place.host
        connection = http.client.HTTPConnection(host, self._place.rest, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def _ended(self) -> MillraceError:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        told = "\n".join(f"  {line}" for line in lines)
        return MillraceError(
            f"the server has ended with code {self._process.returncode}; its last words:\n{told}", self._model.name
        )
