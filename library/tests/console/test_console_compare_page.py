"""Runs beside each other: what differs, in order; what was tried against what it scored; and what a page costs."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest
from past_runs import NOW, PastRuns, report

from millrace.base.outcomes import State
from millrace.components.evaluator.gate_report import GateReport, MeasuredSlice, Row
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.console.drawing import scatter
from millrace.console.page import GoTo, NotFound, Page, PageRequest, address
from millrace.console.pages import PAGES
from millrace.console.pages.compare import PlottedRun
from millrace.console.pages.compare import view as compare
from millrace.metadata import records
from millrace.metadata.provenance import DataFiles, Provenance
from millrace.metadata.run_summaries import run_summaries


def write_provenance(config, run_id: str, **values: object) -> None:
    (Path(config.root) / "logs" / run_id / "provenance.json").write_text(json.dumps(asdict(Provenance(**values))))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Taxi's configuration, with the root of three runs that are only looked at."""
    return load("conf/taxi.yaml", [f"root={tmp_path_factory.mktemp('tried') / 'root'}"])


@pytest.fixture(scope="module")
def tried(config) -> list[str]:
    """Three runs with other steps, one of them on other data."""
    past, ids = PastRuns(Path(config.root)), []
    for steps, auc, bytes_ in ((100, 0.90, 10), (300, 0.93, 10), (1000, 0.91, 99)):
        run_id = past.add(gate=report(auc), started=NOW - 5000 + steps)
        configuration = {"training": {"steps": steps, "seed": 1}, "model": {"kind": f"<i>{steps}</i>"}}
        data = DataFiles(digest=f"d{bytes_}", count=1, bytes=bytes_)
        write_provenance(config, run_id, configuration=configuration, data=data, versions={"tfx": "1.16.0"})
        ids.append(run_id)
    return ids


def groups(config, ids) -> dict[str, dict[str, tuple]]:
    shown = compare(PageRequest(config, NOW, {}, {"runs": ",".join(ids)}))
    return {group.title: {one.name: one.values for one in group.rows} for group in shown.groups}


def test_two_runs_differ_in_what_was_set_what_they_were_made_from_and_what_they_scored(config, tried):
    differing = groups(config, [tried[0], tried[2]])
    assert differing["Configuration"] == {
        "training.steps": ("100", "1000"),
        "model.kind": ("<i>100</i>", "<i>1000</i>"),
    }
    assert differing["Made from"] == {"data: digest": ("d10", "d99"), "data: bytes": ("10", "99")}
    assert differing["Metrics"] == {"auc": (0.90, 0.91)} and "Code" not in differing


def test_what_is_the_same_is_a_count(config, tried):
    shown = compare(PageRequest(config, NOW, {}, {"runs": f"{tried[0]}\n{tried[1]}"}))
    same = {group.title: group.same for group in shown.groups}
    assert same["Configuration"] == 1 and same["Made from"] == 3 and same["Stack and machine"] == 1
    [metric] = [one for group in shown.groups if group.title == "Metrics" for one in group.rows]
    assert metric.change == pytest.approx(0.03)


def test_runs_that_were_ticked_stand_from_the_earlier_to_the_later(config, tried):
    """Lists have the newest first, and so what became worse stood there as a gain."""
    goes = compare(PageRequest(config, NOW, {}, {"runs": f"{tried[2]}\n{tried[0]}"}))
    assert goes == GoTo(address("compare", runs=f"{tried[0]},{tried[2]}"))
    typed = compare(PageRequest(config, NOW, {}, {"runs": f"{tried[2]},{tried[0]}"}))
    assert [one.run.run_id for one in typed.runs] == [tried[2], tried[0]], "who types an order means it"


def test_runs_that_wrote_nothing_down_are_compared_by_what_is_known(four):
    ids = [run.run_id for run in run_summaries(four)]
    differing = groups(four, [ids[0], ids[1]])
    assert differing["Outcome"]["state"] == ("done", "blocked") and "Configuration" not in differing


