"""What a service tells a task, in both schemas, and how a task that looks at the data answers."""

import json

import pytest

from millrace.container.data_input import put_out_for_kubeflow
from millrace.container.task_input import TaskInput

PLAIN = {"inputs": {"parameterValues": {"steps": 3.0, "text": "a"}}}
TYPED = {"inputs": {"parameters": {"steps": {"intValue": "3"}, "text": {"stringValue": "a"}}}}


@pytest.mark.parametrize(
    ("given", "steps", "written"),
    [
        (PLAIN, 3, {"steps": 4, "text": "b", "new": 1}),
        (TYPED, 3, {"steps": {"intValue": 4}, "text": {"stringValue": "b"}, "new": {"intValue": 1}}),
        # Where values stand plainly, they count, whatever stands beside them.
        ({"inputs": {**PLAIN["inputs"], **TYPED["inputs"]}}, 3, {"steps": 4, "text": "b", "new": 1}),
        ({"inputs": {}}, None, {"steps": 4, "text": "b", "new": 1}),
        ({}, None, {"steps": 4, "text": "b", "new": 1}),
    ],
)
def test_a_value_is_read_and_written_in_the_schema_of_the_service(given, steps, written):
    task = TaskInput(json.loads(json.dumps(given)), {"parameters": {"steps": {}, "other": {}}})
    assert task.value("steps") == steps and task.value("nothing") is None
    for name, value in (("steps", 4), ("text", "b"), ("new", 1)):
        task.put(name, value)
    key = "parameters" if given == TYPED else "parameterValues"
    assert task.executor_input["inputs"][key] == written
    assert set(task.parameters) == set(written)
    assert task.take("steps") == 4 and task.take("steps") is None
    assert "steps" not in task.executor_input["inputs"][key]
    assert task.inputs_spec == {"parameters": {"other": {}}}


def looking(tmp_path, pattern, **parameters):
    """The answer of a task that looks at the data."""
    config = json.dumps({"splits": [{"name": "single_split", "pattern": pattern}]})
    values = {"input_base": str(tmp_path / "data"), "input_config": config, **parameters}
    output = tmp_path / "outputs" / "output_metadata.json"
    put_out_for_kubeflow(TaskInput({"inputs": {"parameterValues": values}, "outputs": {"outputFile": str(output)}}))
    return json.loads(output.read_text())["parameterValues"]


@pytest.fixture
def spans(tmp_path):
    for span, version in ((1, 1), (1, 2), (2, 1)):
        folder = tmp_path / "data" / f"span-{span}" / f"v{version}"
        folder.mkdir(parents=True)
        (folder / "data.csv").write_text("x\n" + "1\n" * span)


def test_the_newest_data_is_meant_unless_a_span_is_named(tmp_path, spans):
    newest = looking(tmp_path, "span-{SPAN}/v{VERSION}/*.csv")
    assert (newest["span"], newest["version"]) == (2, 1)
    assert json.loads(newest["input_config"])["splits"][0]["pattern"] == "span-2/v1/*.csv"
    one = json.dumps({"static_range": {"start_span_number": 1, "end_span_number": 1}})
    named = looking(tmp_path, "span-{SPAN}/v{VERSION}/*.csv", range_config=one)
    assert (named["span"], named["version"]) == (1, 2)
    assert json.loads(named["input_config"])["splits"][0]["pattern"] == "span-1/v2/*.csv"
    assert named["input_fingerprint"] != newest["input_fingerprint"] and "num_files:1" in named["input_fingerprint"]


def test_without_versions_there_is_none(tmp_path, spans):
    found = looking(tmp_path, "span-{SPAN}/v1/*.csv")
    assert (found["span"], found["version"]) == (2, -1)
    plain = looking(tmp_path, "*/v1/*.csv")
    assert (plain["span"], plain["version"]) == (0, -1) and "num_files:2" in plain["input_fingerprint"]
