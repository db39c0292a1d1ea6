"""Home and the table of runs: what they say of a real store, in which order, and of none."""

import contextlib
import csv
import io
import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from past_runs import NOW, PastRuns, report

from millrace.alerts.alert import Finding, Look
from millrace.alerts.section import AlertPolicy
from millrace.base.errors import Failure
from millrace.console.page import PageRequest
from millrace.console.pages.home import view as home
from millrace.console.pages.runs import view as runs_view
from millrace.execution.alerting import open_alerts
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.metadata.run_summaries import SUMMARY_FILE, run_summaries


def request(config, **query: str) -> PageRequest:
    return PageRequest(config, NOW, {}, query)


def test_before_the_first_run_each_page_says_what_to_do(config, console):
    running = console(config)
    for path in ("/", "/runs"):
        answer = running.ask(path)
        assert answer.status == 200 and "millrace run" in answer.text, path
    assert not Path(config.root).exists(), "looking makes nothing"


def test_home_says_whether_it_is_all_right(config, past):
    shown = home(request(config))
    assert shown.good is False and shown.sentence.startswith("The last run ended as failed. Version ")
    assert shown.sentence.endswith("is served as before.") and shown.served.run.judged == {"AUC": 0.91}
    past.add(gate=report(0.93), started=NOW - 500)
    shown = home(request(config))
    assert shown.good is True and shown.served == shown.last


def test_what_fires_is_said_at_home_also_after_a_run_that_ended_well(config, past, console):
    past.add(gate=report(0.93), started=NOW - 500)
    drift = Finding("monitor/drift/L_INFTY/<fare>/3", "<b>fare</b> drifts", NOW - 7200, "millrace monitor report")
    others = [Finding(f"monitor/skew/JS/{number}/3", "skewed", NOW - 60) for number in range(6)]
    with open_alerts(config) as log:
        log.take(Look("monitor", [drift]), AlertPolicy(looks=1), NOW - 60)
    shown = home(request(config))
    assert shown.good is False and shown.sentence.startswith("The last run ended well. Version ")
    assert shown.sentence.endswith(" An alert fires.") and shown.why == "", "of the run there is nothing to explain"
    running = console(config)
    text = running.ask("/").text
    assert (
        "&lt;b&gt;fare&lt;/b&gt; drifts" in text and 'href="/alerts/monitor%2Fdrift%2FL_INFTY%2F%3Cfare%3E%2F3"' in text
    )
    assert "millrace monitor report" in text and "that fire" not in text
    with open_alerts(config) as log:
        log.take(Look("monitor", [drift, *others]), AlertPolicy(looks=1), NOW - 50)
    shown = home(request(config))
    assert (len(shown.alerts), shown.firing) == (5, 7) and shown.sentence.endswith(" 7 alerts fire.")
    assert "All 7 that fire" in running.ask("/").text
    with open_alerts(config) as log:
        log.take(Look("monitor", []), AlertPolicy(looks=1), NOW - 40)
    assert home(request(config)).good is True and running.faults == []


def test_a_model_that_is_gone_is_not_called_served(config, past):
    for version in (Path(config.root) / "serving" / "taxi").iterdir():
        version.rmdir()
    shown = home(request(config))
    assert shown.served is None and shown.served_gone and "No version is served" in shown.sentence


def test_a_trial_is_not_served_and_the_highest_version_that_is_there_is(config, past):
    served = home(request(config)).served
    newer = past.add(gate=report(0.94), started=NOW - 600)
    past.add(gate=report(0.95), started=NOW - 500, trial=True)
    shown = home(request(config))
    assert shown.served.run.run_id == newer and shown.last.verdict.startswith("trial ")
    assert shown.history == {"AUC": (0.91, 0.6, 0.94)}, "a trial is of another kind"
    Path(shown.served.run.pushed_to).rmdir()
    assert home(request(config)).served.run == served.run, "a person went back"


def test_home_tells_trials_that_were_blessed_from_no_model_and_names_every_run_that_goes_on(config, console):
    made = PastRuns(Path(config.root))
    trial = made.add(gate=report(0.94), started=NOW - 600, trial=True)
    text = console(config).ask("/").text
    assert "1 trial was blessed, and not served: millrace run --push" in text
    version = Path(home(request(config)).last.run.pushed_to).name
    page = re.sub(r"\s+", " ", console(config).ask(f"/models/{trial}").text)
    assert f"trial {version}, which is not served" in page and "pushed as" not in page
    asked_for = RunRequest("conf/taxi.yaml", pipeline="taxi")
    with new_run(Path(config.root) / "logs", asked_for) as one, new_run(Path(config.root) / "logs", asked_for) as two:
        card = console(config).ask("/").text.partition("<h2>Running</h2>")[2].partition("</section>")[0]
    assert one.run_id in card and two.run_id in card