def test_a_run_that_is_not_there_is_not_compared(config, tried):
    with pytest.raises(NotFound, match="there is no run nothing of taxi"):
        compare(PageRequest(config, NOW, {}, {"runs": f"{tried[0]},nothing"}))


def test_many_runs_have_the_settings_that_differ_as_columns(config, tried):
    shown = compare(PageRequest(config, NOW, {}, {"sort": "-AUC"}))
    assert set(shown.settings) == {"training.steps", "model.kind"} and shown.metrics == ("AUC",)
    assert [one.run.run.run_id for one in shown.many] == [tried[1], tried[2], tried[0]]
    assert (shown.x, shown.y) == ("training.steps", "AUC")
    assert shown.axes == ("training.steps", "AUC", "seconds")
    assert {(one.x, one.y) for one in shown.points} == {(100, 0.90), (300, 0.93), (1000, 0.91)}
    other = compare(PageRequest(config, NOW, {}, {"x": "AUC", "y": "seconds"}))
    assert (other.x, other.y, len(other.points)) == ("AUC", "seconds", 3)


def test_both_views_are_pages_and_tables(config, tried, console):
    running = console(config)
    for path in ("/compare", f"/compare?runs={tried[0]}&runs={tried[1]}"):
        page = running.ask(path)
        assert page.status == 200 and "<i>100" not in page.text and "&lt;i&gt;100" in page.text, path
        table = running.ask(f"{path}{'&' if '?' in path else '?'}format=csv").text
        assert tried[0] in table and "training.steps" in table
    assert running.ask(f"/compare?runs={tried[0]},{tried[1]}&format=json").json["runs"][0]["run"]["run_id"] == tried[0]
    assert running.faults == []


@pytest.mark.parametrize(
    "values", [[], [(1.0, 1.0)], [(1.0, 0.0), (1.0, 0.0)], [(1e-4, 0.9), (1e-1, -0.9)], [(-5.0, 1e9), (5.0, -1e9)]]
)
def test_a_scatter_of_any_numbers_lies_in_its_frame(values):
    points = [PlottedRun(f"r{at}", "done", x, y) for at, (x, y) in enumerate(values)]
    picture = str(scatter(points, "<b>x</b>", "y"))
    places = [float(part.split('"')[1]) for part in picture.split("<circle")[1:] for part in part.split("c")[2:4]]
    assert picture.count("<circle") == len(values) and "<b>" not in picture
    assert all(0 <= place <= 640 for place in places) and "nan" not in picture


class CountingStore:
    """Counts what is asked of a store."""

    def __init__(self, store) -> None:
        self.store, self.asked = store, 0

    def __getattr__(self, name: str):
        self.asked += 1
        return getattr(self.store, name)


def test_a_page_asks_the_store_no_more_when_there_are_more_runs(tmp_path, monkeypatch):
    config = load("conf/taxi.yaml", [f"root={tmp_path}/root"])
    past = PastRuns(Path(config.root))
    run_id = past.add(gate=report(0.9), started=NOW)
    pages = [page for page in PAGES if page.address in ("/", "/runs", "/compare", "/runs/{run}")]
    first = {page.address: queries(page, config, run_id, monkeypatch) for page in pages}
    for number in range(9):
        past.add(gate=report(0.9), started=NOW + number)
    for page in pages:
        assert queries(page, config, run_id, monkeypatch) <= first[page.address], page.address


def queries(page: Page, config, run_id: str, monkeypatch) -> int:
    """How often a view asks ML Metadata, once the summaries of runs that have ended are kept."""
    run_summaries(config)
    opened: list[CountingStore] = []
    open_store = records.open_store

    def counting(of_config):
        opened.append(CountingStore(open_store(of_config)))
        return opened[-1]

    with monkeypatch.context() as patch:
        patch.setattr(records, "open_store", counting)
        page.view(PageRequest(config, NOW, {"run": run_id}))
    return sum(store.asked for store in opened)


