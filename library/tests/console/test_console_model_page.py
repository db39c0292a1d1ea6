"""Models in a browser: what failed first, every slice, the worst of them, curves, trials, and one beside another."""

import json
import math
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from looked_at_runs import LookedAtRuns

from millrace.components.evaluator.gate_report import Folds, GateReport, MeasuredSlice, Row
from millrace.components.evaluator.prediction_summary import summarize, with_decisions
from millrace.components.judges import JUDGES
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.console.pages.models import _scale
from millrace.metadata.evaluations import MeasuredMetric, SliceMetric

SCRIPT = "company=<script>alert(1)</script>\x1b[31m"
CURVES = {
    "train": {"loss": [0.9, 0.5, math.nan], "auc": [0.6, 0.7, 0.8]},
    "validation": {"loss": [0.8, 0.6, 0.55], "auc": [0.6, 0.65, 0.7]},
}
TRIALS = [
    {"trial_id": "01", "score": 0.4, "model.dropout": 0.2},
    {"trial_id": "00", "score": 0.5, "model.dropout": 0.1, "tuner/epochs": 2},
]


def report(auc: float, blessed: bool) -> GateReport:
    """Forty slices, of which one is far worse, one has nothing to measure and one a name that means harm."""
    slices = [
        MeasuredSlice(
            slice=f"hour={hour}", examples=500, metrics={"auc": auc + hour / 1000}, intervals={"auc": (0.8, 1.0)}
        )
        for hour in range(37)
    ]
    slices += [
        MeasuredSlice(slice="hour=worst", examples=2_000, metrics={"auc": 0.51}),
        MeasuredSlice(slice="empty", examples=0, metrics={"auc": math.nan}),
        MeasuredSlice(slice=SCRIPT, examples=3, metrics={"auc": 1.0}),
    ]
    verdict = "pass" if blessed else "fail"
    given = {"metric": "AUC", "threshold": "at least 0.8", "limits": (0.8, None), "measured_as": "auc"}
    folds = Folds(
        count=10, value=auc - 0.02, interval=(auc - 0.2, auc), threshold="at least 0.8", inside=True, learned_rows=80,
        rows=100, seconds=12.0,
    )  # fmt: skip
    rows = [Row(slice="overall", value=auc, verdict=verdict, reason="" if blessed else "too low", folds=folds, **given)]
    rows.append(Row(slice="hour=1", value=auc, verdict="not judged", reason="too small", **given))
    by_slice = {"metric": "calibration", "threshold": "at most 1.2", "measured_as": "calibration", "value": 1.0}
    judged = {"hour=1": "pass", "hour=2": "pass", "hour=3": "not judged"}
    rows += [Row(slice=name, verdict=word, **by_slice) for name, word in judged.items()]
    metrics = {"auc": auc, "calibration": 1.0, "example_count": 9_000.0}
    why = "All thresholds are met." if blessed else "1 of 2 thresholds is missed."
    return GateReport(
        blessed=blessed, reason=why, examples=9_000, metrics=metrics, rows=tuple(rows), slices=tuple(slices)
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Config, list[str]]:
    """A blessed model of two classes, and one that was tuned and not blessed, of one class."""
    root = tmp_path_factory.mktemp("models") / "root"
    runs = LookedAtRuns(root)
    random = np.random.default_rng(1)
    probabilities = random.uniform(0, 1, (400, 1))
    judged = (random.uniform(0, 1, (400, 1)) < probabilities).astype(float), probabilities
    two = with_decisions(summarize(*judged), *[(*judged, None)] * 2, "eval")
    one = summarize(np.ones((10, 1)), np.full((10, 1), 0.9))
    ids = [
        runs.add({}, gate=report(0.9, True), predictions=two, curves=CURVES),
        runs.add({}, gate=report(0.7, False), predictions=one, curves=CURVES, trials=TRIALS),
        runs.add({}, gate=report(0.8, True)),
    ]
    return load("conf/taxi.yaml", [f"root={root}"]), ids


