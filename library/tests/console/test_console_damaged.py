"""Half of a store: files that were cut, emptied, or filled with zeros are passed over, and pages go on."""

import contextlib
import json
import math
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from millrace.components.data_gate.report import JSON_NAME
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.metadata.journal import Journal
from millrace.metadata.run_details import run_detail
from millrace.metadata.run_summaries import Runs, run_summaries


def summary(**odd: Any) -> str:
    """What a later version, or a damaged disk, may have kept of a run."""
    sound = {"run_id": "x", "state": "done", "started": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "metrics": {}}
    sound |= {"judged": {}, "blessed": None, "infra_blessed": None, "pushed_to": "", "reason": ""}
    return json.dumps({"pipeline": "taxi", "summary": {**sound, **odd}})


DAMAGES = {
    "provenance.json": ["", '{"configuration": 3}'],
    "events.jsonl": ["\x00\x00\n", '{"stage": 1}\n', '{"stage"'],
    "run.json": ["", '{"request": 3, "number": "x", "started": []}'],
    "graph.json": ["[1]", '{"Trainer": 5}', '{"Trainer": ["Pusher"], "Pusher": ["Trainer"]}'],
    "summary.json": ["", "{}", summary(state="paused"), summary(started="yesterday"), summary(seconds=math.nan)],
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_of_a_run_is_passed_over_by_every_page(four, console, tmp_path, name):
    ids = [run.run_id for run in run_summaries(four)]
    root = tmp_path / "root"
    shutil.copytree(four.root, root)
    running = console(load("conf/taxi.yaml", [f"root={root}"]))
    for text in DAMAGES[name]:
        for summary in root.glob("logs/*/summary.json"):
            summary.unlink()
        (root / "logs" / ids[0] / name).write_text(text)
        for path in ("/", "/runs", "/compare", f"/runs/{ids[0]}", f"/compare?runs={ids[0]},{ids[1]}"):
            answer = running.ask(path)
            assert answer.status == 200 and running.faults == [], (text, path)


def test_a_damaged_report_of_data_gate_is_told_on_the_runs_page(four, console, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(four.root, root)
    first = run_summaries(four)[0].run_id
    config = load("conf/taxi.yaml", [f"root={root}"])
    folder = Path(run_detail(Runs(config), first, 0.0).data_report)
    for text in ('{"findings": [', "[]", '{"findings": [{"action": "warn", "odd": 1}]}'):
        (folder / JSON_NAME).write_text(text)
        answer = console(config).ask(f"/runs/{first}")
        assert answer.status == 200 and "What DataGate warned of cannot be told" in answer.text, text


def test_what_else_lies_among_the_runs_is_none(four, console, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(four.root, root)
    (root / "logs" / "notes.txt").write_text("mine")
    (root / "logs" / "20300101-000000").mkdir()
    assert console(load("conf/taxi.yaml", [f"root={root}"])).ask("/runs?format=json").json["total"] == 4


def test_a_journal_is_read_around_what_is_no_event(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.record("ExampleGen", "running")
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('\x00\x00\n{"stage": "Trainer"\n')
        file.write('{"stage": "Trainer", "state": "flying", "at": 1, "note": "", "failure": null}\n')
    journal.record("ExampleGen", "done")
    assert [event.state.value for event in journal.events()] == ["running", "done"]


# The tables whose rows others refer to, and those that no row refers to: what is left of them is shown.
REFERRED_TO = ("Artifact", "Context", "Event", "Execution", "Type")
LEFT_OUT = (
    *("ArtifactProperty", "Association", "Attribution", "ContextProperty", "EventPath", "ExecutionProperty"),
    *("ParentContext", "ParentType", "TypeProperty"),
)


@pytest.fixture
def half(four, tmp_path):
    """Deletes every second row of a table of ML Metadata, in a copy of the four runs."""

    def of(table: str) -> Config:
        root = shutil.copytree(four.root, tmp_path / "root")
        with contextlib.closing(sqlite3.connect(root / "metadata.db")) as database, database:
            database.execute(f"DELETE FROM {table} WHERE rowid % 2")
        return load("conf/taxi.yaml", [f"root={root}"])

    return of


@pytest.mark.parametrize("table", [*REFERRED_TO, *LEFT_OUT])
def test_half_of_a_store_is_told_on_every_page_or_shown(four, half, console, table):
    """ML Metadata's C++ ended the console, or each page was a fault: `Results missing for ids`."""
    first, second = [run.run_id for run in run_summaries(four)][:2]
    config = half(table)
    running = console(config)
    pages = ("/", "/runs", "/compare", f"/compare?runs={first},{second}", f"/runs/{first}", f"/lineage/run/{first}")
    for path in (*pages, f"/data/{first}", "/models", f"/models/{first}", "/schema", "/search?q=trainer"):
        answer = running.ask(path)
        assert running.faults == [], path
        if table in REFERRED_TO:
            assert answer.status == 503 and f" of {table}" in answer.text, path
            assert f"mv {config.root}/metadata.db" in answer.text and "<h1>Not shown</h1>" in answer.text, path
        else:
            assert answer.status in (200, 404), path


def test_half_of_a_store_is_told_by_a_command(half):
    """In a process of its own, which ML Metadata's C++ ended: `Check failed: iter != node_by_id.end()`."""
    config = half("Artifact")
    asked = [sys.executable, "-m", "millrace.cli.main", "lineage", "last", "--set", f"root={config.root}"]
    answer = subprocess.run(asked, capture_output=True, text=True, env={**os.environ, "COLUMNS": "400"})
    assert answer.returncode == 2 and "Traceback" not in answer.stderr
    assert "lacks rows that others refer to: " in answer.stderr and " of Artifact" in answer.stderr
