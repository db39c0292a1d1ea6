"""The lifeline: a command ends when it is told to, and never outlives the process that started it."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from millrace.model_server import lifeline

LIFELINE = [sys.executable, "-S", "-E", lifeline.__file__]
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def is_gone(pid: int) -> bool:
    # In a container whose first process reaps nothing, what ended stays as a zombie.
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def start(tmp_path):
    """Starts a command below a lifeline of this process; its pipes are closed at the end."""
    with contextlib.ExitStack() as stack:

        def begin(*command: str) -> subprocess.Popen:
            line = [*LIFELINE, str(os.getpid()), str(tmp_path), *command]
            process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            return stack.enter_context(process)

        yield begin


def wait_until(condition, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_the_exit_code_is_the_commands(start):
    assert start("sh", "-c", "exit 7").wait() == 7


def test_a_signal_is_told_as_a_shell_would(start):
    assert start("sh", "-c", "kill -ABRT $$").wait() == 128 + signal.SIGABRT


def test_a_command_that_does_not_exist(tmp_path):
    process = subprocess.run(
        [*LIFELINE, str(os.getpid()), str(tmp_path), "no-such-server"], stderr=subprocess.PIPE, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (127, "cannot start no-such-server: No such file or directory\n")


def test_quit_is_polite_and_keeps_the_scratch_folder(start, tmp_path):
    process = start("sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done")
    assert process.stdout.readline() == b"up\n"
    process.stdin.write(b"q")
    assert process.wait(20) == 3
    assert tmp_path.exists()


def test_kill_ends_what_does_not_want_to(start):
    process = start(sys.executable, "-c", STUBBORN)
    assert process.stdout.readline() == b"up\n"
    process.stdin.write(b"k")
    assert process.wait(20) == 128 + signal.SIGKILL


def test_no_child_of_the_command_is_left(start):
    process = start("sh", "-c", "sleep 600 & echo $!; sleep 600")
    grandchild = int(process.stdout.readline())
    process.stdin.write(b"q")
    process.wait(20)
    assert wait_until(lambda: is_gone(grandchild))


@pytest.mark.parametrize("holds_line", [False, True])
def test_nothing_is_left_when_the_starter_is_killed(tmp_path, holds_line):
    """Also when a process that the starter forked still holds the line open, as Beam's workers do."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    starter = textwrap.dedent(f"""
        import os, subprocess, time
        child = subprocess.Popen([*{LIFELINE}, str(os.getpid()), {str(scratch)!r}, {sys.executable!r}, "-c",
                                  {STUBBORN!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        holder = os.fork() if {holds_line} else 0
        if {holds_line} and not holder:
            time.sleep(30)
            os._exit(0)
        print(child.pid, holder, flush=True)
        time.sleep(600)
    """)
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True) as process:
        line, holder = map(int, process.stdout.readline().split())
        family = [psutil.Process(line), *psutil.Process(line).children(recursive=True)]
        assert len(family) == 2
        process.kill()
    assert wait_until(lambda: all(is_gone(one.pid) for one in family))
    assert wait_until(lambda: not scratch.exists())
    if holder:
        os.kill(holder, signal.SIGKILL)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="parent-death signals are Linux's")
def test_the_command_dies_with_the_lifeline(start):
    process = start(sys.executable, "-c", STUBBORN)
    process.stdout.readline()
    (child,) = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    assert wait_until(lambda: is_gone(child.pid))
