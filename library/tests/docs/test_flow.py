"""The picture of the flow is that of the graph: every stage once, gates as gates, what is optional as such."""

import re

from library.site import flow
from millrace.components import stage_ids

PAGE = flow.page()
BOXES = dict(
    zip(re.findall(r"<text[^>]*>(\w+)</text>", PAGE), re.findall(r'<rect class="((?!inner)[^"]+)"', PAGE), strict=True)
)


def test_every_stage_of_the_graph_has_a_box() -> None:
    # The Tuner stands for what may stand in its place; no service has a strategy that finds the span before; a base
    # model is there only where a training starts from the champion's weights.
    elsewhere = {stage_ids.PINNED_HYPERPARAMETERS, stage_ids.SPAN_BEFORE, stage_ids.BASE_MODEL}
    assert set(stage_ids.ALL) - elsewhere <= set(BOXES)
    assert {name for name, kind in BOXES.items() if "gate" in kind} == {"DataGate", "Evaluator", "InfraValidator"}
    assert BOXES["Tuner"] == "stage optional" and BOXES["Trainer"] == "stage"


def test_a_line_leads_from_each_stage_to_what_comes_right_after() -> None:
    assert "<title>DataGate then Transform: order only</title>" in PAGE
    assert "<title>Trainer then InfraValidator: model</title>" in PAGE
    assert "<title>ExampleGen then Transform" not in PAGE, "Transform comes after DataGate, which comes after it"


def test_the_table_says_what_each_stage_takes_and_makes() -> None:
    assert "| StatisticsGen | examples of ExampleGen | statistics |" in PAGE
    assert "| LatestBlessedModel |   | model_blessing, model |" in PAGE


def test_no_box_covers_another_or_leaves_the_picture() -> None:
    wide, high = (float(size) for size in re.search(r'viewBox="0 0 (\d+) (\d+)"', PAGE).groups())  # type: ignore[union-attr]
    boxes = re.findall(r'<rect class="(?!inner)[^"]+" x="(-?\d+)" y="(-?\d+)" width="(\d+)" height="(\d+)"', PAGE)
    places = [tuple(map(float, box)) for box in boxes]
    assert len(places) == len(BOXES)
    assert all(x >= 0 and x + w <= wide and y >= 0 and y + h <= high for x, y, w, h in places)
    for place, (x, y, w, h) in enumerate(places):
        assert not [one for one in places[place + 1 :] if abs(one[0] - x) < w and abs(one[1] - y) < h]
