"""Data in a browser: the odd first, over the data before it, whatever its features are called."""

import math
import re
import shutil
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest
from looked_at_runs import LookedAtRuns, statistics_of

from millrace.components.data_gate.findings import Finding
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.console.page import Hit, Page, PageRequest
from millrace.console.pages.search import page
from millrace.metadata import records
from millrace.schema import native
from millrace.statistics.columns import of_all_rows

ODD_NAMES = ["<script>alert(1)</script>", "x" * 200, "اسم الحقل", "a\x1b[31mred", "a/b?c=d&e#f", 'quote" onload="x']


def table(rows: int, cheap: float) -> dict:
    """A fare whose cheap share moves, a way to pay, and the odd names."""
    few = round(rows * cheap)
    return {
        "fare": [5.0] * few + [50.0] * (rows - few),
        "payment": ["Cash", "Card"] * (rows // 2),
        "thin": [1.0, None] * (rows // 2),
        "nan": [math.nan] * rows,
        **{name: ["<b>", "\x1b[2J"] * (rows // 2) for name in ODD_NAMES},
    }


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory) -> Config:
    """Two runs of two spans: the second has another fare, and a way to pay that the schema does not know."""
    root = tmp_path_factory.mktemp("data") / "root"
    runs = LookedAtRuns(root)
    first = table(200, 0.5)
    schema = native.infer(of_all_rows(statistics_of(first)))
    runs.add({"train": first, "eval": table(100, 0.5), "test": {"fare": []}}, schema, span=1)
    second = {**table(200, 0.1), "payment": ["Cash", "Cheque"] * 100}
    runs.add({"train": second, "eval": table(100, 0.1)}, schema, span=2, exit_code=3)
    return load("conf/taxi.yaml", [f"root={root}"])


@pytest.fixture
def asked(pipeline, console):
    return console(pipeline)


def names(text: str) -> list[str]:
    return re.findall(r'<th scope="row" class="key name"><a href="[^"]*">([^<]*)</a>', text)


def test_the_latest_data_is_shown_with_what_stops_a_run_first(asked):
    answer = asked.ask("/data/latest")
    assert answer.status == 200 and names(answer.text)[0] == "payment"
    assert "ENUM_TYPE_UNEXPECTED_STRING_VALUES" in answer.text and "Cheque" in answer.text
    [finding, *_] = asked.ask("/data/latest?format=json").json["rows"][0]["row"]["findings"]
    told = f"; expected: {finding['expected']} "
    assert finding["expected"] and escape(told, quote=True) in answer.text, "beside what it was judged, as elsewhere"
    rows = {one["row"]["name"]: one["row"] for one in asked.ask("/data/latest?format=json").json["rows"]}
    assert 0.3 <= rows["fare"]["distance"]["value"] <= 0.4, "over the run before it"
    assert not rows["fare"]["distance"]["is_chance"] and rows["payment"]["findings"]
    assert asked.faults == []


@pytest.mark.parametrize("where, status", [("1", 200), ("2", 200), ("3", 404), ("../../etc/passwd", 404)])
def test_a_span_is_an_address(asked, where, status):
    answer = asked.ask(f"/data/{quote(where, safe='')}")
    assert answer.status == status
    if status == 200:
        assert f"span {where}" in answer.text


def test_it_can_be_compared_with_its_own_splits_and_with_any_run(asked):
    alone = asked.ask("/data/2?against=none&format=json").json
    assert alone["compared_with"] == "" and all(
        one["row"]["name"] != "fare" or one["before"] == [] for one in alone["rows"]
    )
    first = asked.ask("/data/1?format=json").json
    assert first["compared_with"] == "", "nothing is before it"
    other = asked.ask(f"/data/1?against={alone['source']['run_id']}&format=json").json
    assert other["compared_with"] == alone["source"]["run_id"]
    assert asked.ask("/data/2?against=nobody").status == 404


@pytest.mark.parametrize(
    "sort, first",
    [("-missing", "nan"), ("-moved", "payment"), ("name", "<script>alert(1)</script>"), ("-odd", "payment")],
)
def test_features_are_sorted_by_any_column(asked, sort, first):
    page = asked.ask(f"/data/2?sort={sort}&format=json").json
    assert page["rows"][0]["row"]["name"] == first
    assert 'aria-sort="' in asked.ask(f"/data/2?sort={sort}").text


def test_features_are_filtered_by_what_stands_in_the_address(asked):
    assert names(asked.ask("/data/2?q=far").text) == ["fare"]
    assert names(asked.ask("/data/2?state=blocked").text)[0] == "payment"
    assert "No feature is like that" in asked.ask("/data/2?q=zzz").text
    csv = asked.ask("/data/2?q=fare&format=csv").text.splitlines()
    assert csv[0].startswith("feature,kind,state") and csv[1].startswith("fare,number,")


@pytest.mark.parametrize("name", ["fare", "payment", "thin", "nan", *ODD_NAMES])
def test_any_feature_is_a_page_and_nothing_of_it_is_markup(asked, name):
    answer = asked.ask(f"/data/2/{quote(name, safe='')}")
    assert answer.status == 200 and asked.faults == []
    assert "<script>alert" not in answer.text and "\x1b" not in answer.text and "<b>&" not in answer.text
    assert 'onload="x' not in answer.text and " style=" not in answer.text
    assert asked.ask(f"/data/2/{quote(name, safe='')}?format=json").json["feature"]["row"]["name"] == name


def test_a_feature_that_is_not_there_has_a_near_one(asked):
    answer = asked.ask("/data/2/fair")
    assert answer.status == 404 and "did you mean fare?" in answer.text


def test_what_is_called_that_is_found_before_what_only_speaks_of_it():
    """The feature `fare` came behind fifty settings whose values name it."""
    settings = Page("/a", "A", "", view=None, search=lambda *_: [Hit("setting", f"model.fare.{n}", "/") for n in "ab"])
    features = Page("/b", "B", "", view=None, search=lambda *_: [Hit("feature", n, "/") for n in ("Fare_in", "fare")])
    found = page((settings, features)).view(PageRequest(None, 0.0, {}, {"q": "Fare"}))
    assert [hit.name for hit in found.hits] == ["fare", "Fare_in", "model.fare.a", "model.fare.b"]


def test_search_finds_features(asked):
    hits = asked.ask("/search?q=pay&format=json").text
    assert "payment" in hits and "feature" in hits


def test_before_the_first_run_the_page_says_what_to_do(config, console):
    answer = console(config).ask("/data/latest")
    assert answer.status == 200 and "No run has read data yet." in answer.text and "millrace run" in answer.text


def test_statistics_that_are_gone_are_said_to_be(pipeline, console, tmp_path):
    shutil.copytree(pipeline.root, tmp_path / "root")
    shutil.rmtree(tmp_path / "root/artifacts/StatisticsGen")
    gone = console(load("conf/taxi.yaml", [f"root={tmp_path}/root"]))
    for folder in Path(pipeline.root, "artifacts/StatisticsGen/statistics").iterdir():
        shutil.move(folder, tmp_path / folder.name)
    try:
        assert "gone from this machine" in gone.ask("/data/latest").text
        answer = gone.ask("/data/2")
        assert answer.status == 404 and "the statistics of this run are gone" in answer.text
    finally:
        for folder in Path(tmp_path).glob("2*"):
            shutil.move(folder, Path(pipeline.root, "artifacts/StatisticsGen/statistics", folder.name))


def test_of_many_features_the_rows_in_view_come_first(tmp_path, console):
    root = tmp_path / "root"
    wide = {f"feature {number:03}": [float(number), 1.0] for number in range(130)}
    LookedAtRuns(root).add({"train": wide})
    asked = console(load("conf/taxi.yaml", [f"root={root}"]))
    first = asked.ask("/data/latest").text
    assert len(names(first)) == 40 and "90 more" in first and 'hx-trigger="revealed"' in first
    rest = [name for after in (40, 80, 120) for name in names(asked.ask(f"/data/latest?after={after}").text)]
    assert len({*names(first), *rest}) == 130


def test_of_many_runs_only_the_newest_are_read(tmp_path, console, monkeypatch):
    runs = LookedAtRuns(tmp_path / "root")
    oldest, *_ = [runs.add({"train": {"x": [1.0]}} if number in (0, 29) else {}) for number in range(30)]
    asked = console(load("conf/taxi.yaml", [f"root={tmp_path}/root"]))
    read, run = [], records.run
    monkeypatch.setattr(records, "run", lambda *given: read.append(given[2]) or run(*given))
    assert asked.ask("/data/latest").status == 200
    assert len(set(read)) <= 21 and oldest not in read
    assert asked.ask(f"/data/{oldest}").status == 200, "any other has its own address"


def test_a_column_that_is_all_but_empty_is_named_though_nothing_forbids_it(tmp_path, console):
    runs = LookedAtRuns(tmp_path / "root")
    rare = {"fare": [5.0, 6.0] * 200, "tract": [1.0] + [None] * 399}
    schema = native.infer(of_all_rows(statistics_of(rare)))
    for feature in schema.feature:
        feature.presence.Clear()
    runs.add({"train": rare, "eval": rare, "test": rare}, schema)
    page = console(load("conf/taxi.yaml", [f"root={tmp_path}/root"])).ask("/data/latest?format=json").json
    assert page["headline"].endswith("Nearly every row lacks tract, which the schema allows.")


def test_a_runs_page_says_what_its_data_gate_said_and_not_what_another_look_would(tmp_path, console):
    """A run on the data of the run before, which DataGate compared with older, blessed data."""
    runs = LookedAtRuns(tmp_path / "root")
    old = {"pay": ["Cash", "Card"] * 200}
    new = {"pay": ["Basel", "Card"] * 200}
    schema = native.infer(of_all_rows(statistics_of({"pay": ["Cash", "Card", "Basel"] * 200})))
    warned = Finding("pay", "train", "CATEGORY_MOVED", "as last blessed", "'Basel' in 50 %", 200, "WARNING", "warn")
    blessed = runs.add({"train": old, "eval": old, "test": old}, schema)
    runs.add({"train": new, "eval": new, "test": new}, schema)
    runs.add({"train": new, "eval": new, "test": new}, schema, said=[warned], blessed=blessed)
    page = console(load("conf/taxi.yaml", [f"root={tmp_path}/root"])).ask("/data/latest?format=json").json
    assert page["states"] == {"warned": 1} and page["compared_with"] == blessed
    assert page["rows"][0]["row"]["findings"][0]["seen"] == "'Basel' in 50 %"
    assert not page["rows"][0]["row"]["distance"]["is_chance"]


def test_what_depends_on_the_choice_is_exchanged_with_the_table(asked):
    text = asked.ask("/data/latest").text
    [parts] = re.findall(r'hx-select-oob="([^"]*)"', text)
    assert all(f'id="{part.strip("#")}"' in text for part in parts.split(","))
