"""What a task does differently on open-source Kubeflow Pipelines."""

import json
import os
import subprocess
import sys

import pytest

from millrace.container.kubeflow import as_tfx_expects, local_path
from millrace.container.task_input import TaskInput

MODEL = {"schemaTitle": "tfx.Model"}


def executor_input(tmp_path, inputs=None, outputs=None, parameters=None):
    return {
        "inputs": {"parameterValues": parameters or {}, "artifacts": inputs or {}},
        "outputs": {"artifacts": outputs or {}, "outputFile": str(tmp_path / "outputs" / "output_metadata.json")},
    }


@pytest.mark.parametrize(
    ("uri", "folder"),
    [
        ("minio://mlpipeline/v2/a", "/minio/mlpipeline/v2/a"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("gs://bucket/a", "/gcs/bucket/a"),
        ("/mnt/models/a", ""),
    ],
)
def test_artifacts_are_where_the_launcher_keeps_them(uri, folder):
    assert local_path(uri) == folder


def test_a_task_works_on_folders_and_says_uris(tmp_path):
    given = executor_input(
        tmp_path,
        inputs={"model": {"artifacts": [{"uri": "minio://bucket/model", "type": MODEL}]}},
        outputs={
            "blessing": {"artifacts": [{"name": "blessing", "uri": "minio://bucket/blessing"}]},
            "executor-logs": {
                "artifacts": [{"uri": "minio://bucket/logs", "type": {"schemaTitle": "system.Artifact"}}]
            },
        },
    )
    task = TaskInput(given)
    output = tmp_path / "outputs" / "output_metadata.json"
    with as_tfx_expects(task):
        assert task.input_artifacts["model"]["artifacts"][0] == {
            "name": "minio://bucket/model",
            "uri": "/minio/bucket/model",
            "type": MODEL,
        }
        assert list(task.output_artifacts) == ["blessing"]
        written = {
            "blessing": {"artifacts": [{"uri": "/minio/bucket/blessing", "metadata": {"blessed": 1.0, "why": None}}]}
        }
        output.parent.mkdir()
        output.write_text(json.dumps({"artifacts": written}))
    said = json.loads(output.read_text())["artifacts"]["blessing"]["artifacts"]
    assert said == [{"uri": "minio://bucket/blessing", "metadata": {"blessed": 1.0}}]


def test_an_absent_champion_is_no_champion(tmp_path):
    absent = {"artifacts": [{"name": "a", "uri": "/models/0", "metadata": {"absent": 1.0}}]}
    there = {"artifacts": [{"name": "b", "uri": "/models/1", "metadata": {"absent": 0.0}}]}
    task = TaskInput(executor_input(tmp_path, inputs={"baseline_model": absent, "model": there}))
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "output_metadata.json").write_text("{}")
    with as_tfx_expects(task):
        assert task.input_artifacts == {"baseline_model": {"artifacts": []}, "model": there}


@pytest.mark.parametrize(("version", "versions"), [(-1, []), (4, [4.0])])
def test_what_was_found_of_the_data_stands_on_the_examples(tmp_path, version, versions):
    """As Vertex AI writes it there; -1 is no version, and TFX is given none."""
    examples = {"uri": "/root/examples", "name": "examples", "metadata": {"kept": 1.0}}
    found = {"span": 2.0, "version": float(version), "input_fingerprint": "num_files:1"}
    task = TaskInput(executor_input(tmp_path, outputs={"examples": {"artifacts": [examples]}}, parameters=found))
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "output_metadata.json").write_text("{}")
    with as_tfx_expects(task):
        [described] = task.output_artifacts["examples"]["artifacts"]
        metadata = described["metadata"]
        assert (metadata["kept"], metadata["input_fingerprint"]) == (1.0, "num_files:1")
        named = {key: value for key, value in metadata.items() if key.endswith(("span", "version"))}
        assert [value for key, value in named.items() if key.endswith("span")] == [2.0]
        assert [value for key, value in named.items() if key.endswith("version") and "tfx" not in key] == versions
        assert task.value("version") == (None if version < 0 else version)


