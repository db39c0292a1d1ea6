"""Runs told to MLflow, its files and a real server: whole, once, and never what a person deleted there."""

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from past_runs import NOW, PastRuns, four_runs

from millrace.base.errors import BadInput
from millrace.cli.main import millrace
from millrace.cloud.remote.failures import ServiceFailure
from millrace.config.loading import load
from millrace.metadata import provenance
from millrace.metadata.run_summaries import run_summaries
from millrace.tracking import mlflow
from millrace.tracking.mlflow import track

ROOT = Path(__file__).resolve().parents[3]
UV = shutil.which("uv") or next(map(str, sorted(ROOT.glob(".cache/uv-*/bin/uv"))), None)


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as bound:
        return int(bound.getsockname()[1])


@pytest.fixture(scope="module", params=["files", pytest.param("server", marks=pytest.mark.slow)])
def store(request, tmp_path_factory):
    """The address of MLflow's own store of files, which its client brings along, or of a server."""
    client = pytest.importorskip("mlflow", reason="MLflow's client is in the lock: make setup")
    if request.param == "files":
        yield tmp_path_factory.mktemp("store").as_uri()
        return
    with started(client, tmp_path_factory) as address:
        yield address


@pytest.fixture
def server(store, monkeypatch):
    """The same, ready to be told; files are no address that a person may give."""
    if store.startswith("file:"):
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        monkeypatch.setattr(mlflow, "_client", client_of)
    return store


@contextlib.contextmanager
def started(client, tmp_path_factory):
    """A server in an environment of its own: what it needs does not fit into the stack."""
    if UV is None:
        pytest.skip("uv, which makes the server's environment, is not here")
    folder = tmp_path_factory.mktemp("mlflow")
    subprocess.run([UV, "venv", "-q", "-p", sys.executable, str(folder / "env")], check=True)
    wanted = f"mlflow=={client.__version__}"
    subprocess.run([UV, "pip", "install", "-q", "--python", str(folder / "env/bin/python"), wanted], check=True)
    port = free_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--artifacts-destination", "files"]
    command = [str(folder / "env/bin/mlflow"), "server", *options, "--backend-store-uri", "sqlite:///runs.db"]
    environment = {"PATH": f"{folder}/env/bin:/usr/bin:/bin", "HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(process, address, folder / "log")
        yield address
    finally:
        # Its workers are its children; they end with it.
        process.terminate()
        process.wait(30)


def wait_for(process: subprocess.Popen, address: str, log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture
def past(tmp_path) -> PastRuns:
    """Four runs, of which the first wrote down its configuration."""
    made = four_runs(tmp_path / "root")
    first = run_summaries(config_of(made))[0].run_id
    provenance.record(made.root / "logs" / first, config_of(made), ("training.steps=200",))
    return made


def config_of(past: PastRuns):
    return load(str(ROOT / "conf/taxi.yaml"), [f"root={past.root}"])


def told(past: PastRuns, address: str, experiment: str) -> list[tuple[str, str]]:
    config = config_of(past)
    ids = [run.run_id for run in run_summaries(config)]
    return [(one.outcome, one.version) for one in track(config, address, ids, experiment)]


def client_of(address: str):
    from mlflow import MlflowClient

    return MlflowClient(address, address)


def runs_of(address: str, experiment: str):
    client = client_of(address)
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return {run.info.run_name: run for run in found}


def test_runs_are_told_whole_and_once(server, past):
    assert told(past, server, "whole") == [("new", "1"), ("new", ""), ("new", ""), ("new", "")]
    ids = [run.run_id for run in run_summaries(config_of(past))]
    there = runs_of(server, "whole")
    assert set(there) == set(ids)
    assert [there[one].info.status for one in ids] == ["FINISHED", "FAILED", "KILLED", "FAILED"]
    first = there[ids[0]]
    assert first.data.metrics["AUC"] == 0.91 and first.data.params["training.steps"] == "1000"
    assert (first.info.start_time, first.info.end_time) == ((NOW - 4000) * 1000, (NOW - 3960) * 1000)
    tags = first.data.tags
    assert (tags["millrace.set"], tags["millrace.state"]) == ("training.steps=200", "done")
    assert tags["artifact.Trainer.model"].startswith(str(past.root))
    assert "below 0.7" in there[ids[1]].data.tags["millrace.reason"]
    client = client_of(server)
    assert {one.path for one in client.list_artifacts(first.info.run_id)} == {"report.html", "pushed_model"}
    [version] = client.search_model_versions(f"run_id = '{first.info.run_id}'")
    assert version.tags["millrace.version"] == "1001" and version.description.endswith("/serving/taxi/1001")

    assert told(past, server, "whole") == [("unchanged", "1"), ("unchanged", ""), ("unchanged", ""), ("unchanged", "")]
    assert set(runs_of(server, "whole")) == set(ids)


def test_what_was_told_by_half_goes_on_without_doubles(server, past):
    assert told(past, server, "half")[0][0] == "new"
    ids = [run.run_id for run in run_summaries(config_of(past))]
    client, run = client_of(server), runs_of(server, "half")[ids[0]]
    client.delete_tag(run.info.run_id, "millrace.whole")
    assert [one for one, _ in told(past, server, "half")] == ["completed", "unchanged", "unchanged", "unchanged"]
    told_twice = {(one.step, one.timestamp, one.value) for one in client.get_metric_history(run.info.run_id, "AUC")}
    assert len(told_twice) == 1, "of the same time, which a server keeps once"
    assert len(client.search_model_versions(f"run_id = '{run.info.run_id}'")) == 1


def test_what_a_person_deleted_there_stays_deleted(server, past):
    told(past, server, "deleted")
    client, [first, *_] = client_of(server), runs_of(server, "deleted").values()
    client.delete_run(first.info.run_id)
    assert "deleted" in [one for one, _ in told(past, server, "deleted")]
    client.delete_experiment(first.info.experiment_id)
    with pytest.raises(BadInput, match="deleted on the server"):
        told(past, server, "deleted")


def test_the_command_says_what_was_told(server, past):
    asked = ["track", "-c", str(ROOT / "conf/taxi.yaml"), "--set", f"root={past.root}", "--mlflow", server]
    asked += ["--experiment", "command", "--run", "last~3"]
    first, again = (CliRunner().invoke(millrace, asked, standalone_mode=False) for _ in range(2))
    assert first.exception is None, first.exception
    assert re.fullmatch(r"\S+  new, model version \d+\n1 run of taxi: 1 new\n", first.output)
    assert again.output == "1 run of taxi: 1 unchanged\n"


def test_what_is_no_address_is_refused_before_anything_is_imported(past):
    with pytest.raises(BadInput, match="no address of an MLflow server"):
        told(past, "runs.db", "x")


def test_without_the_extra_its_name_is_said(past, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(BadInput, match="client is not installed") as raised:
        told(past, "http://127.0.0.1:9", "x")
    assert "millrace[mlflow]" in raised.value.remedy


def test_a_server_that_does_not_answer_is_told_with_its_address(past):
    """It took 18 seconds, and the client printed two warnings of its own."""
    pytest.importorskip("mlflow", reason="MLflow's client is in the lock: make setup")
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ServiceFailure, match=r"no MLflow server answers there: .*refused") as raised:
        told(past, address, "x")
    assert raised.value.where == address
