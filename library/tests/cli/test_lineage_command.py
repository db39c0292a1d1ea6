"""`millrace lineage`: a tree that tells each thing once, a picture for any viewer, a model that answers for itself."""

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from recorded_runs import RecordedRuns, four_stages
from rich.console import Console

from millrace.cli.runs.lineage import lineage_command, print_lineage
from millrace.metadata.lineage import Lineage, LineageEdge, LineageNode

RUN = "20310101-000001"


@pytest.fixture
def recorded(tmp_path) -> RecordedRuns:
    recorded = RecordedRuns(tmp_path / "taxi")
    recorded.begin(RUN)
    pushed = four_stages(recorded, RUN)["Pusher"]["pushed_model"]
    folder = recorded.root / "serving" / "taxi" / "17"
    folder.mkdir(parents=True)
    recorded.note(pushed, pushed=1, pushed_destination=str(folder), pushed_version="17")
    return recorded


def asked(recorded: RecordedRuns, *arguments: str) -> str:
    answer = CliRunner().invoke(lineage_command, [*arguments, "--set", f"root={recorded.root}"], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_the_tree_leads_from_a_served_folder_to_the_rows_and_tells_each_once(recorded):
    lines = asked(recorded, str(recorded.root / "serving" / "taxi"), "--up").splitlines()
    assert lines[0].startswith("PushedModel  ")
    [rows] = [line for line in lines if "Examples" in line and "told above" not in line]
    assert "ExampleGen/examples/" in rows
    assert sum("told above" in line for line in lines) == 1


def test_on_a_terminal_prose_folds_at_its_width_and_only_a_longer_path_goes_beyond():
    """A path of 90 letters made the tree as wide, and the terminal broke words: "mixed_" and "precision"."""
    path, digest = "/runs/" + "a" * 90, "3528" * 16
    facts = {"trained with": "steps 500, mixed_precision no, " * 8, "digest": digest}
    nodes = (
        LineageNode(1, "Model", path, True, "Trainer", "model", "r1", facts),
        LineageNode(2, "Schema", "/runs/schema/1", True, "CuratedSchema", "schema", "r2", facts),
    )
    graph = Lineage((1,), nodes, (LineageEdge(2, 1, "schema"),))
    stream = io.StringIO()
    print_lineage(graph, "up", Console(file=stream, width=80, force_terminal=True, color_system=None))
    lines = stream.getvalue().splitlines()
    assert [line.split()[-1] for line in lines if len(line) > 80] == [path]
    words = stream.getvalue().split()
    assert words.count(digest) == 2 and words.count("mixed_precision") == 16
    assert sum(line.startswith("    ") for line in lines) > 3, "what is folded keeps its indent"


def test_what_nothing_was_made_of_says_so(recorded):
    assert asked(recorded, "17", "--down").startswith("nothing was made of it: ")


def test_a_trial_is_not_called_served(recorded):
    assert "served: yes" in asked(recorded, "17")
    pushed = next(
        node for node in json.loads(asked(recorded, "17", "--json"))["nodes"] if node["type"] == "PushedModel"
    )
    [artifact] = recorded.store.get_artifacts_by_id([pushed["id"]])
    folder = recorded.root / "trials" / "taxi" / "17"
    folder.mkdir(parents=True)
    recorded.note(artifact, pushed_destination=str(folder))
    assert "served: no" in asked(recorded, "17")


def test_as_json_it_is_a_graph(recorded):
    graph = json.loads(asked(recorded, RUN, "--json"))
    assert len(graph["nodes"]) == 4 and {edge["key"] for edge in graph["edges"]} == {
        "examples",
        "model",
        "model_blessing",
    }


def test_as_a_picture_it_needs_nothing_else(recorded, tmp_path):
    place = tmp_path / "lineage.svg"
    assert "4 artifacts" in asked(recorded, "last", "--svg", str(place))
    text = place.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and "href" not in text
    assert sum(one.tag.endswith("rect") for one in root.iter()) == 4


def test_a_model_from_elsewhere_says_itself_what_it_was_made_from(recorded, tmp_path):
    about = tmp_path / "copied" / "17" / "assets.extra" / "millrace.json"
    about.parent.mkdir(parents=True)
    about.write_text(json.dumps({"made_from": {"run": "2030\x1b[2J", "span": 7}}))
    told = asked(recorded, str(Path(tmp_path / "copied")))
    assert "span: 7" in told and "\x1b" not in told


def test_what_was_not_pushed_says_so(recorded):
    assert "pushed: " not in asked(recorded, "last")
    refused = "20310101-000009"
    recorded.begin(refused)
    recorded.note(four_stages(recorded, refused)["Pusher"]["pushed_model"], pushed=0)
    assert "pushed: no" in asked(recorded, refused)
