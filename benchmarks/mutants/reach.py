"""Which tests run which lines of the library: a change is tried first with those that run the line it is in.

Lines that run in other processes are not seen, nor those of a result that an earlier test left in a cache. So those
tests follow that start a process, or that run another line of the same file; the others cannot notice.

A trace function would be called for each call of TensorFlow's Python too, and take as long as the tests again. Instead
the library alone is imported with a mark before each statement of its functions.
"""

import ast
import builtins
import dataclasses
import json
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any, Optional

import pytest

MARK = "__statement_runs__"

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
        modules: what they imported that no change touches, in order.
    """

    lines: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    starting: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)

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


class Marks(ast.NodeTransformer):
    """Puts a call of `MARK` with a number before each statement of a module's functions.

    Args:
        file: the module's, as it is named in `Reach`.
        statements: gets the lines of each statement, as `file:line`; a statement's number is its place there.
    """

    def __init__(self, file: str, statements: list[list[str]]) -> None:
        self._file, self._statements = file, statements
        self._functions = 0

    def visit(self, node: ast.AST) -> ast.AST:
        """Marks what stands below a node."""
        function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        self._functions += function
        self.generic_visit(node)
        if self._functions:
            for name in ("body", "orelse", "finalbody"):
                below = getattr(node, name, None)
                if isinstance(below, list) and below:
                    setattr(node, name, [each for one in below for each in self._marked(one)])
        self._functions -= function
        return node

    def _marked(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            return [statement]  # perhaps a docstring, which has to come first
        inside = getattr(statement, "body", None) or getattr(statement, "cases", None)
        # Of what has statements in it, these have marks of their own.
        last = inside[0].lineno - 1 if inside and hasattr(inside[0], "lineno") else statement.end_lineno
        lines = range(statement.lineno, max(last or 0, statement.lineno) + 1)
        call = ast.Call(ast.Name(MARK, ast.Load()), [ast.Constant(len(self._statements))], [])
        self._statements.append([f"{self._file}:{line}" for line in lines])
        mark = ast.fix_missing_locations(ast.copy_location(ast.Expr(call), statement))
        return [mark, statement]


class _Loader(SourceFileLoader):
    """Imports a module with marks, whatever is compiled of it already."""

    def __init__(self, name: str, path: str, file: str, statements: list[list[str]]) -> None:
        super().__init__(name, path)
        self._file, self._statements = file, statements

    def get_code(self, fullname: str) -> CodeType:
        marked: Any = Marks(self._file, self._statements).visit(ast.parse(self.get_data(self.path)))
        code: CodeType = compile(marked, self.path, "exec", dont_inherit=True)
        return code


class Watch(MetaPathFinder):
    """A plugin of pytest that watches which statements of a package each test runs.

    Args:
        folder: the package, in the checkout; nothing of it is imported yet.
        target: the file that the reach is written to.
    """

    def __init__(self, folder: Path, target: Path) -> None:
        self._folder, self._target = folder, target
        self._reach = Reach()
        self._statements: list[list[str]] = []
        self._seen: set[int] = set()
        self._shared: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._fixtures: dict[str, list[str]] = {}
        self._starts = 0
        setattr(builtins, MARK, lambda number: self._seen.add(number))
        sys.meta_path.insert(0, self)
        sys.addaudithook(self._hear)

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Optional[ModuleSpec]:
        """Python's import asks it for each module first."""
        if fullname.partition(".")[0] != self._folder.name:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            source = Path(spec.loader.path)
            file = source.relative_to(self._folder.parent).as_posix()
            spec.loader = _Loader(fullname, str(source), file, self._statements)
        return spec

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._seen.clear()
        began, before = time.monotonic(), self._starts
        yield
        self._reach.seconds[item.nodeid] = time.monotonic() - began
        self._reach.lines[item.nodeid] = self._lines(self._seen)
        self._fixtures[item.nodeid] = getattr(item, "fixturenames", [])
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
            lines = self._lines(seen)
            for test, own in self._reach.lines.items():
                if test.startswith(node) and fixture in self._fixtures[test]:
                    own += lines
        self._reach.modules = [name for name, module in list(sys.modules.items()) if self._stays(module)]
        self._reach.write(self._target)

    def _stays(self, module: Any) -> bool:
        """Whether a module is the same in each trial; its own plugins pytest wants to import itself."""
        file, loader = getattr(module, "__file__", None), getattr(module, "__loader__", None)
        rewritten = type(loader).__module__.startswith("_pytest")
        return bool(file) and not rewritten and self._folder.parent not in Path(str(file)).parents

    def _lines(self, seen: set[int]) -> list[str]:
        return [line for number in seen for line in self._statements[number]]

    def _hear(self, event: str, _arguments: tuple[Any, ...]) -> None:
        self._starts += event in _STARTS


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
