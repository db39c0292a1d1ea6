"""Nobody at the keyboard: a span is dropped into a folder, a run learns from it, and a mail server hears of its end."""

import json
import shutil
import signal
import time

import pytest
from fake_mail_server import mail_server

pytestmark = pytest.mark.slow


def ended_in(project):
    log = project.root / "triggers.log"
    return log.exists() and "; log: " in log.read_text()


def test_a_span_that_is_dropped_into_a_folder_is_learned_from(fresh_project):
    project = fresh_project
    [table] = project.data.iterdir()
    with mail_server() as server:
        project.configure(
            data={
                "path": "../data", "pattern": "span-{SPAN}/*.csv", "format": "csv", "splits": {"train": 2, "eval": 1},
            },
            triggers={"span": {"rows": 1000, "settled_minutes": 0.02}, "cool_down_minutes": 0},
            notify={
                "email": {
                    "host": "127.0.0.1", "port": server.port, "security": "none", "sender": "m@test", "to": ["a@test"],
                }
            },
        )  # fmt: skip
        watching = project.start("triggers", "watch", "--every", "0.2")
        time.sleep(2)
        assert project.runs() == [], "nothing is there yet"
        (project.data / "span-1").mkdir()
        shutil.move(table, project.data / "span-1")
        deadline = time.monotonic() + 400
        # The last line of a run comes after its mail.
        while not ended_in(project) and time.monotonic() < deadline and watching.poll() is None:
            time.sleep(1)
        watching.send_signal(signal.SIGINT)
        ended = project.finish(watching)
        [mail] = server.mails
    assert ended.code == 0, ended.output
    assert "start: span 1 is there, with 3,000 rows" in ended.output
    [run] = project.runs()
    assert (run["state"], mail["Subject"]) == ("done", f"taxi: run {run['run_id']} pushed a model")
    assert len(project.pushed()) == 1
    later = project.millrace("triggers", "check", "--start", "--json")
    assert (later.code, json.loads(later.output)["why"]) == (0, "nothing is new"), later.output
    [start] = json.loads(project.millrace("triggers", "list", "--json").output)
    assert (start["source"], start["run"], start["exit_code"], start["span"]) == ("span", run["run_id"], 0, [1, -1])