def test_of_a_task_without_examples_nothing_is_described(tmp_path):
    task = TaskInput(executor_input(tmp_path, outputs={"model": {"artifacts": [{"uri": "/m"}]}}))
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "output_metadata.json").write_text("{}")
    with as_tfx_expects(task):
        assert task.output_artifacts == {"model": {"artifacts": [{"uri": "/m", "name": "/m"}]}}


def run(given, *more):
    """One task's command, as the launcher starts it: in a process of its own, elsewhere."""
    numbers = ("span", "output_data_format", "output_file_format")
    declared = json.dumps({"parameters": {name: {"parameterType": "NUMBER_INTEGER"} for name in numbers}})
    command = [sys.executable, "-m", "millrace.container", "--service", "kubeflow", *more]
    command += ["--json_serialized_invocation_args", json.dumps(given), "--json_serialized_inputs_spec_args", declared]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def spans(tmp_path):
    for span in (1, 2):
        folder = tmp_path / "data" / f"span-{span}"
        folder.mkdir(parents=True)
        (folder / "data.csv").write_text("x,y\n" + f"{span},1\n" * 30)
    return tmp_path / "data"


@pytest.mark.slow
def test_the_data_is_looked_at_by_a_task_and_read_by_the_next(tmp_path, spans):
    """As Vertex AI's pre-cache check does it: the span is in the patterns, and on the examples."""
    split = {"splits": [{"name": "single_split", "pattern": "span-{SPAN}/*.csv"}]}
    asked = {"input_base": str(spans), "input_config": json.dumps(split), "runtime_span": 1.0}
    looking = executor_input(tmp_path, parameters=asked)
    done = run(looking, "--step", "resolve_input")
    assert done.returncode == 0, done.stderr
    output = tmp_path / "outputs" / "output_metadata.json"
    found = json.loads(output.read_text())["parameterValues"]
    assert (found["span"], found["version"]) == (1, -1)
    assert json.loads(found["input_config"])["splits"][0]["pattern"] == "span-1/*.csv"
    assert "num_files:1" in found["input_fingerprint"]

    output.unlink()
    buckets = {"split_config": {"splits": [{"name": "train", "hash_buckets": 1}, {"name": "eval", "hash_buckets": 1}]}}
    options = {"columnar_example_gen": json.dumps({"format": "csv"})}
    custom = {"custom_config": {"@type": "type.googleapis.com/google.protobuf.Struct", "value": options}}
    reading = {**found, "input_base": str(spans), "output_config": json.dumps(buckets)}
    reading.update(custom_config=json.dumps(custom), output_data_format=6, output_file_format=5)
    examples = {"uri": str(tmp_path / "examples"), "type": {"schemaTitle": "tfx.Examples"}, "name": "examples"}
    executor = "millrace.components.example_gen.executor.Executor"
    given = executor_input(tmp_path, outputs={"examples": {"artifacts": [examples]}}, parameters=reading)
    done = run(given, "--executor_class_path", executor)
    assert done.returncode == 0, done.stderr
    [described] = json.loads(output.read_text())["artifacts"]["examples"]["artifacts"]
    assert described["metadata"]["input_fingerprint"] == found["input_fingerprint"]
    assert 1.0 in [value for key, value in described["metadata"].items() if key.endswith("span")]
    assert sorted(path.name for path in (tmp_path / "examples").glob("Split-*")) == ["Split-eval", "Split-train"]


def test_a_task_that_hangs_is_ended(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # to open it for reading waits for somebody who writes
    program = f"from millrace.container.__main__ import end_after; end_after(1); open({str(tmp_path / 'pipe')!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 124
    assert "did not end within 1 s, its timeout" in done.stderr
