"""Stages that run beside the others, in threads of their own: those that mostly wait for another process."""

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Optional

import psutil

from millrace.base.cores import cores

# A second stage is started only where this much memory is free: a model server and an evaluation fit in it.
MEMORY_FOR_ANOTHER = 3 << 30


class SideBySide:
    """Starts stages beside the one that runs, and waits for them.

    However its block ends, nothing runs on afterwards: what was started is waited for, since its verdict is as good as
    any. A second interrupt ends the waiting too.
    """

    def __init__(self) -> None:
        self._started: dict[str, _Beside] = {}

    def __enter__(self) -> "SideBySide":
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        try:
            if error is None:
                self.wait_for(self._started)
        finally:
            # A first interrupt may come while the others are waited for: then they are waited for again.
            for beside in self._started.values():
                beside.ended.wait()

    def start(self, stage: str, work: Callable[[], None]) -> None:
        """Runs a stage's work beside what follows.

        Args:
            stage: the stage's id.
            work: does all of it.
        """
        self._started[stage] = _Beside(stage, work)

    def wait_for(self, stages: Iterable[str]) -> None:
        """Waits for those of the stages that run beside; raises what one of them, or any that has ended, raised."""
        for stage in stages:
            if stage in self._started:
                self._started[stage].ended.wait()
        for beside in self._started.values():
            if beside.ended.is_set() and beside.error is not None:
                raise beside.error


class _Beside(threading.Thread):
    """One stage; a daemon, so that a process that is told twice to end is not held up.

    Its end is an event of its own: until Python 3.13 a `join` that Ctrl-C breaks takes a thread that runs for ended.
    """

    def __init__(self, stage: str, work: Callable[[], None]) -> None:
        super().__init__(name=stage, daemon=True)
        self._work = work
        self.error: Optional[BaseException] = None
        self.ended = threading.Event()
        self.start()

    def run(self) -> None:
        """Keeps what the work raises."""
        try:
            self._work()
        except BaseException as error:
            self.error = error
        finally:
            self.ended.set()


def room_for_another() -> bool:
    """Whether this machine has a processor and memory to spare for a second stage."""
    return cores() > 1 and psutil.virtual_memory().available >= MEMORY_FOR_ANOTHER
