"""What differs between two runs, from what they recorded and left behind."""

import json
import math
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from recorded_runs import RecordedRuns, four_stages
from rich.console import Console

from millrace.cli.output import echo_json
from millrace.cli.runs.diff import print_comparison
from millrace.comparison import run_comparison
from millrace.comparison.run_comparison import (
    CodeChange,
    DataChange,
    MetricChange,
    SliceOfOne,
    commits_between,
    compare,
    value_changes,
)
from millrace.components.evaluator.gate_report import JSON_NAME, GateReport, MeasuredSlice, Row
from millrace.config.loading import load
from millrace.metadata import provenance
from millrace.metadata.revision import Revision
from millrace.metadata.run_details import RunDetail, run_detail
from millrace.metadata.run_summaries import Runs
from millrace.project import project

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
    assert [one.why.partition(":")[0] for one in told.unknown[:2]] == [
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
            [("a.b", "{kind: numeric, scale: log}", "")],
        ),
        (
            {"t": [{"m": "AUC", "at_least": 0.9}]},
            {"t": [{"m": "AUC", "at_least": 0.8}]},
            [("t.0.at_least", "0.9", "0.8")],
        ),
        (
            {"t": [{"m": "AUC", "least": 0.9, "most": None}, {"m": "F1", "least": None, "most": 1}]},
            {"t": [{"m": "AUC", "least": 0.8, "most": None}]},
            [("t.0.least", "0.9", "0.8"), ("t.1", "{m: F1, most: 1}", "")],
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


def test_what_is_gone_or_broken_is_told_and_stops_nothing(recorded):
    for number in (1, 2):
        judged(recorded, f"20310101-00000{number}", auc=0.9, cash=0.5, spread=0.01, least=1.0)
    before, after = (detail(recorded, f"20310101-00000{number}") for number in (1, 2))
    schema = Path(after.output("CuratedSchema", "schema").path)
    report = Path(after.gate_report) / JSON_NAME
    report.write_text("{")
    (schema / "schema.pbtxt").write_text("feature {")
    unknown = [one.why for one in compare(before, detail(recorded, "20310101-000002")).unknown]
    [broken] = [sentence for sentence in unknown if sentence.startswith("metrics of 20310101-000002: ")]
    assert str(report) in broken and "cannot be read" in broken
    assert any(sentence.startswith("schema: ") for sentence in unknown)
    assert "distances of the data: the statistics of one of the runs are gone, or it came to none" in unknown
    shutil.rmtree(schema)
    report.unlink()
    after = detail(recorded, "20310101-000002")
    told = compare(before, after)
    assert "schema of 20310101-000002: its file is gone" in [one.why for one in told.unknown]
    gone = f"the files of the evaluation are gone from {report.parent}"
    assert f"metrics of 20310101-000002: {gone}" in [one.why for one in told.unknown]
    assert told.metrics == () and told.schema == ()


def test_a_run_that_came_to_nothing_is_compared_as_far_as_it_goes(recorded):
    judged(recorded, "20310101-000001", auc=0.9, cash=0.5, spread=0.01, least=1.0)
    recorded.begin("20310101-000002", exit_code=2)
    recorded.stage("20310101-000002", "StatisticsGen", {}, {"statistics": "ExampleStatistics"})
    told = compare(detail(recorded, "20310101-000001"), detail(recorded, "20310101-000002"))
    assert "schema of 20310101-000002: it came to none" in [one.why for one in told.unknown]
    assert "data of 20310101-000002: it read none" in [one.why for one in told.unknown]
    assert told.data is None and told.metrics == ()
    times = {one.stage: (one.before, one.after) for one in told.seconds}
    assert times["Trainer"][0] is not None and times["Trainer"][1] is None
    assert times["StatisticsGen"][0] is None and times["StatisticsGen"][1] is not None


@pytest.mark.parametrize("which", [0, 1])
def test_data_of_which_one_run_has_no_statistics_is_not_measured_and_not_called_the_same(recorded, which):
    for number in (1, 2):
        recorded.begin(f"20310101-00000{number}")
        recorded.stage(f"20310101-00000{number}", "ExampleGen", {}, {"examples": "Examples"})
        if number == which + 1:
            recorded.stage(f"20310101-00000{number}", "StatisticsGen", {}, {"statistics": "ExampleStatistics"})
    told = compare(detail(recorded, "20310101-000001"), detail(recorded, "20310101-000002"))
    assert not told.compared("distances") and told.compared("data")
    assert "distances of the data: the statistics of one of the runs are gone, or it came to none" in [
        one.why for one in told.unknown
    ]


def test_a_slice_has_its_own_values_and_counts_are_no_metrics(recorded):
    judged(recorded, "20310101-000001", auc=0.90, cash=0.5, spread=0.01, least=1.0)
    judged(recorded, "20310101-000002", auc=0.90, cash=0.6, spread=0.01, least=1.0)
    told = compare(detail(recorded, "20310101-000001"), detail(recorded, "20310101-000002"))
    assert [(one.slice, one.metric, one.before, one.after) for one in told.metrics] == [
        ("payment_type=Cash", "auc", 0.5, 0.6)
    ]
    assert told.metrics[0].apart is None and told.schema == ()
    assert compare(detail(recorded, "20310101-000001"), detail(recorded, "20310101-000001")).metrics == ()


def evaluated(
    recorded: RecordedRuns, run_id: str, examples: int, slices: dict[str, tuple[float, int]], spread: float = 0.0
) -> RunDetail:
    """A run whose model was measured on some examples, and on slices of them, with intervals where they spread."""
    recorded.begin(run_id)
    four_stages(recorded, run_id)
    evaluation = recorded.stage(run_id, "Evaluator", {}, {"evaluation": "ModelEvaluation"})["evaluation"]
    of_slices = tuple(
        MeasuredSlice(
            slice=name,
            examples=count,
            metrics={"calibration": value},
            intervals={"calibration": (value - spread, value + spread)} if spread else {},
        )
        for name, (value, count) in slices.items()
    )
    metrics = {"auc": examples / 1000, "example_count": examples}
    report = GateReport(blessed=True, reason="", metrics=metrics, rows=(), slices=of_slices)
    (Path(evaluation.uri) / JSON_NAME).write_text(report.model_dump_json())
    return detail(recorded, run_id)


def test_what_is_no_number_in_both_is_the_same(recorded, capsys):
    """Of a run and its cached copy was told: calibration nan nan +nan; and the JSON was none."""
    runs = [
        evaluated(recorded, f"20310101-00000{number}", 990, {"type=No Charge": (math.nan, 12)}) for number in (1, 2)
    ]
    assert compare(*runs).metrics == ()
    other = evaluated(recorded, "20310101-000003", 990, {"type=No Charge": (0.5, 12)})
    [change] = compare(runs[0], other).metrics
    assert math.isnan(change.before) and change.after == 0.5
    echo_json(compare(runs[0], other))
    [read] = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["metrics"]
    assert read["before"] == "nan"


def test_metrics_of_other_rows_are_told_with_how_many_and_few_rows_come_last(recorded, capsys):
    """A slice of four rows stood on top, and one that only one run has was not told."""
    before = {"city=Bern": (1.0, 400), "city=Thun": (11.7, 4)}
    after = {"city=Bern": (1.2, 200), "city=Thun": (1.8, 6), "city=Basel": (1.0, 99)}
    told = compare(
        evaluated(recorded, "20310101-000001", 990, before), evaluated(recorded, "20310101-000002", 522, after)
    )
    assert [(one.slice, one.examples_before, one.examples_after) for one in told.metrics] == [
        ("overall", 990, 522), ("city=Bern", 400, 200), ("city=Thun", 4, 6),
    ]  # fmt: skip
    assert told.slices == (SliceOfOne("city=Basel", "20310101-000002", 99),)
    other_rows = replace(told, data=DataChange((), ()))
    print_comparison(other_rows, Console(width=80, highlight=False))
    shown = capsys.readouterr().out
    assert "metrics, on other rows: 990 examples before, 522 after" in shown
    assert shown.index("city=Bern") < shown.index("city=Thun") and "4 -> 6" in shown
    assert "only 20310101-000002 has: city=Basel (99)" in shown and "evaluation.confidence_intervals" in shown


def test_what_both_recorded_is_compared_by_configuration_versions_and_data(recorded):
    for number, epochs in ((1, 2), (2, 3)):
        folder = recorded.begin(f"20310101-00000{number}")
        config = load("conf/taxi.yaml", [f"root={recorded.root}", f"training.epochs={epochs}"])
        provenance.record(folder, config, ())
        examples = recorded.stage(folder.name, "ExampleGen", {}, {"examples": "Examples"})["examples"]
        recorded.note(examples, span=number, input_fingerprint="num_files:1")
    before, after = (detail(recorded, f"20310101-00000{number}") for number in (1, 2))
    newer = replace(after.provenance, versions={**after.provenance.versions, "tfx": "9.9"})
    told = compare(before, replace(after, provenance=newer))
    assert [(one.key, one.before, one.after) for one in told.configuration] == [("training.epochs", "2", "3")]
    assert [(one.key, one.after) for one in told.versions] == [("tfx", '"9.9"')]
    assert [(one.key, one.before, one.after) for one in told.data.facts] == [("span", "1", "2")]
    assert told.data.columns == ()
    half = compare(replace(before, provenance=None), after)
    assert half.configuration == half.versions == () and half.code is None


def test_the_commits_between_are_those_of_the_projects_folder(tmp_path, monkeypatch):
    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    git("init", "-q", ".")
    commits = []
    for place in ("shop/a.py", "shop/b.py", "beside/c.py", "shop/d.py"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("")
        git("add", ".")
        git("commit", "-qm", f"Add {place}")
        commits.append(git("rev-parse", "HEAD").strip())

    def between(before, after):
        return [line.partition(" ")[2] for line in commits_between(CodeChange(before, after, (), False))]

    monkeypatch.setattr(project, "entered", lambda: project.Project(tmp_path / "shop"))
    assert between(commits[0], commits[3]) == ["Add shop/d.py", "Add shop/b.py"]
    assert between(commits[1], commits[1]) == between("", commits[1]) == between(commits[1], "") == []
    assert between("0" * 40, commits[1]) == []
    monkeypatch.setattr(project, "entered", lambda: None)
    assert between(commits[0], commits[3]) == []


def test_code_that_ran_with_changes_of_no_commit_says_so():
    def of(commit, clean, **code):
        return provenance.Provenance(revision=Revision(commit=commit, clean=clean), code=code)

    for old, new, uncommitted in ((True, True, False), (True, False, True), (False, True, True)):
        change = run_comparison._code(of("a", old, x="1"), of("b", new, x="1"))
        assert (change.before, change.after, change.files, change.uncommitted) == ("a", "b", (), uncommitted)
    change = run_comparison._code(provenance.Provenance(code={"x": "1"}), provenance.Provenance(code={"y": "1"}))
    assert (change.before, change.files, change.uncommitted) == ("", ("x", "y"), False)


def test_a_long_value_is_shown_by_its_beginning():
    [one] = value_changes({"q": "a" * 300}, {"q": "b" * 198})
    assert one.before == '"' + "a" * 199 + "..." and one.after == '"' + "b" * 198 + '"'


def test_a_slice_without_a_threshold_has_its_interval_too(recorded):
    """Intervals were looked for among the judged rows alone: nothing else was ever marked as no chance."""
    runs = [
        evaluated(recorded, f"20310101-00000{number}", 990, {"a=1": (value, 400)}, spread=0.1)
        for number, value in ((1, 0.5), (2, 1.0))
    ]
    [change] = compare(*runs).metrics
    assert (change.slice, change.metric) == ("a=1", "calibration")
    assert (change.interval_before, change.apart) == ((0.4, 0.6), True)


def test_a_metric_that_got_a_threshold_is_the_one_that_had_none(recorded):
    judged(recorded, "20310101-000001", auc=0.90, cash=0.5, spread=0.01, least=1.0)
    before = evaluated(recorded, "20310101-000002", 800, {})
    changes = compare(before, detail(recorded, "20310101-000001")).metrics
    assert [(one.slice, one.metric, one.before, one.after) for one in changes] == [("overall", "auc", 0.8, 0.9)]


def test_what_was_not_compared_is_not_told_as_the_same(recorded, capsys):
    """The command asked how a sentence begins: one that was worded anew became "the same"."""
    judged(recorded, "20310101-000001", auc=0.9, cash=0.5, spread=0.01, least=1.0)
    recorded.begin("20310101-000002", exit_code=2)
    recorded.stage("20310101-000002", "StatisticsGen", {}, {"statistics": "ExampleStatistics"})
    told = compare(detail(recorded, "20310101-000001"), detail(recorded, "20310101-000002"))
    assert {one.kind for one in told.unknown} == {"configuration", "schema", "data", "metrics"}
    reworded = replace(told, unknown=tuple(replace(one, why="in other words") for one in told.unknown))
    print_comparison(reworded, Console(width=80, highlight=False))
    shown = capsys.readouterr().out
    assert "the same" not in shown and shown.count("not compared: in other words") == len(told.unknown)


def test_a_key_without_a_value_is_no_change_from_a_release_that_did_not_have_it():
    """`environment: nothing -> ""` stood in each diff across two releases."""
    later = {"seed": 7, "environment": "", "drift": {"false_alarm_rate": None}, "log_days": 30.0, "on": False}
    told = {change.key: change.after for change in value_changes({"seed": 7}, later)}
    assert told == {"log_days": "30.0", "on": "false"}
    assert [*value_changes({"label": ""}, {"label": "x"})], "a value that was given is one"
