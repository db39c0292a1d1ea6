"""The table of `millrace runs`: ids stay whole and a reason is a sentence, on a narrow terminal and in a pipe."""

import dataclasses
import io
import json
import subprocess
import sys

from click.testing import CliRunner
from past_runs import PastRuns, four_runs, refused_by_data
from rich.console import Console

from millrace.base.errors import BadInput, Failure
from millrace.base.numbers import seconds
from millrace.base.outcomes import State
from millrace.cli.main import millrace
from millrace.cli.runs.diff import print_comparison
from millrace.cli.runs.runs import print_runs
from millrace.cli.runs.show import print_detail
from millrace.comparison.run_comparison import RunComparison
from millrace.components.evaluator.gate_report import Folds, GateReport, MeasuredSlice, Row
from millrace.config.loading import load
from millrace.metadata.evaluations import metrics_of
from millrace.metadata.run_details import OutputDetail, RunDetail, StageDetail
from millrace.metadata.run_summaries import RunSummary, run_summaries

WHY = "Trainer: the loss is not a number from the third epoch on, and " + "the learning rate may be too high " * 6
METRICS = {"auc": 0.95, "binary_accuracy": 0.89}


def run(run_id: str, state: str, pushed_to: str = "", reason: str = "") -> RunSummary:
    return RunSummary(
        run_id, State(state), "2031-01-01T00:00:00", 12.5, METRICS, METRICS, None, None, pushed_to, False, reason
    )


RUNS = [
    run("20310101-000000", "done", "runs/taxi/serving/taxi/1795228113"),
    run("20310101-000001-another", "failed", reason=f"{WHY}\nand more"),
]


def printed(terminal: bool, runs: list[RunSummary] = RUNS) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=terminal, highlight=False, color_system=None)
    print_runs([("taxi", run) for run in runs], console)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_a_long_reason_takes_a_few_full_lines_below_the_table():
    lines = printed(True)
    place = lines.index("")
    table, reason = lines[:place], lines[place + 1 :]
    assert all(any(line.startswith(row.run_id) for line in table) for row in RUNS)
    assert " ".join(" ".join(reason).split()) == f"20310101-000001-another: {WHY.strip()}"
    assert len(reason) <= 5 and max(map(len, reason)) <= 80


def test_a_run_is_not_compared_with_itself(tmp_path):
    past = four_runs(tmp_path / "root")
    newest = run_summaries(load("conf/taxi.yaml", [f"root={past.root}"]))[-1].run_id
    asked = ["runs", "diff", "last", newest, "-c", "conf/taxi.yaml", "--set", f"root={past.root}"]
    refused = CliRunner().invoke(millrace, asked, standalone_mode=False)
    assert isinstance(refused.exception, BadInput) and refused.exception.what == f"both are run {newest}"


def fields(runs: list[RunSummary]) -> list[dict[str, str]]:
    heads, *lines = (line.split("\t") for line in printed(False, runs))
    return [dict(zip(heads, line, strict=False)) for line in lines]


def test_in_a_pipe_a_run_is_one_line_with_tabs_and_whole():
    pushed, failed = fields(RUNS)
    assert [pushed["run"], failed["run"]] == [row.run_id for row in RUNS]
    assert (pushed["state"], pushed["metrics"]) == ("done", "auc 0.95; binary_accuracy 0.89")
    assert pushed["pushed to"] == "runs/taxi/serving/taxi/1795228113"
    assert failed["reason"] == WHY.strip()


def test_on_a_terminal_a_run_is_one_line_with_the_metrics_that_fit():
    assert len(printed(True, RUNS[:1])) == 2
    [_, line] = printed(True, RUNS[:1])
    assert line.split() == ["20310101-000000", "done", "12.5", "auc", "0.95", "pushed", "1795228113"]
    many = dataclasses.replace(RUNS[0], judged={f"a_long_metric_{n}": 0.5 for n in range(5)})
    [_, line] = printed(True, [many])
    assert len(line) <= 80 and "a_long_metric_0 0.5" in line and "metric_1" not in line


def test_a_rehearsal_is_no_run_that_pushed():
    rehearsed = dataclasses.replace(RUNS[0], blessed=True, pushed_to="", rehearsal=True)
    unjudged, refused = (
        dataclasses.replace(rehearsed, blessed=None),
        dataclasses.replace(rehearsed, infra_blessed=False),
    )
    results = [row["result"] for row in fields([rehearsed, unjudged, refused])]
    assert results == ["rehearsal, blessed", "rehearsal", "rehearsal, blessed; InfraValidator: not blessed"]


