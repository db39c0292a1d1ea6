"""The folder of a run: one run one folder, and whether its process lives."""

import errno
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import pytest

from millrace.base import outcomes
from millrace.base.errors import BadInput, Failure
from millrace.base.outcomes import State, ending
from millrace.metadata import run_folder
from millrace.metadata.journal import FILE_NAME, Journal, progress
from millrace.metadata.run_folder import RunFolder, RunRequest, new_run, run_folders

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
        assert folder.seconds(now=1030.0) == 30.0, "it goes on"
        folder.finish(0, ended=1058.3)
    assert (folder.started, folder.seconds(now=2000.0)) == (1000.0, pytest.approx(58.3))


def test_a_killed_run_took_until_its_last_sign_of_life(tmp_path):
    """Its seconds were those between two changes in ML Metadata, of which the second was a later run's."""
    with new_run(tmp_path, REQUEST, started=1000.0) as folder:
        folder.log.write_text("what libraries said")
        folder.journal.record("Trainer", State.RUNNING)
    os.utime(folder.log, (1080.0, 1080.0))
    os.utime(folder.path / FILE_NAME, (1010.0, 1010.0))
    assert [folder.seconds(now) for now in (1081.0, 9999.0)] == [80.0, 80.0]


def test_a_clock_that_was_set_back_makes_no_run_shorter_than_nothing(tmp_path):
    with new_run(tmp_path, REQUEST, started=1000.0) as folder:
        folder.finish(0, ended=990.0)
    assert folder.seconds(now=2000.0) == 0.0


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
    [copied] = run_folders(tmp_path / "copy" / "runs" / "logs")
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
    assert [folder.run_id for folder in run_folders(tmp_path)] == ["20261125-130000", "20261125-120000", new.run_id]


def test_two_runs_in_the_same_second_get_two_folders(tmp_path):
    with new_run(tmp_path, REQUEST) as first, new_run(tmp_path, REQUEST) as second:
        assert first.path != second.path
        assert [folder.path for folder in run_folders(tmp_path)] == [first.path, second.path]


def test_a_killed_process_leaves_a_run_that_is_not_alive(tmp_path):
    script = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from millrace.metadata.run_folder import RunRequest, new_run
        with new_run(Path({str(tmp_path)!r}), RunRequest("conf/taxi.yaml")):
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    [folder] = run_folders(tmp_path)
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


DAMAGED_LINES = [
    '{"stage": "Evaluator", "state": "runn',
    '{"stage": "Evaluator", "state": "running", "at": 1e20, "note": "", "failure": null}',
    '{"stage": "Evaluator", "state": "running", "at": NaN, "note": "", "failure": null}',
    '{"stage": "Evaluator", "state": "asleep", "at": 1.0, "note": "", "failure": null}',
    '{"stage": "Evaluator", "state": "done", "at": 1.0, "note": "", "failure": {"why": "?"}}',
    "[]",
    "",
    "\x00\xff" * 100,
]


@pytest.mark.parametrize("line", DAMAGED_LINES)
def test_a_damaged_line_is_said_once_and_takes_no_other_with_it(tmp_path, caplog, line):
    """A run that had pushed ended in a traceback, without a summary, as one that was killed."""
    journal = Journal(tmp_path)
    journal.record("Trainer", State.DONE)
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(
            line.encode("latin-1") + (b"" if line.startswith('{"stage": "Evaluator", "state": "runn') else b"\n")
        )
    journal.record("Pusher", State.DONE, "pushed")
    for _ in range(2):
        assert [(event.stage, event.note) for event in journal.events()] == [("Trainer", ""), ("Pusher", "pushed")]
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / 'events.jsonl'}:2: damaged, and passed over",
    ]


