"""What a page read and the next page needs again: kept by what it was read from, as long as there is room."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


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
