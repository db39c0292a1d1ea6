"""The lineage of a job of Vertex AI: the compiled taxi job's own graph, read back as that of a local run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_metadata import FakeMetadata

from millrace.base.errors import BadInput
from millrace.cli.runs.lineage import lineage_command
from millrace.cloud.remote.failures import ServiceFailure
from millrace.jobspec.job import load

GOLDEN = Path(__file__).parents[2] / "jobspec" / "golden" / "taxi-vertex.json"
PARENT = "projects/a-project/locations/us-central1"
ROOT = "gs://my-bucket/taxi/1"


@pytest.fixture
def fake() -> Iterator[FakeMetadata]:
    with FakeMetadata(buckets={"my-bucket"}) as service:
        yield service


def made(stage: str, key: str, kind: str, **facts) -> dict:
    return {"uri": f"{ROOT}/{stage}/{key}", "schemaTitle": kind, "metadata": facts}


def ran(fake: FakeMetadata, name: str = "one") -> dict:
    """The taxi job as the service has it when it has ended."""
    listed = {
        "ExampleGen": [made("ExampleGen", "examples", "tfx.Examples", span=3, split_names='["train"]')],
        "StatisticsGen": [made("StatisticsGen", "statistics", "tfx.ExampleStatistics")],
        "CuratedSchema": [made("CuratedSchema", "schema", "tfx.Schema", digest="abc")],
        "DataGate": [made("DataGate", "report", "millrace.DataGateReport")],
        "Transform": [
            made("Transform", "transform_graph", "tfx.TransformGraph"),
            made("Transform", "transformed_examples", "tfx.Examples"),
        ],
        "Trainer": [made("Trainer", "model", "tfx.Model")],
        "LatestBlessedModel-model-resolver": [
            {**made("earlier", "model", "tfx.Model"), "name": f"{PARENT}/metadataStores/default/artifacts/champion"}
        ],
        "Evaluator": [made("Evaluator", "blessing", "tfx.ModelBlessing", blessed=1)],
        "InfraValidator": [made("InfraValidator", "blessing", "tfx.InfraBlessing")],
        "Pusher": [made("Pusher", "pushed_model", "tfx.PushedModel", pushed=1)],
    }
    fake.outputs = {
        task: {one["uri"].rsplit("/", 1)[-1]: {"artifacts": [one]} for one in artifacts}
        for task, artifacts in listed.items()
    }
    job = load(GOLDEN)
    body = {"displayName": "taxi", "pipelineSpec": job.spec, "runtimeConfig": job.runtime}
    started = fake.add(PARENT, name, body)
    while "SUCCEEDED" not in started["state"]:
        fake._advance(started)
    return started


def asked(fake: FakeMetadata, *arguments: str) -> str:
    where = ("--set", "vertex.project=a-project", "--set", f"vertex.api_endpoint={fake.url}")
    answer = CliRunner().invoke(lineage_command, [*arguments, "--vertex", *where], catch_exceptions=True)
    if answer.exception and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer.output


def test_the_tree_leads_from_the_pushed_model_to_rows_and_schema_as_a_local_one(fake):
    ran(fake)
    lines = asked(fake, "one").splitlines()
    assert lines[0] == f"PushedModel  {ROOT}/Pusher/pushed_model"
    text = "\n".join(lines)
    assert "model_blessing: ModelBlessing  1/Evaluator/blessing" in text and "blessed: yes" in text
    [rows] = [line for line in lines if "examples: Examples  1/ExampleGen/examples" in line and "told" not in line]
    assert lines[lines.index(rows) + 1].endswith("span: 3"), "and of its properties what says something"
    assert sum("gate: DataGateReport" in line for line in lines) >= 1
    champion = next(line for line in lines if "baseline_model: Model  1/earlier/model" in line)
    assert "compared with, and not followed" in lines[lines.index(champion) + 1]


def test_as_json_it_is_the_graph_of_a_local_run(fake):
    ran(fake)
    graph = json.loads(asked(fake, "one", "--json"))
    by_id = {node["id"]: node for node in graph["nodes"]}
    [start] = graph["start"]
    assert (by_id[start]["stage"], by_id[start]["key"], by_id[start]["run"]) == ("Pusher", "pushed_model", "one")
    edges = {(by_id[one["source"]]["stage"], by_id[one["target"]]["stage"], one["key"]) for one in graph["edges"]}
    assert ("Trainer", "Evaluator", "model") in edges and ("DataGate", "Transform", "gate") in edges
    assert {target for _, target, key in edges if key == "gate"} == {"Transform"}
    compared = [one for one in graph["edges"] if one["compared"]]
    assert {(by_id[one["source"]]["path"], by_id[one["source"]]["run"]) for one in compared} == {
        (f"{ROOT}/earlier/model", "")
    }
    assert set(by_id[start]) == {"id", "type", "path", "there", "stage", "key", "run", "facts"}


def test_last_is_the_pipelines_newest_job_and_down_leads_to_nothing_from_a_push(fake):
    ran(fake, "one")
    ran(fake, "two")
    graph = json.loads(asked(fake, "last", "--json", "--down"))
    assert [node["run"] for node in graph["nodes"]] == ["two"] and graph["edges"] == []


def test_what_was_served_from_the_cache_is_said_to_be_an_earlier_jobs(fake):
    ran(fake)
    execution = fake.executions[f"{PARENT}/metadataStores/default/executions/one-trainer"]
    execution |= {"state": "CACHED", "metadata": {"input:custom_config": '{"training": {"steps": 7}}'}}
    [trained] = [node for node in json.loads(asked(fake, "one", "--json"))["nodes"] if node["stage"] == "Trainer"]
    assert trained["run"] == ""
    assert trained["facts"] == {"training": {"steps": 7}, "cached": "made by an earlier job"}


def test_it_is_drawn_as_a_local_one(fake, tmp_path):
    ran(fake)
    assert "drawn into" in asked(fake, "one", "--svg", str(tmp_path / "one.svg"))
    assert "PushedModel" in (tmp_path / "one.svg").read_text()


def test_a_job_that_has_not_begun_made_nothing_or_is_not_there_is_told(fake):
    with pytest.raises(BadInput, match="there is no job of taxi"):
        asked(fake, "last")
    with pytest.raises(ServiceFailure, match="does not exist"):
        asked(fake, "none")
    fake.work = lambda job, tell: fake.closed.wait() or True
    job = load(GOLDEN)
    fake.add(PARENT, "waits", {"displayName": "taxi", "pipelineSpec": job.spec, "runtimeConfig": job.runtime})
    with pytest.raises(BadInput, match="has not begun"):
        asked(fake, "waits")
    fake.work = None
    started = ran(fake, "bare")
    for detail in started["jobDetail"]["taskDetails"]:
        detail.pop("outputs", None)
    with pytest.raises(BadInput, match="made nothing"):
        asked(fake, "bare")
    del fake.contexts[started["jobDetail"]["pipelineRunContext"]["name"]]
    with pytest.raises(BadInput, match="does not know the job"):
        asked(fake, "bare")