def test_lines_of_many_writers_are_whole(tmp_path):
    """Longer than what one write of a pipe or of a page is."""
    writers = [
        threading.Thread(
            target=lambda name=name: [Journal(tmp_path).record(name, State.DONE, name * 9000) for _ in "abc"]
        )
        for name in "12345"
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    events = Journal(tmp_path).events()
    assert sorted(event.stage for event in events) == sorted("12345" * 3)
    assert all(event.note == event.stage * 9000 for event in events)


def test_a_line_that_a_full_disk_cuts_is_an_error_and_the_next_is_whole(tmp_path):
    """A write that is cut short raises nothing by itself."""
    script = textwrap.dedent(f"""
        import resource, signal
        from pathlib import Path
        from millrace.base.outcomes import State
        from millrace.metadata.journal import Journal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        journal = Journal(Path({str(tmp_path)!r}))
        journal.record("Trainer", State.RUNNING)
        no_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, no_limit[1]))
        try:
            journal.record("Evaluator", State.DONE, "x" * 1000)
        except OSError as error:
            print(error.strerror)
        resource.setrlimit(resource.RLIMIT_FSIZE, no_limit)
        journal.record("Pusher", State.DONE)
    """)
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "File too large\n"
    assert (tmp_path / "events.jsonl").read_text().count("\n") == 3
    assert [event.stage for event in Journal(tmp_path).events()] == ["Trainer", "Pusher"]


WHOLE = {"number": 1, "started": 1000.0, "seconds": 10.0, "exit_code": 0, "request": REQUEST}


@pytest.mark.parametrize(
    ("key", "value", "instead"),
    [
        *[("number", value, {"number": 0}) for value in ('"x"', "null", "1.5", "-1", "[]", "1e400")],
        *[("started", value, {"seconds": None}) for value in ("1e20", "NaN", "-1", '"today"', "1e400")],
        *[("ended", value, {"seconds": None}) for value in ("1e20", "NaN", "{}")],
        ("exit_code", '"well"', {"exit_code": None}),
        ("failure", '{"what": 1}', {}),
        ("request", '{"config_file": null}', {"request": None}),
        ("settled", "[]", {}),
        ("config_from_here", "[]", {}),
    ],
)
def test_what_is_damaged_in_a_record_is_said_once_and_passed_over(tmp_path, caplog, key, value, instead):
    with new_run(tmp_path, REQUEST, started=1000.0) as damaged:
        damaged.finish(0, ended=1010.0)
    record = json.loads((damaged.path / "run.json").read_text())
    (damaged.path / "run.json").write_text(json.dumps({**record, key: "?"}).replace('"?"', value))
    os.utime(damaged.path / "alive", (1000.0, 1000.0))
    with new_run(tmp_path, REQUEST, started=2000.0) as new:
        new.finish(0, ended=2010.0)
    assert [folder.run_id for folder in run_folders(tmp_path)] == [damaged.run_id, new.run_id]
    read = {name: getattr(damaged, name) for name in ("number", "started")}
    read |= {"seconds": damaged.seconds(now=3000.0), "exit_code": damaged.exit_code(), "request": damaged.request()}
    assert read == {**WHOLE, **instead}
    assert [record.message for record in caplog.records] == [
        f"{damaged.path / 'run.json'}: {key}: damaged, and passed over"
    ]


def test_a_record_that_is_no_json_is_said(tmp_path, caplog):
    with new_run(tmp_path, REQUEST) as folder:
        pass
    (folder.path / "run.json").write_bytes(b'{"number": \xff')
    assert (folder.number, folder.request(), folder.exit_code()) == (0, None, None)
    assert [record.message for record in caplog.records] == [f"{folder.path / 'run.json'}: damaged, and passed over"]


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


def test_what_ends_a_run_outside_of_its_stages_is_its_end(tmp_path):
    """Or it would look like one that was killed."""
    with pytest.raises(BadInput), new_run(tmp_path, RunRequest("conf/mine.yaml")) as folder:
        raise BadInput("the terminal takes no more", "stdout", "free it")
    assert (folder.exit_code(), folder.failure()) == (2, Failure("the terminal takes no more", "stdout", "free it", 2))
    with pytest.raises(RuntimeError), new_run(tmp_path, RunRequest("conf/mine.yaml")) as ended:
        raise RuntimeError(str(ended.finish(0)))
    assert (ended.exit_code(), ended.failure()) == (0, None), "after its end it changes nothing"


def test_runs_without_end_in_one_second_are_a_fault_and_no_loop(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder.time, "strftime", lambda *_: "20310101-000000")
    made = [run_folder._make(tmp_path / "logs").name for _ in range(1000)]
    assert made[:2] == ["20310101-000000", "20310101-000000-1"] and made[-1] == "20310101-000000-999"
    with pytest.raises(FileExistsError, match="a thousand runs in one second"):
        run_folder._make(tmp_path / "logs")


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
