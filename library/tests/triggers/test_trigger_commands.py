"""The commands: what a person types, and reads at 80 columns."""

import json
import shlex
import time

import pytest
from click.testing import CliRunner
from fake_webhook import webhook

from millrace.alerts.alert import Finding, Look
from millrace.cli.watching.alerts import alerts
from millrace.cli.watching.triggers import triggers
from millrace.config.loading import load
from millrace.execution.alerting import observe_findings
from millrace.triggers.starting import open_triggers


@pytest.fixture
def options(tmp_path):
    return ["-c", "conf/taxi.yaml", "--set", f"root={tmp_path}", "--set", "triggers.cron=TZ=UTC 0 4 * * *"]


def run(command, *arguments):
    result = CliRunner().invoke(command, arguments)
    return result.exit_code, result.output, result.exception


def test_check_says_what_is_waited_for_and_starts_nothing(options, tmp_path):
    code, output, _ = run(triggers, "check", *options)
    assert (code, output[:38]) == (0, "wait: waits for the next time of cron,")
    assert json.loads(run(triggers, "check", "--json", *options)[1])["start"] is False
    assert "started no run" in run(triggers, *options)[1]
    assert run(triggers, "fire", "--because", "a fix", *options)[0] == 0
    assert "asked for it: a fix" in run(triggers, "check", *options)[1]
    assert not (tmp_path / "logs").exists()


def test_what_was_asked_for_is_listed_and_taken_back_by_id_or_all_of_it(options, tmp_path):
    assert "no call waits" in run(triggers, "cancel", "--all", "--because", "x", *options)[1]
    for why in ("a fix", "a test", "another"):
        run(triggers, "fire", "--because", why, *options)
    config = load("conf/taxi.yaml", [f"root={tmp_path}"])
    with open_triggers(config) as log:
        waiting = log.recorded(time.time()).asked
    assert [one.because for one in waiting] == ["a fix", "a test", "another"]
    listed = run(triggers, *options)[1]
    assert all(f"{one.event} " in listed for one in waiting) and "millrace triggers cancel ID" in listed
    assert "asked for it: a fix; 2 other calls wait" in " ".join(run(triggers, "check", *options)[1].split())
    first = str(waiting[0].event)
    code, output, _ = run(triggers, "cancel", first, "--because", "by mistake", *options)
    assert code == 0 and output.startswith(f"{first}: taken back") and "a fix" in output
    assert f"no call {first} waits" in str(run(triggers, "cancel", first, "--because", "again", *options)[2])
    assert run(triggers, "cancel", "--because", "x", *options)[0] == 2
    run(triggers, "cancel", "--all", "--because", "a holiday", *options)
    assert json.loads(run(triggers, "check", "--json", *options)[1])["source"] is None
    with open_triggers(config) as log:
        rows = log._events.rows("SELECT of, because, who != '' FROM event WHERE kind = 'cancelled' ORDER BY id")
        asked, _ = log.ask_once("http", "the load is done", "k", time.time())
        log.cancel([asked.event], "not whole", "ada", time.time())
        assert log.ask_once("http", "the load is done", "k", time.time())[0].cancelled
    assert rows == [
        (one.event, why, 1) for one, why in zip(waiting, ["by mistake", "a holiday", "a holiday"], strict=True)
    ]


def test_without_a_trigger_each_command_says_how_to_name_one(tmp_path):
    for name in ("check", "watch", "simulate", "install"):
        more = ["--print"] if name == "install" else []
        _, _, error = run(triggers, name, "-c", "conf/taxi.yaml", "--set", f"root={tmp_path}", *more)
        assert "no trigger is configured" in str(error) and "triggers: {cron" in str(error)


@pytest.mark.parametrize("option", ["--days", "--run-minutes", "--span-every", "--run-dollars"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_what_is_no_number_is_refused(options, option, value):
    code, output, _ = run(triggers, "simulate", option, value, *options)
    assert code == 2 and option in output


def test_simulate_compares_policies(options):
    code, output, _ = run(
        triggers, "simulate", "--days", "7", "--span-every", "24", "--run-minutes", "10", "--json", *options,
        "--policy", "runs_per_day=2 cool_down_minutes=30",
    )  # fmt: skip
    results = json.loads(output)
    assert code == 0 and list(results) == ["as configured", "runs_per_day=2 cool_down_minutes=30"]
    assert results["as configured"]["runs"] == {"cron": 7}
    shown = run(triggers, "simulate", "--days", "7", "--span-every", "24", "--run-minutes", "10", *options)[1]
    assert "hours stale" in shown and "\nmissed: times of cron" in shown and max(map(len, shown.splitlines())) <= 80


def test_install_prints_what_systemd_and_cron_read(options):
    code, output, _ = run(triggers, "install", "--print", *options)
    assert code == 0
    [start] = [line for line in output.splitlines() if line.startswith("ExecStart=")]
    assert '"triggers.cron=TZ=UTC 0 4 * * *"' in start and " triggers watch -c /" in start
    [line] = [line for line in output.splitlines() if line.startswith("*/10 ")]
    assert shlex.split(line)[-1] == "--start" and " triggers check -c /" in line
    assert run(triggers, "install", *options)[0] == 2


def test_alerts_are_listed_silenced_and_resolved(options, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert "no alert of taxi" in run(alerts, *options)[1]
    finding = Finding("monitor/drift/fare", "fare drifts: 0.31, limit 0.1", 1e9, "millrace monitor report")
    config = load("conf/taxi.yaml", [f"root={tmp_path}"])
    assert observe_findings(config, Look("monitor", [finding]), 1e9) == {}
    listed = run(alerts, *options)[1]
    assert "firing" in listed and "2001-09-09 01:46 UTC" in listed and "millrace monitor report" in listed
    assert "next: millrace alerts show ID" in listed and finding.key in listed
    assert run(alerts, "silence", finding.key, "--hours", "2", "--because", "we know", *options)[0] == 0
    assert "silenced until" in run(alerts, "list", *options)[1]
    assert run(alerts, "resolve", finding.key, "--because", "repaired", *options)[0] == 0
    assert "1 resolved: --all shows them" in run(alerts, *options)[1]
    assert "repaired" in run(alerts, "show", finding.key, *options)[1]
    assert [one["state"] for one in json.loads(run(alerts, "list", "--all", "--json", *options)[1])] == ["resolved"]
    assert "no alert monitor/drift/far;" in str(run(alerts, "show", "monitor/drift/far", *options)[2])


def test_the_channels_are_tried(options, monkeypatch):
    with webhook() as hook:
        monkeypatch.setenv("HOOK", f"{hook.url}/ok")
        told = run(alerts, "test", *options, "--set", "notify.webhook_env=HOOK")
        assert (told[0], told[1]) == (0, "webhook: delivered\n")
        assert hook.messages[0]["kind"] == "trial"
    monkeypatch.delenv("HOOK")
    told = run(alerts, "test", *options, "--set", "notify.webhook_env=HOOK")
    assert (told[0], told[1]) == (1, "webhook: not delivered; the environment variable HOOK is not set\n")
    assert "no channel is configured" in str(run(alerts, "test", *options)[2])
