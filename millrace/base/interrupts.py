"""A polite kill ends a run as Ctrl-C does."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def terminated_is_interrupted() -> Iterator[None]:
    """Raises KeyboardInterrupt on SIGTERM, so that stages and tasks end with the run, and the metadata say how."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
