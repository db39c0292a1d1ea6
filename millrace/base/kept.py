"""What was read and is needed again at once: kept by what it was read from, as long as there is room."""

import os
import threading
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

V = TypeVar("V")

# Seconds. Two writes within one tick of the file system's clock look alike, so what is as young is read each time.
_YOUNG = 2.0


class Kept(Generic[V]):
    """A few values by key, the one that was made first goes first; for the threads of the console.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._values: dict[Hashable, V] = {}

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """A value; two threads that ask at once may both make it.

        Args:
            key: all that the value depends on.
            make: gives it where it is not kept.
        """
        with self._lock:
            if key in self._values:
                return self._values[key]
        value = make()
        with self._lock:
            while len(self._values) >= self._most:
                self._values.pop(next(iter(self._values)))
            self._values[key] = value
        return value

    def clear(self) -> None:
        """Forgets all of it."""
        with self._lock:
            self._values.clear()


class KeptFiles(Generic[V]):
    """What was made of small files, made again only of a file that is another one by inode, size or time.

    Args:
        most: how many.
        clock: seconds since the epoch.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.time) -> None:
        self._kept, self._clock = Kept[V](most), clock

    def get(self, file: Path, make: Callable[[], V]) -> V:
        """What is made of a file; nobody may change the value.

        Args:
            file: its place; one that is not there, or was written just now, is not kept.
            make: reads it and makes the value.
        """
        try:
            status = os.stat(file)
        except OSError:
            return make()
        if self._clock() - status.st_mtime < _YOUNG:
            return make()
        return self._kept.get((str(file), status.st_ino, status.st_size, status.st_mtime_ns), make)
