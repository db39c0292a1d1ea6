"""How much memory tasks take, how much they may take, and whether another fits beside them."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import psutil

from millrace.jobspec.step_resources import quantity

POLL_SECONDS = 0.25
# What a task of TFX takes when nothing is known of it: TensorFlow, Beam and some data.
USUAL_BYTES = 1536 * 2**20


def limit_of(container: Mapping[str, Any]) -> Optional[int]:
    """The memory limit of a container in bytes; None when it has none.

    `memoryLimit` is in GB (`pipeline_spec.proto`), `resourceMemoryLimit` is a Kubernetes quantity.
    """
    resources = container.get("resources", {})
    if resources.get("resourceMemoryLimit"):
        size = quantity(resources["resourceMemoryLimit"])
        return None if size is None else int(size)
    return int(float(resources["memoryLimit"]) * 10**9) if resources.get("memoryLimit") else None


def tree_bytes(pid: int, mapped: int = 0) -> tuple[int, int]:
    """The memory of a process and of all that it has started.

    Pages that are shared with the process itself count once: of its descendants, only what is their own counts. A task
    that was forked counts whole, the imports included, since in its container they would be its own.

    Args:
        pid: the process.
        mapped: bytes of files that its imports have mapped. A fork does not take these along, in a process that has
            imported for itself they are there: libraries of TensorFlow, some 350 MB.

    Returns:
        The memory in bytes, and how much of it are mapped files that the process itself has not.
    """
    root = psutil.Process(pid)
    memory = root.memory_info()
    lacking = max(0, mapped - memory.shared) if mapped else 0
    total = int(memory.rss) + lacking
    for child in _descendants(pid):
        with suppress(psutil.Error):
            total += int(psutil.Process(child).memory_full_info().uss)
    return total, lacking


def _descendants(pid: int) -> list[int]:
    """All that a process has started. Linux tells each thread's children; elsewhere every process has to be asked."""
    tasks = Path(f"/proc/{pid}/task")
    if not Path("/proc/self/task").is_dir():
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    children: list[int] = []
    with suppress(OSError):
        for thread in list(tasks.iterdir()):
            with suppress(OSError):
                children += map(int, (thread / "children").read_text().split())
    return children + [below for child in children for below in _descendants(child)]


def mapped_bytes(pid: int) -> int:
    """The resident bytes of files that a process has mapped; 0 where the system does not tell."""
    return int(getattr(psutil.Process(pid).memory_info(), "shared", 0))


@dataclass
class _Followed:
    """A process that is followed; see `tree_bytes`."""

    mapped: int
    peak: int = 0
    lacking: int = 0


class Watch:
    """Follows the memory of running tasks in a thread of its own."""

    def __init__(self) -> None:
        self._pids: dict[int, _Followed] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @contextmanager
    def following(self, pid: int, mapped: int = 0) -> Iterator[Callable[[Optional[int]], int]]:
        """Follows a process.

        Args:
            pid: the process.
            mapped: as for `tree_bytes`.

        Yields:
            A function that tells the peak so far in bytes; it takes the peak of the process alone, as the kernel
            counted it, which no look can miss.
        """
        followed = _Followed(mapped)
        with self._lock:
            self._pids[pid] = followed
        try:
            self._look(pid)
            yield lambda alone: max(followed.peak, alone + followed.lacking if alone else 0)
        finally:
            with self._lock:
                del self._pids[pid]

    def now(self) -> int:
        """The memory that all tasks together have taken at their peaks so far."""
        with self._lock:
            return sum(followed.peak for followed in self._pids.values())

    def _follow(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            for pid in list(self._pids):
                self._look(pid)

    def _look(self, pid: int) -> None:
        with suppress(psutil.Error, KeyError):
            followed = self._pids[pid]
            size, followed.lacking = tree_bytes(pid, followed.mapped)
            followed.peak = max(followed.peak, size)


class Room:
    """Lets tasks begin when there is room for them: processors and memory.

    Args:
        places: how many tasks may run at once.
        watch: what the running ones take.
        needs: what is known of tasks from before: peak bytes by name.
    """

    def __init__(self, places: int, watch: Watch, needs: Mapping[str, int]) -> None:
        self._places = places
        self._watch = watch
        self._needs = dict(needs)
        self._held: list[int] = []
        self._changed = threading.Condition()

    @contextmanager
    def place_for(self, task: str) -> Iterator[None]:
        """Waits for a place. When nothing runs there is always one: a task that fits nowhere must fail by itself."""
        need = self._needs.get(task, USUAL_BYTES)
        with self._changed:
            while self._held and not self._fits(need):
                self._changed.wait(1.0)
            self._held.append(need)
        try:
            yield
        finally:
            with self._changed:
                self._held.remove(need)
                self._changed.notify_all()

    def _fits(self, need: int) -> bool:
        to_come = max(0, sum(self._held) - self._watch.now())
        return len(self._held) < self._places and psutil.virtual_memory().available - to_come > need
