"""A root that was moved is recorded as it is now, once: not every artifact is looked at before each run."""

import shutil
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from recorded_runs import RecordedRuns, four_stages

from millrace.config.paths import Layout
from millrace.metadata.places import execution_of, record_as_here


@pytest.fixture
def recorded(tmp_path) -> RecordedRuns:
    recorded = RecordedRuns(tmp_path / "here")
    recorded.begin("20310101-000001")
    four_stages(recorded, "20310101-000001")
    return recorded


def test_only_a_move_has_every_artifact_looked_at(recorded, tmp_path, monkeypatch):
    assert record_as_here(recorded.store, Layout(str(recorded.root), "taxi")) == 0
    layout = Layout(str(shutil.move(recorded.root, tmp_path / "there")), "taxi")
    store = RecordedRuns(Path(layout.root)).store
    assert record_as_here(store, layout) == 4
    monkeypatch.setattr(MetadataStore, "get_artifacts_by_context", None)
    assert record_as_here(store, layout) == 0


def test_an_older_store_that_was_put_back_is_recorded_again(recorded, tmp_path):
    older = (recorded.root / "metadata.db").read_bytes()
    layout = Layout(str(shutil.move(recorded.root, tmp_path / "there")), "taxi")
    assert record_as_here(RecordedRuns(Path(layout.root)).store, layout) == 4
    (Path(layout.root) / "metadata.db").write_bytes(older)
    assert record_as_here(RecordedRuns(Path(layout.root)).store, layout) == 4


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("/r/artifacts/Trainer/model/31", 31),
        ("/r/artifacts/Trainer/model/31/Format-Serving", 31),
        ("gs://b/x/1", 0),
        ("", 0),
    ],
)
def test_the_place_of_an_artifact_tells_its_execution(uri, number):
    assert execution_of(uri) == number
