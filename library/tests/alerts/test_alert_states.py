"""Alerts: one for what is seen again and again, told once, and none is lost, told twice or changed afterwards."""

import contextlib
import dataclasses
import json
import sqlite3

import pytest
from fake_webhook import webhook

from millrace.alerts.alert import AlertState, Finding, Look, changes, to_tell
from millrace.alerts.alert_log import AlertLog
from millrace.alerts.channels import WebhookChannel
from millrace.alerts.observing import AlertNotice, observe
from millrace.alerts.section import AlertPolicy
from millrace.base.errors import BadInput

DRIFT = Finding("monitor/drift/L_INFTY/fare/3", "fare drifts: 0.31, limit 0.1", 1000.0, "millrace monitor report")
SLOW = Finding("monitor/slow/p99//3", "1 of 10 answers is slow", 1000.0)
ONCE, TWICE = AlertPolicy(), AlertPolicy(looks=2)


@pytest.fixture
def log(tmp_path):
    with AlertLog(tmp_path / "alerts.db", "taxi") as opened:
        yield opened


def look(*findings, unjudged=(), at=None):
    return Look("monitor", findings, unjudged, at)


def states(log):
    return {key.split("/")[1]: str(alert.state) for key, alert in log.alerts().items()}


def test_what_is_seen_again_is_one_alert_until_a_look_does_not_see_it(log):
    assert [one.state for one in log.take(look(DRIFT), ONCE, 1.0)] == [AlertState.FIRING]
    assert log.take(look(DRIFT), ONCE, 2.0) == []
    log.take(look(DRIFT, SLOW), ONCE, 3.0)
    assert states(log) == {"drift": "firing", "slow": "firing"}
    log.take(look(SLOW), ONCE, 4.0)
    assert states(log) == {"drift": "resolved", "slow": "firing"}
    over = log.alert(DRIFT.key)
    assert (over.summary, over.since, over.changed) == (DRIFT.summary, 1000.0, 4.0)
    log.take(look(DRIFT, SLOW), ONCE, 5.0)
    assert states(log)["drift"] == "firing"


def test_it_is_pending_until_so_many_looks_one_after_the_other_have_seen_it(log):
    log.take(look(DRIFT), TWICE, 1.0)
    assert (states(log), to_tell(log.alerts().values(), TWICE, 1.0, "webhook")) == ({"drift": "pending"}, [])
    log.take(look(), TWICE, 2.0)
    log.take(look(DRIFT), TWICE, 3.0)
    assert states(log) == {"drift": "pending"}, "there was a look between them"
    log.take(look(DRIFT), TWICE, 4.0)
    assert states(log) == {"drift": "firing"}


def test_what_could_not_be_judged_and_what_another_source_sees_stays_as_it_is(log):
    log.take(look(DRIFT, SLOW), ONCE, 1.0)
    log.take(Look("disk", ()), ONCE, 2.0)
    log.take(look(unjudged=["monitor/drift/*/fare/*"]), ONCE, 3.0)
    assert states(log) == {"drift": "firing", "slow": "resolved"}
    assert changes({}, look(), ONCE) == []


def test_a_look_at_something_older_changes_nothing_that_a_newer_one_has_judged(log):
    log.take(look(DRIFT, at=8.0), ONCE, 100.0)
    before = log.alert(DRIFT.key)
    log.take(look(SLOW, at=2.0), ONCE, 101.0)
    assert states(log) == {"drift": "firing"}, "nothing is over, and what was over at 8 does not begin"
    log.take(look(DRIFT, at=8.0), ONCE, 102.0)
    assert log.alert(DRIFT.key) == before, "it would start a second run"
    log.take(look(at=9.0, unjudged=["monitor/slow/*"]), ONCE, 103.0)
    log.take(look(DRIFT, SLOW, at=8.5), ONCE, 104.0)
    assert states(log) == {"drift": "resolved", "slow": "firing"}, "what nobody has judged later is judged now"
    log.take(look(at=8.7), ONCE, 105.0)
    assert states(log)["slow"] == "resolved"


def test_the_same_looked_at_twice_is_one_look(log):
    for now in (100.0, 101.0):
        log.take(look(DRIFT, at=8.0), TWICE, now)
    assert states(log) == {"drift": "pending"}
    log.take(look(DRIFT, at=9.0), TWICE, 102.0)
    assert states(log) == {"drift": "firing"}


