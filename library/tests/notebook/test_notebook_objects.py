"""A project as objects: runs, data, evaluations and models as frames, and as what a notebook shows."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from looked_at_runs import LookedAtRuns
from tensorflow_metadata.proto.v0 import schema_pb2

import millrace
from millrace.base.errors import BadInput, Failure, SchemaError
from millrace.components.evaluator.gate_report import GateReport, MeasuredSlice, Row
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.notebook.opened import OpenProject

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = "company=<script>alert(1)</script>"
DAYS = {"fare": [4.5 + day % 40 for day in range(400)], "company": ["Flash", "Choice"] * 200}
ASKS = re.compile(r"<script|<link|<iframe|<form|<input|\bsrc=|url\(|@import|\bhx-|href=.[^#]")
CURVES = {"train": {"loss": [0.9, 0.5]}, "validation": {"loss": [0.8, 0.6]}}
TRIALS = [
    {"trial_id": "01", "score": 0.4, "model.dropout": 0.2},
    {"trial_id": "00", "score": 0.5, "model.dropout": 0.1},
]


def report(auc: float) -> GateReport:
    verdict = "pass" if auc >= 0.8 else "fail"
    given = {"metric": "AUC", "threshold": "at least 0.8", "limits": (0.8, None), "measured_as": "auc"}
    row = Row(slice="overall", value=auc, verdict=verdict, interval=(auc - 0.01, auc + 0.01), **given)
    slices = (MeasuredSlice(slice=SCRIPT, examples=90, metrics={"auc": auc - 0.2}),)
    metrics = {"auc": auc, "example_count": 400.0}
    return GateReport(blessed=auc >= 0.8, reason="why", examples=400, metrics=metrics, rows=(row,), slices=slices)


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> OpenProject:
    """Three runs: a blessed model, one that was tuned and failed on other data, and one that only read data."""
    root = tmp_path_factory.mktemp("objects") / "root"
    schema = schema_pb2.Schema(feature=[schema_pb2.Feature(name="fare", type=schema_pb2.FLOAT)])
    runs = LookedAtRuns(root)
    runs.add({"train": DAYS, "eval": DAYS}, schema, report(0.9), curves=CURVES, slices=[["company"]])
    later = {**DAYS, "fare": [one + 100 for one in DAYS["fare"]]}
    runs.add({"train": later, "eval": later}, schema, report(0.7), curves=CURVES, trials=TRIALS, span=2, exit_code=3)
    runs.add({"train": DAYS}, exit_code=1)
    return millrace.open_project(ROOT / "docs", "taxi", [f"root={root}"])


def test_to_import_it_costs_next_to_nothing_and_to_open_a_project_no_tensorflow(tmp_path):
    code = (
        "import sys, millrace; assert not any(name.startswith('millrace.') for name in sys.modules);"
        f"p = millrace.open_project({str(ROOT)!r}, 'taxi', ['root={tmp_path}']);"
        "assert len(p.runs) == 0 and 'No run of this pipeline' in p._repr_html_();"
        "heavy = {'tensorflow', 'tfx', 'apache_beam', 'pandas'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_runs_are_a_sequence_that_knows_the_names_that_commands_know(opened):
    runs = opened.runs
    assert [run.run_id for run in runs] == [run.run_id for run in runs[:]] and len(runs) == 3
    assert runs["last"].run_id == runs[-1].run_id == runs[runs[-1].run_id].run_id
    assert runs["last~2"].run_id == runs[0].run_id
    frame = runs.to_frame()
    assert list(frame["state"]) == ["done", "blocked", "failed"]
    assert frame["auc"].tolist()[:2] == [0.9, 0.7] and frame["auc"].isna().tolist() == [False, False, True]
    assert frame["started"].dtype.kind == "M"
    with pytest.raises(BadInput, match="there is no run nowhere"):
        runs["nowhere"]
    with pytest.raises(IndexError, match="there is no run"):
        runs[3]


def test_statistics_are_a_row_for_each_feature_and_split_the_oddest_first(opened):
    statistics = opened.runs[1].statistics
    assert statistics.compared_with == opened.runs[0].run_id and statistics.splits == {"train": 400, "eval": 400}
    assert repr(statistics).endswith("400 rows in train, 400 rows in eval>")
    frame = statistics.to_frame()
    fare = frame[(frame["feature"] == "fare") & (frame["split"] == "train")].iloc[0]
    assert frame["feature"].iloc[0] == next(iter(statistics)) == "company", "the schema does not describe it"
    assert (fare["minimum"], fare["maximum"]) == (104.5, 143.5) and fare["mean"] == pytest.approx(124.0)
    assert (fare["missing"], fare["median"]) == (0.0, pytest.approx(124.0, abs=1.0))
    assert (fare["state"], fare["moved"]) == ("moved", 1.0)
    assert opened.runs[1].statistics.over("none").compared_with == ""
    assert statistics.protos["train"].num_examples == 400


def test_a_slice_is_statistics_over_all_rows(opened):
    statistics = opened.runs[0].statistics
    assert statistics.slices["company_Flash"] == {"train": 200, "eval": 200} and len(statistics.slices) == 2
    flash = statistics.of_slice("company_Flash")
    assert "company_Flash" in repr(flash) and flash.splits == {"train": 200, "eval": 200}
    assert set(flash.to_frame()["rows"]) == {200} and flash.slices == statistics.slices
    assert list(flash["fare"].to_frame().columns) == ["train", "eval", "train of all rows", "eval of all rows"]
    assert "company_Flash" in flash._repr_html_() and "company_Flash" in flash["fare"]._repr_html_()
    with pytest.raises(SchemaError, match="did you mean company_Flash"):
        statistics.of_slice("company_Flas")
    assert opened.runs[1].statistics.slices == {}


def test_a_feature_is_its_shares_by_split(opened):
    statistics = opened.runs[0].statistics
    assert statistics["company"].to_frame()["train"].to_dict() == {"Choice": 0.5, "Flash": 0.5}
    bars = statistics["fare"].to_frame()
    assert isinstance(bars.index, pd.IntervalIndex) and bars["eval"].sum() == pytest.approx(1.0)
    with pytest.raises(BadInput, match="fare"):
        statistics["fares"]


def test_an_evaluation_is_a_row_for_each_metric_and_slice(opened):
    evaluation = opened.runs[1].evaluation
    frame = evaluation.to_frame().set_index(["metric", "slice"])
    overall = frame.loc[("AUC", "overall")]
    assert (overall["value"], overall["verdict"], overall["examples"]) == (0.7, "fail", 400)
    assert overall["high"] == pytest.approx(0.71) and frame.loc[("AUC", SCRIPT), "value"] == pytest.approx(0.5)
    assert evaluation.blessed is False and evaluation.metrics == {"AUC": 0.7}
    with pytest.raises(BadInput, match="AUCC was not measured"):
        evaluation.by_slice("AUCC")


def test_a_model_has_its_curves_and_trials(opened):
    model = opened.runs[1].model
    curves = model.curves()
    validation = curves[(curves["metric"] == "loss") & (curves["split"] == "validation")]
    assert validation["value"].tolist() == pytest.approx([0.8, 0.6])
    assert model.trials()["score"].tolist() == [0.4, 0.5] and "model.dropout" in model.trials()
    assert opened.runs[0].model.trials().empty


def test_two_runs_beside_each_other_are_what_differs(opened):
    compared = opened.runs[0].compare(opened.runs[1])
    frame = compared.to_frame()
    ids = [run.run_id for run in opened.runs][:2]
    assert frame.loc[("Metrics", "auc"), ids].tolist() == [0.9, 0.7]
    assert compared.distances().loc["fare", "distance"] > 0.9
    intervals = compared.intervals()
    ends = [f"{one} {end}" for one in ids for end in ("low", "high")]
    assert intervals.loc[("Metrics", "auc"), ends].tolist() == pytest.approx([0.89, 0.91, 0.69, 0.71])
    assert bool(intervals.loc[("Metrics", "auc"), "apart"])
    with pytest.raises(BadInput, match="1 runs cannot be compared"):
        opened.runs[0].compare(opened.runs[0])


def test_what_a_run_did_not_come_to_is_said_with_what_to_do(opened):
    failed = opened.runs["last"]
    for name in ("evaluation", "model"):
        with pytest.raises(BadInput, match=r"not evaluated|trained no model") as raised:
            getattr(failed, name)
        assert raised.value.remedy
        assert raised.value._render_traceback_()[0].startswith("BadInput: ")


def test_a_notebook_gets_what_the_console_shows_and_nothing_that_asks_or_runs(opened):
    run = opened.runs[1]
    shown = [opened, opened.runs, run, run.statistics, run.statistics["fare"], run.evaluation, run.model, run.lineage]
    shown += [opened.schema, run.compare(opened.runs[0])]
    for one in shown:
        html = one._repr_html_()
        assert html.startswith('<div class="millrace"><style>') and "Not shown" not in html, one
        assert not ASKS.search(html), one
        assert repr(one).startswith("<")
    assert "&lt;script&gt;" in run.evaluation._repr_html_()
    assert run.evaluation._repr_html_().count("<svg") > 2 and "series-1" in run.model._repr_html_()


def test_its_style_touches_nothing_else_of_the_notebook_and_follows_its_theme(opened):
    [style] = re.findall(r"<style>(.*?)</style>", opened.runs._repr_html_(), re.DOTALL)
    depth, outside = 0, []
    for part in re.findall(r"[^{}]+|[{}]", re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)):
        depth += {"{": 1, "}": -1}.get(part, 0)
        outside += [part.strip()] if depth == 0 and part.strip() not in ("", "}") else []
    assert all(".millrace" in selector for rule in outside for selector in rule.split(","))
    assert '[data-jp-theme-light="false"] .millrace' in style and "prefers-color-scheme" not in style


def test_what_is_gone_is_said_in_the_place_of_the_page(tmp_path):
    runs = LookedAtRuns(tmp_path / "root")
    runs.add({"train": DAYS})
    project = millrace.open_project(ROOT, "taxi", [f"root={tmp_path}/root"])
    statistics = project.runs["last"].statistics
    for file in (tmp_path / "root").glob("artifacts/StatisticsGen/*/*/*/FeatureStats.pb"):
        file.unlink()
    assert "statistics of this run are gone" in statistics._repr_html_()


def test_a_folder_without_a_project_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no Millrace project"):
        millrace.open_project(tmp_path)
    with pytest.raises(BadInput, match="nowhere"):
        millrace.open_project(ROOT, "nowhere")


def test_a_run_that_was_refused_before_its_first_stage_says_so_of_its_model(tmp_path):
    why = Failure("its files hold no rows", "data.path", "name a folder with rows", 2)
    with new_run(tmp_path / "root/logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as folder:
        folder.finish(2, why)
    [run] = millrace.open_project(ROOT, "taxi", [f"root={tmp_path}/root"]).runs
    with pytest.raises(BadInput, match=r"it ended before its first stage: .*its files hold no rows"):
        _ = run.model
