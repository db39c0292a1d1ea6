"""The report as a file and as a text, without TFMA."""

import json
import math

import pytest

from millrace.components.evaluator import gate_report
from millrace.components.evaluator.gate_report import GateReport, MeasuredSlice, Row

ROWS = (
    Row(metric="AUC", slice="overall", examples=4966, value=0.9412, interval=(0.93, 0.95), baseline=0.9,
        threshold="at least 0.92", verdict="pass"),
    Row(metric="AUC", slice="hour=3", examples=37, value=math.nan, threshold="at least 0.9", verdict="not judged",
        reason="slice of 37 examples is smaller than 100"),
    Row(metric="AUC", slice="hour=4", examples=37, value=1234567.0, threshold="at least 0.9", verdict="not judged",
        reason="slice of 37 examples is smaller than 100"),
)  # fmt: skip
REPORT = GateReport(blessed=True, reason="The one judged threshold is met.", examples=4966, rows=ROWS)


def test_json_is_standard_json_and_reads_back(tmp_path):
    path = tmp_path / gate_report.JSON_NAME
    path.write_text(REPORT.model_dump_json())
    strict = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert strict["rows"][1]["value"] == "NaN"
    for source in (path, tmp_path):
        read = gate_report.load(source)
        assert math.isnan(read.rows[1].value)
        assert read.rows[0] == ROWS[0]
        assert read.to_text() == REPORT.to_text()


def test_a_report_of_a_later_version_with_more_fields_is_read(tmp_path):
    told = json.loads(REPORT.model_dump_json()) | {"colour": "green"}
    (tmp_path / gate_report.JSON_NAME).write_text(json.dumps(told))
    assert gate_report.load(tmp_path).blessed


def test_no_report_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        gate_report.load(tmp_path)


def test_text_says_the_verdict_first_then_the_table_then_each_reason_once():
    lines = REPORT.to_text().splitlines()
    assert lines[0] == "BLESSED: The one judged threshold is met."
    assert lines[2].split() == ["metric", "slice", "examples", "value", "baseline", "threshold", "verdict"]
    assert "0.9412 [0.93, 0.95]" in lines[4]
    assert lines[5].split()[3] == "nan"
    assert lines[6].split()[3] == "1234567"
    assert lines[-1] == "not judged: slice of 37 examples is smaller than 100 (2 rows)"


def test_columns_line_up():
    lines = REPORT.to_text().splitlines()
    at = lines[2].index("threshold")
    assert {line[at - 2 : at] for line in lines[4:7]} == {"  "}
    assert [line[at:].split("  ")[0] for line in lines[4:7]] == ["at least 0.92", "at least 0.9", "at least 0.9"]


SLICES = tuple(
    MeasuredSlice(slice=f"payment={name}", examples=examples, metrics={"auc": 1.0 / examples, "example_count": 9.0})
    for name, examples in (("Cash", 4), ("Card", 8))
)


def test_what_failed_comes_first_whatever_the_order_of_the_configuration():
    failed = Row(metric="AUC", slice="hour=5", threshold="at least 0.9", verdict="fail", reason="AUC is 0.5")
    lines = REPORT.model_copy(update={"rows": (*ROWS, failed)}).to_text().splitlines()
    assert [line.split()[1] for line in lines[4:8]] == ["hour=5", "overall", "hour=3", "hour=4"]


def test_slices_that_no_threshold_names_are_listed_with_what_was_measured():
    judged = MeasuredSlice(slice="hour=3", examples=37, metrics={"auc": 0.7})
    report = REPORT.model_copy(update={"slices": (judged, *SLICES)})
    assert report.without_threshold() == SLICES
    lines = report.to_text().splitlines()
    at = lines.index("2 slices without a threshold:")
    assert [line.split() for line in lines[at + 1 :]] == [
        ["slice", "examples", "auc"],
        [lines[at + 2]],
        ["payment=Cash", "4", "0.25"],
        ["payment=Card", "8", "0.125"],
    ]
    assert report.to_text(every_slice=False).splitlines()[-1] == (
        "2 slices without a threshold; gate_report.txt lists what was measured there"
    )


def compared(lower=None, upper=None, chance=0.04, baseline=0.9):
    row = Row(metric="AUC", slice="overall", examples=625, value=0.91, baseline=baseline, threshold="-",
              limits=(lower, upper), chance=chance, verdict="pass")  # fmt: skip
    return REPORT.model_copy(update={"rows": (row,)}).to_text()


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        ({"lower": 0.9}, "50%"),  # no worse at all: heads or tails
        ({"lower": 0.88}, "16%"),  # worse by one standard error, which is half of what chance is
        ({"lower": 0.92}, "84%"),  # better by one
        ({"upper": 0.92}, "16%"),
        ({"upper": 0.88}, "84%"),
        ({}, "50%"),
        ({"lower": 0.863}, "3%"),
    ],
)
def test_how_often_a_threshold_refuses_a_model_that_is_as_good(limits, refused):
    assert f"refuses one that is as good in some {refused} of evaluations" in compared(**limits)


def test_what_chance_makes_is_said_without_a_share_where_it_seldom_refuses():
    note = "chance: AUC overall of two equally good models differs by up to 0.04 on 625 examples\n"
    assert compared(lower=0.86).endswith(note)
    assert compared(upper=0.94).endswith(note)


@pytest.mark.parametrize("missing", ["chance", "baseline"])
def test_without_a_baseline_nothing_is_said_of_chance(missing):
    assert "chance" not in compared(lower=0.9, **{missing: None})


def test_a_class_without_an_example_is_named_once_where_it_was_judged():
    rows = [
        Row(metric="macro", slice=name, threshold="-", verdict=verdict, classes=classes)
        for name, verdict, classes in (
            ("overall", "pass", (3, 0, 5, 0)),
            ("overall", "fail", (3, 0, 5, 0)),
            ("hour=3", "not judged", (0, 2, 1, 1)),
            ("hour=4", "pass", (1, 2, 1, 1)),
        )
    ]
    notes = [line for line in REPORT.model_copy(update={"rows": rows}).to_text().splitlines() if "left out" in line]
    assert notes == ["left out of macro overall: class 1, 3 (counted from 0), which has no example"]


def test_a_warning_of_the_baseline_is_not_the_reason_again():
    fall = "The latest blessed model does far worse on this data."
    assert f"warning: {fall}" in REPORT.model_copy(update={"baseline_fall": fall}).to_text()
    blocked = REPORT.model_copy(update={"baseline_fall": fall, "reason": fall, "blessed": False, "remedy": "look"})
    assert blocked.to_text().splitlines()[:2] == [f"NOT BLESSED: {fall}", "  remedy: look"]
    assert "warning" not in blocked.to_text()


def test_a_ranking_of_examples_of_one_class_is_a_dash_as_in_the_console():
    metrics = {"auc": 0.0, "binary_accuracy": 0.75}
    slices = (
        MeasuredSlice(slice="paid=No", examples=12, classes=(12, 0), metrics=metrics),
        MeasuredSlice(slice="paid=Yes", examples=12, classes=(6, 6), metrics=metrics),
    )
    lines = GateReport(blessed=True, reason="", slices=slices).to_text().splitlines()
    told = [line.split() for line in lines if line.startswith("paid=")]
    assert told == [["paid=No", "12", "-", "0.75"], ["paid=Yes", "12", "0", "0.75"]]
