"""Runs in an interpreter of its own: imports once what the tasks need, and starts a process for each task.

A script without a package, since the interpreter sees only what the image would hold. It reads requests as lines of
JSON from its standard input and answers as lines of JSON on its standard output:

    (at its start)                           -> {"namespace": "", or why tasks cannot have a tree of their own}
    {"preload": [MODULE, ...]}               -> {"ready": true, "threads": 0, "tensorflow": false}
    {"id": N, "command": [...], "module": M, "args": [...], "cwd": D, "env": {...}, "log": F, "view": {...} or null}
                                             -> {"id": N, "pid": P}, then {"id": N, "code": C, "peak": BYTES or null}

A request with a module is forked and runs that module; one without executes its command. Nobody should ask for a
module when the process has threads or an initialised TensorFlow, since a fork copies their locks in whatever state they
are; `ready` says so (threads that know how to survive a fork are not counted). At the end of its input the server kills
what it started and ends: no task outlives the rehearsal.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import runpy
import select
import signal
import sys
import tempfile
import traceback
from typing import Any, NoReturn, TextIO

# The script's own folder is first on the path, until its one neighbour is there.
mount_namespace = importlib.import_module("mount_namespace") if sys.platform == "linux" else None
sys.path[0] = os.getcwd()


class Server:
    """Forks tasks and tells of their ends.

    Args:
        answers: where to write the answers.
    """

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers
        self._running: dict[int, dict[str, Any]] = {}

    def serve(self, requests: int) -> None:
        """Answers requests, given as a file descriptor, until there are no more."""
        wakeup, signalled = os.pipe()
        os.set_blocking(signalled, False)
        signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        waiting = b""
        while True:
            ready, _, _ = select.select([requests, wakeup], [], [])
            if wakeup in ready:
                os.read(wakeup, 4096)
                self._reap()
            if requests in ready:
                read = os.read(requests, 1 << 16)
                if not read:
                    break
                *lines, waiting = (waiting + read).split(b"\n")
                for line in lines:
                    self._answer(json.loads(line))
        for pid in self._running:
            # Every task is the head of a process group of its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _tell(self, answer: dict[str, Any]) -> None:
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()

    def _answer(self, request: dict[str, Any]) -> None:
        if "preload" in request:
            unsafe = preload(request["preload"])
            self._tell({"ready": True, "threads": unsafe, "tensorflow": tensorflow_is_initialised()})
            return
        pid = os.fork()
        if not pid:
            # Whoever listens must hear that the server has ended, even if a task has not.
            os.close(self._answers.fileno())
            if request["module"]:
                run(request)
            execute(request)
        self._running[pid] = request

        self._tell({"id": request["id"], "pid": pid})

    def _reap(self) -> None:
        while self._running:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if not pid:
                return
            request = self._running.pop(pid, None)
            if request is not None:
                code = os.waitstatus_to_exitcode(status)
                self._tell({"id": request["id"], "code": code, "peak": peak(request, usage)})


def peak(request: dict[str, Any], usage: resource.struct_rusage) -> Any:
    """The peak memory of an ended task in bytes; None where the number would be this server's own.

    Linux hands the peak of the process that called `execve` on to the program that it became.

    Args:
        request: what started the task.
        usage: what the kernel counted, `ru_maxrss` in KiB on Linux and in bytes on macOS.
    """
    mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if not request["module"] and usage.ru_maxrss <= mine:
        return None
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def preload(modules: list[str]) -> int:
    """Imports what can be imported; what cannot, the task that needs it will say.

    Returns:
        How many threads there are then that would not survive a fork.
    """
    before = threads()
    # Collections while modules are made find nothing and take a tenth of the time.
    gc.disable()
    # Each brings an OpenBLAS, which stops its threads before a fork and starts them after it. So does jemalloc, which
    # comes with Arrow.
    for module in ("numpy", "scipy.linalg"):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    safe = threads() - before
    for module in modules:
        try:
            importlib.import_module(module)
        # A module may fail in any way, and is imported again by the task.
        except BaseException:
            print(f"{module} cannot be loaded in advance:\n{traceback.format_exc()}", flush=True)
    # What the modules hold is never garbage: a collection in a child would only copy their pages.
    gc.freeze()
    gc.enable()
    return len([thread for thread in threads() - before - safe if name_of(thread) != "jemalloc_bg_thd"])


def threads() -> set[str]:
    """The ids of this process's threads, those of C++ included; none where the system does not tell."""
    folder = f"/proc/{os.getpid()}/task"
    return set(os.listdir(folder)) if os.path.isdir(folder) else set()


def name_of(thread: str) -> str:
    """A thread's name; empty when it has just ended."""
    try:
        with open(f"/proc/{os.getpid()}/task/{thread}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def tensorflow_is_initialised() -> bool:
    """Whether an import has made TensorFlow's context, and with it its threads."""
    context = sys.modules.get("tensorflow.python.eager.context")
    current = context.context_safe() if context else None
    return bool(current is not None and current._initialized)


def run(request: dict[str, Any]) -> NoReturn:
    """Runs one task in the forked child as `python -m MODULE ARGS` would; does not return."""
    code = 1
    try:
        become_the_task(request)
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = exit_code(end)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        leave(code)


def execute(request: dict[str, Any]) -> NoReturn:
    """Becomes the command in the forked child; does not return."""
    with contextlib.suppress(BaseException):
        try:
            become_the_task(request)
            os.execvpe(request["command"][0], request["command"], request["env"])
        except OSError as error:
            print(f"{request['command'][0]}: {error.strerror}", file=sys.stderr, flush=True)
    os._exit(127)


def become_the_task(request: dict[str, Any]) -> None:
    """A session, a log, an environment and arguments of its own."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    if request["view"] and mount_namespace:
        mount_namespace.enter(request["view"])
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    # An import may have asked where temporary files go, and that is kept.
    tempfile.tempdir = None
    audit_hook = sys.modules.get("millrace_rehearsal_audit_hook")
    if audit_hook and request["module"]:
        audit_hook.begin()
    sys.path[0] = request["cwd"]
    sys.argv = [request["module"], *request["args"]]
    # It is run as __main__: it must not be there under its own name before.
    sys.modules.pop(request["module"], None)


def exit_code(end: SystemExit) -> int:
    """The exit code of a SystemExit, as the interpreter would take it."""
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    print(end.code, file=sys.stderr)
    return 1


def leave(code: int) -> NoReturn:
    """Ends as an interpreter does: threads that are no daemons are waited for, then exit functions run."""
    import atexit
    import threading

    with contextlib.suppress(BaseException):
        # What `Py_FinalizeEx` calls first.
        getattr(threading, "_shutdown")()  # noqa: B009
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Keeps the real standard output for the answers, and sends what libraries print to the log."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    scratch = sys.argv[1]
    unable = "nobody asked for it"
    if scratch:
        unable = mount_namespace.become_able(scratch) if mount_namespace else f"{sys.platform} has no mount namespaces"
    answers.write(json.dumps({"namespace": unable}) + "\n")
    answers.flush()
    Server(answers).serve(0)


if __name__ == "__main__":
    main()
