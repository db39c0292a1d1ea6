"""Both local runners on a small graph: order, cache, range, refusals, failures, and what the metadata remember."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.types.standard_artifacts import ExternalArtifact
from tiny_stages import Choosy, Middle, Sink, Source

from millrace.base.errors import BadInput, GateRefused, StageFailed
from millrace.base.outcomes import State
from millrace.config.loading import load
from millrace.config.paths import Layout
from millrace.execution.beam import BeamRunner
from millrace.execution.graph import bind, compile_graph, stage_ids, upstream
from millrace.execution.local import LocalRunner
from millrace.execution.run import put_in_order
from millrace.metadata import records
from millrace.metadata.artifact_files import DIGEST_PROPERTY, FILES_PROPERTY
from millrace.metadata.journal import Journal
from millrace.metadata.places import record_as_here
from millrace.metadata.recovery import close_abandoned
from millrace.metadata.run_folder import RunRequest, new_run

RUNNERS = {"local": LocalRunner, "beam": BeamRunner}


class Project:
    """A small pipeline in a folder, run as often as a test likes."""

    def __init__(self, root: Path, runner: str) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.layout = Layout(str(root), "tiny")
        self.runner = RUNNERS[runner]
        self.connection = metadata.sqlite_metadata_connection_config(self.layout.metadata_file)

    def run(self, run_id: str, text: str = "a", mode: str = "pass", **bound) -> list[tuple[str, State]]:
        folder = Path(self.layout.root) / "logs" / run_id
        folder.mkdir(parents=True)
        graph = compile_graph(self.pipeline(text, mode))
        bind(graph, run_id, **bound)
        try:
            self.runner(Journal(folder)).run_with_ir(graph)
        finally:
            self.journal = Journal(folder)
        return self.ended()

    def ended(self) -> list[tuple[str, State]]:
        return [(event.stage, event.state) for event in self.journal.events() if event.state is not State.RUNNING]

    def pipeline(self, text: str, mode: str) -> Pipeline:
        source = Source(text=text)
        middle = Middle(value=source.outputs["value"], mode=mode)
        sink = Sink(value=middle.outputs["result"])
        return Pipeline(
            pipeline_name="tiny",
            pipeline_root=self.layout.artifacts,
            components=[source, middle, sink],
            metadata_connection_config=self.connection,
        )

    def store(self) -> MetadataStore:
        return MetadataStore(self.connection)

    def records(self) -> dict[str, records.RunRecord]:
        return {run.run_id: run for run in records.runs(self.store(), "tiny")}


@pytest.fixture(params=["local", pytest.param("beam", marks=pytest.mark.slow)])
def project(request, tmp_path) -> Project:
    return Project(tmp_path, request.param)


def states(*values: State) -> list[tuple[str, State]]:
    return list(zip(("Source", "Middle", "Sink"), values, strict=True))


def test_a_second_run_is_cached_and_a_change_runs_what_it_touches(project):
    assert project.run("r1") == states(State.DONE, State.DONE, State.DONE)
    assert project.run("r2") == states(State.CACHED, State.CACHED, State.CACHED)
    assert project.run("r3", mode="other") == states(State.CACHED, State.DONE, State.DONE)
    assert project.run("r4", cache=False) == states(State.DONE, State.DONE, State.DONE)
    assert [run.state for run in project.records().values()] == ["done", "cached", "done", "done"]


def test_from_runs_a_stage_and_what_follows_and_sees_edits_before_it(project):
    project.run("r1")
    assert project.run("r2", from_stage="Middle") == states(State.CACHED, State.DONE, State.DONE)
    assert project.run("r3", text="b", from_stage="Sink") == states(State.DONE, State.DONE, State.DONE)


def test_to_runs_a_stage_with_what_it_needs_and_no_more(project):
    assert project.run("r1", to_stage="Middle") == [("Source", State.DONE), ("Middle", State.DONE)]
    assert project.run("r2") == states(State.CACHED, State.CACHED, State.DONE)


def test_a_gate_that_says_no_ends_the_run_with_its_reason(project):
    with pytest.raises((GateRefused, RuntimeError), match="the text may not pass"):
        project.run("r1", mode="refuse")
    assert project.ended() == [("Source", State.DONE), ("Middle", State.BLOCKED)]
    failure = project.journal.events()[-1].failure
    assert (failure.exit_code, failure.what, failure.remedy) == (3, "the text may not pass", "bring better numbers")
    run = project.records()["r1"]
    assert run.state == run.stages["Middle"].state == "blocked"
    assert run.stages["Middle"].failure == "the text may not pass"


def test_a_failed_run_goes_on_where_it_stopped(project):
    with pytest.raises((StageFailed, RuntimeError), match="the text broke it"):
        project.run("r1", mode="fail")
    assert project.ended() == [("Source", State.DONE), ("Middle", State.FAILED)]
    assert project.run("r2") == states(State.CACHED, State.DONE, State.DONE)


def test_artifacts_deleted_from_disk_are_made_again(project):
    project.run("r1")
    shutil.rmtree(project.records()["r1"].artifact("Source", "value").uri)
    assert project.run("r2")[0] == ("Source", State.DONE)


def gone(file: Path) -> str:
    file.unlink()
    return f"{file.parent.name}/{file.name} is gone"


def cut(file: Path) -> str:
    file.write_text("")
    return f"{file.parent.name}/{file.name} has 0 bytes in place of 4"


def without_list(project, artifact) -> None:
    """As 0.1.0 published it."""
    database = sqlite3.connect(project.layout.metadata_file)
    with contextlib.closing(database), database:
        for name in (FILES_PROPERTY, DIGEST_PROPERTY):
            database.execute("delete from ArtifactProperty where artifact_id=? and name=?", (artifact.id, name))


@pytest.mark.parametrize("harm", [gone, cut])
def test_an_artifact_that_lacks_something_is_made_again_and_the_run_says_so(project, harm):
    project.run("r1")
    artifact = project.records()["r1"].artifact("Middle", "result")
    (Path(artifact.uri) / "beside.txt").touch()  # what was added is nobody's loss
    lacking = harm(Path(artifact.uri) / "value.txt")
    # It is as it was, so that what follows is served.
    assert project.run("r2") == states(State.CACHED, State.DONE, State.CACHED)
    notes = {event.stage: event.note for event in project.journal.events() if event.note}
    assert notes == {"Middle": f"made again: Middle/result/{lacking}"}
    made = project.records()["r2"].artifact("Middle", "result")
    assert made.custom_properties["replaces"].string_value == str(artifact.id)
    assert project.run("r3") == states(State.CACHED, State.CACHED, State.CACHED)
    assert not any(event.note for event in project.journal.events())


def test_what_follows_runs_again_only_when_what_was_made_again_is_another(project):
    project.run("r1", mode="random")
    (Path(project.records()["r1"].artifact("Middle", "result").uri) / "value.txt").unlink()
    assert project.run("r2", mode="random") == states(State.CACHED, State.DONE, State.DONE)
    assert project.run("r3", mode="random") == states(State.CACHED, State.CACHED, State.CACHED)


def test_a_loss_again_and_again_is_made_good_each_time(project):
    for run_id in ("r1", "r2", "r3"):
        project.run(run_id)
        (Path(project.records()[run_id].artifact("Source", "value").uri) / "value.txt").unlink()
    assert project.run("r4") == states(State.DONE, State.CACHED, State.CACHED)


def test_an_earlier_whole_execution_is_served_and_nothing_is_said(project):
    project.run("r1")
    project.run("r2", cache=False)
    (Path(project.records()["r2"].artifact("Source", "value").uri) / "value.txt").unlink()
    assert project.run("r3") == states(State.CACHED, State.CACHED, State.CACHED)
    assert not any(event.note for event in project.journal.events())


def test_an_artifact_without_a_list_is_served_unless_it_is_empty(project):
    project.run("r1")
    artifact = project.records()["r1"].artifact("Middle", "result")
    without_list(project, artifact)
    (Path(artifact.uri) / "value.txt").write_text("another size")
    assert project.run("r2") == states(State.CACHED, State.CACHED, State.CACHED)
    (Path(artifact.uri) / "value.txt").unlink()
    assert project.run("r3") == states(State.CACHED, State.DONE, State.DONE)


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_root_in_another_place_goes_on_with_what_lies_there(tmp_path, how):
    """Of a copy nothing is read from the original, or changed in it."""
    original = Project(tmp_path / "original" / "runs", "local")
    original.run("r1")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "original").rglob("*")}
    if how == "moved":
        shutil.move(tmp_path / "original", tmp_path / "here")
    else:
        shutil.copytree(tmp_path / "original", tmp_path / "here")
    project = Project(tmp_path / "here" / "runs", "local")
    listed = records.runs(project.store(), "tiny", project.layout.root)
    assert listed[0].artifact("Middle", "result").uri.startswith(project.layout.artifacts)
    assert record_as_here(project.store(), project.layout) == 3
    assert record_as_here(project.store(), project.layout) == 0
    assert project.run("r2") == states(State.CACHED, State.CACHED, State.CACHED)
    for record in project.records().values():
        for stage in record.stages.values():
            assert all(a.uri.startswith(project.layout.artifacts) for of_key in stage.outputs.values() for a in of_key)
    if how == "copied":
        assert {path: path.stat().st_mtime_ns for path in (tmp_path / "original").rglob("*")} == before
        (Path(original.records()["r1"].artifact("Middle", "result").uri) / "value.txt").unlink()
        assert project.run("r3") == states(State.CACHED, State.CACHED, State.CACHED)


def test_places_are_not_written_down_anew_while_another_run_goes_on(tmp_path):
    """It would lose its inputs: one root may be seen at two places, by a container and its host."""
    Project(tmp_path / "original", "local").run("r1")
    shutil.move(tmp_path / "original", tmp_path / "here")
    here = Project(tmp_path / "here", "local")
    config = load("conf/taxi.yaml", [f"root={tmp_path}/here", "name=tiny"])

    def places() -> set[bool]:
        return {artifact.uri.startswith(here.layout.artifacts) for artifact in here.store().get_artifacts()}

    with new_run(here.layout.logs, RunRequest("conf")) as mine:
        with new_run(here.layout.logs, RunRequest("conf")):
            put_in_order(config, mine)
            assert places() == {False}
        put_in_order(config, mine)
        assert places() == {True}


def test_what_lies_elsewhere_is_imported_and_not_listed(tmp_path):
    """It may be anything, and as large as a disk; nobody made it here."""
    project = Project(tmp_path / "root", "local")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/value.txt").write_text("theirs")
    given = Importer(source_uri=str(tmp_path / "elsewhere"), artifact_type=ExternalArtifact).with_id("Given")
    pipeline = Pipeline(
        pipeline_name="tiny",
        pipeline_root=project.layout.artifacts,
        components=[given, Sink(value=given.outputs["result"])],
        metadata_connection_config=project.connection,
    )
    graph = compile_graph(pipeline)
    bind(graph, "r1")
    LocalRunner(Journal(tmp_path)).run_with_ir(graph)
    listed = {a.uri for a in project.store().get_artifacts() if FILES_PROPERTY in a.custom_properties}
    assert listed == {project.records()["r1"].artifact("Sink", "result").uri}


def test_what_a_resolver_refuses_is_told_with_what_to_do(tmp_path):
    """TFX's launcher keeps it to the log: a champion that was gone was an error without a remedy."""
    project = Project(tmp_path, "local")
    source = Source(text="a")
    chosen = Resolver(strategy_class=Choosy, value=source.outputs["value"]).with_id("Chosen")
    pipeline = Pipeline(
        pipeline_name="tiny",
        pipeline_root=project.layout.artifacts,
        components=[source, chosen, Sink(value=chosen.outputs["value"])],
        metadata_connection_config=project.connection,
    )
    graph = compile_graph(pipeline)
    bind(graph, "r1")
    with pytest.raises(StageFailed, match="what was chosen is not there any more") as failed:
        LocalRunner(Journal(tmp_path)).run_with_ir(graph)
    assert (failed.value.exit_code, failed.value.where, failed.value.remedy) == (2, "/models/7", "put it back")
    events = [event for event in Journal(tmp_path).events() if event.state is not State.RUNNING]
    assert [(event.stage, event.state) for event in events] == [("Source", State.DONE), ("Chosen", State.BAD_INPUT)]