def test_of_what_only_one_run_has_a_count_is_enough(tmp_path):
    config, past = load("conf/taxi.yaml", [f"root={tmp_path}/root"]), PastRuns(tmp_path / "root")
    many = GateReport(blessed=True, reason="", metrics={f"m{place}": 0.1 for place in range(9)}, rows=())
    measured = past.add(gate=many, started=NOW)
    failed = past.add({"ExampleGen": State.FAILED}, 1, started=NOW + 10)
    shown = compare(PageRequest(config, NOW, {}, {"runs": f"{measured},{failed}"}))
    lacking = {group.title: group.lacking for group in shown.groups}
    assert lacking["Metrics"] == (failed,) and lacking["Outcome"] == ()


def test_a_metric_that_no_axis_holds_is_not_drawn_and_ends_nothing(tmp_path):
    config, past = load("conf/taxi.yaml", [f"root={tmp_path}/root"]), PastRuns(tmp_path / "root")
    for place, value in enumerate((0.9, math.inf, 1e308, 5e-324, math.nan, 0.8)):
        past.add(gate=report(value), started=NOW + place)
    shown = compare(PageRequest(config, NOW, {}, {"y": "AUC", "x": "seconds"}))
    assert sorted(one.y for one in shown.points) == [0.8, 0.9]
    assert "<circle" in scatter(shown.points, shown.x, shown.y)


def test_every_slice_is_compared_where_no_threshold_names_one(tmp_path):
    """The first of them was taken for the whole, and left out."""
    config, past = load("conf/taxi.yaml", [f"root={tmp_path}/root"]), PastRuns(tmp_path / "root")
    ids = []
    for place, auc in enumerate((0.8, 0.9)):
        slices = tuple(MeasuredSlice(slice=f"a={at}", metrics={"auc": auc - at / 100}) for at in (1, 2))
        gate = GateReport(blessed=True, reason="", metrics={"auc": auc}, slices=slices)
        ids.append(past.add(gate=gate, started=NOW + place))
    assert groups(config, ids)["Slices"] == {"a=1: auc": (0.79, 0.89), "a=2: auc": (0.78, 0.88)}


def test_what_is_no_number_in_both_runs_does_not_differ(tmp_path):
    config, past = load("conf/taxi.yaml", [f"root={tmp_path}/root"]), PastRuns(tmp_path / "root")
    ids = [past.add(gate=report(value), started=NOW + place) for place, value in enumerate((math.nan, math.nan, 0.9))]
    assert "Metrics" not in groups(config, ids[:2]) or not groups(config, ids[:2])["Metrics"]
    assert list(groups(config, ids)["Metrics"]) == ["auc"]


def test_what_is_a_number_in_one_run_alone_is_no_axis(tmp_path):
    past = PastRuns(tmp_path / "root")
    shared = load("conf/taxi.yaml", [f"root={past.root}"])
    for place, span in enumerate((None, None, 3)):
        run_id = past.add(gate=report(0.9 + place / 100), started=NOW - 5000 + place)
        write_provenance(shared, run_id, configuration={"data": {"span": span}})
    shown = compare(PageRequest(shared, NOW, {}, {}))
    assert "data.span" in shown.settings and "data.span" not in shown.axes and len(shown.points) == 3


def test_what_a_gate_left_is_marked(tmp_path, console):
    made = PastRuns(tmp_path / "root")
    given = {"metric": "AUC", "threshold": "at least 0.8", "measured_as": "auc", "slice": "hour=1"}
    ids = []
    for value in (0.8, 0.9):
        rows = (Row(verdict="not judged", value=value, reason="too small", **given),)
        slices = tuple(MeasuredSlice(slice=f"hour={hour}", metrics={"auc": value}) for hour in (1, 2))
        ids.append(made.add(gate=report(value).model_copy(update={"rows": rows, "slices": slices})))
    config = load("conf/taxi.yaml", [f"root={tmp_path}/root"])
    shown = compare(PageRequest(config, NOW, {}, {"runs": ",".join(ids)}))
    marks = {one.name: one.unjudged for group in shown.groups for one in group.rows if group.title == "Slices"}
    assert marks == {"hour=1: auc": True, "hour=2: auc": False}
    assert "~ a gate did not judge it" in console(config).ask(f"/compare?runs={','.join(ids)}").text
