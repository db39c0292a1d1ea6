"""The folder of a run: one run one folder, and whether its process lives."""

import subprocess
import sys
import textwrap

from millrace.metadata.journal import Journal, State, progress
from millrace.metadata.run_folder import RunRequest, new_run, runs

REQUEST = RunRequest("conf/taxi.yaml", ("training.steps=3",), "beam", "", "Trainer", False)


def test_a_run_is_alive_while_it_runs_and_not_after(tmp_path):
    with new_run(tmp_path, REQUEST) as folder:
        assert folder.is_alive()
        assert folder.exit_code() is None
        folder.finish(3)
    assert not folder.is_alive()
    assert folder.exit_code() == 3
    assert folder.request() == REQUEST


def test_two_runs_in_the_same_second_get_two_folders(tmp_path):
    with new_run(tmp_path, REQUEST) as first, new_run(tmp_path, REQUEST) as second:
        assert first.path != second.path
        assert [folder.path for folder in runs(tmp_path)] == sorted([first.path, second.path])


def test_a_killed_process_leaves_a_run_that_is_not_alive(tmp_path):
    script = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from millrace.metadata.run_folder import RunRequest, new_run
        with new_run(Path({str(tmp_path)!r}), RunRequest("conf/taxi.yaml")):
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    [folder] = runs(tmp_path)
    assert not folder.is_alive()
    assert folder.exit_code() is None
    assert folder.request() == RunRequest("conf/taxi.yaml")


def test_a_journal_tells_where_each_stage_stands(tmp_path):
    journal = Journal(tmp_path)
    journal.record("Trainer", State.RUNNING)
    journal.record("Trainer", State.DONE, note="blessed")
    journal.record("Evaluator", State.RUNNING)
    trainer, evaluator, pusher = progress(["Trainer", "Evaluator", "Pusher"], journal.events())
    assert (trainer.state, trainer.note) == (State.DONE, "blessed")
    assert trainer.seconds(now=1e12) < 60
    assert evaluator.state is State.RUNNING
    assert evaluator.seconds(now=evaluator.started + 5) == 5
    assert (pusher.state, pusher.seconds(now=1.0)) == (State.WAITING, None)


def test_a_half_written_line_is_left_out(tmp_path):
    journal = Journal(tmp_path)
    journal.record("Trainer", State.RUNNING)
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"stage": "Trai')
    assert [event.stage for event in journal.events()] == ["Trainer"]
