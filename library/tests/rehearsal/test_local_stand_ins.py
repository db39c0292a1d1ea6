"""What of a command is Google Cloud's own work is stood in for, or not rehearsed at all: a rehearsal asks no cloud."""

import json
from pathlib import Path

import pytest

from millrace.components.vertex_pusher.executor import Executor as VertexPusher
from millrace.rehearsal.failures import NotRehearsed
from millrace.rehearsal.local_stand_ins import container_of, stand_in

GOLDEN = Path(__file__).parents[1] / "jobspec" / "golden"
EXECUTE = ["python", "-m", "millrace.container", "--executor_class_path"]


def test_what_is_a_request_to_google_cloud_alone_is_not_rehearsed():
    with pytest.raises(NotRehearsed, match="asks Google Cloud"):
        stand_in([*EXECUTE, "tfx.extensions.google_cloud_ai_platform.pusher.executor.Executor"])


def test_a_push_to_an_endpoint_is_one_to_its_folder():
    line, sentences = stand_in([*EXECUTE, f"{VertexPusher.__module__}.{VertexPusher.__name__}"])
    assert line == [*EXECUTE, "tfx.components.pusher.executor.Executor"]
    told = (
        "the model was pushed to its folder alone, and nothing was sent to Vertex AI, neither a version nor a monitor"
    )
    assert sentences == [told]


def test_the_pusher_of_a_whole_compiled_job_asks_no_cloud():
    job = json.loads((GOLDEN / "everything-vertex.json").read_text())["pipelineSpec"]
    executors = job["deploymentSpec"]["executors"]
    pusher = executors[job["components"]["Pusher"]["executorLabel"]]
    container, _ = container_of(pusher)
    line, _ = stand_in([*container["command"], *container["args"]])
    assert "tfx.components.pusher.executor.Executor" in line


def test_a_custom_jobs_training_is_done_in_the_task_itself():
    line, sentences = stand_in(
        [
            *EXECUTE,
            "tfx.extensions.google_cloud_ai_platform.trainer.executor.GenericExecutor",
            "--runner=DataflowRunner",
        ]
    )
    assert line == [*EXECUTE, "tfx.components.trainer.executor.GenericExecutor", "--runner=FnApiRunner"]
    assert len(sentences) == 2


def test_everything_else_stays_as_it_is():
    line = [*EXECUTE, "millrace.components.evaluator.executor.Executor", "--runner", "FnApiRunner"]
    assert stand_in(line) == (line, [])


@pytest.mark.parametrize("runner", ["DirectRunner", "direct", "SwitchingDirectRunner", "PrismRunner"])
def test_a_runner_of_this_machine_that_would_download_a_program_is_the_one_that_does_not(runner):
    line = [*EXECUTE, "millrace.components.evaluator.executor.Executor"]
    assert stand_in([*line, f"--runner={runner}"]) == ([*line, "--runner=FnApiRunner"], [])
    assert stand_in([*line, "--runner", runner]) == ([*line, "--runner", "FnApiRunner"], [])
