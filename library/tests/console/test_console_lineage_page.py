"""The lineage of a run and of an artifact: what they come from, what was made of them, what there is not."""

import shutil
from pathlib import Path

import pytest
from past_runs import GRAPH, NOW

from millrace.console.page import NotFound, PageRequest
from millrace.console.pages.lineage import LineageView, _facts
from millrace.console.pages.lineage import view as lineage_view
from millrace.metadata.lineage import LineageNode
from millrace.metadata.run_summaries import run_summaries


def shown(config, kind: str, name: str) -> LineageView:
    return lineage_view(PageRequest(config, NOW, {"kind": kind, "id": name}))


def of_first_run(config) -> LineageView:
    return shown(config, "run", run_summaries(config)[0].run_id)


def artifact(config, kind: str) -> str:
    """The number of the first run's artifact of a type."""
    rows = (*of_first_run(config).start, *of_first_run(config).made_from)
    return next(str(one.node.id) for one in rows if one.node.type == kind)


def test_a_run_leads_from_its_pushed_model_up_to_the_examples(four):
    view = of_first_run(four)
    assert [one.node.type for one in view.start] == ["PushedModel"] and view.made_of_it == ()
    assert {one.node.stage for one in view.made_from} == set(GRAPH) - {"Pusher"}
    steps = [one.steps for one in view.made_from]
    assert steps == sorted(steps) and view.made_from[-1].steps > 1


def test_an_answer_is_yes_or_no_in_words(four):
    facts = of_first_run(four).start[0].facts
    assert (facts["pushed"], facts["served"]) == ("yes", "yes")


def test_an_artifact_leads_up_and_down(four):
    view = shown(four, "artifact", artifact(four, "Model"))
    assert {"TransformGraph", "Examples"} <= {one.node.type for one in view.made_from}
    assert {one.node.type for one in view.made_of_it} == {"ModelEvaluation", "PushedModel"}
    assert len(view.drawn) == len(view.upstream) == 1 + len(view.made_from) + len(view.made_of_it)


def test_what_is_gone_is_told(past, config, console):
    shutil.rmtree(Path(config.root) / "artifacts" / "Trainer")
    running = console(config)
    answer = running.ask(f"/lineage/artifact/{artifact(config, 'Model')}")
    assert answer.status == 200 and ">gone</b>" in answer.text and running.faults == []


@pytest.mark.parametrize(
    "kind, name",
    [("artifact", "999"), ("artifact", "-1"), ("artifact", "1x"), ("artifact", "٣"), ("run", "last~9"), ("path", "1")]
    + [("run", place) for place in ("/etc/passwd", "..", "nothing", "")],
)
def test_nothing_is_found_by_a_name_that_is_no_run_and_no_number(four, kind, name):
    with pytest.raises(NotFound, match="there is no run" if kind == "run" else "no artifact of taxi is called that"):
        shown(four, kind, name)


def test_a_run_that_made_nothing_has_no_lineage(four):
    with pytest.raises(NotFound, match="is called that"):
        shown(four, "run", run_summaries(four)[3].run_id)


def test_before_the_first_run_there_is_none(config):
    with pytest.raises(NotFound, match="is called that"):
        shown(config, "artifact", "1")


def test_it_is_a_page_a_table_and_a_section(four, console):
    running, run_id = console(four), run_summaries(four)[0].run_id
    page = running.ask(f"/lineage/run/{run_id}")
    assert page.status == 200 and page.text.count('class="node ') == len(GRAPH)
    assert "made from" in running.ask(f"/lineage/run/{run_id}?format=csv").text
    assert running.ask(f"/lineage/run/{run_id}?format=json").json["start"][0]["node"]["type"] == "PushedModel"
    assert running.faults == []


def test_what_is_known_of_an_artifact_is_said_in_words_and_not_as_python_writes_it():
    facts = {"training": {"steps": 500, "early": None, "units": [64, 32]}}
    told = _facts(LineageNode(1, "Model", "/m/1", True, "Trainer", "model", "r", facts))
    assert told == {"training": "steps 500, units 64, 32"}
