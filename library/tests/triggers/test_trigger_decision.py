"""The decision: a table of what there is, and what comes of it."""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest

from millrace.config.trigger_section import SpanTrigger, TriggerPolicy
from millrace.triggers.deciding import AskedRun, FiringAlert, TriggerState, WaitingSpan, decide

HOUR = 3600.0
DAY = 24 * HOUR
BEGAN = datetime(2031, 1, 1, tzinfo=timezone.utc).timestamp()
NIGHTLY = TriggerPolicy(cron="TZ=UTC 0 4 * * *")
ON_SPANS = TriggerPolicy(span=SpanTrigger(rows=1000, settled_minutes=10))
ON_DRIFT = TriggerPolicy(alerts=("monitor/drift/*",))
ANY = TriggerPolicy(cron="TZ=UTC 0 4 * * *", span=SpanTrigger(), alerts=("*",))
NOTHING = TriggerState(BEGAN)


def span(number=7, age=HOUR, rows=1200, now=BEGAN, **others):
    return WaitingSpan((number, -1), str(number), now - age, rows, **others)


def state(**values):
    return TriggerState(**{"cron_done": BEGAN, **values})


@pytest.mark.parametrize(
    ("policy", "there", "at", "starts", "why"),
    [
        (NIGHTLY, NOTHING, 3 * HOUR, "", "waits for the next time of cron"),
        (NIGHTLY, NOTHING, 4 * HOUR, "cron", "the time of cron has come"),
        (NIGHTLY, NOTHING, 5 * HOUR - 1, "cron", "the time of cron has come"),
        (NIGHTLY, NOTHING, 5 * HOUR, "", "missed (late_minutes)"),
        (NIGHTLY, NOTHING, 30 * DAY + 4.5 * HOUR, "cron", "the time of cron has come"),
        (NIGHTLY.model_copy(update={"catch_up": True}), NOTHING, 9 * HOUR, "cron", "missed, and catch_up is set"),
        (NIGHTLY, state(cron_done=BEGAN + 4 * HOUR), 4 * HOUR, "", "waits for the next time"),
        (ON_SPANS, NOTHING, 0, "", "nothing is new"),
        (ON_SPANS, state(spans=[span()]), 0, "span", "span 7 is there, with 1,200 rows"),
        (ON_SPANS, state(spans=[span(rows=999)]), 0, "", "span 7 has 999 of 1,000 rows"),
        (ON_SPANS, state(spans=[span(age=599)]), 0, "", "less than 10 minutes ago"),
        (ON_SPANS, state(spans=[span(lacks="no file of eval")]), 0, "", "not whole: no file of eval"),
        (
            ON_SPANS,
            state(spans=[span(5), span(6)]),
            0,
            "span",
            "with 1,200 rows; passed over: 1 earlier span",
        ),
        (
            ON_DRIFT,
            state(alerts=[FiringAlert(3, "monitor/drift/L/fare/2")]),
            0,
            "alert",
            "alert monitor/drift/L/fare/2",
        ),
        (ON_DRIFT, state(alerts=[FiringAlert(3, "monitor/slow/p99//2")]), 0, "", "nothing is new"),
        (ON_DRIFT, state(alerts=[FiringAlert(3, "monitor/drift/L/fare/2")], alerts_done=3), 0, "", "nothing is new"),
        (ON_DRIFT, state(asked=[AskedRun(1, "ada@here", "a fix")]), 0, "hand", "ada@here asked for it: a fix"),
    ],
)
def test_what_starts_a_run(policy, there, at, starts, why):
    decision = decide(there, policy, BEGAN + at)
    assert (decision.source if decision.start else "") == starts
    assert why in decision.why


@pytest.mark.parametrize("source", ["hand", "alert", "span", "cron"])
def test_the_first_of_the_sources_is_named(source):
    sources = ["hand", "alert", "span", "cron"]
    there = {
        "hand": {"asked": [AskedRun(1, "ada@here", "a fix")]},
        "alert": {"alerts": [FiringAlert(3, "any")]},
        "span": {"spans": [span()]},
        "cron": {},
    }
    values = {}
    for later in sources[sources.index(source) :]:
        values |= there[later]
    assert decide(state(**values), ANY, BEGAN + 4 * HOUR).source == source