def test_a_person_resolves_and_silences_and_every_event_stays(log):
    log.take(look(DRIFT), ONCE, 1.0)
    log.silence(DRIFT.key, 100.0, "we know", "ada@here", 2.0)
    alert = log.alert(DRIFT.key)
    assert (alert.is_silenced(99.0), alert.is_silenced(100.0), alert.starts_training(99.0)) == (True, False, False)
    assert to_tell([alert], ONCE, 99.0, "mail") == [] and to_tell([alert], ONCE, 101.0, "mail") == [alert]
    log.silence(DRIFT.key, 3.0, "told too little", "ada@here", 3.0)
    assert log.alert(DRIFT.key).starts_training(4.0)
    log.resolve(DRIFT.key, "repaired", "ada@here", 5.0)
    with pytest.raises(BadInput, match="resolved already"):
        log.resolve(DRIFT.key, "again", "ada@here", 6.0)
    with pytest.raises(BadInput, match="did you mean monitor/drift"):
        log.alert(DRIFT.key[:-1])
    assert [(kind, who, why) for _, kind, who, why in log.history(DRIFT.key)] == [
        ("firing", "", ""),
        ("silenced", "ada@here", "we know"),
        ("silenced", "ada@here", "told too little"),
        ("resolved", "ada@here", "repaired"),
    ]
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        log._events._database.execute("UPDATE event SET kind = 'resolved'")
    with pytest.raises(sqlite3.IntegrityError, match="never deleted"):
        log._events._database.execute("DELETE FROM event")


def test_people_are_told_once_and_of_the_end_and_again_after_a_day(log, monkeypatch):
    with webhook() as hook:
        monkeypatch.setenv("HOOK", f"{hook.url}/ok")
        channels = [WebhookChannel("HOOK")]
        for now, findings in ((0, [DRIFT]), (60, [DRIFT]), (86_400, [DRIFT]), (90_000, []), (90_060, [])):
            assert observe(log, look(*findings), ONCE, channels, float(now)) == {}
        messages = hook.messages
    assert [one["text"] for one in messages] == [
        f"taxi: 1 alert firing. fare drifts: 0.31, limit 0.1; next: millrace alerts show {DRIFT.key}",
        f"taxi: 1 alert firing. fare drifts: 0.31, limit 0.1; next: millrace alerts show {DRIFT.key}",
        f"taxi: 1 resolved. fare drifts: 0.31, limit 0.1; next: millrace alerts show {DRIFT.key}",
    ]
    assert messages[0]["alerts"][0]["next"] == "millrace monitor report"


def test_a_message_names_what_fires_first_the_next_command_and_its_page(log):
    log.take(look(SLOW), ONCE, 1.0)
    log.take(look(DRIFT), ONCE, 2.0)
    alerts = list(log.alerts().values())
    console, option = "https://console.test/", " -c conf/taxi.yaml"
    both = AlertNotice("taxi", alerts, console, option)
    assert both.text == (
        "taxi: 1 alert firing, 1 resolved. fare drifts: 0.31, limit 0.1 (and 1 more); "
        "next: millrace alerts list -c conf/taxi.yaml"
    )
    assert both.link == "https://console.test/alerts"
    assert both.body.splitlines()[2:5] == [
        "firing: fare drifts: 0.31, limit 0.1",
        f"  {DRIFT.key}, since 1970-01-01 00:16 UTC",
        "  remedy: millrace monitor report",
    ]
    odd = AlertNotice("taxi", [dataclasses.replace(alerts[0], key="monitor/metric/AUC/a b/3")], console)
    assert odd.link == "https://console.test/alerts/monitor%2Fmetric%2FAUC%2Fa%20b%2F3"
    assert odd.next == "millrace alerts show 'monitor/metric/AUC/a b/3'"
    assert json.loads(odd.to_json())["next"] == odd.next
    over = AlertNotice("taxi", [alerts[1], alerts[1]])
    assert (over.next, over.link) == ("millrace alerts list --all", ""), "the list alone shows none that is over"


def test_alerts_are_meant_by_key_by_id_or_several_by_a_pattern(log):
    log.take(look(DRIFT, SLOW), ONCE, 1.0)
    assert log.alert(str(log.alert(SLOW.key).id)).key == SLOW.key
    assert log.silence("monitor/*", 100.0, "we know", "ada@here", 2.0) == [DRIFT.key, SLOW.key]
    assert all(one.is_silenced(3.0) for one in log.alerts().values())
    assert log.resolve("monitor/drift/*", "repaired", "ada@here", 4.0) == [DRIFT.key]
    with pytest.raises(BadInput, match=r"no alert that goes on fits monitor/drift/\*"):
        log.resolve("monitor/drift/*", "again", "ada@here", 5.0)


