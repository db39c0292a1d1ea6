"""The small models that a server is tried with, and a server in the tests' own process, which starts at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from local_models import load_models
from saved_models import SIGNATURES, good_model, records, save_model

from millrace.model_server import grpc_service, rest
from millrace.model_server.models import Models
from millrace.model_server.server_process import Ports

__all__ = ["good_model", "records", "save_model"]

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class LocalServer:
    """The services of this process.

    Attributes:
        folder: the folder of the served model's versions; there is one, 2.
        models: what is served, under the name taxi.
        ports: where they listen.
    """

    folder: Path
    models: Models
    ports: Ports


@pytest.fixture(scope="session")
def local_server(tmp_path_factory, save_model) -> Iterator[LocalServer]:
    """Version 2 of the model `taxi` by both protocols; REST gives a request up after a second."""
    folder = tmp_path_factory.mktemp("local")
    save_model(folder / "2", **SIGNATURES)
    models = load_models(folder)
    grpc_server, grpc_port = grpc_service.start(models, LOOPBACK, 0)
    yield LocalServer(folder, models, Ports(grpc_port, rest.start(models, LOOPBACK, 0, timeout_ms=1000)))
    grpc_server.stop(grace=None).wait()
