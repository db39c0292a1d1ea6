"""What the cache takes for the same, and which earlier outputs it serves, in a real ML Metadata store."""

import shutil
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration import metadata
from tfx.orchestration.portable import launcher
from tfx.orchestration.portable.mlmd import context_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.artifact_utils import deserialize_artifact
from tfx.types.standard_artifacts import Examples, ExternalArtifact, Model

from millrace.execution.cache import looking_at_cache
from millrace.metadata.artifact_files import record_files


class World:
    """A root with a store, in which tests publish what stages have made."""

    def __init__(self, root: Path) -> None:
        root.mkdir(exist_ok=True)
        self.root = root
        connection = metadata.sqlite_metadata_connection_config(str(root / "metadata.sqlite"))
        self.handle = metadata.Metadata(connection)
        self.handle.__enter__()
        self._count = 0

    def made(self, kind=ExternalArtifact, text: str = "rows", **properties) -> mlmd.Artifact:
        """An artifact with one file, as a stage has published it, before its files are listed."""
        self._count += 1
        folder = self.root / "artifacts/Stage/output" / str(self._count)
        folder.mkdir(parents=True)
        (folder / "data").write_text(text)
        artifact = mlmd.Artifact(uri=str(folder), state=mlmd.Artifact.LIVE)
        artifact.type_id = self.handle.store.put_artifact_type(kind().artifact_type)
        for name, value in properties.items():
            field = "int_value" if isinstance(value, int) else "string_value"
            setattr(artifact.custom_properties[name], field, value)
        [artifact.id] = self.handle.store.put_artifacts([artifact])
        return self.read(artifact)

    def listed(self, artifact: mlmd.Artifact, replaced=()) -> mlmd.Artifact:
        """The artifact with the list of its files."""
        record_files(self.handle.store, [artifact], replaced)
        return self.read(artifact)

    def read(self, artifact: mlmd.Artifact) -> mlmd.Artifact:
        [read] = self.handle.store.get_artifacts_by_id([artifact.id])
        return read

    def context(self, *inputs: mlmd.Artifact, **parameters) -> str:
        """The name that stands for a stage with these inputs and parameters."""
        [*kinds] = self.handle.store.get_artifact_types_by_id([artifact.type_id for artifact in inputs])
        with looking_at_cache(str(self.root), None):
            return launcher.cache_utils.get_cache_context(
                metadata_handle=self.handle,
                pipeline_node=pipeline_pb2.PipelineNode(),
                pipeline_info=pipeline_pb2.PipelineInfo(id="tiny"),
                input_artifacts={"input": [deserialize_artifact(*both) for both in zip(kinds, inputs, strict=True)]},
                parameters=parameters,
            ).name

    def executed(self, **outputs: mlmd.Artifact) -> None:
        """Publishes an execution of the one stage that the cache is asked about, with its outputs."""
        kind = self.handle.store.put_execution_type(mlmd.ExecutionType(name="Stage"))
        execution = mlmd.Execution(type_id=kind, last_known_state=mlmd.Execution.COMPLETE)
        events = []
        for key, artifact in outputs.items():
            event = mlmd.Event(type=mlmd.Event.OUTPUT, artifact_id=artifact.id)
            event.path.steps.add(key=key)
            event.path.steps.add(index=0)
            events.append((artifact, event))
        self.handle.store.put_execution(execution, events, [self._stage])

    def served(self):
        """The artifacts that the cache serves for that stage by their keys, None for none; and what was looked at."""
        with looking_at_cache(str(self.root), None) as look:
            outputs = launcher.cache_utils.get_cached_outputs(metadata_handle=self.handle, cache_context=self._stage)
        return outputs and {key: [artifact.id for artifact in of_key] for key, of_key in outputs.items()}, look

    @property
    def _stage(self) -> mlmd.Context:
        return context_lib.register_context_if_not_exists(
            self.handle, context_type_name=context_lib.CONTEXT_TYPE_EXECUTION_CACHE, context_name="stage"
        )


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path / "root")


