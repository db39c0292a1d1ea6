"""Several runs beside each other: what differs stands in groups, and what does not is counted."""

import math
from dataclasses import fields, replace
from typing import Any

import pytest
from rich.console import Console

from millrace.base.outcomes import State
from millrace.cli.runs.diff import print_comparison
from millrace.comparison.run_comparison import compare
from millrace.comparison.run_groups import ComparedGroup, compared_groups
from millrace.metadata.evaluations import MeasuredMetric, SliceMetric
from millrace.metadata.provenance import DataFiles, Provenance
from millrace.metadata.revision import Revision
from millrace.metadata.run_details import RunDetail, StageDetail
from millrace.metadata.run_summaries import RunSummary


def run(run_id: str, **more: Any) -> RunDetail:
    """A run that was done; `metrics`, `seconds` by stage and `state` go where they belong."""
    metrics, seconds, state = more.pop("metrics", {}), more.pop("seconds", {}), more.pop("state", State.DONE)
    summary = RunSummary(run_id, state, "2031-01-01T00:00:00", 9.0, metrics, {}, None, None, "", False, "")
    stages = tuple(StageDetail(stage, State.DONE, seconds=taken) for stage, taken in seconds.items())
    nothing = dict.fromkeys((field.name for field in fields(RunDetail)), "")
    of_many = dict.fromkeys(("verdicts", "metrics", "log_tail"), ())
    empty = RunDetail(**{**nothing, **of_many, "summary": summary, "stages": stages, "provenance": None})
    return replace(empty, **more)


def groups(*runs: RunDetail) -> dict[str, ComparedGroup]:
    return {group.title: group for group in compared_groups(runs)}


def rows(group: ComparedGroup) -> dict[str, tuple]:
    return {row.name: (*row.values, row.change) for row in group.rows}


def test_a_setting_without_a_value_is_as_one_that_an_earlier_release_did_not_have():
    """Both stood there as nothing, in a row that was marked as one that differs."""
    then, now = (Provenance(configuration={"seed": 7, **more}) for more in ({}, {"window": None, "steps": 5}))
    told = groups(run("r1", provenance=then), run("r2", provenance=now))["Configuration"]
    assert rows(told) == {"steps": (None, "5", None)} and told.same == 2


def test_a_metric_stands_with_its_intervals_and_whether_they_are_apart():
    def measured(value: float, low: float, high: float) -> dict[str, Any]:
        on = [SliceMetric(name, 100, value, (low, high)) for name in ("overall", "city=Basel")]
        metric = MeasuredMetric("AUC", "auc", "higher", on[0], (on[1],), ())
        return {"metrics": {"auc": value}, "measured": (metric,)}

    def of(run_id: str, measured: dict[str, Any]) -> RunDetail:
        return replace(run(run_id, metrics=measured["metrics"]), metrics=measured["measured"])

    first, near, far = (
        of(f"r{n}", measured(*one)) for n, one in enumerate([(0.8, 0.7, 0.9), (0.85, 0.8, 0.95), (0.97, 0.95, 0.99)])
    )
    for title, name in (("Metrics", "auc"), ("Slices", "city=Basel: auc")):
        [row] = groups(first, near)[title].rows
        assert (row.name, row.intervals, row.is_apart) == (name, ((0.7, 0.9), (0.8, 0.95)), False)
        assert groups(first, far)[title].rows[0].is_apart
    bare = run("r9", metrics={"auc": 0.5})
    [row] = groups(first, bare)["Metrics"].rows
    assert row.intervals == ((0.7, 0.9), None) and row.is_apart is None
    [row] = groups(run("r8", metrics={"auc": 0.6}), bare)["Metrics"].rows
    assert row.intervals == () and row.is_apart is None


def made(steps: int, **more: Any) -> Provenance:
    values = {"configuration": {"training": {"steps": steps, "seed": 7}}, "code": {"a.py": "1", "b.py": str(steps)}}
    return Provenance(**{**values, **more})


def test_what_differs_is_a_row_and_what_does_not_is_counted():
    two = [
        made(
            number,
            versions={"tfx": "1.16", "numpy": f"1.{number}"},
            machine={"cores": 2, "executable": f"/{number}/python"},
            schema_digest=f"ab{number}",
            data=DataFiles("cd", 3, 900),
            overrides=(f"training.steps={number}", "x=1"),
            revision=Revision(commit=f"{number}" * 40, clean=True),
        )
        for number in (1, 2)
    ]
    told = groups(*(run(f"r{number}", provenance=one) for number, one in enumerate(two)))
    assert rows(told["Configuration"]) == {"training.steps": ("1", "2", None)} and told["Configuration"].same == 1
    assert rows(told["Code"]) == {"b.py": ("1", "2", None)} and told["Code"].same == 1
    assert rows(told["Stack and machine"]) == {"numpy": ("1.1", "1.2", None)}
    assert told["Stack and machine"].same == 2, "the cores and TFX; where the interpreter lies says nothing"
    assert rows(told["Made from"]) == {
        "commit": ("1" * 10, "2" * 10, None),
        "schema": ("ab1", "ab2", None),
        "--set": ("training.steps=1 x=1", "training.steps=2 x=1", None),
    }
    assert told["Made from"].same == 3, "the data's digest, files and bytes"


