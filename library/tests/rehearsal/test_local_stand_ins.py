"""What of a command is Google Cloud's own work is stood in for, or not rehearsed at all: a rehearsal asks no cloud."""

import json
from pathlib import Path

import pytest

from millrace.components.vertex_pusher.executor import Executor as VertexPusher
from millrace.rehearsal.failures import NotRehearsed
from millrace.rehearsal.local_stand_ins import container_of, stand_in

GOLDEN = Path(__file__).parents[1] / "jobspec" / "golden"
EXECUTE = ["python", "-m", "millrace.container", "--executor_class_path"]


def test_a_push_to_an_endpoint_is_not_rehearsed():
    with pytest.raises(NotRehearsed, match="asks Google Cloud"):
        stand_in([*EXECUTE, f"{VertexPusher.__module__}.{VertexPusher.__name__}"])


def test_the_pusher_of_a_whole_compiled_job_asks_no_cloud():
    job = json.loads((GOLDEN / "everything-vertex.json").read_text())["pipelineSpec"]
    executors = job["deploymentSpec"]["executors"]
    pusher = executors[job["components"]["Pusher"]["executorLabel"]]
    container, _ = container_of(pusher)
    with pytest.raises(NotRehearsed):
        stand_in([*container["command"], *container["args"]])


def test_a_custom_jobs_training_is_done_in_the_task_itself():
    line, sentences = stand_in(
        [
            *EXECUTE,
            "tfx.extensions.google_cloud_ai_platform.trainer.executor.GenericExecutor",
            "--runner=DataflowRunner",
        ]
    )
    assert line == [*EXECUTE, "tfx.components.trainer.executor.GenericExecutor", "--runner=DirectRunner"]
    assert len(sentences) == 2


def test_everything_else_stays_as_it_is():
    line = [*EXECUTE, "millrace.components.evaluator.executor.Executor", "--runner", "DirectRunner"]
    assert stand_in(line) == (line, [])
