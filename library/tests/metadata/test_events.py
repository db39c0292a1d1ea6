"""Which execution read an artifact and which made it, by whichever of the two kinds of event TFX wrote."""

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd
from recorded_runs import RecordedRuns, four_stages

from millrace.metadata.events import artifacts_of_type, is_made, is_read, key_of


@pytest.mark.parametrize(
    ("kind", "read", "made"),
    [
        (mlmd.Event.INPUT, True, False),
        (mlmd.Event.DECLARED_INPUT, True, False),
        (mlmd.Event.OUTPUT, False, True),
        (mlmd.Event.DECLARED_OUTPUT, False, True),
        (mlmd.Event.INTERNAL_INPUT, False, False),
        (mlmd.Event.PENDING_OUTPUT, False, False),
    ],
)
def test_a_declared_event_counts_and_an_internal_one_does_not(kind, read, made):
    event = mlmd.Event(type=kind)
    assert (is_read(event), is_made(event), key_of(event)) == (read, made, "")
    event.path.steps.add().index = 0
    event.path.steps.add().key = "model"
    assert key_of(event) == "model"


def test_artifacts_of_a_moved_root_are_found_by_their_type(tmp_path):
    recorded = RecordedRuns(tmp_path / "taxi")
    recorded.begin("20310101-000001")
    four_stages(recorded, "20310101-000001")
    moved = recorded.root.rename(tmp_path / "moved")
    [blessing] = artifacts_of_type(recorded.store, "ModelBlessing", str(moved))
    assert blessing.uri.startswith(f"{moved}/artifacts/Evaluator/")
    assert artifacts_of_type(recorded.store, "NeverMade", str(moved)) == []
