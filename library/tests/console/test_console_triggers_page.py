"""The page of triggers: what is decided now and why, and the runs that were started, as they stand."""

import csv
import os
from pathlib import Path

import psutil
import pytest
from past_runs import NOW

from millrace.config.loading import load
from millrace.config.paths import layout, triggers_file
from millrace.console.page import PageRequest
from millrace.console.pages.triggers import view
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.triggers.deciding import Decision
from millrace.triggers.starting import open_triggers

LONG_AGO = 1e9
CRON = "triggers.cron=TZ=UTC 0 4 * * *"


@pytest.fixture
def by_span(tmp_path):
    (tmp_path / "data" / "span-1").mkdir(parents=True)
    file = tmp_path / "data" / "span-1" / "a.csv"
    file.write_text("fare,tips\n" + "5.5,1\n" * 3)
    os.utime(file, (LONG_AGO, LONG_AGO))
    settings = (f"root={tmp_path / 'runs'}", f"data.path={tmp_path / 'data'}", "data.pattern=span-{SPAN}/*.csv")
    return load("conf/taxi.yaml", [*settings, "triggers.span={rows: 3, settled_minutes: 10}"])


def test_without_a_trigger_the_page_says_where_to_name_one(config, console):
    text = console(config).ask("/triggers").text
    assert "section triggers of conf/taxi.yaml" in text and "millrace config keys triggers" in text


def test_it_says_what_is_waited_for_and_makes_no_file(tmp_path, console):
    config = load("conf/taxi.yaml", [f"root={tmp_path}/root", CRON])
    answer = console(config).ask("/triggers")
    assert answer.status == 200 and "Waits for the next time of cron, until 20" in answer.text
    assert "TZ=UTC 0 4 * * *" in answer.text and "4 at most" in answer.text and "millrace triggers watch" in answer.text
    assert not triggers_file(config).exists() and not Path(config.root).exists()


def test_a_span_that_is_whole_is_to_start_and_what_cannot_be_read_is_no_wait(by_span, console):
    answer = console(by_span).ask("/triggers")
    assert "a run is to start" in answer.text and "Span 1 is there, with 3 rows." in answer.text
    assert "millrace triggers check --start" in answer.text and not triggers_file(by_span).exists()
    file = Path(by_span.data.path) / "span-1" / "a.csv"
    file.write_text('fare,tips\n"' + "5" * 200_000 + '"\n')
    os.utime(file, (LONG_AGO, LONG_AGO))
    # The limit is the process's, and what reads tables of this library lifts it.
    limit = csv.field_size_limit(1_000)
    try:
        answer = console(by_span).ask("/triggers")
        assert view(PageRequest(by_span, NOW)).decision is None
    finally:
        csv.field_size_limit(limit)
    assert "not decided" in answer.text and "cannot be counted" in answer.text and "waits" not in answer.text


def test_the_last_starts_lead_to_their_runs_as_they_stand(by_span, console):
    begun = psutil.Process().create_time()
    with new_run(layout(by_span).logs, RunRequest("x", pipeline="taxi"), started=NOW - 60) as run:
        with open_triggers(by_span) as log, log.change():
            log.begin(NOW - 7200)
            log.started(Decision(True, "<b>one</b>", "span", (1, -1)), (1 << 22, 1.0), 0, None, NOW - 7000)
            log.started(Decision(True, "alert x fires", "alert"), (os.getpid(), begun), 7, None, NOW - 60)
        before = triggers_file(by_span).read_bytes()
        [newest, oldest] = view(PageRequest(by_span, NOW)).starts
        assert (newest.outcome, newest.start.run, newest.address) == ("running", run.run_id, f"/runs/{run.run_id}")
        assert (oldest.outcome, oldest.address) == ("unknown", "")
        text = console(by_span).ask("/triggers").text
        assert f'href="/runs/{run.run_id}"' in text and "&lt;b&gt;one&lt;/b&gt;" in text
        assert "Nothing is new." in text
        rows = console(by_span).ask("/triggers?format=csv").text.splitlines()
        assert rows[1].endswith(f"alert,{run.run_id},running,alert x fires")
        assert triggers_file(by_span).read_bytes() == before
        run.finish(3, ended=NOW)
    with open_triggers(by_span) as log, log.change():
        # The same process id, of a process that began at another time: the run's own is gone.
        log.started(Decision(True, "again", "hand"), (os.getpid(), 1.0), 0, None, NOW - 60)
    newest = view(PageRequest(by_span, NOW)).starts[0]
    assert (newest.outcome, newest.start.run, newest.start.ended) == ("blocked", run.run_id, NOW)
