"""Looks at real folders: what is started, once whoever looks, and what a restart knows."""

import errno
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from recorded_runs import RecordedRuns

from millrace.alerts.alert import Finding, Look
from millrace.alerts.section import AlertPolicy
from millrace.base.errors import DataError
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.execution.alerting import open_alerts
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.triggers.deciding import Decision
from millrace.triggers.spans import count_rows
from millrace.triggers.starting import RunStarter, open_triggers
from millrace.triggers.watching import watch

NOW = datetime(2031, 1, 1, 12, tzinfo=timezone.utc).timestamp()
HEADER, ROW = "fare,tips", "5.5,1"


class Spawned:
    """Starts a process that ends with a code, or waits, in place of a run, and keeps the commands."""

    def __init__(self, script="") -> None:
        self.commands, self.script, self.processes = [], script, []

    def __call__(self, command, log):
        self.commands.append(list(command))
        self.processes.append(subprocess.Popen([sys.executable, "-S", "-c", self.script], stdin=subprocess.PIPE))
        return self.processes[-1]

    def end(self):
        for process in self.processes:
            process.communicate()


@pytest.fixture
def spawned():
    spawn = Spawned("import sys; sys.stdin.read()")
    yield spawn
    spawn.end()


@pytest.fixture
def project(tmp_path):
    (tmp_path / "data").mkdir()
    overrides = (
        f"root={tmp_path / 'runs'}", f"data.path={tmp_path / 'data'}", "data.pattern=span-{SPAN}/*.csv",
        "triggers.span={rows: 3, settled_minutes: 10}", "triggers.cool_down_minutes=0",
    )  # fmt: skip

    def add(number, rows=3, age=3600.0, name="a.csv"):
        file = tmp_path / "data" / f"span-{number}" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join([HEADER, *[ROW] * rows]) + "\n")
        os.utime(file, (NOW - age, NOW - age))

    def starter(log, spawn, *more):
        said = (*overrides, *more)
        return RunStarter(load("conf/taxi.yaml", said), said, log, spawn)

    starter.add, starter.config = add, load("conf/taxi.yaml", overrides)
    return starter


def test_a_span_starts_one_run_whoever_looks_and_however_often(project, spawned):
    project.add(1)
    with open_triggers(project.config) as log, open_triggers(project.config) as other:
        first = project(log, spawned).look(NOW)
        assert first.decision.why == "span 1 is there, with 3 rows"
        assert project(other, spawned).look(NOW).decision.why == "nothing is new"
        project.add(2)
        waits = project(other, spawned).look(NOW + 1).decision
        assert "span 2 is there" in waits.why and "waits for a run that has just been started" in waits.why
        spawned.end()
        after = project(log, spawned).look(NOW + 2)
        assert after.process and len(spawned.commands) == 2
        ended = log.starts(0)[0]
        assert (ended.source, ended.span, ended.ended, ended.exit_code) == ("span", (1, -1), NOW + 2, None)
    command = spawned.commands[0]
    assert command[1:6] == ["-m", "millrace.cli.main", "run", "-c", os.path.abspath("conf/taxi.yaml")]
    assert "data.pattern=span-{SPAN}/*.csv" in command and "--push" not in command


def test_what_is_not_whole_starts_nothing_and_what_a_run_must_not_read_is_kept_from_it(project, spawned):
    project.add(1)
    project.add(2, age=5.0)
    with open_triggers(project.config) as log:
        assert project(log, spawned).look(NOW).process
    assert spawned.commands[0][-2:] == ["--set", "data.span=1"]


@pytest.mark.parametrize(
    ("overrides", "trial"),
    [((), "false"), (("push.trial=true",), "true"), (("training.epochs=3",), "true"), (("root=elsewhere",), "false")],
)
def test_which_span_is_read_makes_no_trial_and_ends_none(project, overrides, trial):
    with open_triggers(project.config) as log:
        starter = RunStarter(project.config, overrides, log)
        command = starter.command(Decision(True, "", "span", (1, -1), only_span=True))
    assert [one for one in command if one.startswith("push.")] == [f"push.trial={trial}"] and "--push" not in command


@pytest.mark.parametrize(
    ("rows", "age", "more", "why"),
    [
        (2, 3600.0, (), "span 1 has 2 of 3 rows"),
        (3, 60.0, (), "span 1 has changed less than 10 minutes ago (settled_minutes)"),
        (3, 3600.0, ("triggers.span.done_file=_SUCCESS",), "span 1 waits for _SUCCESS"),
    ],
)
def test_a_span_that_is_waited_for(project, spawned, rows, age, more, why):
    project.add(1, rows, age)
    with open_triggers(project.config) as log:
        assert project(log, spawned, *more).look(NOW).decision.why == why
    assert spawned.commands == []


