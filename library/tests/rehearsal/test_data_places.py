"""Data in a bucket that a rehearsal reads: what stands for it on this machine, and what is said when nothing does."""

import json
from pathlib import Path

import pytest

from millrace.base.errors import BadInput
from millrace.config.loading import load as load_config
from millrace.jobspec.job import CompiledJob, from_documents
from millrace.jobspec.job import load as load_job
from millrace.rehearsal.cloud_folder import CloudFolder
from millrace.rehearsal.data_places import data_elsewhere, require_data
from millrace.rehearsal.view import TaskPlaces, hides, view_of

GOLDEN = Path(__file__).parents[1] / "jobspec" / "golden"
DATA = "gs://my-bucket/data"


def config(*overrides):
    return load_config("conf/taxi.yaml", [f"vertex.data_path={DATA}", *overrides])


def test_data_path_stands_for_the_service_s_own(tmp_path):
    here = config()
    assert data_elsewhere(here, "vertex", {}, tmp_path) == {DATA: Path(here.data.path)}
    clouds = CloudFolder(tmp_path, data_elsewhere(here, "vertex", {}, tmp_path))
    require_data(load_job(GOLDEN / "taxi-vertex.json"), clouds, everything)


def test_what_is_named_or_put_into_the_bucket_s_folder_holds_before_it(tmp_path):
    named = {"gs://my-bucket": tmp_path / "mine"}
    (tmp_path / "mine").mkdir()
    assert data_elsewhere(config(), "vertex", named, tmp_path / "buckets") == named
    (tmp_path / "buckets" / "gs" / "my-bucket" / "data").mkdir(parents=True)
    assert data_elsewhere(config(), "vertex", {}, tmp_path / "buckets") == {}


def test_where_both_are_elsewhere_nothing_is_guessed(tmp_path):
    assert data_elsewhere(config("data.path=gs://my-bucket/data"), "vertex", {}, tmp_path) == {}
    assert data_elsewhere(config(), "kubeflow", {}, tmp_path) == {}


def test_data_that_is_nowhere_is_refused_with_the_option_that_helps(tmp_path):
    job = load_job(GOLDEN / "taxi-vertex.json")
    with pytest.raises(BadInput) as refusal:
        require_data(job, CloudFolder(tmp_path), everything)
    assert refusal.value.where == "ExampleGen" and f"ExampleGen reads {DATA}" in refusal.value.what
    assert f"--gs {DATA}=FOLDER" in refusal.value.remedy
    require_data(job, CloudFolder(tmp_path), everything, {"ExampleGen"})


def nested(names: tuple[str, ...]) -> CompiledJob:
    """The taxi job within graphs, each of which hands the path of the data on under another name."""
    document = json.loads((GOLDEN / "taxi-vertex.json").read_text())
    root, components = document["pipelineSpec"]["root"], document["pipelineSpec"]["components"]
    tasks, read = root["dag"]["tasks"], "data_path"
    base = tasks["ExampleGen"]["inputs"]["parameters"]["input_base"]
    for name in names:
        base["componentInputParameter"] = f"{name}-path"
        components[name] = {"dag": {"tasks": tasks}}
        base = {"componentInputParameter": read}
        tasks = {name: {"componentRef": {"name": name}, "inputs": {"parameters": {f"{name}-path": base}}}}
    root["dag"]["tasks"] = tasks
    return from_documents([document])


@pytest.mark.parametrize("names", [("inner",), ("inner", "outer")])
def test_data_that_a_task_in_a_graph_reads_is_looked_for_too(names, tmp_path):
    job = nested(names)
    with pytest.raises(BadInput, match=f"ExampleGen reads {DATA}, and nothing stands for it"):
        require_data(job, CloudFolder(tmp_path), everything)
    require_data(job, CloudFolder(tmp_path, {DATA: tmp_path}), everything)
    for given in ("ExampleGen", *names):
        require_data(job, CloudFolder(tmp_path), everything, {given})
    with pytest.raises(BadInput, match="nothing stands for it"):
        require_data(job, CloudFolder(tmp_path), everything, {"Pusher"})


def everything(path: str) -> bool:
    """What a sandbox that hides everything would say."""
    return True


def test_a_folder_that_the_sandbox_hides_is_named_with_the_options_that_help(tmp_path):
    job = load_job(GOLDEN / "taxi-vertex.json").with_values({"data_path": str(tmp_path)})
    clouds = CloudFolder(tmp_path)
    with pytest.raises(BadInput) as refusal:
        require_data(job, clouds, everything)
    assert refusal.value.where == "ExampleGen"
    assert f"it reads {tmp_path}, which the sandbox hides" in refusal.value.what
    assert f"--param data_path={DATA} --gs {DATA}={tmp_path}" in refusal.value.remedy
    require_data(job, clouds, everything, {"ExampleGen"})
    require_data(job, clouds, lambda path: path != str(tmp_path))
    require_data(job.with_values({"data_path": str(tmp_path / "not-there")}), clouds, everything)
    # What the remedy says.
    named = CloudFolder(tmp_path, {DATA: tmp_path})
    require_data(job.with_values({"data_path": DATA}), named, everything)


def test_what_a_task_sees_is_not_hidden(sandbox, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    elsewhere = CloudFolder(tmp_path / "buckets", {DATA: data})
    view = view_of(TaskPlaces(tmp_path / "work"), sandbox.environment, elsewhere, (), ())
    seen = [str(data), f"{data}/x.csv", "/usr/share/zoneinfo", str(sandbox.environment.interpreter.site[0])]
    assert [hides(view, path) for path in seen] == [False] * 4
    assert [hides(view, path) for path in (f"{data}-2", str(tmp_path), "/tmp", "/var/tmp/x")] == [True] * 4
