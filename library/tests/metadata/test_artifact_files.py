"""What an artifact lacks of the files that it had when it was published, and which loss is none."""

import os
import shutil
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from millrace.metadata import artifact_files
from millrace.metadata.artifact_files import (
    damage,
    damage_of_folder,
    record_files,
    recorded_properties,
    same_content,
    withdrawn,
)


@pytest.fixture
def store() -> MetadataStore:
    connection = metadata_store_pb2.ConnectionConfig()
    connection.fake_database.SetInParent()
    return MetadataStore(connection)


@pytest.fixture
def publish(store):
    """Publishes what lies at a place, and gives it as the store has it."""

    def published(place, replaced=(), **properties) -> metadata_store_pb2.Artifact:
        kind = metadata_store_pb2.ArtifactType(name="Model")
        artifact = metadata_store_pb2.Artifact(type_id=store.put_artifact_type(kind), uri=str(place))
        for name, value in properties.items():
            field = "int_value" if isinstance(value, int) else "string_value"
            setattr(artifact.custom_properties[name], field, value)
        [artifact.id] = store.put_artifacts([artifact])
        record_files(store, [artifact], replaced)
        [read] = store.get_artifacts_by_id([artifact.id])
        return read

    return published


@pytest.fixture
def model(tmp_path) -> Path:
    folder = tmp_path / "artifacts/Trainer/model/8"
    (folder / "Format-Serving/variables").mkdir(parents=True)
    (folder / "Format-Serving/saved_model.pb").write_text("graph")
    (folder / "Format-Serving/variables/data").write_text("0123456789")
    (folder / ".arrow").mkdir()
    (folder / ".arrow/data.arrow").write_text("rows")
    return folder


@pytest.fixture
def pushed(tmp_path) -> Path:
    folder = tmp_path / "serving/1795228113"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_text("graph")
    return folder


def test_a_whole_artifact_lacks_nothing_and_may_have_more(publish, model):
    artifact = publish(model)
    (model / "more").touch()
    assert damage(artifact) == ""


def test_a_lost_file_and_another_size_are_named(publish, model):
    artifact = publish(model)
    (model / "Format-Serving/variables/data").write_text("012")
    assert damage(artifact) == "Trainer/model/8/Format-Serving/variables/data has 3 bytes in place of 10"
    (model / "Format-Serving/saved_model.pb").unlink()
    assert damage(artifact) == "Trainer/model/8/Format-Serving/saved_model.pb is gone"
    shutil.rmtree(model)
    assert damage(artifact) == "Trainer/model/8 is gone"


def test_a_copy_that_can_be_done_without_is_no_loss(publish, model):
    artifact = publish(model)
    (model / ".arrow/data.arrow").write_text("r")
    assert (
        damage(artifact)
        == damage_of_folder(artifact, ".arrow")
        == ("Trainer/model/8/.arrow/data.arrow has 1 byte in place of 4")
    )
    assert damage(artifact, (".arrow",)) == ""
    shutil.rmtree(model / ".arrow")
    assert damage(artifact, (".arrow",)) == ""


def test_a_value_is_a_file(publish, tmp_path):
    value = tmp_path / "value"
    value.write_text("12")
    artifact = publish(value)
    assert damage(artifact) == ""
    value.write_text("123")
    assert damage(artifact).endswith("value has 3 bytes in place of 2")


def test_a_place_in_a_bucket_is_not_looked_at(publish):
    artifact = publish("gs://bucket/artifacts/Trainer/model/8")
    assert "files" not in artifact.custom_properties and damage(artifact) == ""


def test_what_an_artifact_replaces_is_recorded(publish, model):
    assert publish(model, replaced={12, 3}).custom_properties["replaces"].string_value == "3,12"
    assert "replaces" not in publish(model).custom_properties


def test_content_is_compared_by_its_digest_and_names(publish, model, tmp_path):
    first = publish(model)
    again = shutil.copytree(model, tmp_path / "again")
    assert same_content(first, publish(again))
    (again / "Format-Serving/saved_model.pb").write_text("other")  # of the same size
    assert not same_content(first, publish(again))
    renamed = shutil.copytree(model, tmp_path / "renamed")
    (renamed / "Format-Serving/saved_model.pb").rename(renamed / "Format-Serving/saved_model.pc")
    assert not same_content(first, publish(renamed))


def test_what_is_large_has_no_digest_and_is_never_taken_for_the_same(publish, model, monkeypatch):
    monkeypatch.setattr(artifact_files, "_DIGESTED", 18)
    assert not same_content(publish(model), publish(model)), "its files have 19 bytes"
    monkeypatch.setattr(artifact_files, "_DIGESTED", 19)
    assert same_content(publish(model), publish(model))


def test_a_pushed_model_is_a_push_as_long_as_it_is_there(publish, model, pushed):
    artifact = publish(model, pushed=1, pushed_destination=str(pushed))
    assert damage(artifact) == ""
    (pushed / "saved_model.pb").write_text("cut")
    assert damage(artifact) == f"the pushed model {pushed}/saved_model.pb has 3 bytes in place of 5"
    shutil.rmtree(pushed)
    assert damage(artifact) == f"the pushed model {pushed} is gone" and not withdrawn(artifact)
    shutil.rmtree(pushed.parent)
    assert damage(artifact) == f"the pushed model {pushed} is gone" and not withdrawn(artifact)


def test_a_version_that_a_person_took_away_to_go_back_is_not_pushed_again(publish, model, pushed):
    artifact = publish(model, pushed=1, pushed_destination=str(pushed))
    shutil.rmtree(pushed)
    (pushed.parent / "not-a-version").mkdir()
    assert not withdrawn(artifact)
    (pushed.parent / "1795228000").mkdir()
    assert withdrawn(artifact) and damage(artifact) == ""


def test_what_was_not_pushed_is_not_looked_for(publish, model, tmp_path):
    artifact = publish(model, pushed=0, pushed_destination=str(tmp_path / "nowhere"))
    assert damage(artifact) == "" and not withdrawn(artifact)


def test_a_link_that_leads_nowhere_and_a_pipe_are_no_files(publish, model):
    """Somebody else's component may leave them; the pipe was opened and waited for."""
    (model / "dangling").symlink_to(model / "gone")
    os.mkfifo(model / "pipe")
    artifact = publish(model)
    assert damage(artifact) == ""
    (model / "dangling").unlink()
    assert damage(artifact) == ""


def test_what_a_component_says_by_the_same_name_stays(publish, model):
    artifact = publish(model, digest="its own", files="7")
    own = {name: value.string_value for name, value in artifact.custom_properties.items()}
    assert (own["digest"], own["files"]) == ("its own", "7")
    assert not recorded_properties(artifact) and recorded_properties(publish(model)) == {"digest", "files"}
    (model / "Format-Serving/saved_model.pb").unlink()
    assert damage(artifact) == "", "as of an artifact without lists"