def test_a_run_that_only_looks_at_a_span_does_not_use_it_up(project, spawned):
    """As `run --to DataGate` does each night."""
    project.add(1, age=NOW - 1000)
    runs = RecordedRuns(layout(project.config).local)
    examples = runs.stage("20310101-000001", "ExampleGen", {}, {"examples": "Examples"})["examples"]
    runs.note(examples, span=1)
    runs.stage("20310101-000001", "DataGate", {"examples": [examples]}, {})
    with open_triggers(project.config) as log:
        assert project(log, spawned).decision(NOW + 3600).why == "span 1 is there, with 3 rows"
        runs.stage("20310101-000002", "Trainer", {"examples": [examples]}, {})
        assert project(log, spawned).decision(NOW + 3600).why == "nothing is new"
        project.add(1, name="b.csv")
        # What came after the run had read it, it has not read.
        assert project(log, spawned).decision(NOW + 3600).why == "span 1 is there, with 6 rows"


def test_the_file_that_says_that_a_span_is_whole(project, spawned):
    project.add(1, age=1.0)
    project.add(1, name="_SUCCESS", rows=0)
    with open_triggers(project.config) as log:
        done = project(log, spawned, "triggers.span.done_file=_SUCCESS", "data.pattern=span-{SPAN}/*.csv")
        assert done.look(NOW).process


def test_a_run_that_somebody_else_started_is_waited_for_and_its_end_cools_down(project, spawned):
    project.add(1)
    logs = project.config.root + "/logs"
    with open_triggers(project.config) as log:
        with new_run(Path(logs), RunRequest("x", pipeline="taxi"), started=NOW - 60) as run:
            waits = project(log, spawned).look(NOW).decision
            assert waits.why == f"span 1 is there, with 3 rows; waits for run {run.run_id}, which goes on"
            run.finish(0, ended=NOW)
        cools = project(log, spawned, "triggers.cool_down_minutes=30").look(NOW + 60).decision
        assert (cools.start, cools.until) == (False, NOW + 1800)


def test_a_rehearsal_neither_holds_a_run_back_nor_cools_down(project, spawned):
    project.add(1)
    request = RunRequest("x", runner="rehearsal", pipeline="taxi")
    with open_triggers(project.config) as log, new_run(layout(project.config).logs, request, started=NOW - 60) as run:
        starter = project(log, spawned, "triggers.cool_down_minutes=60")
        assert starter.decision(NOW).start
        run.finish(0, ended=NOW)
        assert starter.look(NOW + 60).process


def test_of_two_who_see_a_run_end_one_writes_it_down(project, spawned):
    project.add(1)
    with open_triggers(project.config) as log:
        project(log, spawned).look(NOW)
        [start] = log.starts(0)
        log.ended(start, 0, "20310101-000001", NOW + 1)
        log.ended(start, 1, "20310101-000002", NOW + 2)
        [ended] = log.starts(0)
        assert (ended.exit_code, ended.ended, ended.run) == (0, NOW + 1, "20310101-000001")


def test_an_alert_starts_one_run_and_a_silenced_one_none(project, spawned):
    with open_triggers(project.config) as log, open_alerts(project.config) as alerts:
        on_alerts = project(log, spawned, "triggers.alerts=[monitor/*]")
        alerts.take(Look("monitor", [Finding("monitor/drift/fare", "it drifts", NOW)]), AlertPolicy(), NOW)
        alerts.silence("monitor/drift/fare", NOW + 10, "we know", "ada@here", NOW)
        assert on_alerts.look(NOW).decision.why == "nothing is new"
        assert on_alerts.look(NOW + 11).decision.why == "alert monitor/drift/fare fires"
        spawned.end()
        assert on_alerts.look(NOW + 12).decision.why == "nothing is new", "it fires, and has started its run"
        for at, findings in ((NOW + 13, []), (NOW + 14, [Finding("monitor/drift/fare", "again", NOW + 14)])):
            alerts.take(Look("monitor", findings), AlertPolicy(), at)
        assert on_alerts.look(NOW + 15).process


def test_who_asks_by_hand_gets_one_run(project, spawned):
    with open_triggers(project.config) as log:
        log.ask("ada@here", "a fix", NOW)
        assert project(log, spawned).decision(NOW).start, "to look changes nothing"
        assert project(log, spawned).look(NOW).decision.source == "hand"
        spawned.end()
        assert project(log, spawned).look(NOW + 1).decision.why == "nothing is new"


def test_a_watch_that_is_started_again_knows_what_was_done(project, spawned):
    lines, times = [], iter([NOW, NOW + 30, NOW + 60])

    def once(*_):
        with open_triggers(project.config) as log:
            watch(project(log, spawned), 30, lambda: next(times), lambda _: True, lines.append)

    project.add(1)
    once()
    once()
    spawned.end()
    once()
    assert lines == ["start: span 1 is there, with 3 rows", "wait: nothing is new", "wait: nothing is new"]
    assert len(spawned.commands) == 1


