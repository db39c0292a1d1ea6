"""Runs one command and sees to it that it never outlives the process that asked for it.

    python lifeline.py STARTER_PID REMOVE_DIR COMMAND...

Standard input is the line to the starter: the byte `q` asks the command to end, `k` kills it, and the line's end means
that the starter is gone (also by `kill -9`): the command is killed and REMOVE_DIR, the starter's scratch folder, is
removed. Should this process itself be killed, Linux kills the command. The exit code is the command's, or 128 plus
the number of the signal that ended it, as a shell would say. Standard library only: it must start at once.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import threading

_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1
_QUIT, _KILL = b"q", b"k"


def main(argv: list[str]) -> int:
    """Runs the command until it ends or must end.

    Args:
        argv: starter's process id, scratch folder, and the command with its arguments.

    Returns:
        The exit code described above; 127 when the command cannot be started.
    """
    starter, remove, command = int(argv[0]), argv[1], argv[2:]
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        # A session of its own makes the command the head of a process group, which can be killed as one.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_bind_to_parent)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    orphaned = threading.Event()
    threading.Thread(target=_hold_line, args=(child, starter, orphaned), daemon=True).start()
    code = child.wait()
    _signal_group(child.pid, signal.SIGKILL)
    if orphaned.is_set() or os.getppid() != starter:
        shutil.rmtree(remove, ignore_errors=True)
    return 128 - code if code < 0 else code


def _hold_line(child: subprocess.Popen, starter: int, orphaned: threading.Event) -> None:
    order = _next_order(starter)
    if not order:
        orphaned.set()
    if order == _QUIT:
        _signal_group(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_SECONDS)
    _signal_group(child.pid, signal.SIGKILL)


def _next_order(starter: int) -> bytes:
    # The line alone is not enough: a process that the starter forked may hold its other end open.
    while os.getppid() == starter:
        if select.select([0], [], [], _POLL_SECONDS)[0]:
            return os.read(0, 1)
    return b""


def _bind_to_parent() -> None:
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # When memory runs out, the kernel should take the model server and not the pipeline.
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
