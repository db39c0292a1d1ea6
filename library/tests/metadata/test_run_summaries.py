"""How a run ended, told from what ML Metadata and the run's folder know."""

import pytest

from millrace.base.errors import Failure
from millrace.config.loading import load
from millrace.metadata.records import RunRecord, StageRecord
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.metadata.run_summaries import run_summaries, state_of


def recorded(state):
    """A run of one stage that ML Metadata remembers in a state."""
    return RunRecord("20300131-120000", {"Trainer": StageRecord("Trainer", 1, state, 0, 1, "", {})})


@pytest.mark.parametrize(
    "state, code, said",
    [
        ("done", 0, "done"),
        ("cached", 0, "cached"),
        ("failed", 1, "failed"),
        ("done", 1, "failed"),
        ("failed", 3, "blocked"),
        ("done", 3, "blocked"),
        ("running", 130, "interrupted"),
        ("running", None, "killed"),
    ],
)
def test_the_folder_knows_how_a_run_ended(tmp_path, state, code, said):
    with new_run(tmp_path, RunRequest("conf/mine.yaml")) as folder:
        assert state_of(recorded(state), folder) == "running", "also between two stages"
        if code is not None:
            folder.finish(code)
    assert state_of(recorded(state), folder) == said


def test_a_run_that_was_refused_before_its_first_stage_is_one(tmp_path):
    config = load("conf/taxi.yaml", [f"root={tmp_path}"])
    request = RunRequest("conf/taxi.yaml", pipeline="taxi")
    why = Failure("its files hold no rows", "data.path", "name a folder with rows", 2)
    with new_run(tmp_path / "logs", request) as folder:
        folder.finish(2, why)
    with new_run(tmp_path / "logs", RunRequest("conf/other.yaml", pipeline="other")) as other:
        other.finish(2, why)
    [summary] = run_summaries(config)
    assert (summary.run_id, summary.state) == (folder.run_id, "bad input")
    assert summary.reason == "data.path: its files hold no rows"


def test_without_a_folder_ml_metadata_is_believed():
    assert state_of(recorded("done"), None) == "done"
    assert state_of(recorded("running"), None) == "killed"
