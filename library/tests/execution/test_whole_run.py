"""A whole run of a small graph of one's own: bound, executed, recorded, told; as `millrace run` does it."""

import pytest

from millrace.base.outcomes import State
from millrace.config.loading import load
from millrace.execution.run import run
from millrace.metadata import stage_graph
from millrace.metadata.run_folder import RunRequest, new_run

GRAPH = """
from tfx.orchestration.pipeline import Pipeline
from tiny_stages import Middle, Sink, Source

from millrace.config.paths import layout
from millrace.metadata.connections import metadata_connection


def create_pipeline(config, platform, today):
    source = Source(text="a")
    middle = Middle(value=source.outputs["value"], mode=config.code.settings["Middle"]["mode"])
    sink = Sink(value=middle.outputs["result"])
    connection = metadata_connection(config)
    return Pipeline(config.name, layout(config).artifacts, components=[source, middle, sink],
                    metadata_connection_config=connection)
"""


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """Runs the graph; gives the outcome, the stages that were announced, and how each ended."""
    (tmp_path / "graph_of_ones_own.py").write_text(GRAPH)
    monkeypatch.syspath_prepend(tmp_path)

    def end(mode="pass", **request):
        settings = [f"root={tmp_path / 'root'}", "code.pipeline=graph_of_ones_own.create_pipeline",
                    f"code.settings.Middle.mode={mode}"]  # fmt: skip
        announced = []
        with new_run(tmp_path / "root" / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi", **request)) as folder:
            outcome = run(load("conf/taxi.yaml", settings), folder, announced.extend)
        end.folder = folder
        states = {event.stage: event.state for event in folder.journal.events()}
        return outcome, announced, states

    return end


def test_a_run_executes_its_stages_and_the_next_one_is_cached(ended):
    outcome, announced, states = ended()
    assert (outcome.exit_code, outcome.failure) == (0, None)
    assert announced == ["Source", "Middle", "Sink"] == list(states)
    assert set(states.values()) == {State.DONE}
    assert stage_graph._recorded(ended.folder.path) == {"Source": [], "Middle": ["Source"], "Sink": ["Middle"]}
    assert set(ended()[2].values()) == {State.CACHED}
    assert set(ended(cache=False)[2].values()) == {State.DONE}
    assert ended(from_stage="Middle")[2] == {"Source": State.CACHED, "Middle": State.DONE, "Sink": State.DONE}
    _, announced, states = ended("other", to_stage="Middle")
    assert announced == ["Source", "Middle"] and states["Middle"] is State.DONE


@pytest.mark.parametrize(
    ("mode", "code", "state", "words"),
    [
        ("refuse", 3, State.BLOCKED, "the text may not pass"),
        ("fail", 1, State.FAILED, "ValueError: the text broke it"),
        ("interrupt", 130, State.INTERRUPTED, "interrupted"),
    ],
)
def test_a_run_ends_with_the_stage_that_does_not_end_well(ended, mode, code, state, words):
    outcome, _, states = ended(mode)
    assert (outcome.exit_code, outcome.failure.what) == (code, words)
    assert states == {"Source": State.DONE, "Middle": state, "Sink": State.WAITING}


def test_a_stage_that_is_not_there_is_bad_input(ended):
    outcome, announced, states = ended(from_stage="Midle")
    assert outcome.exit_code == 2 and "did you mean Middle?" in outcome.failure.what
    assert announced == [] and states == {}


@pytest.mark.slow
def test_beam_runs_the_same_graph(ended):
    outcome, _, states = ended(runner="beam")
    assert outcome.exit_code == 0 and set(states.values()) == {State.DONE}
