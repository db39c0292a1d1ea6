"""The folder of a run: one run one folder, and whether its process lives."""

import errno
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from millrace.base import outcomes
from millrace.base.errors import BadInput, Failure
from millrace.base.outcomes import State, ending
from millrace.metadata.journal import Journal, progress
from millrace.metadata.run_folder import RunFolder, RunRequest, new_run, runs

REQUEST = RunRequest("conf/taxi.yaml", ("training.steps=3",), "beam", "", "Trainer", False)


def test_a_run_is_alive_while_it_runs_and_not_after(tmp_path):
    with new_run(tmp_path, REQUEST) as folder:
        assert folder.is_alive()
        assert folder.exit_code() is None
        folder.finish(3)
    assert not folder.is_alive()
    assert folder.exit_code() == 3
    assert folder.request() == REQUEST


def test_why_a_run_did_not_end_well_is_kept(tmp_path):
    why = Failure("there is no column fare", "conf/taxi.yaml", "name one that is there", 2)
    with new_run(tmp_path, REQUEST) as folder:
        assert folder.failure() is None
        folder.finish(2, why)
    assert (folder.exit_code(), folder.failure()) == (2, why)


def test_a_run_takes_what_lies_between_the_start_of_its_command_and_its_end(tmp_path):
    """`run` said 58.3 s, with the start of TensorFlow in it, where `runs` said 42.6."""
    with new_run(tmp_path, REQUEST, started=1000.0) as folder:
        assert folder.seconds is None, "it has not ended"
        folder.finish(0, ended=1058.3)
    assert (folder.started, folder.seconds) == (1000.0, pytest.approx(58.3))


def test_a_clock_that_was_set_back_makes_no_run_shorter_than_nothing(tmp_path):
    with new_run(tmp_path, REQUEST, started=1000.0) as folder:
        folder.finish(0, ended=990.0)
    assert folder.seconds == 0.0


NOBODY = 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_who_may_only_read_sees_a_living_run_as_living(tmp_path):
    """A lock that was opened for writing made every run of somebody else's look killed."""
    shared = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        shared.chmod(0o755)
        with new_run(shared, REQUEST) as folder:
            for mode, readable in ((0o644, "True"), (0o000, "True")):
                (folder.path / "alive").chmod(mode)
                assert _seen_by(NOBODY, folder) == readable
            (folder.path / "alive").chmod(0o644)
        assert _seen_by(NOBODY, folder) == "False"
    finally:
        shutil.rmtree(shared)


def _seen_by(user: int, folder: RunFolder) -> str:
    """What another user's process says of a run's life."""
    os.seteuid(user)
    try:
        return str(folder.is_alive())
    finally:
        os.seteuid(0)


def test_in_a_copy_of_a_project_the_copys_configuration_is_asked_for(tmp_path):
    original = tmp_path / "original"
    (original / "conf").mkdir(parents=True)
    (original / "conf" / "taxi.yaml").touch()
    with new_run(original / "runs" / "logs", RunRequest(str(original / "conf" / "taxi.yaml"))) as folder:
        folder.finish(1)
    shutil.copytree(original, tmp_path / "copy")
    [copied] = runs(tmp_path / "copy" / "runs" / "logs")
    assert copied.request().config_file == str(tmp_path / "copy" / "conf" / "taxi.yaml")
    assert folder.request().config_file == str(original / "conf" / "taxi.yaml")


def test_what_0_1_0_wrote_comes_before_what_is_written_now(tmp_path):
    """Without numbers the locks' times tell the order, whatever the names are."""
    for name, at in (("20261125-120000", 2000), ("20261125-130000", 1000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "alive").touch()
        os.utime(tmp_path / name / "alive", (at, at))
    with new_run(tmp_path, REQUEST) as new:
        pass
    assert [folder.run_id for folder in runs(tmp_path)] == ["20261125-130000", "20261125-120000", new.run_id]


def test_two_runs_in_the_same_second_get_two_folders(tmp_path):
    with new_run(tmp_path, REQUEST) as first, new_run(tmp_path, REQUEST) as second:
        assert first.path != second.path
        assert [folder.path for folder in runs(tmp_path)] == [first.path, second.path]


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


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(BadInput, match="files cannot be locked here: No locks available") as refused,
        new_run(tmp_path, REQUEST),
    ):
        pass
    assert refused.value.where == str(tmp_path) and "set root to" in refused.value.remedy


def test_every_state_of_a_run_and_a_stage_is_explained_in_one_table():
    """The page, the module and what is shown have the same words."""
    page = (Path(__file__).parents[3] / "docs/guides/runs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z ]+) \| (.+?) \| (\d*) ?\| (.+) \|$", page, re.MULTILINE)
    table = {word: (of, code, means) for word, of, code, means in rows if word != "word"}
    of_the_module = re.findall(r"^\| ([a-z ]+) \| (.+?) \| (\d*) ?\| (.+) \|$", outcomes.__doc__, re.MULTILINE)
    assert {word: (of, code, means) for word, of, code, means in of_the_module if word != "word"} == table
    assert {state.value for state in State} == {word for word, (of, _, _) in table.items() if "stage" in of}
    assert {ending(int(code)) for _, code, _ in table.values() if code} == {
        "done",
        "failed",
        "bad input",
        "blocked",
        "interrupted",
    }
