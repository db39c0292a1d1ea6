"""The small models that a server is tried with, and a server in the tests' own process, which starts at once."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from saved_models import SIGNATURES, good_model, records, save_model

from millrace.model_server import grpc_service, rest
from millrace.model_server.server_process import Ports
from millrace.model_server.versions import ModelVersions

__all__ = ["good_model", "records", "save_model"]

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class LocalServer:
    """The services of this process.

    Attributes:
        folder: the folder of the served model's versions; there is one, 2.
        versions: what is served, under the name taxi.
        ports: where they listen.
    """

    folder: Path
    versions: ModelVersions
    ports: Ports


@pytest.fixture(scope="session")
def local_server(tmp_path_factory, save_model) -> Iterator[LocalServer]:
    """Version 2 of the model `taxi` by both protocols; REST gives a request up after a second."""
    folder = tmp_path_factory.mktemp("local")
    save_model(folder / "2", **SIGNATURES)
    versions = ModelVersions("taxi", str(folder), warm_up=False, load_retries=0, retry_seconds=0)
    versions.watch(0, threading.Event())
    grpc_server, grpc_port = grpc_service.start(versions, LOOPBACK, 0)
    yield LocalServer(folder, versions, Ports(grpc_port, rest.start(versions, LOOPBACK, 0, timeout_ms=1000)))
    grpc_server.stop(grace=None).wait()
