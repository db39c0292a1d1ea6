"""A polite kill ends work as Ctrl-C does.

While a run goes on a signal sets a flag, and raises nothing (`heeding_signals`): an exception in the middle of what the
interpreter happens to do is lost when that is a `__del__`. The work looks at the flag where it can stop, and who waits
for it does not wait long. What is short and waits for other programs alone looks at no flag: there the first signal
raises, and later ones do not disturb what takes away what was made (`ended_as_by_hand`).
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from millrace.base.outcomes import INTERRUPTED

Result = TypeVar("Result")

# How long the work has, after a signal, to come to a place where it looks.
GRACE_SECONDS = 5.0
# How often who waits looks whether a signal has come.
LOOK_SECONDS = 0.05
# The second signal ends the waiting; a third does not even wait for the record of the run's end.
_PATIENCE = 2


class Signals:
    """The signals that came since the work began."""

    def __init__(self) -> None:
        # A plain number: a lock that is taken in a signal's handler may be held by what the handler interrupts.
        self.count = 0

    def heed(self, *_: Any) -> None:
        """Takes one more signal."""
        self.count += 1
        if self.count > _PATIENCE:
            os._exit(INTERRUPTED)

    def wait_for(
        self,
        ended: threading.Event,
        grace: float = GRACE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> bool:
        """Waits for the end of work in another thread.

        Args:
            ended: set when the work has ended.
            grace: seconds that the work has after the first signal; a second signal leaves it none.
            clock: seconds that only grow.

        Returns:
            Whether it has ended; False when it goes on after a signal, in code that does not look.
        """
        deadline = None
        while not ended.wait(LOOK_SECONDS):
            if self.count and deadline is None:
                deadline = clock() + grace
            if self.count >= _PATIENCE or (deadline is not None and clock() >= deadline):
                return ended.is_set()
        return True

    def wait_unless_more(self, ended: threading.Event, before: int) -> bool:
        """Waits for the end of what no signal has to wait for, in another thread.

        Args:
            ended: set when it has ended.
            before: how many signals had come when it began.

        Returns:
            Whether it has ended; False when one more signal has come before.
        """
        while not ended.wait(LOOK_SECONDS):
            if self.count > before:
                return ended.is_set()
        return True


_signals = Signals()


@contextmanager
def heeding_signals() -> Iterator[Signals]:
    """Has SIGINT and SIGTERM set the flag that `stop_if_interrupted` looks at, until the end of the block.

    Elsewhere than in the process's main thread signals stay with whoever has them.
    """
    global _signals
    _signals = signals = Signals()
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, signals.heed) for number in numbers}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _signals = Signals()


class FirstSignal:
    """The first SIGINT or SIGTERM, which ends a block; those after it are not heeded."""

    def __init__(self) -> None:
        self._has_come = False
        self._has_ended = False
        self._may_end = True

    def heed(self, *_: Any) -> None:
        """Takes a signal.

        Raises:
            KeyboardInterrupt: it is the first one, and nothing goes on that has to come to its end.
        """
        self._has_come = True
        self._end()

    @contextmanager
    def afterwards(self) -> Iterator[None]:
        """Has a signal wait for the end of this block, where a program that is cut off would leave a half thing."""
        self._may_end = False
        try:
            yield
        finally:
            self._may_end = True
        self._end()

    def _end(self) -> None:
        if self._has_come and self._may_end and not self._has_ended:
            self._has_ended = True
            raise KeyboardInterrupt


@contextmanager
def ended_as_by_hand() -> Iterator[FirstSignal]:
    """Has the first SIGINT or SIGTERM end the block, so that what it made is taken away, and heeds none after it.

    CI cancels a step by SIGTERM. A program that takes away what was made is best started in a session of its own: a
    terminal sends Ctrl-C to all of its group.

    Raises:
        KeyboardInterrupt: a signal has come.
    """
    first = FirstSignal()
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, first.heed) for number in numbers}
    try:
        yield first
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_if_interrupted() -> None:
    """Ends the work here when a signal has come.

    Raises:
        KeyboardInterrupt: it has.
    """
    if _signals.count:
        raise KeyboardInterrupt


def wait_for_result(future: "Future[Result]") -> Result:
    """Waits for a future's result, and ends the work here when a signal comes before it.

    Args:
        future: what is waited for.

    Raises:
        KeyboardInterrupt: a signal has come.
    """
    while not future.done():
        stop_if_interrupted()
        wait([future], timeout=LOOK_SECONDS)
    return future.result()