def test_what_was_made_again_as_it_was_is_the_one_that_it_replaces(world):
    first = world.listed(world.made())
    again = world.listed(world.made(), replaced=[first.id])
    other = world.listed(world.made(text="rows!"), replaced=[first.id])
    assert world.context(again) == world.context(first)
    assert world.context(other) != world.context(first)
    # The second time too: what it replaces are then two, and the oldest is meant.
    third = world.listed(world.made(), replaced=[again.id, first.id])
    assert world.context(third) == world.context(first)


def test_what_replaces_nothing_is_another_whatever_its_files_hold(world):
    assert world.context(world.listed(world.made())) != world.context(world.listed(world.made()))


def test_a_model_that_was_made_again_is_another(world):
    """Byte for byte as it was, it has no verdict all the same: a verdict names the model that it is about."""
    first = world.listed(world.made(Model))
    again = world.listed(world.made(Model), replaced=[first.id])
    assert world.context(again) != world.context(first)


@pytest.mark.parametrize("kind", [ExternalArtifact, Model])
def test_what_was_noted_of_an_artifact_since_changes_nothing(world, kind):
    lost = world.listed(world.made(kind, text="lost"))
    artifact = world.made(kind)
    before = world.context(artifact)
    listed = world.listed(artifact, replaced=[lost.id])
    assert {"files", "digest", "replaces"} <= set(listed.custom_properties)
    assert world.context(listed) == before


def test_another_root_is_no_other_input(tmp_path):
    contexts = set()
    for name in ("here", "there"):
        world = World(tmp_path / name)
        artifact = world.listed(world.made(made_from=f"{world.root}/data.csv"))
        contexts.add(world.context(artifact, data=f"{world.root}/data.csv"))
        contexts.add(world.context(artifact, data="other.csv"))
    assert len(contexts) == 2, "one for each of the two parameters"


def test_the_latest_whole_outputs_are_served(world):
    for _ in range(2):
        world.executed(value=(latest := world.listed(world.made())))
    served, look = world.served()
    assert served == {"value": [latest.id]}
    assert (look.damage, look.replaced, look.spared) == ("", set(), "")


def test_an_earlier_whole_execution_is_served_and_replaces_nothing(world):
    world.executed(value=(whole := world.listed(world.made())))
    world.executed(value=(lost := world.listed(world.made())))
    shutil.rmtree(lost.uri)
    served, look = world.served()
    assert served == {"value": [whole.id]}
    assert (look.damage, look.replaced) == ("", set())


def test_where_none_is_whole_the_latest_loss_is_told_and_all_are_replaced(world):
    """The outputs beside the one that lacks something, too: they are made again with it."""
    pairs = [(world.listed(world.made()), world.listed(world.made())) for _ in range(2)]
    for value, report in pairs:
        world.executed(value=value, report=report)
        (Path(report.uri) / "data").write_text("")
    served, look = world.served()
    assert served is None
    assert look.damage == f"Stage/output/{Path(pairs[1][1].uri).name}/data has 0 bytes in place of 4"
    assert look.replaced == {artifact.id for pair in pairs for artifact in pair}


def test_before_the_first_execution_nothing_is_served_and_nothing_is_lost(world):
    served, look = world.served()
    assert (served, look.damage, look.replaced) == (None, "", set())


def test_what_can_be_done_without_is_spared_and_told(world):
    artifact = world.made(Examples)
    (Path(artifact.uri) / ".arrow").mkdir()
    (Path(artifact.uri) / ".arrow/table").write_text("columns")
    world.executed(examples=world.listed(artifact))
    shutil.rmtree(Path(artifact.uri) / ".arrow")
    served, look = world.served()
    assert served == {"examples": [artifact.id]}
    assert look.damage == "" and look.spared.endswith("/.arrow/table is gone; the TFRecords are read")


def test_a_pushed_version_that_was_taken_away_stays_away(world, tmp_path):
    for version in ("1", "2"):
        (tmp_path / "serving" / version).mkdir(parents=True)
        (tmp_path / "serving" / version / "saved_model.pb").write_text("graph")
    pushed = world.listed(world.made(pushed=1, pushed_destination=str(tmp_path / "serving/2")))
    world.executed(pushed_model=pushed)
    shutil.rmtree(tmp_path / "serving/2")
    served, look = world.served()
    assert served == {"pushed_model": [pushed.id]}
    assert look.spared.startswith("the pushed model was taken away and stays away")
