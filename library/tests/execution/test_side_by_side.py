"""A stage beside the others: it runs at the same time, what needs it waits, and a failure of either ends the run."""

import signal
import threading
import time
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tiny_stages import Joining, Source, Waiting, Writing

from millrace.base.errors import StageFailed
from millrace.base.outcomes import State
from millrace.config.paths import Layout
from millrace.execution import local, side_by_side
from millrace.execution.graph import bind, compile_graph
from millrace.execution.local import LocalRunner
from millrace.execution.side_by_side import SideBySide
from millrace.metadata import records
from millrace.metadata.journal import Journal


class Diamond:
    """Source, then Waiting beside Writing, which lets it go on, then Joining."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(str(root), "diamond")
        self.connection = metadata.sqlite_metadata_connection_config(self.layout.metadata_file)
        self.file = root / "written"

    def run(self, run_id: str, waiting: str = "pass", writing: str = "pass", **bound) -> dict[str, State]:
        folder = Path(self.layout.root) / "logs" / run_id
        folder.mkdir(parents=True)
        graph = compile_graph(self._pipeline(waiting, writing))
        bind(graph, run_id, **bound)
        self.journal = Journal(folder)
        LocalRunner(self.journal, beside={"Waiting"}).run_with_ir(graph)
        return self.ended()

    def ended(self) -> dict[str, State]:
        return {event.stage: event.state for event in self.journal.events()}

    def _pipeline(self, waiting: str, writing: str) -> Pipeline:
        source = Source(text="a")
        one = Waiting(value=source.outputs["value"], file=str(self.file), mode=waiting)
        two = Writing(value=source.outputs["value"], file=str(self.file), mode=writing)
        two.add_upstream_node(source)
        joining = Joining(left=one.outputs["result"], right=two.outputs["result"])
        return Pipeline(
            pipeline_name="diamond",
            pipeline_root=self.layout.artifacts,
            components=[source, one, two, joining],
            metadata_connection_config=self.connection,
        )

    def states(self) -> dict[str, str]:
        (*_, run) = records.runs(MetadataStore(self.connection), "diamond")
        return {name: stage.state for name, stage in run.stages.items()}


@pytest.fixture
def diamond(tmp_path, monkeypatch) -> Diamond:
    monkeypatch.setattr(local, "room_for_another", lambda: True)
    return Diamond(tmp_path)


def test_a_stage_runs_beside_the_one_that_lets_it_go_on(diamond):
    done = dict.fromkeys(("Source", "Waiting", "Writing", "Joining"), State.DONE)
    assert diamond.run("r1") == done
    assert diamond.states() == dict.fromkeys(done, "done")
    assert diamond.run("r2") == dict.fromkeys(done, State.CACHED)
    stages = [event.stage for event in diamond.journal.events()]
    assert stages.index("Joining") > max(i for i, stage in enumerate(stages) if stage in ("Waiting", "Writing"))


def test_a_failure_beside_ends_the_run_before_what_needs_it(diamond):
    with pytest.raises(StageFailed, match="it broke beside"):
        diamond.run("r1", waiting="fail")
    assert diamond.ended() == {"Source": State.DONE, "Waiting": State.FAILED, "Writing": State.DONE}


def test_what_runs_beside_a_failure_ends_well_and_is_kept(diamond):
    with pytest.raises(StageFailed, match="the other broke"):
        diamond.run("r1", writing="fail")
    assert diamond.ended() == {"Source": State.DONE, "Waiting": State.DONE, "Writing": State.FAILED}
    assert diamond.run("r2")["Waiting"] is State.CACHED


def test_an_interrupt_waits_for_what_runs_beside():
    finished = []

    def interrupted() -> None:
        with SideBySide() as others:
            others.start("slow", lambda: (time.sleep(0.3), finished.append("slow")))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert finished == ["slow"]


def test_an_interrupt_while_all_wait_waits_on():
    """The first Ctrl-C may come when nothing else is left to do than to wait."""
    finished = []

    def slow() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.3)
        finished.append("slow")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), SideBySide() as others:
            others.start("slow", slow)
    finally:
        signal.signal(signal.SIGINT, before)
    assert finished == ["slow"]


def test_one_stage_at_a_time_where_memory_is_short(monkeypatch):
    monkeypatch.setattr(side_by_side, "cores", lambda: 2)
    monkeypatch.setattr(side_by_side, "MEMORY_FOR_ANOTHER", 1 << 60)
    assert not side_by_side.room_for_another()


@pytest.mark.parametrize(("processors", "room"), [(1, False), (2, True)])
def test_one_stage_at_a_time_on_one_processor(monkeypatch, processors, room):
    monkeypatch.setattr(side_by_side, "MEMORY_FOR_ANOTHER", 0)
    monkeypatch.setattr(side_by_side, "cores", lambda: processors)
    assert side_by_side.room_for_another() is room