def test_how_runs_and_their_stages_ended_is_told():
    one = run("a", stages=(StageDetail("Trainer", State.DONE), StageDetail("Pusher", State.DONE)))
    other = run("b", state=State.FAILED, stages=(StageDetail("Trainer", State.FAILED),))
    other = replace(other, summary=replace(other.summary, reason="the disk is full\nand more"))
    told = rows(groups(one, other)["Outcome"])
    assert told["state"] == (State.DONE, State.FAILED, None)
    assert told["why"] == ("", "the disk is full", None)
    assert told["Trainer"] == (State.DONE, State.FAILED, None) and told["Pusher"] == (State.DONE, None, None)


def test_metrics_are_ordered_by_how_far_they_moved_on_their_own_scale():
    metrics = ({"auc": 0.9, "rmse": 1000.0, "same": 1.0}, {"auc": 0.8}, {"auc": 0.45, "rmse": 990.0, "same": 1.0})
    told = groups(*(run(str(number), metrics=one) for number, one in enumerate(metrics)))["Metrics"]
    assert told.numbers and [row.name for row in told.rows] == ["auc", "rmse", "same"], "half of one, a hundredth"
    assert rows(told)["auc"] == (0.9, 0.8, 0.45, pytest.approx(-0.45))
    assert rows(told)["rmse"] == (1000.0, None, 990.0, -10.0)
    assert rows(told)["same"] == (1.0, None, 1.0, 0.0) and told.same == 0


def test_what_is_no_number_in_all_runs_is_the_same():
    told = groups(run("a", metrics={"x": math.nan, "y": math.nan}), run("b", metrics={"x": math.nan, "y": 0.5}))
    assert list(rows(told["Metrics"])) == ["y"] and told["Metrics"].same == 1


def test_a_metric_that_only_one_run_has_is_no_change():
    told = rows(groups(run("a", metrics={"auc": 0.0}), run("b", metrics={"new": 0.7}))["Metrics"])
    assert told == {"auc": (0.0, None, None), "new": (None, 0.7, None)}


def test_seconds_are_those_that_every_other_page_says_ordered_by_their_change():
    """Of half a second and less it said 0, where `runs diff`, the run's page and its events said 0.2."""
    before, after = (
        {"Trainer": 50.0, "Pusher": 0.2, "DataGate": 3.0, "Tuner": 7.0},
        {"Trainer": 52.04, "Pusher": 0.6, "DataGate": 9.0, "Tuner": 7.0},
    )
    told = groups(run("a", seconds=before), run("b", seconds={**after, "Evaluator": None}))["Seconds of each stage"]
    shown = [(row.name, *row.values) for row in told.rows]
    assert shown == [("DataGate", 3.0, 9.0), ("Trainer", 50.0, 52.0), ("Pusher", 0.2, 0.6)] and told.same == 1


def test_what_the_cache_gave_is_no_stage_that_became_faster():
    """InfraValidator stood there as 86.7, 0 and a change of -87."""
    cached = StageDetail("InfraValidator", State.CACHED, seconds=0.0)
    ran = StageDetail("InfraValidator", State.DONE, seconds=86.7)
    told = groups(run("a", stages=(ran,)), run("b", stages=(cached,)))["Seconds of each stage"]
    assert rows(told) == {"InfraValidator": (86.7, "cached", None)}
    assert groups(run("a", stages=(cached,)), run("b", stages=(cached,)))["Seconds of each stage"].same == 1


def test_slices_are_told_by_their_metric():
    def with_slice(run_id: str, value: float) -> RunDetail:
        slices = (SliceMetric("city=Bern", 40, value), SliceMetric("city=Thun", 2, None))
        metric = MeasuredMetric("AUC", "auc", "higher", SliceMetric("overall", 90, 0.9), slices, ())
        return replace(run(run_id), metrics=(metric,))

    told = groups(with_slice("a", 0.5), with_slice("b", 0.75))["Slices"]
    assert rows(told) == {"city=Bern: auc": (0.5, 0.75, 0.25)} and told.rows[0].examples == (40, 40)


