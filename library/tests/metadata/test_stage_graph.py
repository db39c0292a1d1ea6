"""Which stage waits for which, as a run wrote it down or as its artifacts tell it, and how a picture lays it out."""

import pytest
from recorded_runs import RecordedRuns, four_stages

from millrace.config.loading import load
from millrace.metadata import stage_graph
from millrace.metadata.run_summaries import Runs

RUN = "20310101-000001"


@pytest.fixture
def recorded(tmp_path) -> RecordedRuns:
    return RecordedRuns(tmp_path / "taxi")


def upstream(recorded, stages):
    runs = Runs(load("conf/taxi.yaml", [f"root={recorded.root}"]))
    return stage_graph.upstream_stages(runs, RUN, stages)


def executions(recorded):
    record = Runs(load("conf/taxi.yaml", [f"root={recorded.root}"])).record(RUN)
    return {name: stage.execution_id for name, stage in record.stages.items()}


def test_of_a_run_that_wrote_nothing_down_the_artifacts_tell(recorded):
    recorded.begin(RUN)
    four_stages(recorded, RUN)
    told = {"ExampleGen": (), "Trainer": ("ExampleGen",), "Evaluator": ("ExampleGen", "Trainer"),
            "Pusher": ("Evaluator",)}  # fmt: skip
    assert upstream(recorded, executions(recorded)) == told
    (recorded.root / "logs" / RUN / stage_graph.FILE).write_text("{")
    assert upstream(recorded, executions(recorded)) == told
    assert upstream(recorded, {"Trainer": 0}) == {"Trainer": ()}
    assert upstream(recorded, {**executions(recorded), "Later": 0})["Later"] == ()


def test_what_a_run_wrote_down_counts_of_its_own_stages_alone(recorded):
    folder = recorded.begin(RUN)
    four_stages(recorded, RUN)
    stage_graph.record(folder, {"Trainer": ["ExampleGen", "DataGate"], "Evaluator": iter(["Trainer"])})
    assert upstream(recorded, executions(recorded)) == {
        "ExampleGen": (), "Trainer": ("ExampleGen",), "Evaluator": ("Trainer",), "Pusher": (),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("graph", "layers"),
    [
        ({"a": (), "b": ("a",), "c": ("b", "a", "late"), "late": ()}, [["a"], ["b", "late"], ["c"]]),
        ({"a": (), "b": ()}, [["a", "b"]]),
        ({"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}, [["a"], ["b", "c"], ["d"]]),
        # A source goes before the first of those that need it.
        ({"s": (), "a": (), "b": ("a", "s"), "c": ("b", "s")}, [["s", "a"], ["b"], ["c"]]),
        ({"a": ("b",), "b": ("a",)}, [["b"], ["a"]]),  # a circle is cut
    ],
)
def test_layers_stand_behind_what_they_wait_for(graph, layers):
    assert stage_graph.layers(graph, graph) == layers


def test_an_edge_is_left_out_where_a_longer_way_says_the_same():
    graph = {"a": (), "b": ("a",), "c": ("a", "b"), "d": ("a", "b", "c"), "e": ("a", "x"), "x": ()}
    assert stage_graph.without_detours(graph) == {
        "a": (), "b": ("a",), "c": ("b",), "d": ("c",), "e": ("a", "x"), "x": (),
    }  # fmt: skip
    circle = {"a": ("b",), "b": ("a",)}
    assert set(stage_graph.without_detours(circle)) == {"a", "b"}
