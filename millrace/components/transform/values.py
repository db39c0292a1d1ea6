"""Values that are computed when they are asked for, and streams of batches that many listen to in one pass."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Generic, Optional, TypeVar

T = TypeVar("T")

Batch = dict[str, Any]


class Lazy(Generic[T]):
    """A list of elements, as a PCollection would hold them, computed once."""

    def __init__(self, compute: Callable[[], Iterable[T]]) -> None:
        self._compute: Optional[Callable[[], Iterable[T]]] = compute
        self._elements: Collection[T] = []

    def all(self) -> Collection[T]:
        """The elements; a collection that was computed is kept as it is, since a vocabulary's counts are many."""
        if self._compute is not None:
            compute, self._compute = self._compute, None
            made = compute()
            self._elements = made if isinstance(made, Collection) else list(made)
        return self._elements

    def once(self) -> Iterator[T]:
        """The elements one by one, for one who alone asks for them: they are not kept."""
        assert self._compute is not None, "asked for twice"
        compute, self._compute = self._compute, None
        yield from compute()

    def only(self) -> T:
        """The element, when there is exactly one."""
        (element,) = self.all()
        return element


class Stream:
    """Batches of arrays by name, which are read in one pass for all who listen, when the first of them asks."""

    def __init__(self, batches: Callable[[], Iterator[Batch]]) -> None:
        self._batches = batches
        self._listeners: list[Callable[[Batch], None]] = []
        self._read = False

    def listen(self, hear: Callable[[Batch], None], result: Callable[[], Iterable[T]]) -> Lazy[T]:
        """Adds a listener.

        Args:
            hear: is called with each batch.
            result: gives what the listener made of them, once all were heard.
        """
        self._listeners.append(hear)

        def compute() -> Iterable[T]:
            if not self._read:
                self._read = True
                for batch in self._batches():
                    for each in self._listeners:
                        each(batch)
            return result()

        return Lazy(compute)


class Columns:
    """One or more named arrays of each batch of a stream."""

    def __init__(self, stream: Stream, keys: Any) -> None:
        self.stream, self._keys = stream, keys

    def of(self, batch: Batch) -> Any:
        """The arrays of one batch: a tuple where several were asked for."""
        return tuple(batch[key] for key in self._keys) if isinstance(self._keys, tuple) else batch[self._keys]