def test_slices_stand_as_runs_diff_prints_them_those_of_few_examples_last(capsys):
    moved = {"city=Thun": (4, 0.9, 0.1), "city=Bern": (400, 0.5, 0.6), "city=Basel": (300, 0.5, 0.75)}

    def side(run_id: str, at: int) -> RunDetail:
        slices = tuple(SliceMetric(name, one[0], one[at]) for name, one in moved.items())
        metric = MeasuredMetric("AUC", "auc", "higher", SliceMetric("overall", 704, 0.9), slices, ())
        return replace(run(run_id), metrics=(metric,), gate_report="report.json")

    two = side("a", 1), side("b", 2)
    shown = [row.name.split(":")[0] for row in groups(*two)["Slices"].rows]
    assert shown == ["city=Basel", "city=Bern", "city=Thun"]
    print_comparison(compare(*two), Console(highlight=False, width=200))
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("city=")]
    assert printed == shown


@pytest.mark.parametrize(("keys", "lacking"), [(5, ()), (6, ("b",))])
def test_a_run_that_recorded_nothing_is_named_once_in_place_of_many_rows(keys, lacking):
    many = Provenance(configuration={f"k{at}": at for at in range(keys)})
    told = groups(run("a", provenance=many), run("b"))["Configuration"]
    assert (told.lacking, len(told.rows), told.same) == (lacking, keys, 0)


def test_what_no_run_has_is_no_group():
    assert set(groups(run("a"), run("b"))) == {"Outcome"}


def test_the_table_of_metrics_fits_a_terminal_of_80_with_names_as_taxi_has(capsys):
    """It took 82, and so each of its rows became five lines."""
    counts = {"overall": (2502, 2272), "payment_type=Credit Card": (900, 872), "trip_start_hour=17": (150, 137)}

    def side(run_id: str, at: int) -> RunDetail:
        def on(name: str) -> SliceMetric:
            value = (0.06412, 0.9)[at]
            return SliceMetric(name, counts[name][at], value, (value - 0.01, value + 0.01))

        overall, *slices = map(on, counts)
        metric = MeasuredMetric("AUCPR", "auc_precision_recall", "higher", overall, tuple(slices), ())
        return replace(run(run_id), metrics=(metric,), gate_report="report.json")

    print_comparison(
        compare(side("a", 0), side("b", 1)), Console(highlight=False, width=80, force_terminal=True, color_system=None)
    )
    lines = capsys.readouterr().out.splitlines()
    head = next(line for line in lines if line.startswith("slice"))
    assert head.split() == ["slice", "metric", "before", "after", "change", "examples"]
    assert any(
        line.split() == ["trip_start_hour=17", "auc_precision_recall", "0.06412", "0.9", "+0.84*", "137"]
        for line in lines
    )
    assert max(map(len, lines)) <= 80


def test_a_slice_that_the_gate_did_not_judge_is_marked_so(capsys):
    """An AUC of 0.86 that became 0.50 stood there as any other: the slice has 13 examples of one class."""

    def side(run_id: str, value: float) -> RunDetail:
        overall = SliceMetric("overall", 2502, value, verdict="pass")
        cash = SliceMetric("payment_type=Cash", 1672, value, verdict="not judged")
        metric = MeasuredMetric("AUC", "auc", "higher", overall, (cash,), ())
        return replace(run(run_id), metrics=(metric,), gate_report="report.json")

    print_comparison(compare(side("a", 0.86), side("b", 0.5)), Console(highlight=False, width=80))
    lines = capsys.readouterr().out.splitlines()
    changes = {line.split()[0]: line.split()[4] for line in lines if line.startswith(("overall", "payment"))}
    assert changes == {"overall": "-0.36", "payment_type=Cash": "-0.36~"}
    assert any(line.startswith("~: the gate did not judge it") for line in lines)


def test_what_makes_a_run_a_trial_is_not_said_to_have_been_typed():
    trial = made(1, overrides=("training.steps=1", "push.trial=true"))
    told = groups(run("a", provenance=made(1)), run("b", provenance=trial))["Made from"]
    assert rows(told) == {"--set": (None, "training.steps=1", None)}


def test_that_a_run_is_a_trial_is_an_outcome_and_no_setting():
    """`push.trial` stood among the settings that differ, though nobody had typed it."""
    trial = made(300, overrides=("training.steps=300", "push.trial=true"))
    trial = replace(trial, configuration={**trial.configuration, "push": {"trial": True}})
    told = groups(run("a", provenance=made(100)), run("b", provenance=trial))
    assert rows(told["Configuration"]) == {"training.steps": ("100", "300", None)}
    why = "--set changed what is learned or judged"
    assert rows(told["Outcome"])["a trial, since"] == (None, why, None)
    typed = replace(trial, overrides=("push.trial=true",))
    told = groups(run("a", provenance=made(100)), run("b", provenance=typed))
    assert "push.trial" in rows(told["Configuration"]), "somebody set it"
