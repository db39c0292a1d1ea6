"""Starts the tasks' processes: each by itself, or forked from a server that has imported TFX and TensorFlow once.

Both ways go through `fork_server.py`, which waits for them, knows their peak memory, and ends them with the rehearsal.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

from millrace.base.interrupts import wait_for_result
from millrace.rehearsal.memory import mapped_bytes

_PYTHON = re.compile(r"(.*/)?python(3(\.\d+)?)?")
# What every task of TFX imports, and what takes seconds. The modules that a job names come on top.
COMMON_MODULES = (
    "tensorflow",
    "keras",
    "apache_beam",
    "tensorflow_data_validation",
    "tensorflow_transform.beam",
    "tensorflow_model_analysis",
    "tfx.components",
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor",
    "tfx.orchestration.kubeflow.v2.file_based_example_gen.driver",
    "tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner",
    "apache_beam.runners.worker.sdk_worker_main",
    "apache_beam.runners.portability.prism_runner",
    "tensorboard.summary",
)
# What a compile of Millrace's own pipeline imports, and its tasks after it.
OWN_MODULES = ("pipeline.pipeline", "millrace.jobspec.tfx_compiler", "millrace.cloud.vertex.compile")


@dataclass(frozen=True)
class Command:
    """What a process is started with.

    Args:
        line: the program and its arguments.
        cwd: its working directory.
        env: its whole environment.
        log: the file that its output is appended to.
        view: what it sees of this machine, as `mount_namespace.enter` takes it; None for all.
        may_fork: whether it belongs to the environment of the server, and may be forked from it.
    """

    line: Sequence[str]
    cwd: Path
    env: dict[str, str]
    log: Path
    view: Optional[dict[str, Any]] = None
    may_fork: bool = True

    @property
    def module(self) -> str:
        """M of `python -m M ...`; empty for anything else."""
        is_module = len(self.line) > 2 and _PYTHON.fullmatch(self.line[0]) and self.line[1] == "-m"
        return self.line[2] if is_module else ""


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Args:
        code: its exit code; negative the signal that killed it.
        peak: the largest resident memory of the process itself, in bytes; None when it is not known.
        late: whether it was ended because it took too long.
    """

    code: int
    peak: Optional[int]
    late: bool = False


class Running:
    """A process that was started.

    Args:
        mapped: bytes of files that its imports have mapped, when it is forked; see `memory.tree_bytes`.
    """

    def __init__(self, mapped: int = 0) -> None:
        self.mapped = mapped
        self.pid: Future[int] = Future()
        self.ended: Future[Ended] = Future()

    def kill(self) -> None:
        """Kills the process with all that it has started in its session."""
        if self.pid.done() and not self.ended.done():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid.result(), signal.SIGKILL)


class Processes:
    """Starts processes for as long as it is open.

    Args:
        python: the interpreter of the rehearsal's environment.
        cwd: a folder that holds no code.
        log: where the server's own output goes.
        env: the environment in which modules are imported.
        scratch: an empty folder, to find out whether tasks can have a tree of their own; None when they shall not.
    """

    def __init__(self, python: Path, cwd: Path, log: Path, env: dict[str, str], scratch: Optional[Path] = None) -> None:
        self._numbers = itertools.count()
        self._started: dict[int, Running] = {}
        self._lock = threading.Lock()
        self._imports: list[Future[dict[str, Any]]] = []
        self._imported = 0
        self._namespace: Future[str] = Future()
        with log.open("ab") as file:
            self._server = subprocess.Popen(
                [str(python), str(Path(__file__).with_name("fork_server.py")), str(scratch or "")],
                cwd=cwd,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                # A person's Ctrl-C is for the rehearsal, which then ends its tasks in order.
                start_new_session=True,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def preload(self, modules: Sequence[str]) -> None:
        """Imports modules once for all tasks; tasks that run a module are forked from then on. Does not wait."""
        self._imports.append(Future())
        self._ask({"preload": list(modules)})

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        assert self._server.stdin is not None and self._server.stdout is not None
        with suppress(BrokenPipeError):
            self._server.stdin.close()
        if not self._started:
            # It may be in the middle of its imports, which nobody needs any more.
            self._server.kill()
        self._server.wait()
        self._listener.join()
        self._server.stdout.close()

    @property
    def no_namespace(self) -> str:
        """Why tasks cannot have a tree of their own; empty when they can."""
        return self._namespace.result()

    @property
    def forks(self) -> bool:
        """Whether tasks are forked. Waits until the imports are done, or a signal comes (KeyboardInterrupt)."""
        told = [wait_for_result(imported) for imported in self._imports]
        # A fork of a process with threads can wait for ever for a lock that no thread of the copy will open.
        return bool(told) and not any(ready["threads"] or ready["tensorflow"] for ready in told)

    def start(self, command: Command) -> Running:
        """Starts a process; one that runs a module is forked where possible."""
        module = command.module if command.may_fork and command.module and self.forks else ""
        running = Running(mapped_bytes(self._server.pid) if module else 0)
        with self._lock:
            number = next(self._numbers)
            self._started[number] = running
        self._ask(
            {
                "id": number,
                "command": list(command.line),
                "module": module,
                "args": list(command.line[3:]),
                "cwd": str(command.cwd),
                "env": command.env,
                "log": str(command.log),
                "view": command.view,
            }
        )
        return running

    def kill_all(self) -> None:
        """Kills every process that runs."""
        with self._lock:
            running = list(self._started.values())
        for process in running:
            process.kill()

    def _ask(self, request: dict[str, Any]) -> None:
        assert self._server.stdin is not None
        with self._lock:
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()

    def _listen(self) -> None:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            self._hear(json.loads(line))
        gone = RuntimeError("the process that starts the tasks has ended; its log says why")
        with self._lock:
            running = list(self._started.values())
        waited_for: list[Future[Any]] = [
            self._namespace,
            *self._imports,
            *(f for process in running for f in (process.pid, process.ended)),
        ]
        for future in waited_for:
            if not future.done():
                future.set_exception(gone)

    def _hear(self, answer: dict[str, Any]) -> None:
        if "namespace" in answer:
            self._namespace.set_result(answer["namespace"])
        elif "ready" in answer:
            self._imports[self._imported].set_result(answer)
            self._imported += 1
        elif "pid" in answer:
            self._started[answer["id"]].pid.set_result(answer["pid"])
        else:
            with self._lock:
                running = self._started[answer["id"]]
            running.ended.set_result(Ended(answer["code"], answer["peak"]))


def can_fork() -> bool:
    """Whether forking a process that has loaded TensorFlow is safe here: macOS's own libraries forbid it."""
    return sys.platform.startswith("linux")
