"""Which tests run which lines of the library: a change is tried first with those that run the line it is in.

Lines that run in other processes are not seen, nor those of a cached result that an earlier test made: the rest of a
room's tests is tried after them.
"""

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

_STILL_FINE = 5
"""A test that takes so many times as long as before hangs."""


@dataclass
class Reach:
    """What was seen of tests that ran.

    Attributes:
        lines: of each test, by its node id, the lines that it ran, as `file:line` relative to the checkout.
        seconds: of each test how long it took.
    """

    lines: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def tests(self, file: str, first: int, last: int) -> list[str]:
        """The tests that run one of a statement's lines, the shortest first."""
        wanted = {f"{file}:{line}" for line in range(first, last + 1)}
        return sorted((test for test, lines in self.lines.items() if not wanted.isdisjoint(lines)), key=self._length)

    def _length(self, test: str) -> float:
        return self.seconds.get(test, 0.0)

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        path.write_text(json.dumps({"lines": self.lines, "seconds": self.seconds}), encoding="utf-8")

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
        self._shared: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        began, self._seen = time.monotonic(), set()
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        yield
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        self._reach.seconds[item.nodeid] = time.monotonic() - began
        self._reach.lines[item.nodeid] = [f"{file}:{line}" for file, line in self._seen]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        """What a fixture of several tests runs is run by each of them."""
        before = set(self._seen)
        yield
        if fixturedef.scope != "function":
            self._shared[request.node.nodeid] |= self._seen - before

    def pytest_sessionfinish(self) -> None:
        for node, seen in self._shared.items():
            lines = [f"{file}:{line}" for file, line in seen]
            for test, own in self._reach.lines.items():
                if test.startswith(node):
                    own += lines
        self._reach.write(self._target)

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
        seconds: how long tests take, by node id.
    """

    def __init__(self, first: Collection[str], seconds: dict[str, float]) -> None:
        self._places = {test: place for place, test in enumerate(first)}
        self._seconds = seconds

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self._places.get(item.nodeid, len(self._places)))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        # In another order another test may set up what a file's tests share.
        file = item.nodeid.partition("::")[0]
        usual = max((taken for test, taken in self._seconds.items() if test.partition("::")[0] == file), default=60)
        signal.setitimer(signal.ITIMER_REAL, 10 + _STILL_FINE * usual)
        yield
        signal.setitimer(signal.ITIMER_REAL, 0)
