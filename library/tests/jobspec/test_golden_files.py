"""Compiled jobs, compared whole with golden files; `make golden` writes these again."""

import os
import subprocess
import sys

import pytest
from golden_cases import CASES, GOLDEN, compiled, normalised

from millrace.config.loading import load
from millrace.jobspec.job import load as load_job


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """A case's name and its job, which is compiled once: a second or two each."""
    return request.param, compiled(request.param)


def test_the_whole_document_is_the_golden_one(case):
    name, job = case
    expected = (GOLDEN / name).read_text(encoding="utf-8").splitlines()
    assert normalised(job).splitlines() == expected


def test_the_format_is_kfps_own(case):
    """Every field is one that the installed `pipeline_spec.proto` has: a mistyped one would be ignored, or refused."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    name, job = case
    if "2.0" in name:
        pytest.skip("kfp's own is schema 2.1")
    spec = json_format.ParseDict(job.spec, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(job.spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
    assert spec.root.dag.tasks.keys() == job.tasks.keys()


@pytest.mark.slow
def test_a_second_compile_gives_the_same_bytes(tmp_path):
    first, second = (compiled("everything-vertex.json").to_text() for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_neither_network_nor_credentials_are_needed(tmp_path):
    """A process whose every connection fails, and that finds no home with credentials in it."""
    script = (
        "import socket\n"
        "def refuse(*args, **more): raise AssertionError(f'asked the network for {args}')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "from millrace.cli.main import main; main()\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GOOGLE_", "CLOUDSDK_"))}
    output = tmp_path / "job.json"
    overrides = [word for override in CASES["everything-vertex.json"] for word in ("--set", override)]
    done = subprocess.run(
        [sys.executable, "-c", script, "compile", *overrides, "--set", f"root={tmp_path / 'root'}", "-o", str(output)],
        env={**environment, "HOME": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert load_job(output).root == "gs://my-bucket/millrace/artifacts"
    assert "compiled taxi for Vertex AI" in done.stdout
    assert load("conf/taxi.yaml").vertex.project is None  # nothing of the above is the shipped configuration's
