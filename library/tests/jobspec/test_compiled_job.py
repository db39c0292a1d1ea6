"""A compiled job as a value: read, looked into, given other values, written."""

import json

import pytest
from golden_cases import GOLDEN
from small_job import step_of

from millrace.base.errors import BadInput
from millrace.jobspec.graphs import in_order, producers
from millrace.jobspec.job import CompiledJob, load


@pytest.mark.parametrize("case", ["everything-vertex.json", "taxi-vertex-schema-2.0.json", "everything-kubeflow.yaml"])
def test_what_is_read_and_written_is_the_same(tmp_path, case):
    job = load(GOLDEN / case)
    job.save(tmp_path / "below" / case)
    assert (tmp_path / "below" / case).read_text() == (GOLDEN / case).read_text()
    assert [path.name for path in (tmp_path / "below").iterdir()] == [case]


@pytest.mark.parametrize("case", ["everything-vertex.json", "everything-kubeflow.yaml"])
def test_tasks_come_after_what_they_wait_for(case):
    job = load(GOLDEN / case)
    seen = set()
    for name, task in job.tasks.items():
        assert producers(task) <= seen
        seen.add(name)
    assert seen == set(job.spec["root"]["dag"]["tasks"])


def test_a_circle_does_not_hang():
    tasks = {name: {"dependentTasks": [other]} for name, other in (("a", "b"), ("b", "a"), ("c", "a"))}
    assert list(in_order(tasks)) == ["a", "b", "c"]


def test_tasks_within_a_task_are_walked_with_their_graph():
    inner = {"first": {"componentRef": {"name": "leaf"}}}
    spec = {
        "root": {"dag": {"tasks": {"whole": {"componentRef": {"name": "graph"}}}}},
        "components": {"graph": {"dag": {"tasks": inner}}, "leaf": {"executorLabel": "leaf"}},
        "deploymentSpec": {"executors": {"leaf": {"container": {"image": "i"}}}},
    }
    steps = list(CompiledJob(spec=spec).walk())
    assert [(step.name, step.dag) for step in steps] == [("whole", ""), ("first", "graph")]
    assert CompiledJob(spec=spec).executor(steps[1].task) == {"container": {"image": "i"}}


@pytest.mark.parametrize(
    ("case", "given"),
    [("taxi-vertex.json", {"training_steps": "200"}), ("taxi-vertex-schema-2.0.json", {"training_steps": "200"})],
)
def test_a_value_is_read_as_its_declared_type_and_reaches_the_task(case, given):
    job = load(GOLDEN / case)
    assert job.value(step_of(job, "Trainer"), "runtime_training_steps") == 1000
    changed = job.with_values(given)
    assert changed.value(step_of(changed, "Trainer"), "runtime_training_steps") == 200
    assert job.effective_values["training_steps"] == 1000  # the one that it came from is as it was


def test_a_list_is_given_as_json():
    job = load(GOLDEN / "taxi-vertex.json").with_values({"thresholds": '[{"metric": "AUC", "at_least": 0.5}]'})
    assert job.values == {"thresholds": [{"metric": "AUC", "at_least": 0.5}]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"training_steps": "many"}, "'many' is no NUMBER_INTEGER"),
        ({"thresholds": "0.9"}, "'0.9' is no LIST"),
        ({"steps": "1"}, "no parameter steps\n  remedy: its parameters are: data_path, thresholds, training_steps"),
    ],
)
def test_a_wrong_value_is_refused_with_the_remedy(values, message):
    with pytest.raises(BadInput) as refusal:
        load(GOLDEN / "taxi-vertex.json").with_values(values)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "neither JSON nor YAML"),
        ("[1]", "no compiled job"),
        ('{"pipelineSpec": {}}', "no compiled job"),
        ("", "no"),
    ],
)
def test_what_is_no_job_is_refused(tmp_path, text, message):
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(BadInput, match=message):
        load(tmp_path / "job.json")


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path):
    with pytest.raises(BadInput, match="millrace compile"):
        load(tmp_path / "job.json")


def test_a_job_in_yaml_is_a_job_too(tmp_path):
    text = json.dumps(json.loads((GOLDEN / "taxi-vertex.json").read_text()), indent=1)
    (tmp_path / "job.yaml").write_text("# in YAML, of which JSON is a part\n" + text)
    assert load(tmp_path / "job.yaml").dialect == "vertex"
