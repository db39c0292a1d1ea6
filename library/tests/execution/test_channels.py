"""The short ways to a stage's inputs give what TFX's own long ones give, and no stage goes a long one."""

import pytest
from ml_metadata import MetadataStore
from recorded_runs import RecordedRuns, four_stages
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import LatestArtifactStrategy
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import ExternalArtifact
from tiny_stages import Middle, Sink, Source

from millrace.base.outcomes import State
from millrace.execution import channels
from millrace.execution.graph import bind, compile_graph
from millrace.execution.local import LocalRunner
from millrace.metadata.journal import Journal


@pytest.fixture
def recorded(tmp_path) -> RecordedRuns:
    recorded = RecordedRuns(tmp_path / "taxi")
    for pipeline in ("taxi", "other"):
        recorded.pipeline = pipeline
        for number in range(3):
            four_stages(recorded, f"2031010{number}-000000")
    return recorded


@pytest.mark.parametrize("run", ["20310100-000000", "20310102-000000", None])
@pytest.mark.parametrize("node", ["taxi.Trainer", "other.Trainer", None])
def test_the_executions_of_some_contexts(recorded, run, node):
    """Both pipelines had runs of the same second, which share a context."""
    names = {"pipeline": "taxi", "node": node, "pipeline_run": run}
    contexts = [recorded.store.get_context_by_type_and_name(kind, name) for kind, name in names.items() if name]
    told = channels._get_executions_by_all_contexts(recorded.store, contexts)
    own = channels._all_of_tfx(recorded.store, contexts)
    assert {one.id for one in told} == {one.id for one in own}
    if node != "other.Trainer":
        assert told
    assert (channels.executions_in(recorded.store, contexts) is None) == (run is None)


def channel(kind: str, pipeline: str) -> pipeline_pb2.InputSpec.Channel:
    wanted = pipeline_pb2.InputSpec.Channel()
    wanted.artifact_query.type.name = kind
    query = wanted.context_queries.add()
    query.type.name = "pipeline"
    query.name.field_value.string_value = pipeline
    return wanted


@pytest.mark.parametrize(("kind", "pipeline"), [("Model", "taxi"), ("ModelBlessing", "other"), ("Schema", "taxi")])
def test_the_artifacts_that_any_run_of_a_pipeline_made(recorded, kind, pipeline):
    with metadata.Metadata(metadata.sqlite_metadata_connection_config(str(recorded.root / "metadata.db"))) as handle:
        told = channels._resolve_single_channel(handle, channel(kind, pipeline))
        own = channels._of_tfx(handle, channel(kind, pipeline))
        assert channels._resolve_single_channel(handle, channel(kind, "unknown")) == []
    assert [one.id for one in told] == sorted(one.id for one in own)
    assert len(told) == (0 if kind == "Schema" else 3)


def test_no_stage_asks_for_every_execution_of_the_pipeline(tmp_path, monkeypatch):
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))
    asked: list[int] = []
    of_context = MetadataStore.get_executions_by_context

    def counted(store, context_id, *others, **named):
        answer = of_context(store, context_id, *others, **named)
        asked.append(len(answer))
        return answer

    monkeypatch.setattr(MetadataStore, "get_executions_by_context", counted)
    most = []
    for number in range(3):
        source = Source(text="a")
        middle = Middle(value=source.outputs["value"], mode="pass")
        latest = Resolver(strategy_class=LatestArtifactStrategy, value=Channel(type=ExternalArtifact)).with_id("Latest")
        latest.add_upstream_node(middle)
        sink = Sink(value=latest.outputs["value"])
        pipeline = Pipeline(
            pipeline_name="tiny",
            pipeline_root=str(tmp_path / "artifacts"),
            components=[source, middle, latest, sink],
            metadata_connection_config=connection,
        )
        graph = compile_graph(pipeline)
        bind(graph, f"r{number}", cache=False)
        folder = tmp_path / "logs" / f"r{number}"
        folder.mkdir(parents=True)
        asked.clear()
        LocalRunner(Journal(folder)).run_with_ir(graph)
        most.append(max(asked))
        ended = [event.state for event in Journal(folder).events() if event.state is not State.RUNNING]
        assert ended == [State.DONE] * 4
    assert most[0] == most[-1] <= 4