def test_a_trial_is_called_one_wherever_a_run_is_named(capsys):
    """The list and `runs diff` said "pushed 1795228113" of what nothing serves, the console "trial"."""
    trial = dataclasses.replace(RUNS[0], pushed_to="runs/taxi/trials/taxi/1795228113", trial=True, blessed=True)
    assert [row["result"] for row in fields([trial])] == ["trial 1795228113"]
    assert " trial 1795228113" in printed(True, [trial])[1]
    nothing = RunComparison(RUNS[0], trial, (), (), None, (), None, (), (), ())
    print_comparison(nothing, Console(highlight=False))
    assert "done, trial 1795228113, 12.5 s" in capsys.readouterr().out


def test_runs_that_pushed_need_no_reason():
    assert len(printed(False, RUNS[:1])) == 2


def test_a_run_that_was_refused_before_its_first_stage_is_listed_with_why(tmp_path):
    """It was no run for `runs`, so that a nightly job that never began left no trace."""
    (tmp_path / "data").mkdir()
    values = (f"root={tmp_path}/runs", f"data.path={tmp_path}/data")
    options = [word for value in values for word in ("--set", value)]
    command = [sys.executable, "-m", "millrace.cli.main"]
    refused, listed = (
        subprocess.run([*command, *words, *options], capture_output=True, text=True, check=False)
        for words in (["run"], ["runs", "--json"])
    )
    assert refused.returncode == 2, refused.stdout + refused.stderr
    [row] = json.loads(listed.stdout)
    assert row["state"] == "bad input"
    assert row["reason"].splitlines()[0] in refused.stdout
    assert row["seconds"] > 0, "with what was before the first stage"
    assert f"run {row['run_id']}: bad input in {seconds(row['seconds'])} s" in refused.stdout


def test_a_run_counts_slices_and_metrics_as_its_own_summary_does():
    """`run` said 28 slices of an evaluation, `runs show` 29: the whole is none."""
    measured = tuple(MeasuredSlice(slice=name, examples=9, metrics={"auc": 0.9}) for name in ("hour=1", "hour=2"))
    metrics = metrics_of(GateReport(blessed=True, reason="", metrics={"auc": 0.9}, slices=measured))
    summary = dataclasses.replace(RUNS[0], metrics={"auc": 0.9, "example_count": 9.0})
    shown = RunDetail(summary, None, None, None, "", (), (), metrics, (), "", "report", "", "", "", ())
    stream = io.StringIO()
    print_detail(shown, Console(file=stream, width=80))
    assert "slices:         2 measured" in stream.getvalue() and "example_count" not in stream.getvalue()


def shown_at(width: int, failure: Failure, terminal: bool = True) -> list[str]:
    shown = RunDetail(RUNS[1], None, None, failure, failure.remedy, (), (), (), (), "", "", "", "", "", ())
    stream = io.StringIO()
    print_detail(shown, Console(file=stream, width=width, force_terminal=terminal, color_system=None))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_what_the_data_gate_found_is_laid_out_for_the_terminal_on_which_it_is_read():
    narrow, wide = shown_at(80, refused_by_data()), shown_at(200, refused_by_data())
    assert max(map(len, narrow)) <= 80 and "  reason    ENUM_TYPE_UNEXPECTED_STRING_VALUES" in narrow
    heads = [line.split() for line in wide if line.startswith("feature")]
    assert heads == [["feature", "split", "reason", "expected", "seen", "rows"]] * 2
    assert "Warnings, which would not have stopped the run:" in narrow
    note = next(place for place, line in enumerate(narrow) if line.startswith("note "))
    assert note < narrow.index("  remedy: fix the data, then run again")


def test_the_table_of_an_earlier_release_is_not_folded_but_named_with_how_to_see_it():
    line = "company  train, eval  ENUM_TYPE_UNEXPECTED_STRING_VALUES  " + "one of 'Flash', 'Choice'  " * 3
    old = dataclasses.replace(refused_by_data(), what=f"{refused_by_data().what}\n\n{line}", findings=())
    said = " ".join(" ".join(shown_at(80, old)).split())
    assert f"Its table is {len(line)} characters wide: add to this command | less -S" in said and "Flash" not in said
    assert line.rstrip() in shown_at(200, old) and line.rstrip() in shown_at(80, old, terminal=False)