@pytest.fixture
def asked(made, console):
    return console(made[0])


def test_every_evaluated_model_is_a_row_with_its_verdict(asked, made):
    page = asked.ask("/models?format=json").json
    assert [(one["run"]["run_id"], one["verdict"]) for one in page["rows"]] == [
        (made[1][2], "blessed"),
        (made[1][1], "not blessed"),
        (made[1][0], "blessed"),
    ]
    assert page["history"] == {"AUC": [0.9, 0.7, 0.8]}, "the newest last"
    text = asked.ask("/models").text
    assert text.count('role="img"') >= 4 and asked.faults == []
    assert asked.ask("/models?format=csv").text.splitlines()[0] == "run,verdict,version,AUC,why"


def test_a_model_has_its_reason_every_slice_and_the_worst_without_being_asked(asked, made):
    answer = asked.ask(f"/models/{made[1][1]}")
    assert answer.status == 200 and "1 of 2 thresholds is missed." in answer.text
    assert JUDGES[0].remedy in answer.text, "as millrace runs show advises"
    assert JUDGES[0].remedy not in asked.ask(f"/models/{made[1][0]}").text, "of a blessed one there is nothing to do"
    page = asked.ask(f"/models/{made[1][1]}?format=json").json
    assert page["metric"]["name"] == "AUC" and len(page["slices"]) == 40
    assert [one["slice"] for one in page["metric"]["worst"]] == ["hour=worst"]
    assert page["slices"][0]["slice"] == "hour=worst", "the worst first"
    assert 0.45 < page["scale"][0] < 0.51 and page["scale"][1] < 1.021
    for drawn in ("AUC on hour=1", "95 % interval 0.8 to 1", "at least 0.8 is asked for", "not judged"):
        assert drawn in answer.text
    assert "<script>alert" not in answer.text and "\x1b" not in answer.text and " style=" not in answer.text
    assert asked.ask(f"/models/{made[1][1]}?metric=calibration").status == 200
    slices = asked.ask(f"/models/{made[1][1]}?format=csv").text.splitlines()
    assert slices[0].startswith("metric,slice,examples,value") and len(slices) == 42


def test_a_model_has_what_its_folds_probabilities_and_decisions_say(asked, made):
    text = asked.ask(f"/models/{made[1][0]}").text
    assert "Folds: 10 models that were trained as this one, each on 80 rows, are scored on the 100 rows of" in text
    assert "AUC 0.88 [0.7, 0.9]; at least 0.8 lies inside, which so few rows do not settle." in text
    said = asked.ask(f"/models/{made[1][0]}?format=json").json["said"]
    assert [title for title, _ in said] == ["calibration", "threshold", "threshold"]
    assert all(sentence in text for _, sentence in said)
    assert "the best F1 on eval" in said[1][1] and said[1][1].startswith("1 above 0."), "by the class's name"
    assert asked.ask(f"/models/{made[1][2]}?format=json").json["said"] == []


@pytest.mark.parametrize("sort, first", [("-value", SCRIPT), ("-examples", "hour=worst"), ("slice", SCRIPT)])
def test_slices_are_sorted_by_any_column(asked, made, sort, first):
    page = asked.ask(f"/models/{made[1][1]}?sort={sort}&format=json").json
    assert page["slices"][0]["slice"] == first and len(page["slices"]) == 40
    assert page["slices"][-1]["slice"] == "empty" or sort != "-value", "what has no value comes last"


def test_predictions_curves_and_trials_are_drawn(asked, made):
    text = asked.ask(f"/models/{made[1][1]}").text
    titles = re.findall(r"<title>([^<]*)</title>", text)
    assert any(title.startswith("Confusion: 10 of 10 examples") for title in titles)
    assert any(title.startswith("Calibration: ") for title in titles)
    assert "loss: validation ends at 0.55; train ends at 0.5" in titles, "NaN leaves a gap"
    assert any(title.startswith("score of trial 01: 0.4") for title in titles)
    assert re.findall(r'<th scope="row" class="key">(\d\d)</th>', text) == ["01", "00"]
    assert f"tensorboard --logdir {made[0].root}" in text and "tuner/epochs" not in text


