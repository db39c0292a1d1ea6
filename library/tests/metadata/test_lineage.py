"""Where something comes from and what was made of it, walked in a real store."""

import json
import os
import shutil
from dataclasses import asdict

import pytest
from recorded_runs import RecordedRuns, four_stages

from millrace.base.errors import BadInput
from millrace.config.loading import load
from millrace.metadata.lineage import about, lineage, meant
from millrace.metadata.run_names import named
from millrace.metadata.run_summaries import Runs

FIRST, SECOND = "20310101-000001", "20310101-000002"


@pytest.fixture
def recorded(tmp_path) -> RecordedRuns:
    """Two runs; the second trained another model on the data of the first, compared it with the first, and pushed."""
    recorded = RecordedRuns(tmp_path / "taxi")
    recorded.begin(FIRST)
    config = {"custom_config": '{"training": {"steps": 100}, "code_digest": "aa"}'}
    first = four_stages(recorded, FIRST, **config)
    first["ExampleGen"]["examples"] = recorded.note(first["ExampleGen"]["examples"], span=3)
    recorded.begin(SECOND)
    second = four_stages(recorded, SECOND, {"ExampleGen": first["ExampleGen"]}, **config)
    compared = {"model": [second["Trainer"]["model"]], "baseline_model": [first["Trainer"]["model"]]}
    recorded.stage(SECOND, "Evaluator", compared, {"evaluation": "ModelEvaluation"})
    for version, made in (("17", first), ("18", second)):
        folder = recorded.root / "serving" / "taxi" / version
        folder.mkdir(parents=True)
        recorded.note(made["Pusher"]["pushed_model"], pushed=1, pushed_destination=str(folder), pushed_version=version)
    return recorded


def runs_of(recorded: RecordedRuns) -> Runs:
    return Runs(load("conf/taxi.yaml", [f"root={recorded.root}"]))


def asked(recorded: RecordedRuns, what: str, **direction: bool):
    runs = runs_of(recorded)
    graph = lineage(runs, meant(runs, what), **direction)
    json.dumps(asdict(graph))
    return graph


def test_from_a_served_folder_up_to_the_rows(recorded):
    graph = asked(recorded, str(recorded.root / "serving" / "taxi"), down=False)
    made = {node.type: node for node in graph.nodes}
    assert made.keys() == {"PushedModel", "ModelBlessing", "Model", "Examples"}
    assert made["PushedModel"].facts["pushed_version"] == "18", "the newest is what a server serves"
    assert (made["Examples"].run, made["Examples"].stage, made["Model"].run) == (FIRST, "ExampleGen", SECOND)
    assert made["Examples"].facts["span"] == 3
    assert made["Model"].facts["training"] == {"steps": 100} and made["Model"].facts["code"] == "aa"
    assert {edge.key for edge in graph.sources(made["ModelBlessing"].id)} == {"examples", "model"}


def test_down_from_the_rows_to_what_was_pushed(recorded):
    examples = next((recorded.root / "artifacts" / "ExampleGen" / "examples").iterdir())
    graph = asked(recorded, str(examples / "file"), up=False)
    kinds = sorted(node.type for node in graph.nodes)
    assert kinds == ["Examples", *["Model"] * 2, *["ModelBlessing"] * 2, "ModelEvaluation", *["PushedModel"] * 2]


def test_a_champion_is_named_and_not_followed(recorded):
    evaluation = next((recorded.root / "artifacts" / "Evaluator" / "evaluation").iterdir())
    graph = asked(recorded, str(evaluation), down=False)
    [compared] = [edge for edge in graph.edges if edge.compared]
    assert (compared.key, graph.node(compared.source).run) == ("baseline_model", FIRST)
    assert graph.sources(compared.source) == []


@pytest.mark.parametrize("what", ["18", SECOND, "last", "last~0", "20310101-000002"])
def test_a_run_and_a_version_are_the_model_that_was_pushed(recorded, what):
    graph = asked(recorded, what)
    [start] = graph.start
    assert graph.node(start).facts["pushed_version"] == "18"


def test_a_moved_root_is_found_where_it_is(recorded, tmp_path):
    recorded.root.rename(tmp_path / "moved")
    runs = Runs(load("conf/taxi.yaml", [f"root={tmp_path}/moved"]))
    graph = lineage(runs, meant(runs, "18"))
    assert all(node.there and node.path.startswith(f"{tmp_path}/moved/") for node in graph.nodes)


def test_what_is_gone_is_still_told_of(recorded):
    shutil.rmtree(recorded.root / "artifacts" / "ExampleGen")
    graph = asked(recorded, "18", down=False)
    assert [node.there for node in graph.nodes if node.type == "Examples"] == [False]


@pytest.mark.parametrize("what", ["99", "nowhere/at/all", "/", ""])
def test_what_nobody_knows_is_bad_input(recorded, what):
    with pytest.raises(BadInput, match="no run, no version, and no place"):
        meant(runs_of(recorded), what)


def test_a_run_that_made_nothing_is_told_with_where_the_reason_stands(recorded):
    recorded.begin("20310101-000003", exit_code=1)
    recorded.stage("20310101-000003", "SchemaGen", {}, {})
    with pytest.raises(BadInput, match="run 20310101-000003 made nothing") as caught:
        meant(runs_of(recorded), "last")
    assert "millrace runs show 20310101-000003" in caught.value.remedy


def test_before_the_first_run_there_is_nothing(tmp_path):
    with pytest.raises(BadInput, match="no run of taxi yet"):
        meant(Runs(load("conf/taxi.yaml", [f"root={tmp_path}"])), "last")
    with pytest.raises(BadInput, match="no run of taxi yet") as refused:
        meant(Runs(load("conf/taxi.yaml", ["environment=dev", f"root={tmp_path}"])), "last")
    assert refused.value.remedy == "millrace run --env dev"


@pytest.mark.parametrize(
    ("name", "meaning"),
    [("last", SECOND), ("latest", SECOND), ("last~1", FIRST), (FIRST, FIRST), ("20310101-000002", SECOND)],
)
def test_a_run_has_many_names(recorded, name, meaning):
    assert named(runs_of(recorded), name) == meaning


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2031", "2 runs begin with 2031"),
        ("last~2", "there is no run last~2"),
        ("20310101-00000l", "did you mean"),
        ("", "no run"),
    ],
)
def test_a_name_that_means_no_run_or_several(recorded, name, message):
    with pytest.raises(BadInput, match=message):
        named(runs_of(recorded), name)


def test_a_model_on_a_disk_says_itself_what_it_was_made_from(tmp_path):
    extra = tmp_path / "taxi" / "17" / "assets.extra"
    extra.mkdir(parents=True)
    (extra / "millrace.json").write_text('{"label": "y", "made_from": {"run": "20310101-000001"}}')
    assert about(str(tmp_path / "taxi")) == about(str(tmp_path / "taxi" / "17")) == {"run": "20310101-000001"}
    (extra / "millrace.json").write_text('{"label": "y"}')
    assert about(str(tmp_path / "taxi")) is None


def test_what_is_no_path_at_all_is_bad_input_and_what_a_model_says_too_deeply_is_nothing(recorded, tmp_path):
    with pytest.raises(BadInput, match="is no run"):
        meant(runs_of(recorded), "x" * 5000)
    assert about("x" * 5000) is None
    place = tmp_path / "model/assets.extra/millrace.json"
    place.parent.mkdir(parents=True)
    place.write_text("[" * 100_000)
    assert about(str(tmp_path / "model")) is None
    place.unlink()
    os.mkfifo(place)
    assert about(str(tmp_path / "model")) is None, "a pipe would be waited for"