def test_what_resume_would_pass_over_is_refused():
    for options in (["--to", "Trainer"], ["--from", "Trainer"], ["--no-cache"], ["--runner", "local"]):
        result = CliRunner().invoke(millrace, ["run", "-c", "conf/taxi.yaml", "--resume", *options])
        assert isinstance(result.exception, BadInput) and f"takes no {options[0]}" in str(result.exception)
    result = CliRunner().invoke(millrace, ["run", "-c", "conf/taxi.yaml", "--resume", "--to", "Trainer", "--no-cache"])
    assert "takes no --to and no --no-cache" in str(result.exception)


def test_a_run_says_what_its_folds_its_probabilities_and_its_decisions_say():
    folds = Folds(
        count=10,
        value=0.88,
        interval=(0.8, 0.93),
        threshold="at least 0.7",
        inside=False,
        learned_rows=118,
        rows=148,
        seconds=21.4,
    )
    row = Row(metric="AUC", slice="overall", value=0.9, threshold="at least 0.7", verdict="pass", folds=folds)
    other = Row(metric="AUC", slice="overall", value=0.9, threshold="not worse than the baseline", verdict="pass")
    metrics = metrics_of(GateReport(blessed=True, reason="", metrics={"auc": 0.9}, rows=(row, other)))
    said = (("calibration", "probabilities are off by 0.03"), ("threshold", "yes above 0.3"))
    shown = RunDetail(RUNS[0], None, None, None, "", (), (), metrics, said, "", "report", "", "", "", ())
    stream = io.StringIO()
    print_detail(shown, Console(file=stream, width=80, force_terminal=True, color_system=None))
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert "folds:          AUC 0.88 [0.8, 0.93]; at least 0.7 lies outside" in lines
    assert "calibration:    probabilities are off by 0.03" in lines
    assert "threshold:      yes above 0.3" in lines
    assert "each on 118 rows, are scored on the 148 rows" in " ".join(" ".join(lines).split())


def test_one_run_is_compared_with_none_and_none_failed(tmp_path):
    """ "no failed run of taxi yet" sounded as if one were to come, and `last~1` was nothing that anybody typed."""
    where = ["-c", "conf/taxi.yaml", "--set", f"root={tmp_path / 'root'}"]
    empty = CliRunner().invoke(millrace, ["runs", "--failed", *where])
    assert "no run of taxi yet: millrace run" in empty.output
    run_id = PastRuns(tmp_path / "root").add()
    assert CliRunner().invoke(millrace, ["runs", "--failed", *where]).output == "no run of taxi failed\n"
    alone = CliRunner().invoke(millrace, ["runs", "diff", *where], standalone_mode=False)
    assert isinstance(alone.exception, BadInput) and alone.exception.what == f"there is one run so far: {run_id}"


def test_a_run_says_what_of_it_is_gone():
    def made(stage: str, there: bool) -> StageDetail:
        output = OutputDetail("model", 1, "Model", f"/runs/{stage}/1", there, "", {})
        return StageDetail(stage, State.DONE, outputs=(output,))

    stages = (made("Trainer", False), made("Evaluator", False), made("Pusher", True))
    for few, said in ((1, ""), (2, " and 1 more (--outputs has all)")):
        shown = RunDetail(RUNS[0], None, None, None, "", stages[1 - (few - 1) :], (), (), (), "", "", "", "", "", ())
        stream = io.StringIO()
        print_detail(shown, Console(file=stream, width=200))
        assert f"gone:           /runs/Evaluator/1{said}: what stood" in stream.getvalue()


def test_a_run_that_was_killed_says_at_what():
    why = "the run was killed while Trainer and Evaluator were running"
    remedy = "millrace run --resume goes on where it stopped"
    recorded_of_one = Failure("the run was killed while Trainer was running", "Trainer", "", 1)
    for failure in (None, recorded_of_one):
        killed = run("20310101-000002", "killed", reason=why)
        stream = io.StringIO()
        shown = RunDetail(killed, None, None, failure, remedy, (), (), (), (), "", "", "", "", "", ())
        print_detail(shown, Console(file=stream, width=200))
        assert stream.getvalue().splitlines()[1:3] == [why, f"  remedy: {remedy}"]
