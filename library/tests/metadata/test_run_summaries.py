"""How a run ended, told from what ML Metadata and the run's folder know."""

import pytest

from millrace.metadata.records import RunRecord
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.metadata.run_summaries import state_of


class Recorded(RunRecord):
    """A run that ML Metadata remembers in a state, without its stages."""

    state = ""

    def __init__(self, state):
        object.__setattr__(self, "state", state)


@pytest.mark.parametrize(
    "recorded, code, said",
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
def test_the_folder_knows_how_a_run_ended(tmp_path, recorded, code, said):
    with new_run(tmp_path, RunRequest("conf/mine.yaml")) as folder:
        assert state_of(Recorded(recorded), folder) == recorded
        if code is not None:
            folder.finish(code)
    assert state_of(Recorded(recorded), folder) == said


def test_without_a_folder_ml_metadata_is_believed():
    assert state_of(Recorded("done"), None) == "done"