def test_a_file_of_before_channels_were_told_apart_is_read(tmp_path):
    file = tmp_path / "alerts.db"
    with AlertLog(file, "taxi") as log:
        log.take(look(DRIFT), ONCE, 1.0)
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "INSERT INTO event (at, pipeline, key, kind, source, because, who, details) VALUES "
            f"(2.0, 'taxi', '{DRIFT.key}', 'told', 'monitor', '', '', '{{\"state\": \"firing\"}}')"
        )
        database.execute("DROP VIEW alert")
        database.execute(
            "CREATE VIEW alert AS SELECT id, pipeline, key, source, kind AS state, at AS changed, details, "
            "NULL AS silenced, json_array('firing', at) AS told FROM event WHERE kind = 'firing'"
        )
        database.execute("PRAGMA user_version = 1")
    with AlertLog(file, "taxi") as log:
        alert = log.alert(DRIFT.key)
        assert to_tell([alert], ONCE, 3.0, "webhook") == [], "it was told"
        log.told([alert], ["mail"], 100_000.0)
        assert to_tell(log.alerts().values(), ONCE, 100_001.0, "webhook") == [log.alert(DRIFT.key)], (
            "after a day, again"
        )
        assert to_tell(log.alerts().values(), ONCE, 100_001.0, "mail") == []


def test_what_no_channel_delivered_is_told_by_the_next_look(log, monkeypatch):
    monkeypatch.delenv("HOOK", raising=False)
    channels = [WebhookChannel("HOOK")]
    assert observe(log, look(DRIFT), ONCE, channels, 1.0) == {"webhook": "the environment variable HOOK is not set"}
    with webhook() as hook:
        monkeypatch.setenv("HOOK", f"{hook.url}/ok")
        assert observe(log, look(DRIFT), ONCE, channels, 2.0) == {}
        assert len(hook.messages) == 1
    assert observe(log, look(DRIFT), ONCE, channels, 3.0) == {}, "the server is gone, and nobody asks for it"


class Told:
    """A channel that delivers, or says why not."""

    def __init__(self, name):
        self.name, self.trouble, self.titles = name, "", []

    def lacks(self):
        return ""

    def send(self, notice, seconds):
        self.titles += [] if self.trouble else [notice.title]
        return self.trouble


def test_a_channel_that_was_down_tells_by_itself_what_the_others_have_told(log, monkeypatch):
    monkeypatch.setattr("millrace.alerts.telling._WAITS", ())
    mail, hook = channels = [Told("mail"), Told("hook")]
    mail.trouble = "it is down"
    assert observe(log, look(DRIFT), ONCE, channels, 1.0) == {"mail": "it is down"}
    mail.trouble = ""
    assert observe(log, look(DRIFT, SLOW), ONCE, channels, 2.0) == {}
    assert mail.titles == ["taxi: 2 alerts firing"] and hook.titles == ["taxi: 1 alert firing"] * 2
    mail.trouble = "it is down"
    observe(log, look(), ONCE, channels, 3.0)
    mail.trouble = ""
    observe(log, look(), ONCE, channels, 4.0)
    assert mail.titles[1:] == hook.titles[2:] == ["taxi: 2 resolved"]


def test_pipelines_of_one_root_have_alerts_of_their_own(log, tmp_path):
    log.take(look(DRIFT), ONCE, 1.0)
    with AlertLog(tmp_path / "alerts.db", "tips") as other:
        assert other.alerts() == {}
        with pytest.raises(BadInput, match="there is no alert"):
            other.alert(DRIFT.key)
    assert log.fired(0.0) == [(1.0, DRIFT.key)]


def test_a_file_of_a_later_millrace_and_one_that_is_none(tmp_path):
    later, other = tmp_path / "later.db", tmp_path / "other.db"
    database = sqlite3.connect(later)
    database.execute("PRAGMA user_version = 99")
    database.close()
    other.write_bytes(b"no database" * 1000)
    with pytest.raises(BadInput, match="made by a later Millrace"):
        AlertLog(later, "taxi")
    with pytest.raises(BadInput, match="the alerts cannot be used"):
        AlertLog(other, "taxi")
