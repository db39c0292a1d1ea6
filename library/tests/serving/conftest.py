"""Envoy, and small servers that stand for the versions' own: what is tried here is who gets which of them."""

import tempfile
from pathlib import Path

import pytest
from registered_versions import pushed
from two_versions import _two_versions, two_versions
from version_servers import USER, VersionServer

from millrace.config.loading import load
from millrace.execution.envoy_program import find_envoy
from millrace.registry.intake import open_registry
from millrace.serving.envoy_config import Listener

__all__ = ["_two_versions", "two_versions"]


@pytest.fixture(scope="session")
def envoy() -> Path:
    return find_envoy() or pytest.skip("there is no Envoy here: glibc is older than 2.31")


@pytest.fixture
def listener(tmp_path):
    # A socket's path is short.
    with tempfile.TemporaryDirectory() as admin:
        yield Listener("127.0.0.1", 0, USER, 5.0, tmp_path, Path(admin) / "admin")


@pytest.fixture
def servers():
    """Servers of the versions 1, 2 and 3."""
    running = {version: VersionServer(version) for version in (1, 2, 3)}
    yield running
    for server in running.values():
        server.stop()


@pytest.fixture
def config(tmp_path):
    """A pipeline whose version 11 is champion, and whose version 12 is approved."""
    config = load("conf/taxi.yaml", [f"root={tmp_path / 'taxi'}"])
    with open_registry(config) as registry:
        new = registry.take_in([pushed(tmp_path / "taxi", number) for number in (11, 12)])
        registry.roll_back(new[0], "first this one", expected=12)
    return config
