"""The pages of alerts: what fires, since when and what to do; what happened to each; nothing is changed."""

from past_runs import NOW

from millrace.alerts.alert import Finding, Look
from millrace.alerts.section import AlertPolicy
from millrace.config.paths import alerts_file
from millrace.console.page import PageRequest
from millrace.console.pages.alerts import alert_view, view
from millrace.execution.alerting import open_alerts

DRIFT = Finding("monitor/drift/L_INFTY/trip miles/3", "<b>trip miles</b> drift", NOW - 7200, "millrace monitor report")
SLOW = Finding("monitor/slow/p99//3", "1 of 10 answers is slow", NOW - 3600)
SKEW = Finding("monitor/skew/JS/fare/3", "fare is skewed", NOW - 9000)


def look(config, at, *findings, looks=1):
    with open_alerts(config) as log:
        log.take(Look("monitor", findings), AlertPolicy(looks=looks), at)


def test_without_an_alert_the_page_says_what_looks_for_one_and_makes_no_file(config, console):
    answer = console(config).ask("/alerts")
    assert answer.status == 200 and "Nothing has ever alerted here." in answer.text and "monitor run" in answer.text
    assert console(config).ask("/alerts/monitor/drift").status == 404
    assert not alerts_file(config).exists()


def test_what_fires_stands_first_with_what_to_do_and_what_is_over_last(config, console):
    look(config, NOW - 9000, SKEW)
    look(config, NOW - 7200, DRIFT)
    look(config, NOW - 3600, DRIFT, SLOW, looks=2)
    shown = view(PageRequest(config, NOW))
    assert [str(one.alert.state) for one in shown.alerts] == ["firing", "pending", "resolved"]
    assert list(shown.counts.items()) == [("firing", 1), ("pending", 1), ("resolved", 1)]
    running = console(config)
    text = running.ask("/alerts").text
    assert "&lt;b&gt;trip miles&lt;/b&gt; drift" in text and text.count("millrace monitor report") == 1
    assert text.index("trip miles") < text.index("p99")
    assert 'href="/alerts/monitor%2Fslow%2Fp99%2F%2F3"' in text
    rows = running.ask("/alerts?format=csv").text.splitlines()
    assert rows[0].startswith("state,alert,source,since") and rows[1].startswith(f"firing,{DRIFT.key},monitor,")
    assert running.ask("/alerts?format=json").json["alerts"][1]["alert"]["state"] == "pending"


def test_of_what_is_over_the_last_fifty_are_shown(config):
    gone = [Finding(f"monitor/drift/L_INFTY/column {number}/3", "it drifts", NOW - 9000) for number in range(60)]
    look(config, NOW - 9000, *gone)
    look(config, NOW - 7200, DRIFT)
    shown = view(PageRequest(config, NOW))
    assert [str(one.alert.state) for one in shown.alerts] == ["firing", *["resolved"] * 50]
    assert shown.counts == {"firing": 1, "resolved": 60}


def test_an_alerts_page_has_its_history_and_what_a_person_can_say(config, console):
    look(config, NOW - 7200, DRIFT, SLOW)
    with open_alerts(config) as log:
        log.silence(DRIFT.key, NOW + 3600, "the <i>new</i> tariff", "ann@desk", NOW - 60)
        log.resolve(SLOW.key, "more servers", "ben@desk", NOW - 30)
    running = console(config)
    text = running.ask("/alerts/monitor%2Fdrift%2FL_INFTY%2Ftrip%20miles%2F3").text
    assert "the &lt;i&gt;new&lt;/i&gt; tariff" in text and "ann@desk" in text
    shown = alert_view(PageRequest(config, NOW, {"key": DRIFT.key}))
    assert [one.what for one in shown.history] == ["silenced", "firing"] and shown.row.silenced
    assert "--hours 0" in shown.commands["Tell people of it again"]
    assert f"resolve '{DRIFT.key}' --because" in shown.commands["Say that it is over"]
    later = alert_view(PageRequest(config, NOW + 7200, {"key": DRIFT.key}))
    assert not later.row.silenced and "--hours 8" in later.commands["Tell nobody for a while"]
    over = running.ask("/alerts/monitor/slow/p99//3")
    assert over.status == 200 and "more servers" in over.text and "millrace alerts" not in over.text
    assert running.ask("/alerts/monitor/slow/p99//3?format=csv").text.splitlines()[1].endswith("ben@desk,more servers")
    assert running.ask("/alerts/monitor/slow/p98//3").status == 404
