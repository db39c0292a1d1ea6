"""Which tests run which lines of the library: a change is tried first with those that run the line it is in.

Lines that run in other processes are not seen, nor those of a result that an earlier test left in a cache. So those
tests follow that start a process, or that run another line of the same file; the others cannot notice.
"""

import dataclasses
import json
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Optional

import pytest

_STARTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn"})
"""Python's audit events of a process that is started."""

_STILL_FINE = 5
"""A test that takes so many times as long as before hangs."""


@dataclass
class Reach:
    """What was seen of tests that ran.

    Attributes:
        lines: of each test, by its node id, the lines that it ran, as `file:line` relative to the checkout.
        seconds: of each test how long it took.
        starting: the tests that start a process.
    """

    lines: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    starting: list[str] = field(default_factory=list)

    def tests(self, file: str, first: int, last: int) -> list[str]:
        """The tests that run one of a statement's lines, the shortest first."""
        wanted = {f"{file}:{line}" for line in range(first, last + 1)}
        reaching = (test for test, lines in self.lines.items() if not wanted.isdisjoint(lines))
        return sorted(reaching, key=lambda test: self.seconds.get(test, 0.0))

    def beside(self, file: str) -> set[str]:
        """The tests that may notice a change of a file without running its line in their own process."""
        of_file = {test for test, lines in self.lines.items() if any(line.startswith(f"{file}:") for line in lines)}
        return of_file | set(self.starting)

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Reach":
        """Reads what `write` wrote; nothing was seen where there is no file."""
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else cls()


class Watch:
    """A plugin of pytest that watches which lines of a folder each test runs.

    Args:
        folder: the library, in the checkout.
        target: the file that the reach is written to.
    """

    def __init__(self, folder: Path, target: Path) -> None:
        self._folder, self._target = folder, target
        self._reach = Reach()
        self._files: dict[CodeType, Optional[str]] = {}
        self._seen: set[tuple[str, int]] = set()
        self._shared: defaultdict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
        self._fixtures: dict[str, list[str]] = {}
        self._starts = 0
        sys.addaudithook(self._hear)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        began, self._seen, before = time.monotonic(), set(), self._starts
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        yield
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        self._fixtures[item.nodeid] = getattr(item, "fixturenames", [])
        self._reach.seconds[item.nodeid] = time.monotonic() - began
        self._reach.lines[item.nodeid] = [f"{file}:{line}" for file, line in self._seen]
        if self._starts > before:
            self._reach.starting.append(item.nodeid)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        """What a fixture of several tests runs is run by each of those that ask for it."""
        before = set(self._seen)
        yield
        if fixturedef.scope != "function":
            self._shared[request.node.nodeid, fixturedef.argname] |= self._seen - before

    def pytest_sessionfinish(self) -> None:
        for (node, fixture), seen in self._shared.items():
            lines = [f"{file}:{line}" for file, line in seen]
            for test, own in self._reach.lines.items():
                if test.startswith(node) and fixture in self._fixtures[test]:
                    own += lines
        self._reach.write(self._target)

    def _hear(self, event: str, _arguments: tuple[Any, ...]) -> None:
        self._starts += event in _STARTS

    def _trace(self, frame: FrameType, _event: str, _value: Any) -> Any:
        code = frame.f_code
        if code not in self._files:
            path = Path(code.co_filename)
            inside = self._folder in path.parents
            self._files[code] = path.relative_to(self._folder.parent).as_posix() if inside else None
        file = self._files[code]
        if file is None:
            return None
        self._seen.add((file, frame.f_lineno))

        def trace_line(frame: FrameType, _event: str, _value: Any) -> Any:
            self._seen.add((file, frame.f_lineno))
            return trace_line

        return trace_line


class Order:
    """A plugin of pytest that runs some tests first, and ends the process when a test hangs.

    Args:
        first: node ids, in the order wanted.
        then: node ids of those that follow; None for all.
        seconds: how long tests take, by node id.
    """

    def __init__(self, first: Collection[str], then: Optional[Collection[str]], seconds: dict[str, float]) -> None:
        self._places = {test: place for place, test in enumerate(first)}
        self._then = None if then is None else set(then)
        self._seconds = seconds

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._then is not None:
            items[:] = [item for item in items if item.nodeid in self._places or item.nodeid in self._then]
        items.sort(key=lambda item: self._places.get(item.nodeid, len(self._places)))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        # In another order another test may set up what a file's tests share.
        file = item.nodeid.partition("::")[0]
        usual = max((taken for test, taken in self._seconds.items() if test.partition("::")[0] == file), default=60)
        signal.setitimer(signal.ITIMER_REAL, 10 + _STILL_FINE * usual)
        yield
        signal.setitimer(signal.ITIMER_REAL, 0)