def test_a_clock_that_was_a_year_ahead_holds_nothing_back_once_it_is_right(project):
    spawn = Spawned()
    year, hour = 365 * 86_400, 3600
    more = "triggers.cron=TZ=UTC 0 * * * *", "triggers.runs_per_day=1", "triggers.cool_down_minutes=60"
    with open_triggers(project.config) as log:
        starter = project(log, spawn, *more)
        starter.look(NOW + year)
        assert starter.look(NOW + year + hour).process
        spawn.end()
        starter.look_back(NOW + year + hour + 60)
        # The watch begins anew, and keeps the next time of cron.
        assert starter.look(NOW + 60).decision.why == "waits for the next time of cron"
        assert starter.look(NOW + hour).process
        spawn.end()
        starter.look_back(NOW + hour + 60)
        assert "runs_per_day" in starter.look(NOW + 3 * hour).decision.why
        # A clock that is set back a little starts nothing twice.
        assert starter.look(NOW + hour - 5).decision.why == "waits for the next time of cron"


def test_a_look_that_fails_is_said_once_and_starts_nothing(project, spawned):
    project.add(1)
    broken = os.path.join(project.config.data.path, "span-1", "b.csv")
    with open(broken, "wb") as file:
        file.write(b"\x1f\x8bno gzip")
    os.utime(broken, (NOW - 3600, NOW - 3600))
    lines, looks = [], iter([False, False, True])
    with open_triggers(project.config) as log:
        watch(project(log, spawned), 1, lambda: NOW, lambda _: next(looks), lines.append)
    assert len(lines) == 1 and "this look failed" in lines[0] and "b.csv" in lines[0]
    assert spawned.commands == []


def test_a_file_that_is_not_whole_and_a_full_disk_do_not_end_the_watching(project, spawned):
    cut = Path(project.config.data.path) / "cut.parquet"
    cut.write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"cut\.parquet: its rows cannot be counted"):
        count_rows(cut, project.config.data.model_copy(update={"format": "parquet"}))

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    project.add(1)
    lines, looks = [], iter([False, True])
    with open_triggers(project.config) as log:
        watch(project(log, full), 1, lambda: NOW, lambda _: next(looks), lines.append)
        assert len(lines) == 1 and "No space left" in lines[0] and not log.starts(0)
        # What was not started is started by the next look.
        assert project(log, spawned).look(NOW).process


def test_a_run_that_cannot_even_begin_does_not_start_a_storm(project):
    failing = Spawned("raise SystemExit(2)")
    with open_triggers(project.config) as log:
        cron = project(
            log, failing, "triggers.cron=TZ=UTC * * * * *", "triggers.cool_down_minutes=30", "triggers.runs_per_day=3"
        )
        cron.look(NOW)
        for minute in range(1, 10):
            cron.look(NOW + minute * 60 + 1)
            failing.end()
        [start] = log.starts(0)
    assert (start.source, start.exit_code) == ("cron", 2)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("triggers.cron=61 25 * * *", "'61' is no minute"),
        ("triggers.cron=TZ=Europe/Zurch 0 4 * * *", "did you mean Europe/Zurich"),
        ("triggers.cron=30 0 4 * * *", "has seconds"),
        ("triggers.cron=0 4 31 2 *", "never comes"),
        ("triggers={runs_per_day: 100, cool_down_minutes: 60}", "can never be"),
        ("triggers.span={rows: 3}", "has no {SPAN}"),
        ("triggers={alerts: [monitor/drfit/*]}", "never fires: there is no detector drfit; did you mean drift"),
        ("triggers={alerts: [monitr/*]}", "no alert is called monitr"),
        ("triggers={cron: '* * * * *', cool_down_minutes: 0}", "whenever none goes on"),
        ("triggers={cron: 'TZ=Europe/Zurich */1 4 * * *', cool_down_minutes: 0.5}", "whenever none goes on"),
        ("data={span: 3, pattern: 'span-{SPAN}/*.csv'}", "every run reads"),
    ],
)
def test_a_policy_that_could_not_be_meant_is_refused(more, problem):
    overrides = [more]
    if more.startswith("data="):
        overrides = ["data.span=3", "data.pattern=span-{SPAN}/*.csv", "triggers.span={rows: 3}"]
    with pytest.raises(Exception, match=problem.replace("{", r"\{")):
        load("conf/taxi.yaml", overrides)


@pytest.mark.parametrize(
    "more",
    [
        "triggers={alerts: ['*', monitor/*, 'monitor/[sd]*/fare/*', monitor/prediction drift/*, m*/skew/*]}",
        "triggers={cron: '*/2 * * * *', cool_down_minutes: 0}",
        "triggers={cron: '* * * * *', cool_down_minutes: 1}",
    ],
)
def test_a_policy_that_is_meant_is_none_of_these(more):
    assert load("conf/taxi.yaml", [more]).triggers.starts_something


def test_a_wrong_time_is_told_by_file_and_line(tmp_path):
    file = tmp_path / "taxi.yaml"
    with open("conf/taxi.yaml", encoding="utf-8") as text:
        lines = text.read()
    file.write_text(lines + "\ntriggers:\n  cron: 61 25 * * *\n")
    with pytest.raises(
        Exception, match=rf"taxi.yaml:{len(lines.splitlines()) + 3}:\d+.*triggers.cron.*'61' is no minute"
    ):
        load(file)