def test_a_run_that_took_the_served_version_from_the_cache_did_not_make_it(config, past):
    """Home said of a version that the run which was cached a moment ago had made it, just now."""
    made = home(request(config)).served.run
    past.add(gate=report(0.91), started=NOW - 500)
    folder = Path(config.root) / "logs"
    newest = run_summaries(config)[-1]
    values = json.loads((folder / newest.run_id / SUMMARY_FILE).read_text())
    values["summary"]["pushed_to"] = made.pushed_to
    (folder / newest.run_id / SUMMARY_FILE).write_text(json.dumps(values))
    shutil.rmtree(newest.pushed_to)
    assert home(request(config)).served.run == made


def test_the_newest_run_is_first_and_each_state_is_counted(four):
    shown = runs_view(request(four))
    assert [one.run.state for one in shown.rows] == ["failed", "killed", "blocked", "done"]
    assert shown.states == {"failed": 1, "blocked": 1, "killed": 1, "done": 1} and shown.metrics == ("AUC",)


@pytest.mark.parametrize(
    "query, states",
    [
        ({"sort": "started"}, ["done", "blocked", "killed", "failed"]),
        ({"sort": "-metric.AUC"}, ["done", "blocked", "failed", "killed"]),
        ({"sort": "metric.AUC"}, ["blocked", "done", "failed", "killed"]),
        ({"sort": "nothing"}, ["failed", "killed", "blocked", "done"]),
        ({"state": "blocked"}, ["blocked"]),
        ({"q": "SPACE left"}, ["failed"]),
        ({"q": "no such thing"}, []),
        ({"state": "<b>"}, []),
    ],
)
def test_filter_and_order_stand_in_the_address(four, query, states):
    assert [one.run.state for one in runs_view(request(four, **query)).rows] == states


def test_a_reason_with_markup_and_terminal_codes_is_text(four, console):
    text = console(four).ask("/runs").text
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m" in text


def test_more_runs_than_a_page_holds_follow_by_an_address(config, console):
    past = PastRuns(Path(config.root))
    for number in range(5):
        past.add({}, 2, Failure(f"reason {number}", "data.path", "", 2), started=NOW + number)
    running, listed, path = console(config), [], "/runs?rows=2"
    while path:
        text = running.ask(path).text.replace("&amp;", "&")
        listed += re.findall(r"reason \d+", text)
        path = next(iter(re.findall(r'hx-get="(/runs\?[^"]*after=\d+)" hx-trigger="revealed"', text)), "")
    assert listed == [f"reason {number}" for number in reversed(range(5))]


def test_a_page_is_json_and_a_table_is_csv(four, console):
    running = console(four)
    shown = running.ask("/runs?format=json&state=done").json
    assert [one["run"]["state"] for one in shown["rows"]] == ["done"] and shown["metrics"] == ["AUC"]
    rows = list(csv.DictReader(io.StringIO(running.ask("/runs?format=csv&sort=-metric.AUC").text)))
    assert rows[0]["AUC"] == "0.91" and rows[1]["why"].startswith("AUC 0.6 is below")
    refused = running.ask("/?format=csv")
    assert refused.status == 404 and "has no table" in refused.text


def test_a_store_that_is_damaged_is_told_with_its_remedy(config, past, console):
    running = console(config)
    Path(config.root, "metadata.db").write_bytes(b"no database at all")
    answer = running.ask("/runs")
    assert answer.status == 503 and "is no SQLite database" in answer.text and "mv " in answer.text
    assert running.faults == []


def test_a_store_of_a_later_version_is_told(config, past, console):
    with contextlib.closing(sqlite3.connect(Path(config.root) / "metadata.db")) as database, database:
        database.execute("update MLMDEnv set schema_version = 99")
    for summary in Path(config.root).glob("logs/*/summary.json"):
        summary.unlink()
    running = console(config)
    answer = running.ask("/runs?format=json")
    assert answer.status == 503 and "99" in answer.json["error"]["what"] and running.faults == []


def test_the_search_finds_a_run_by_its_reason(four, console):
    running = console(four)
    [hit] = running.ask("/search?q=space&format=json").json["hits"]
    assert hit["kind"] == "run" and running.ask(hit["address"].replace("/runs/", "/runs?q=")).status == 200
    assert "Nothing is called that" in running.ask("/search?q=%3Cb%3E").text
