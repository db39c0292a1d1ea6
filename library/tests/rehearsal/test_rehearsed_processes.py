"""The tasks' processes: what they see of this machine, how they end, what they take, and how they are forked."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest
from small_jobs import JobBuilder, bucket, python, shell

from millrace.base.interrupts import heeding_signals
from millrace.base.outcomes import State
from millrace.config.loading import load
from millrace.metadata.journal import ENDED
from millrace.metadata.run_folder import run_folders
from millrace.rehearsal.failures import FILE_VARIABLE
from millrace.rehearsal.memory import Room, Watch, limit_of
from millrace.rehearsal.processes import Command, Processes
from millrace.rehearsal.rehearse import rehearse
from millrace.rehearsal.report import TaskState, known_peaks
from millrace.rehearsal.world import RehearsalOptions

HERE = Path(__file__).resolve().parents[3]


def test_a_task_sees_the_package_and_not_the_checkout(run, tmp_path):
    code = "import models, sys, os; print(models.__file__, os.getcwd(), sys.path, file=open(sys.argv[1], 'w'))"
    assert run(JobBuilder().add("look", python(code, "gs://seen")).build()).exit_code == 0
    module, cwd, path = bucket(tmp_path, "seen").read_text().split(" ", 2)
    assert not Path(module).is_relative_to(HERE) and not Path(cwd).is_relative_to(HERE)
    assert str(HERE) not in [entry.strip("'[],\n") for entry in path.split()]


@pytest.mark.parametrize(
    ("module", "what", "remedy"),
    [
        ("bootstrap.stacks", "in the checkout but not in the package", "add bootstrap to PACKAGES in setup.py"),
        ("nowhere.at_all", "there is no module nowhere", "require it in setup.py"),
    ],
)
def test_code_that_the_image_lacks_is_named(run, module, what, remedy):
    result = run(JobBuilder().add("train", python(f"import {module}")).build())
    assert (result.exit_code, result.failure.where) == (1, "train")
    assert what in result.failure.what and remedy in result.failure.remedy


def test_no_credentials_reach_a_task(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/secret")
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    executor = {**shell("env > $1", "gs://env"), "env": [{"name": "MODE", "value": "x"}]}
    run(JobBuilder().add("look", executor).build())
    seen = dict(line.split("=", 1) for line in bucket(tmp_path, "env").read_text().splitlines())
    assert not {"GOOGLE_APPLICATION_CREDENTIALS", "PYTHONPATH"} & set(seen)
    assert seen["MODE"] == "x" and seen["PATH"].split(":")[0].startswith(str(tmp_path.parent.parent))


def test_the_reason_is_the_exceptions_and_its_log_is_named(run):
    result = run(JobBuilder().add("t", python("raise ValueError('no rows') from KeyError('x')")).build())
    assert result.failure.what == "ValueError: no rows"
    assert "Traceback" in Path(result.failure.remedy.rpartition(" ")[2]).read_text()


def test_what_a_gate_found_comes_through(run):
    code = "e = ValueError('no'); e.exit_code, e.findings = 3, [{'feature': 'fare', 'rows': 3}]; raise e"
    result = run(JobBuilder().add("gate", python(code)).build())
    assert (result.exit_code, result.failure.findings) == (3, ({"feature": "fare", "rows": 3},))


def test_an_argument_that_the_kernel_refuses_is_named(run):
    result = run(JobBuilder().add("t", shell("true", "x" * 140_000)).build())
    assert "140000 bytes" in result.failure.what


def test_memory_is_counted_over_all_that_a_task_starts(run):
    take = (
        "import subprocess, sys, time; x = bytearray(80_000_000)\n"
        "if sys.argv[1:]: sys.exit(subprocess.call([sys.executable, '-c', sys.argv[1]]))\n"
        "time.sleep(0.7)"
    )
    limits = {"resources": {"memoryLimit": 0.1}}
    job = JobBuilder().add("tree", {**python(take, take), **limits}).add("one", {**python(take), **limits})
    result = run(job.build(), places=1)
    assert result.task("tree").peak > 165_000_000 > result.task("one").peak > 80_000_000
    assert result.task("tree").over_limit and not result.task("one").over_limit
    assert (result.exit_code, result.failure.where) == (1, "tree") and "its limit is 0.10 GB" in result.failure.what
    assert known_peaks(result.folder.parent)["tree"] == result.task("tree").peak


@pytest.mark.parametrize(
    ("resources", "size"),
    [
        ({"memoryLimit": 16.0}, 16 * 10**9),
        ({"resourceMemoryLimit": "2Gi"}, 2**31),
        ({"resourceMemoryLimit": "500M"}, 5 * 10**8),
        ({}, None),
    ],
)
def test_limits_are_read_as_the_service_reads_them(resources, size):
    assert limit_of({"resources": resources}) == size


def test_what_needs_more_memory_than_there_is_waits_its_turn():
    free = psutil.virtual_memory().available
    with Watch() as watch:
        room = Room(4, watch, {"a": free * 2, "b": free * 2, "c": 1})
        with room.place_for("a"):
            began = threading.Event()

            def enter() -> None:
                with room.place_for("b"):
                    began.set()

            waiting = threading.Thread(target=enter)
            waiting.start()
            assert not began.wait(0.3)
        assert began.wait(10)
        waiting.join()


@pytest.mark.parametrize(
    ("how", "heeding"),
    [(signal.SIGINT, "nullcontext"), (signal.SIGTERM, "heeding"), (signal.SIGKILL, "heeding")],
)
def test_a_rehearsal_that_ends_takes_its_tasks_along(tmp_path, how, heeding):
    """The task's process must be gone, whether the rehearsal could still do something about it or not."""
    # A shell that starts the tests in the background has them ignore Ctrl-C, and children inherit that.
    job = JobBuilder().add("sleep", shell("echo $$ > $1; sleep 600", "gs://pid"))
    program = textwrap.dedent(
        f"""
        import signal; signal.signal(signal.SIGINT, signal.default_int_handler)
        import sys; sys.path.insert(0, {str(HERE)!r}); sys.path.insert(0, {str(Path(__file__).parent)!r})
        import json; from pathlib import Path
        from millrace.jobspec.job import from_documents
        from millrace.rehearsal.rehearse import rehearse; from millrace.rehearsal.world import RehearsalOptions
        from contextlib import nullcontext; from millrace.base.interrupts import heeding_signals as heeding
        job = from_documents([json.loads(sys.argv[1])])
        with {heeding}(): print(rehearse(job, Path({str(tmp_path)!r}), options=RehearsalOptions(exact=True)).exit_code)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, job.build().to_text()], stdout=subprocess.PIPE, text=True
    )
    while not bucket(tmp_path, "pid").exists() or not bucket(tmp_path, "pid").read_text():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(how)
    output = process.communicate(timeout=30)[0].strip()
    task = int(bucket(tmp_path, "pid").read_text())
    wait_until(lambda: not psutil.pid_exists(task))
    if how != signal.SIGKILL:
        assert output == "130"
        [folder] = run_folders(tmp_path / "logs")
        [row] = json.loads((folder.path / "rehearsal.json").read_text())["tasks"]
        assert (row["state"], row["failure"], folder.exit_code()) == ("interrupted", None, 130)
        assert folder.journal.events()[-1].state is State.INTERRUPTED
        assert not (folder.path / "work").exists()


def test_a_signal_keeps_tasks_from_beginning(sandbox, tmp_path):
    """In a graph within the graph, too; what has ended stays as it is."""
    builder = JobBuilder()
    builder.add("first", shell("kill -TERM $1", str(os.getpid())))
    builder.add("second", shell("echo began > $1", "gs://second"), after=["first"])
    with heeding_signals():
        result = rehearse(builder.build(), tmp_path, options=RehearsalOptions(exact=True), sandbox=sandbox)
    assert (result.exit_code, result.failure.what) == (130, "interrupted")
    assert [row.state.value for row in result.tasks][1] == "skipped"
    assert not bucket(tmp_path, "second").exists()


def test_a_signal_ends_the_waiting_for_the_compiler(sandbox, tmp_path):
    with heeding_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            sandbox.compile(load("conf/taxi.yaml"), "vertex", tmp_path / "run.log")


def test_a_damaged_report_of_an_earlier_rehearsal_is_passed_over(tmp_path, caplog):
    for name, text in (("1", '{"tasks": [{"task": "a", "peak": 5}]}'), ("2", '{"tasks": [{"ta'), ("3", "[]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rehearsal.json").write_text(text)
    assert known_peaks(tmp_path) == {"a": 5}
    said = [record.message.rpartition(f"{tmp_path}/")[2] for record in caplog.records]
    assert said == [f"{name}/rehearsal.json: damaged, and passed over" for name in "23"]


def wait_until(true, seconds: float = 30) -> None:
    """Waits for what must come about."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Forking:
    """A server with modules of a test's own, and what its tasks write."""

    def __init__(self, sandbox, folder: Path) -> None:
        self.folder = folder
        self.environment = {**sandbox.environment.variables(folder), "PYTHONPATH": str(folder)}
        self.processes = Processes(sandbox.environment.python, folder, folder / "server.log", self.environment)

    def module(self, name: str, text: str) -> None:
        (self.folder / f"{name}.py").write_text(textwrap.dedent(text))

    def run(self, *line: str, failure: str = "") -> tuple[int, str]:
        environment = {**self.environment, **({FILE_VARIABLE: failure} if failure else {})}
        log = self.folder / "task.log"
        log.unlink(missing_ok=True)
        ended = self.processes.start(Command(line, self.folder, environment, log)).ended.result(60)
        self.peak = ended.peak
        return ended.code, log.read_text()


@pytest.fixture
def forking(sandbox, tmp_path):
    made = Forking(sandbox, tmp_path)
    with made.processes:
        yield made


def test_a_forked_task_finds_what_was_imported_once(forking):
    forking.module("heavy", "import os; pid = os.getpid()")
    forking.module(
        "task", "import heavy, os, sys; print(heavy.pid == os.getppid(), __name__, sys.argv[1:]); sys.exit(5)"
    )
    forking.processes.preload(["heavy"])
    assert forking.processes.forks
    assert forking.run("python", "-m", "task", "a b") == (5, "True __main__ ['a b']\n")
    assert forking.peak > 5_000_000
    assert forking.run("sh", "-c", "echo $0; exit 4", "x") == (4, "x\n")


def test_a_forked_task_ends_as_an_interpreter_does(forking, tmp_path):
    forking.module("ends", "import atexit, sys; atexit.register(print, 'late'); sys.exit('why')")
    forking.module("raises", "raise ValueError('bad') from KeyError('cause')")
    forking.processes.preload([])
    assert forking.run("python3", "-m", "ends") == (1, "why\nlate\n")
    code, log = forking.run("python", "-m", "raises", failure=str(tmp_path / "told"))
    assert code == 1 and "ValueError: bad" in log
    assert [cause["type"] for cause in json.loads((tmp_path / "told").read_text())] == ["ValueError", "KeyError"]


def test_nothing_is_forked_from_a_process_with_threads(forking):
    """The task then gets an interpreter of its own, in which the module is imported again."""
    forking.module(
        "threaded",
        """
        import os, threading, time
        pid = os.getpid()
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        """,
    )
    forking.module("task", "import threaded, os; print(threaded.pid == os.getpid())")
    forking.processes.preload(["threaded"])
    assert not forking.processes.forks
    assert forking.run("python", "-m", "task") == (0, "True\n")


def test_a_module_that_cannot_be_imported_is_the_tasks_to_tell(forking):
    forking.module("broken", "raise RuntimeError('half')")
    forking.processes.preload(["broken", "not.there"])
    assert forking.processes.forks
    code, log = forking.run("python", "-m", "broken")
    assert code == 1 and "RuntimeError: half" in log


def test_every_end_of_a_task_can_stand_on_the_board():
    assert all(state.on_board in ENDED for state in TaskState)
