"""What the end of a run shows of its evaluation: every metric, what is suspicious, and the slices."""

import io
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2
from rich.console import Console

from millrace.base.outcomes import State
from millrace.cli.running.summary import print_record
from millrace.components.evaluator.gate_report import JSON_NAME, GateReport, MeasuredSlice, Row
from millrace.config.loading import load
from millrace.metadata.records import RunRecord, StageRecord
from millrace.training import training_record
from millrace.training.training_record import TrainingRecord

OVERALL = Row(metric="AUC", slice="overall", examples=500, value=1.0, threshold="at least 0.9", verdict="pass")
NIGHT = Row(metric="AUC", slice="hour=3", value=0.5, threshold="at least 0.9", verdict="fail", reason="AUC is 0.5")
SLICES = tuple(MeasuredSlice(slice=f"hour={hour}", examples=20, metrics={"auc": 0.5}) for hour in (3, 4, 5))


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def show(report: GateReport, *overrides: str) -> str:
        (tmp_path / JSON_NAME).write_text(report.model_dump_json())
        evaluation = metadata_store_pb2.Artifact(uri=str(tmp_path))
        stages = {
            "Evaluator": StageRecord("Evaluator", 1, State.DONE, 0, 1, "", {"evaluation": [evaluation]}),
            "Trainer": StageRecord("Trainer", 2, State.DONE, 0, 1, "", {"model_run": [evaluation]}),
        }
        text = io.StringIO()
        config = load("conf/taxi.yaml", overrides)
        print_record(config, RunRecord("1", stages), Console(file=text, width=400))
        return text.getvalue()

    monkeypatch.chdir(Path(__file__).parents[3])
    return show


def test_a_metric_of_exactly_one_is_shown_and_marked(shown: Any) -> None:
    text = shown(
        GateReport(
            blessed=True, reason="", metrics={"auc": 1.0, "binary_accuracy": 0.91234}, suspicious=("auc is 1.",),
            rows=(OVERALL,),
        )
    )  # fmt: skip
    assert "metrics:        auc 1  binary_accuracy 0.9123\n" in text
    assert "suspicious:     auc is 1.\n" in text


def test_slices_without_a_threshold_are_counted_with_the_file_that_lists_them(shown: Any, tmp_path: Path) -> None:
    text = shown(GateReport(blessed=True, reason="", rows=(OVERALL,), slices=SLICES))
    assert f"slices:         3 measured, 3 of them without a threshold; all are in {tmp_path}/gate_report.txt" in text


def test_what_failed_is_first_on_the_screen(shown: Any) -> None:
    text = shown(GateReport(blessed=False, reason="No.", rows=(OVERALL, NIGHT), slices=SLICES))
    table = [line.split() for line in text.splitlines() if line.startswith(("metric ", "AUC "))]
    heads = ["metric", "slice", "examples", "value", "baseline", "threshold"]
    assert table == [heads, ["AUC", "hour=3", "0.5", "at", "least", "0.9"]]
    assert "thresholds:     1 missed, 1 met, 0 not judged; all are in" in text
    assert "slices:         3 measured, 2 of them without a threshold\n" in text
    assert "hour=4" not in text


def test_a_run_says_where_the_split_that_judges_has_also_picked(shown: Any) -> None:
    report = GateReport(blessed=True, reason="", rows=(OVERALL,))
    assert "judged on" not in shown(report)
    assert "judged on:      eval, which also picked the best step" in shown(report, "data.splits={train: 2, eval: 1}")


def test_a_training_that_ended_while_it_improved_is_told(shown: Any, tmp_path: Path) -> None:
    report = GateReport(blessed=True, reason="", rows=(OVERALL,))
    assert "training:" not in shown(report)
    training_record.write(str(tmp_path), TrainingRecord(100, (), "ended while it still improved"))
    assert "training:       ended while it still improved\n" in shown(report)


def test_what_data_gate_warned_of_is_on_the_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning that stands in a file alone is silence to who runs."""
    from datetime import date

    from millrace.components.data_gate.findings import Finding
    from millrace.components.data_gate.gate import Verdict
    from millrace.components.data_gate.report import as_json

    fell = Finding(
        "", "train, eval", "ROWS_FELL", "as last blessed: 6,000 rows", "135 rows, 98% fewer", None, action="warn"
    )
    ignored = Finding("note", "train", "SCHEMA_NEW_COLUMN", "", "", action="ignore")
    (tmp_path / "report.json").write_text(as_json(Verdict((fell, ignored)), [], {}, date(2029, 6, 1)))
    report = metadata_store_pb2.Artifact(uri=str(tmp_path))
    monkeypatch.chdir(Path(__file__).parents[3])
    text = io.StringIO()
    run = RunRecord("1", {"DataGate": StageRecord("DataGate", 1, State.DONE, 0, 1, "", {"report": [report]})})
    print_record(load("conf/taxi.yaml", ()), run, Console(file=text, width=400))
    assert text.getvalue().splitlines() == [
        f"DataGate:       1 warning, in {tmp_path}/report.txt",
        "  train, eval: ROWS_FELL: as last blessed: 6,000 rows; seen: 135 rows, 98% fewer",
    ]
    (tmp_path / "report.json").unlink()
    text.truncate(0)
    print_record(load("conf/taxi.yaml", ()), run, Console(file=text, width=400))
    assert "DataGate" not in text.getvalue()


def test_the_reason_that_ended_a_run_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    blessing = metadata_store_pb2.Artifact(uri=str(tmp_path))
    blessing.custom_properties["blessed"].int_value = 0
    blessing.custom_properties["reason"].string_value = "AUC is 0.5."
    stages = {"Evaluator": StageRecord("Evaluator", 1, State.DONE, 0, 1, "", {"blessing": [blessing]})}
    config, said = load("conf/taxi.yaml"), []
    for ended_by in ("", "Evaluator"):
        text = io.StringIO()
        print_record(config, RunRecord("1", stages), Console(file=text, width=400), ended_by)
        said.append(text.getvalue())
    assert said == ["Evaluator:      not blessed; AUC is 0.5.\n", ""]


def test_how_many_examples_there_were_is_no_metric(shown: Any) -> None:
    text = shown(GateReport(blessed=True, reason="", metrics={"example_count": 2502.0, "auc": 0.9485}))
    assert "metrics:        auc 0.9485\n" in text
    assert "example_count" not in text


def test_a_trial_says_in_one_sentence_where_its_model_is_and_that_it_is_not_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    model = metadata_store_pb2.Artifact(uri=str(tmp_path))
    model.custom_properties["pushed"].int_value = 1
    model.custom_properties["pushed_destination"].string_value = str(tmp_path)
    run = RunRecord("1", {"Pusher": StageRecord("Pusher", 1, State.DONE, 0, 1, "", {"pushed_model": [model]})})
    config = load("conf/taxi.yaml")
    trial = config.model_copy(update={"push": config.push.model_copy(update={"trial": True})})
    lines = []
    for each in (config, trial):
        text = io.StringIO()
        print_record(each, run, Console(file=text, width=400), why_trial="it repeats run 7")
        lines += text.getvalue().splitlines()
    assert lines == [
        f"pushed to:      {tmp_path}",
        f"trial:          the model is in {tmp_path}, and is not served; --push serves it (it repeats run 7)",
    ]