def test_two_models_are_side_by_side(asked, made):
    page = asked.ask(f"/models/{made[1][1]}?against={made[1][0]}&format=json").json
    assert ["AUC", 0.7, 0.9] in page["differs"]
    by_slice = {one["slice"]: one["baseline"] for one in page["slices"]}
    assert by_slice["hour=5"] == pytest.approx(0.905)
    assert [name for name, _ in page["curves"][0]["series"]] == ["validation", "train", "validation, other"]
    assert asked.ask(f"/models/{made[1][1]}?against={made[1][0]}").status == 200
    assert asked.ask(f"/models/{made[1][1]}?against=nobody").status == 404


def test_a_model_is_beside_one_whose_metric_had_no_threshold(tmp_path, console):
    """The metric stood there twice, each time of one model alone."""
    runs = LookedAtRuns(tmp_path / "root")
    without = report(0.8, True).model_copy(update={"rows": ()})
    ids = [runs.add({}, gate=without), runs.add({}, gate=report(0.9, True))]
    config = load("conf/taxi.yaml", [f"root={tmp_path}/root"])
    page = console(config).ask(f"/models/{ids[1]}?against={ids[0]}&format=json").json
    assert page["differs"][0] == ["AUC", 0.9, 0.8] and [name for name, *_ in page["differs"]] == ["AUC", "calibration"]
    assert {one["slice"]: one["baseline"] for one in page["slices"]}["hour=5"] == pytest.approx(0.805)


def test_what_an_earlier_release_did_not_keep_is_said_to_be_missing(asked, made):
    text = asked.ask(f"/models/{made[1][2]}").text
    assert "were not kept by this evaluation" in text and "Training</h2>" not in text


def test_a_report_that_is_gone_or_damaged_is_a_state_of_the_page(made, console, tmp_path):
    config, ids = made
    folder = f"{config.root}/artifacts/Evaluator/evaluation/{ids[2]}"
    shutil.move(folder, tmp_path / "kept")
    try:
        text = console(config).ask(f"/models/{ids[2]}").text
        assert "the files of the evaluation are gone" in text
        shutil.copytree(tmp_path / "kept", folder)
        with open(f"{folder}/gate_report.json", "w") as file:
            json.dump({"blessed": "perhaps"}, file)
        assert "cannot be read" in console(config).ask(f"/models/{ids[2]}").text
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(tmp_path / "kept", folder)


def test_before_the_first_evaluation_the_page_says_what_to_do(config, console):
    answer = console(config).ask("/models")
    assert "No run has evaluated a model yet." in answer.text and "millrace run" in answer.text
    assert console(config).ask("/models/nobody").status == 404


def test_of_few_rows_the_scale_makes_room_for_the_larger_half_of_the_slices():
    """Only one slice had a hundred examples, and ten of eleven lay beyond the scale as arrows."""
    small = [SliceMetric(f"ward={n}", 20 - n, 0.3 + n / 20) for n in range(10)]
    slices = [SliceMetric("sex=f", 120, 0.56), *small]
    metric = MeasuredMetric("AUC", "auc", "higher", SliceMetric("overall", 200, 0.57), tuple(slices), ())
    low, high = _scale(metric, slices)
    within = [one for one in slices if low <= one.value <= high]
    assert set(slices[:6]) <= set(within) and slices[9] not in within, "the largest, and half of all"
    many = [replace(one, examples=200) for one in small[:6]]
    low, high = _scale(metric, [*many, *small[6:]])
    assert high < small[9].value, "where most have enough rows, those of a few make no room"


def test_slices_that_the_gate_left_are_not_counted_among_those_that_passed(asked, made):
    text = asked.ask(f"/models/{made[1][0]}").text
    assert re.search(r">pass</span>\s*<span class=\"note\">2 slices, 1 not judged</span>", text)
