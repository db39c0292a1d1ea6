"""A version's server of its own: a process that serves one version and nothing else.

Versions do not share a process: a candidate that hangs, hoards or crashes takes nothing from the champion.
"""

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import psutil
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from millrace.base import files
from millrace.model_server.server_process import ServerProcess
from millrace.registry.events import CHAMPION
from millrace.serving.envoy_config import Upstream

_ANSWER_SECONDS = 1.0
_LOOPBACK = "127.0.0.1"


class VersionServer:
    """The running server of one version.

    Args:
        model: the name that clients use.
        version: the version's number.
        folder: its SavedModel.
        place: a folder for the server's files, which is made.
        requests: the folder of the log of requests.
    """

    def __init__(self, model: str, version: int, folder: Path, place: Path, requests: Path) -> None:
        self._model, self._version = model, version
        scratch, served = place / "scratch", place / "served.config"
        scratch.mkdir(parents=True, exist_ok=True)
        requests.mkdir(parents=True, exist_ok=True)
        files.write(served, _served(model, version, folder, requests))
        flags = [f"--model_config_file={served}", "--model_config_file_poll_wait_seconds=0", "--reload_config=false"]
        with open(place / "server.log", "ab") as log:
            memory = psutil.virtual_memory().total
            self._process = ServerProcess("process", None, model, scratch, log, memory, flags)
        self._ready = self._failed = False

    @property
    def upstream(self) -> Optional[Upstream]:
        """Where it listens; None until it serves its version."""
        ports = self._process.ports
        if ports is None or self.ended:
            return None
        self._ready = self._ready or self._answers(ports.rest)
        return Upstream(self._version, ports.rest, ports.grpc) if self._ready else None

    @property
    def ended(self) -> bool:
        """Whether the process is gone, or runs and has failed to load its version: nobody will ever be answered."""
        return self._failed or self._process.exit_code() is not None

    def stop(self) -> None:
        """Ends it, and waits until it is gone."""
        self._process.stop()

    def _answers(self, port: int) -> bool:
        connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=_ANSWER_SECONDS)
        try:
            connection.request("GET", f"/v1/models/{self._model}/versions/{self._version}")
            states = json.loads(connection.getresponse().read())["model_version_status"]
            self._failed = any(one["state"] == "END" and _error(one) for one in states)
            return any(one["state"] == "AVAILABLE" for one in states)
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return False
        finally:
            connection.close()


def _error(state: Mapping[str, Any]) -> bool:
    return bool(state.get("status", {}).get("error_code", "OK") != "OK")


def _served(model: str, version: int, folder: Path, requests: Path) -> str:
    """TensorFlow Serving's configuration of a server with one version, whose requests are all logged."""
    config = model_server_config_pb2.ModelServerConfig()
    entry = config.model_config_list.config.add(
        name=model, base_path=str(folder.parent.absolute()), model_platform="tensorflow"
    )
    entry.model_version_policy.specific.versions.append(version)
    # Who asks for the champion gets what the gateway has chosen.
    entry.version_labels[CHAMPION] = version
    entry.logging_config.log_collector_config.type = "tfrecord"
    entry.logging_config.log_collector_config.filename_prefix = str(requests / "requests")
    entry.logging_config.sampling_config.sampling_rate = 1.0
    return text_format.MessageToString(config)