def test_an_abandoned_execution_is_closed_and_its_outputs_are_removed(tmp_path):
    project = Project(tmp_path, "local")
    with new_run(project.layout.logs, RunRequest("conf")) as folder:
        run_id = folder.run_id
        graph = compile_graph(project.pipeline("a", "interrupt"))
        bind(graph, run_id)
        with pytest.raises(KeyboardInterrupt):
            LocalRunner(folder.journal).run_with_ir(graph)
        assert project.records()[run_id].stages["Middle"].state == "running"
        assert close_abandoned(project.store(), project.layout) == [], "a living run is left alone"
        assert close_abandoned(project.store(), project.layout, ended="another") == []
    assert close_abandoned(project.store(), project.layout) == [run_id]
    run = project.records()[run_id]
    assert run.state == run.stages["Middle"].state == "killed"
    assert not list(Path(project.layout.artifacts).glob(f"Middle/*/{run.stages['Middle'].execution_id}"))


def test_what_each_stage_waits_for_is_known_before_the_run(tmp_path):
    graph = compile_graph(Project(tmp_path, "local").pipeline("a", "pass"))
    assert stage_ids(graph) == ["Source", "Middle", "Sink"]
    assert upstream(graph) == {"Source": [], "Middle": ["Source"], "Sink": ["Middle"]}


