"""Thirty days in a moment: what a policy starts, misses, and how long the champion is behind the data."""

import csv
from datetime import datetime, timezone
from pathlib import Path

import pytest
from past_runs import report
from recorded_runs import RecordedRuns

from millrace.base.errors import BadInput
from millrace.components.evaluator.gate_report import JSON_NAME
from millrace.components.marks import REHEARSED, TRIAL_KEY
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.config.trigger_section import SpanTrigger, TriggerPolicy
from millrace.triggers.past import known_metric
from millrace.triggers.simulating import (
    GivenAlert,
    GivenSpan,
    Happenings,
    KnownMetric,
    read_happenings,
    regular_spans,
    simulate,
)

BEGIN = datetime(2031, 1, 1, tzinfo=timezone.utc).timestamp()
HOUR = 3600.0
TEN_MINUTES = 600.0


def test_a_span_a_day_is_learned_from_once_and_is_stale_for_as_long_as_it_settles_and_the_run_takes():
    policy = TriggerPolicy(span=SpanTrigger(rows=100, settled_minutes=10))
    result = simulate(policy, regular_spans(24, 1000, BEGIN, 30), BEGIN, 30, TEN_MINUTES)
    # The thirtieth comes when the thirty days are over.
    assert (dict(result.runs), result.missed) == ({"span": 29}, 0)
    assert result.run_seconds == 29 * TEN_MINUTES
    assert (result.stale_seconds, result.longest_stale_seconds) == (29 * 2 * TEN_MINUTES, 2 * TEN_MINUTES)


def test_a_small_span_is_waited_for_and_cron_learns_from_it_a_budget_holds_back():
    weekly = TriggerPolicy(cron="TZ=UTC 0 4 * * mon", span=SpanTrigger(rows=10_000))
    spans = regular_spans(24, 1000, BEGIN, 30)
    assert dict(simulate(weekly, spans, BEGIN, 30, TEN_MINUTES).runs) == {"cron": 4}
    hourly = regular_spans(1, 1000, BEGIN, 2)
    eager = TriggerPolicy(span=SpanTrigger(), cool_down_minutes=0, runs_per_day=24)
    frugal = TriggerPolicy(span=SpanTrigger(), cool_down_minutes=0, runs_per_day=2)
    more, less = (simulate(policy, hourly, BEGIN, 2, TEN_MINUTES) for policy in (eager, frugal))
    assert (len(more.starts), len(less.starts)) == (47, 4)
    assert more.stale_seconds < less.stale_seconds


def test_an_alert_starts_a_run_and_a_long_run_has_a_time_of_cron_missed():
    policy = TriggerPolicy(
        cron="TZ=UTC 0 * * * *", alerts=("drift*",), cool_down_minutes=0, late_minutes=20, runs_per_day=9
    )
    result = simulate(policy, Happenings(alerts=[GivenAlert(BEGIN + 1800, "drift/fare")]), BEGIN, 0.2, 4000)
    assert [(at - BEGIN, source) for at, source, _ in result.starts][:2] == [(1800.0, "alert"), (2 * HOUR, "cron")]
    assert result.missed >= 1


def test_the_metric_is_that_of_what_is_served_on_the_newest_span_for_as_long_as_it_is_known():
    policy = TriggerPolicy(span=SpanTrigger(rows=1, settled_minutes=5), cool_down_minutes=0)
    spans = regular_spans(24, 10, BEGIN, 3)
    first, second = (1, -1), (2, -1)
    # A run takes half a day: on the second day the first model is served on the second span, then the second.
    known = KnownMetric("AUC", {(first, first): 0.9, (first, second): 0.7, (second, second): 0.9})
    result = simulate(policy, spans, BEGIN, 3, 12 * HOUR, known)
    assert result.metric == pytest.approx((0.9 * 24 + 0.7 * 12) / 36, abs=0.01)
    assert result.metric_known == 1.0
    half = simulate(policy, spans, BEGIN, 3, 12 * HOUR, KnownMetric("AUC", {(first, second): 0.7}))
    assert (half.metric, round(half.metric_known, 1)) == (pytest.approx(0.7), 0.3)
    assert simulate(policy, spans, BEGIN, 3, 12 * HOUR).metric is None


