"""A trial's blessing on Vertex AI: its own stages read it, and the query for champions does not find it."""

import json

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from tfx.components.util.model_utils import is_model_blessed
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as entrypoint
from tfx.types import standard_artifacts

from millrace.components.evaluator.blessing import write_blessing
from millrace.container.champion import keep_trials_apart
from millrace.container.task_input import TaskInput
from millrace.jobspec.job import load
from millrace.rehearsal.artifacts import Artifact
from millrace.rehearsal.resolvers import parse

TYPE = {"schemaTitle": "tfx.ModelBlessing"}
GOLDEN = "library/tests/jobspec/golden/taxi-vertex.json"


def evaluator(trial, typed=False):
    """The Evaluator's task; returns what its parameter says when TFX gets it."""
    parameters = {"parameters": {"trial": {"intValue": trial}}} if typed else {"parameterValues": {"trial": trial}}
    task = TaskInput({"inputs": parameters, "outputs": {"artifacts": {"blessing": {"artifacts": [{"uri": "x"}]}}}})
    keep_trials_apart(task)
    return task.value("trial")


@pytest.mark.parametrize("typed", [False, True], ids=["schema 2.1", "schema 2.0"])
def test_the_evaluator_is_told_to_keep_a_trial_apart(typed):
    assert (evaluator(1, typed), evaluator(0, typed)) == (2, 0)


def test_a_parameter_of_another_component_is_its_own():
    task = TaskInput({"inputs": {"parameterValues": {"trial": 1}}})
    keep_trials_apart(task)
    assert task.value("trial") == 1


def published(tmp_path, trial, blessed=True):
    """The blessing's entry in Vertex ML Metadata, as TFX's entry point makes it."""
    model, blessing = standard_artifacts.Model(), standard_artifacts.ModelBlessing()
    model.uri, blessing.uri = "gs://b/model", str(tmp_path)
    write_blessing(blessing, blessed, "Why.", model, None, {"trial": trial})
    return MessageToDict(entrypoint.to_runtime_artifact(blessing, {}))


def is_found(entry):
    """Whether the compiled job's query for a blessing finds it."""
    [query] = [
        executor["resolver"]["outputArtifactQueries"]["model_blessing"]["filter"]
        for name, executor in load(GOLDEN).executors.items()
        if name.startswith("LatestBlessedModel-model-blessing")
    ]
    return all(term.accepts(Artifact(1, "b", {}, entry["uri"], entry["metadata"])) for term in parse(query))


def is_pushed(entry):
    """Whether TFX's Pusher takes it for a blessing, once it has come through the entry point of the Pusher's task."""
    task = TaskInput(
        {"inputs": {"artifacts": {"model_blessing": {"artifacts": [json.loads(json.dumps({**entry, "type": TYPE}))]}}}}
    )
    keep_trials_apart(task)
    given = entrypoint.pipeline_pb2.ExecutorInput()
    ParseDict(task.executor_input, given)
    [blessing] = entrypoint.parse_raw_artifact_dict(given.inputs.artifacts)["model_blessing"]
    return is_model_blessed(blessing)


@pytest.mark.parametrize(
    ("trial", "blessed", "expected"),
    [(None, True, (True, True)), (2, True, (False, True)), (2, False, (False, False)), (None, False, (False, False))],
)
def test_a_trial_is_pushed_and_is_never_a_champion(tmp_path, trial, blessed, expected):
    entry = published(tmp_path, trial, blessed)
    assert (is_found(entry), is_pushed(entry)) == expected
