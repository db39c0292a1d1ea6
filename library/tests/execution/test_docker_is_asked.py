"""A run that will need Docker is refused at its start where none answers, and a stage that finds none says so."""

import os
import socket
import subprocess
import sys

import pytest

from millrace.base.errors import BadInput, describe
from millrace.config.loading import load
from millrace.execution.diagnosis import require_docker

NOWHERE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


@pytest.mark.parametrize(
    ("override", "key"), [("archive={}", "archive"), ("infra_validation.platform=docker", "infra_")]
)
def test_a_run_that_will_need_docker(override, key, tmp_path):
    config = load("conf/taxi.yaml", [override])
    with pytest.raises(BadInput, match="no Docker engine answers: no engine at unix:///nowhere") as refused:
        require_docker(config, NOWHERE)
    assert refused.value.where.startswith(key)
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "docker.sock"))
        engine.listen()
        require_docker(config, {"DOCKER_HOST": f"unix://{tmp_path / 'docker.sock'}"})
    require_docker(config, {"DOCKER_HOST": "ssh://elsewhere"})


def test_a_run_that_needs_none():
    require_docker(load("conf/taxi.yaml"), NOWHERE)


def test_dockers_own_words_are_not_shown():
    class DockerException(Exception):
        """As Docker's client raises it."""

    failure = describe(DockerException("Error while fetching server API version: ('Connection aborted.', ...)"))
    assert (failure.what, failure.exit_code) == ("no Docker engine answers", 2)
    assert "archive" in failure.remedy


def test_the_command_refuses_it_before_anything_runs(tmp_path):
    command = [sys.executable, "-m", "millrace.cli.main", "run", "--set", "archive={}", "--set", f"root={tmp_path}"]
    finished = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **NOWHERE}, timeout=120
    )
    assert finished.returncode == 2, finished.stderr
    assert "archive: no Docker engine answers" in finished.stdout and "remedy: start Docker" in finished.stdout
    assert not list(tmp_path.glob("artifacts/*"))