def measured(runs, span, value, examples_mark=(), **blessing):
    """A run of a span whose Evaluator measured and judged."""
    run_id = f"20310101-{span:06d}"
    examples = runs.stage(run_id, "ExampleGen", {}, {"examples": "Examples"})["examples"]
    runs.note(examples, span=span, **dict.fromkeys(examples_mark, 1))
    outputs = {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"}
    made = runs.stage(run_id, "Evaluator", {"examples": [examples]}, outputs)
    judged = report(value)
    [row] = judged.rows
    judged = judged.model_copy(update={"rows": (row.model_copy(update={"baseline": value - 0.1}),)})
    (Path(made["evaluation"].uri) / JSON_NAME).write_text(judged.model_dump_json())
    runs.note(made["blessing"], **{"blessed": 1, **blessing})


def test_what_past_runs_measured_is_known_but_not_what_a_trial_or_a_rehearsal_did(tmp_path):
    config = load("conf/taxi.yaml", [f"root={tmp_path}"])
    assert known_metric(config) is None
    runs = RecordedRuns(Path(layout(config).root))
    measured(runs, 1, 0.9)
    measured(runs, 2, 0.5, **{TRIAL_KEY: 1})
    measured(runs, 3, 0.6, (REHEARSED,))
    measured(runs, 4, 0.8)
    known = known_metric(config)
    first, last = (1, -1), (4, -1)
    # The champion before the last is the first: neither a trial nor a rehearsal makes one.
    assert known is not None and known.name == "AUC"
    assert dict(known.values) == {(first, first): 0.9, (last, last): 0.8, (first, last): pytest.approx(0.7)}


def test_a_span_that_is_given_is_whole_and_waits_for_no_file():
    marked = TriggerPolicy(span=SpanTrigger(rows=100, done_file="_SUCCESS", settled_minutes=60), cool_down_minutes=0)
    result = simulate(marked, regular_spans(24, 1000, BEGIN, 3), BEGIN, 3, TEN_MINUTES)
    assert (len(result.starts), result.longest_stale_seconds) == (2, TEN_MINUTES)


def test_no_time_of_cron_is_missed_between_two_looks():
    """One that may be late by a minute is kept, though it is looked at every five, and never on the hour."""
    policy = TriggerPolicy(cron="TZ=UTC 0 4 * * *", late_minutes=1)
    result = simulate(policy, Happenings(), BEGIN + 180, 3, TEN_MINUTES)
    assert (dict(result.runs), result.missed) == ({"cron": 3}, 0)


@pytest.fixture
def longest_cell():
    """Python's own limit, which `millrace init` lifts for its whole process."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


def test_what_happens_is_read_from_a_file_and_a_line_that_is_none_is_named(tmp_path, longest_cell):
    file = tmp_path / "events.csv"
    file.write_text(
        "\ufeffat,kind,name,rows\n2031-01-01T04:00:00Z,span,31,1200\n2031-01-01T05:00:00+01:00,alert,drift/fare,\n",
        encoding="utf-8",
    )
    happenings = read_happenings(file)
    assert happenings.spans == [GivenSpan(BEGIN + 4 * HOUR, (31, -1), "31", 1200)]
    assert happenings.alerts == [GivenAlert(BEGIN + 4 * HOUR, "drift/fare")]
    assert happenings.begin == BEGIN + 4 * HOUR
    for text, problem in (
        ("at,kind,name,rows\nyesterday,span,1,1\n", "yesterday"),
        ("at,kind,name,rows\n2031-01-01,fire,1,1\n", "fire is no kind"),
        ("when,kind,name,rows\n2031-01-01,span,1,1\n", "no column at"),
        ("at,kind,name,rows\n9999-12-31,span,1,1\n", "years 1970 to 8999"),
        ("at,kind,name,rows\n2031-01-01,span,1,-1\n", "less than 0"),
        (f"at,kind,name,rows\n2031-01-01,alert,{'x' * 200_000},\n", "field limit"),
    ):
        file.write_text(text)
        with pytest.raises(BadInput, match=problem) as error:
            read_happenings(file)
        assert error.value.where == f"{file}:2"
    with pytest.raises(BadInput, match="cannot be read"):
        read_happenings(tmp_path / "none.csv")
