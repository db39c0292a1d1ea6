"""What differs between two runs, from what they recorded and left behind."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from recorded_runs import RecordedRuns, four_stages

from millrace.comparison.run_comparison import MetricChange, compare, value_changes
from millrace.components.evaluator.gate_report import JSON_NAME, GateReport, MeasuredSlice, Row
from millrace.config.loading import load
from millrace.metadata import provenance
from millrace.metadata.run_details import RunDetail, run_detail
from millrace.metadata.run_summaries import Runs

SCHEMA = 'feature {{ name: "fare" type: FLOAT presence {{ min_fraction: {least} }} }}\n'


@pytest.fixture
def recorded(tmp_path) -> RecordedRuns:
    return RecordedRuns(tmp_path / "taxi")


def detail(recorded: RecordedRuns, run_id: str) -> RunDetail:
    told = run_detail(Runs(load("conf/taxi.yaml", [f"root={recorded.root}"])), run_id, now=0.0)
    assert told is not None
    return told


def judged(recorded: RecordedRuns, run_id: str, auc: float, cash: float, spread: float, least: float) -> None:
    """A run with a schema and an evaluation."""
    recorded.begin(run_id)
    schema = recorded.stage(run_id, "CuratedSchema", {}, {"schema": "Schema"})["schema"]
    (Path(schema.uri) / "file").unlink()
    (Path(schema.uri) / "schema.pbtxt").write_text(SCHEMA.format(least=least))
    four_stages(recorded, run_id)
    evaluation = recorded.stage(run_id, "Evaluator", {}, {"evaluation": "ModelEvaluation"})["evaluation"]
    row = Row(
        metric="AUC", slice="overall", value=auc, interval=(auc - spread, auc + spread), threshold="t", verdict="pass"
    )
    report = GateReport(
        blessed=True,
        reason="",
        metrics={"auc": auc, "example_count": auc},
        rows=(row,),
        slices=(MeasuredSlice(slice="payment_type=Cash", metrics={"auc": cash}),),
    )
    (Path(evaluation.uri) / JSON_NAME).write_text(report.model_dump_json())


def test_metrics_schema_and_data_of_two_runs(recorded):
    judged(recorded, "20310101-000001", auc=0.90, cash=0.5, spread=0.01, least=1.0)
    judged(recorded, "20310101-000002", auc=0.95, cash=0.5, spread=0.01, least=0.8)
    told = compare(detail(recorded, "20310101-000001"), detail(recorded, "20310101-000002"))
    json.dumps(asdict(told))
    [overall] = told.metrics
    assert (overall.slice, overall.metric, overall.before, overall.after) == ("overall", "auc", 0.90, 0.95)
    assert overall.apart is True
    assert told.schema == ("fare: in every row becomes in at least 80% of rows",) or "fare" in told.schema[0]
    assert told.code is None and told.configuration == ()
    assert [sentence.partition(":")[0] for sentence in told.unknown[:2]] == [
        "configuration and code of 20310101-000001",
        "configuration and code of 20310101-000002",
    ]


def test_nothing_differs_where_everything_came_from_the_cache(recorded):
    recorded.begin("20310101-000001")
    made = four_stages(recorded, "20310101-000001")
    recorded.begin("20310101-000002")
    four_stages(recorded, "20310101-000002", made)
    told = compare(detail(recorded, "20310101-000001"), detail(recorded, "20310101-000002"))
    assert told.data is None and told.metrics == () and told.schema == ()
    assert {one.after for one in told.seconds} == {None}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("a.b", "1", "2")]),
        (
            {"a": {"b": {"kind": "numeric", "scale": "log"}}},
            {"a": {}},
            [("a.b", '{"kind": "numeric", "scale": "log"}', "")],
        ),
        (
            {"t": [{"m": "AUC", "at_least": 0.9}]},
            {"t": [{"m": "AUC", "at_least": 0.8}]},
            [("t.0.at_least", "0.9", "0.8")],
        ),
        ({"t": [1]}, {"t": [1, 2]}, [("t", "[1]", "[1, 2]")]),
        ({"t": None}, {"t": False}, [("t", "", "false")]),
        ({"t": 1}, {"t": 1.0}, []),
    ],
)
def test_a_value_is_named_by_its_key(before, after, told):
    assert [(one.key, one.before, one.after) for one in value_changes(before, after)] == told


def test_code_is_compared_by_commit_and_by_file(recorded):
    for number in (1, 2):
        folder = recorded.begin(f"20310101-00000{number}")
        provenance.record(folder, load("conf/taxi.yaml", [f"root={recorded.root}"]), ())
        four_stages(recorded, folder.name)
    before, after = (detail(recorded, f"20310101-00000{number}") for number in (1, 2))
    assert compare(before, after).code is None
    edited = replace(after.provenance, code={**after.provenance.code, "models/trainer.py": "another"})
    code = compare(before, replace(after, provenance=edited)).code
    assert code is not None and code.files == ("models/trainer.py",)


@pytest.mark.parametrize(
    ("before", "after", "apart"),
    [
        ((0.1, 0.2), (0.3, 0.4), True),
        ((0.3, 0.4), (0.1, 0.2), True),
        ((0.1, 0.3), (0.2, 0.4), False),
        (None, (0, 1), None),
    ],
)
def test_intervals_say_whether_it_may_be_chance(before, after, apart):
    assert MetricChange("overall", "auc", 0.1, 0.2, before, after).apart is apart
