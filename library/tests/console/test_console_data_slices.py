"""Slices of the data in a browser: listed with what lies apart in each, and each over all rows, whatever its name."""

import re

import pytest
from looked_at_runs import LookedAtRuns

from millrace.config.config import Config
from millrace.config.loading import load

ODD = "<script>alert(1)</script>&x=1"


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory) -> Config:
    """A run whose slices are ways to pay, of which one has a name that means harm."""
    root = tmp_path_factory.mktemp("slices") / "root"
    places = range(400)
    table = {
        "pay": [("Cash", "Cash", ODD, "Card")[place % 4] for place in places],
        "tip": [float(place % 7) if place % 4 == 3 else 0.0 for place in places],
        "colour": [("red", "blue")[place // 4 % 2] for place in places],
    }
    LookedAtRuns(root).add({"train": table, "eval": table}, slices=[["pay"]])
    return load("conf/taxi.yaml", [f"root={root}"])


@pytest.fixture
def asked(pipeline, console):
    return console(pipeline)


def test_the_page_lists_the_slices_with_what_lies_apart_in_each(asked):
    page = asked.ask("/data/latest?format=json").json
    assert [one["name"] for one in page["slices"]] == ["pay_Cash", "pay_" + ODD, "pay_Card"]
    [card] = [one for one in page["slices"] if one["name"] == "pay_Card"]
    assert card["rows"] == {"eval": 100, "train": 100} and card["share"] == 0.25
    assert (card["apart"], card["furthest"]["name"]) == (1, "tip")
    text = asked.ask("/data/latest").text
    assert "<h2>Slices</h2>" in text and "slice=pay_Card" in text and "<script>alert" not in text
    assert asked.faults == []


def test_a_slice_is_looked_at_over_all_rows(asked):
    page = asked.ask("/data/latest?slice=pay_Card&format=json").json
    assert (page["slice"], page["behind"], page["splits"]) == ("pay_Card", "of all rows", {"train": 100, "eval": 100})
    assert page["rows"][0]["row"]["name"] == "tip" and not page["rows"][0]["row"]["distance"]["is_chance"]
    assert page["headline"].startswith("In the 200 rows of this slice 1 of 3 features lies apart")
    text = asked.ask("/data/latest?slice=pay_Card").text
    assert re.search(r'href="/data/[^"]+/tip\?slice=pay_Card"', text), "what a feature leads to is of the slice too"
    feature = asked.ask("/data/latest/tip?slice=pay_Card")
    assert "in all rows" in feature.text and "train of all rows" in feature.text
    assert asked.faults == []


def test_the_name_of_a_slice_is_text_wherever_it_stands(asked):
    from urllib.parse import urlencode

    for place in ("/data/latest", "/data/latest/tip"):
        answer = asked.ask(f"{place}?{urlencode({'slice': 'pay_' + ODD})}")
        assert answer.status == 200 and "<script>alert" not in answer.text
    answer = asked.ask("/data/latest?slice=pay_Cart")
    assert answer.status == 404 and "did you mean pay_Card?" in answer.text
