"""What is written down of a stage that ended well: its verdict, and the files of what it made itself."""

from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration import metadata
from tfx.proto.orchestration import pipeline_pb2

from millrace.base.outcomes import State
from millrace.execution import stage
from millrace.execution.cache import CacheLook
from millrace.metadata.artifact_files import FILES_PROPERTY


@pytest.fixture
def outcome(tmp_path):
    """Publishes an execution with artifacts at the given places, and gives its outcome and the artifacts since."""
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
    runtime = pipeline_pb2.PipelineRuntimeSpec()
    runtime.pipeline_root.field_value.string_value = f"{tmp_path}/root/artifacts"
    spec = stage.StageSpec(
        pipeline_pb2.PipelineNode(), pipeline_pb2.PipelineInfo(), runtime, None, None, None, connection
    )

    def published(*artifacts: mlmd.Artifact, replaced=()):
        with metadata.Metadata(connection) as handle:
            kind = handle.store.put_artifact_type(mlmd.ArtifactType(name="Made"))
            events = []
            for index, artifact in enumerate(artifacts):
                Path(artifact.uri).mkdir(parents=True)
                (Path(artifact.uri) / "data").write_text("rows")
                artifact.type_id = kind
                event = mlmd.Event(type=mlmd.Event.OUTPUT)
                event.path.steps.add(key="made")
                event.path.steps.add(index=index)
                events.append((artifact, event))
            kind = handle.store.put_execution_type(mlmd.ExecutionType(name="Stage"))
            execution = mlmd.Execution(type_id=kind, last_known_state=mlmd.Execution.COMPLETE)
            execution.id, ids, _ = handle.store.put_execution(execution, events, [])
            look = CacheLook(spec.root, None)
            look.replaced = set(replaced)
            ended = stage._outcome(spec, execution, look)
            return ended, {one.uri: one for one in handle.store.get_artifacts_by_id(list(ids))}

    return published


def test_only_what_lies_below_the_root_is_listed(outcome, tmp_path):
    """What was imported may be anything, and as large as a disk; nobody made it here."""
    places = [f"{tmp_path}/root/artifacts/1", f"{tmp_path}/elsewhere", f"{tmp_path}/root-of-another/1"]
    verdicts = {"pushed": mlmd.Value(int_value=0), "blessed": mlmd.Value(int_value=0)}
    ended, artifacts = outcome(*(mlmd.Artifact(uri=at, custom_properties=verdicts) for at in places), replaced=[7])
    assert ended == (State.DONE, "not blessed")
    assert [place for place in places if FILES_PROPERTY in artifacts[place].custom_properties] == places[:1]
    assert [place for place in places if "replaces" in artifacts[place].custom_properties] == places[:1]


@pytest.mark.parametrize(
    ("properties", "verdict"),
    [
        ({"blessed": 1}, "blessed"),
        ({"blessed": 0}, "not blessed"),
        ({"blessed": '["train"]'}, ""),  # of ExampleAnomalies
        ({"pushed": 1, "pushed_version": "17"}, "version 17"),
        ({"pushed": 0}, "not pushed"),
        ({}, ""),
    ],
)
def test_a_verdict_is_read_and_leaves_the_artifact_as_it_is(outcome, tmp_path, properties, verdict):
    place = f"{tmp_path}/root/artifacts/1"
    artifact = mlmd.Artifact(uri=place)
    for name, value in properties.items():
        setattr(artifact.custom_properties[name], "int_value" if isinstance(value, int) else "string_value", value)
    before = mlmd.Artifact.FromString(artifact.SerializeToString())
    assert stage._verdict([artifact]) == verdict
    assert artifact == before
    ended, artifacts = outcome(artifact)
    assert ended == (State.DONE, verdict)
    assert set(artifacts[place].custom_properties) == {*properties, "files", "digest"}