@pytest.mark.parametrize(
    ("bound", "taking_part", "from_the_cache"),
    [
        ({}, "Source Middle Sink", "Source Middle Sink"),
        ({"cache": False}, "Source Middle Sink", ""),
        ({"from_stage": "Middle"}, "Source Middle Sink", "Source"),
        ({"to_stage": "Middle"}, "Source Middle", "Source Middle Sink"),
        ({"from_stage": "Source", "to_stage": "Source"}, "Source", ""),
        ({"from_stage": "Sink", "to_stage": "Middle"}, "Source Middle", "Source Middle"),
        ({"from_stage": "Sink", "cache": False}, "Source Middle Sink", ""),
    ],
)
def test_a_range_says_what_takes_part_and_what_the_cache_may_serve(tmp_path, bound, taking_part, from_the_cache):
    graph = compile_graph(Project(tmp_path, "local").pipeline("a", "pass"))
    assert bind(graph, "r1", **bound) == taking_part.split()
    options = {node.pipeline_node.node_info.id: node.pipeline_node.execution_options for node in graph.nodes}
    assert [name for name, one in options.items() if one.caching_options.enable_cache] == from_the_cache.split()
    assert [name for name, one in options.items() if not one.HasField("skip")] == taking_part.split()


def test_a_stage_that_does_not_exist_is_refused(tmp_path):
    graph = compile_graph(Project(tmp_path, "local").pipeline("a", "pass"))
    with pytest.raises(BadInput, match="there is no stage Midle") as caught:
        bind(graph, "r1", from_stage="Midle")
    assert "Source, Middle, Sink" in caught.value.remedy