@pytest.mark.parametrize(
    ("values", "why", "until"),
    [
        ({"running": "run 20310101-000001, which goes on"}, "waits for run 20310101-000001", None),
        ({"last_end": BEGAN - 59 * 60}, "cools down", BEGAN + 60),
        ({"starts": [BEGAN - 23 * HOUR, BEGAN - 9 * HOUR, BEGAN - HOUR, BEGAN - 60]}, "4 runs in 24", BEGAN + HOUR),
        # A person may have started more than are let: the oldest of the last four decides.
        ({"starts": [BEGAN - hours * HOUR for hours in (23, 22, 9, 2, 1)]}, "5 runs in 24", BEGAN + 2 * HOUR),
    ],
)
def test_what_holds_a_run_back_and_until_when(values, why, until):
    decision = decide(state(spans=[span()], **values), ON_SPANS, BEGAN)
    assert (decision.start, decision.source, decision.until) == (False, "span", until)
    assert why in decision.why and "span 7" in decision.why
    by_hand = decide(state(asked=[AskedRun(1, "ada@here", "a fix")], **values), ON_SPANS, BEGAN)
    assert by_hand.start == ("running" not in values), "a person is held back by a run alone"


def test_what_no_longer_holds_back():
    values = {"last_end": BEGAN - HOUR, "starts": [BEGAN - DAY, BEGAN - 9 * HOUR, BEGAN - 2 * HOUR, BEGAN - HOUR]}
    assert decide(state(spans=[span()], **values), ON_SPANS, BEGAN).start


def test_with_catch_up_each_span_has_a_run_the_oldest_first_and_is_the_one_that_is_read():
    catch_up = ON_SPANS.model_copy(update={"catch_up": True})
    first = decide(state(spans=[span(5), span(6)]), catch_up, BEGAN)
    assert (first.span, first.only_span) == ((5, -1), True)
    last = decide(state(spans=[span(6)]), catch_up, BEGAN)
    assert (last.span, last.only_span) == ((6, -1), False)


def test_a_run_does_not_read_a_newer_span_that_is_not_whole():
    spans = [span(6), span(7, age=1)]
    decision = decide(state(spans=spans), ON_SPANS, BEGAN)
    assert (decision.span, decision.only_span) == ((6, -1), True)
    by_hand = decide(state(spans=spans, asked=[AskedRun(1, "a", "b")]), ON_SPANS, BEGAN)
    assert (by_hand.source, by_hand.span, by_hand.only_span) == ("hand", (6, -1), True)


def test_with_a_file_that_says_so_a_span_is_whole_at_once_and_never_before():
    marked = TriggerPolicy(span=SpanTrigger(done_file="_SUCCESS"))
    assert decide(state(spans=[span(age=9 * HOUR, rows=None)]), marked, BEGAN).why == "span 7 waits for _SUCCESS"
    assert decide(state(spans=[WaitingSpan((7, -1), "7", None, 1200)]), marked, BEGAN).start


def test_an_outage_of_a_year_costs_one_run_and_no_time():
    every_minute = TriggerPolicy(cron="* * * * *", cool_down_minutes=1, runs_per_day=1000, catch_up=True)
    decision = decide(NOTHING, every_minute, BEGAN + 365 * DAY)
    assert (decision.start, decision.source) == (True, "cron")


def test_a_time_of_cron_is_that_of_its_zone_on_both_sides_of_a_change_of_the_clocks():
    zurich = ZoneInfo("Europe/Zurich")
    policy = TriggerPolicy(cron="TZ=Europe/Zurich 30 2 * * *")
    spring = datetime(2031, 3, 30, 0, 0, tzinfo=zurich).timestamp()
    waiting = decide(state(cron_done=spring), policy, spring)
    assert datetime.fromtimestamp(waiting.until, zurich).isoformat() == "2031-03-30T03:30:00+02:00", "2:30 is left out"
    autumn = datetime(2031, 10, 26, 0, 0, tzinfo=zurich).timestamp()
    once = decide(state(cron_done=autumn), policy, autumn).until
    again = decide(state(cron_done=once), policy, once).until
    assert datetime.fromtimestamp(once, zurich).isoformat() == "2031-10-26T02:30:00+02:00"
    assert datetime.fromtimestamp(again, zurich).isoformat() == "2031-10-27T02:30:00+01:00", "2:30 comes twice"
