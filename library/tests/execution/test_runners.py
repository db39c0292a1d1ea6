"""Both local runners on a small graph: order, cache, range, refusals, failures, and what the metadata remember."""

import shutil
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tiny_stages import Middle, Sink, Source

from millrace.base.errors import BadInput, GateRefused, StageFailed
from millrace.config.paths import Layout
from millrace.execution.beam import BeamRunner
from millrace.execution.graph import bind, compile_graph
from millrace.execution.local import LocalRunner
from millrace.metadata import records
from millrace.metadata.journal import Journal, State
from millrace.metadata.recovery import close_abandoned, forget_deleted
from millrace.metadata.run_folder import RunRequest, new_run

pytestmark = pytest.mark.slow
RUNNERS = {"local": LocalRunner, "beam": BeamRunner}


class Project:
    """A small pipeline in a folder, run as often as a test likes."""

    def __init__(self, root: Path, runner: str) -> None:
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


@pytest.fixture(params=["local", "beam"])
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


def test_artifacts_emptied_on_disk_are_made_again(project):
    project.run("r1")
    folder = Path(project.records()["r1"].artifact("Middle", "result").uri)
    (folder / "value.txt").unlink()
    assert forget_deleted(project.store(), project.layout) == [str(folder)]
    assert project.run("r2") == states(State.CACHED, State.DONE, State.DONE)


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


def test_a_stage_that_does_not_exist_is_refused(tmp_path):
    graph = compile_graph(Project(tmp_path, "local").pipeline("a", "pass"))
    with pytest.raises(BadInput, match="there is no stage Midle") as caught:
        bind(graph, "r1", from_stage="Midle")
    assert "Source, Middle, Sink" in caught.value.remedy
