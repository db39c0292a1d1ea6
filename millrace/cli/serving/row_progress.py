"""How far a prediction is, on standard error: one line that changes on a terminal, a line now and then in a pipe."""

import time
from collections.abc import Callable
from typing import Optional

from rich.console import Console
from rich.status import Status

from millrace.base.numbers import share
from millrace.cli.output import echo
from millrace.prediction.progress import Progress

# As the Trainer's lines in a pipe.
_PIPE_SECONDS = 15.0


class RowProgress:
    """Shows progress; a context manager that leaves nothing behind on a terminal.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        console = Console(stderr=True, highlight=False)
        self._status: Optional[Status] = console.status("reading") if console.is_terminal else None
        self._clock = clock
        self._said = clock()

    def __enter__(self) -> "RowProgress":
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def show(self, progress: Progress) -> None:
        """Takes what is known now."""
        text = _text(progress)
        if self._status:
            self._status.update(text)
        elif self._clock() - self._said >= _PIPE_SECONDS:
            self._said = self._clock()
            echo(text, err=True)


def _text(progress: Progress) -> str:
    if progress.rows is None:
        return progress.doing
    of = f" of {progress.of:,} rows, {share(progress.rows, progress.of)}" if progress.of else " rows"
    return f"{progress.doing} {progress.rows:,}{of}"
