"""Trying tests against a changed module: in a copy of the checkout, by a server that has imported TensorFlow once.

mutmut keeps every change of a module in one process and cosmic-ray starts a process for each. The first does not reach
the processes that Millrace's tests start, the second imports TensorFlow for ten seconds a change. Here the change is on
the disk of the copy, where both see it, and each trial is forked from a process that has the imports behind it.
"""

import contextlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Optional

import pytest

from benchmarks.mutants.reach import Order, Reach, Watch

HEAVY = ("tensorflow", "apache_beam", "tensorflow_data_validation", "tensorflow_transform", "tfx.v1")
"""What most tests import and no change touches: imported once, before the first fork."""

NO_TESTS_RAN = 5
"""pytest's exit status when nothing was selected."""

NO_TRIAL = 70
"""The exit status of a process in which pytest itself failed."""


@dataclass(frozen=True)
class Trial:
    """How a run of tests ended.

    Attributes:
        status: pytest's exit status; 0 is no test noticed, 1 a test failed; negative when a signal ended it.
        seconds: how long it took.
        timed_out: whether it was ended for taking too long, which is noticing too.
    """

    status: int
    seconds: float
    timed_out: bool

    @property
    def noticed(self) -> bool:
        return self.timed_out or self.status not in (0, NO_TESTS_RAN)


def copy_checkout(checkout: Path, target: Path) -> None:
    """Copies every file that git tracks or would track, so that a change never stands where a person works.

    Args:
        checkout: the repository.
        target: a folder, which is made anew.
    """
    shutil.rmtree(target, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=checkout,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (checkout / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, target / name)
    # Some tests ask for the commit that they are of.
    who = ("-c", "user.name=mutants", "-c", "user.email=mutants@localhost")
    for words in (("init", "--quiet"), ("add", "--all"), (*who, "commit", "--quiet", "--message", "a copy")):
        subprocess.run(["git", *words], cwd=target, check=True)


class TrialServer:
    """A process that imports what is heavy once and forks itself for each trial."""

    def __init__(self, folder: Path) -> None:
        """Starts it.

        Args:
            folder: the copy of the checkout that its trials run in.
        """
        self._reach_file = folder.parent / "reach.json"
        self._log = (folder.parent / f"{folder.name}.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.mutants.trial"],
            cwd=folder,
            # CI: generated cases are the same ones each time, so that a change alone decides.
            env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "CI": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def watch(self, tests: Sequence[str], seconds: float) -> tuple[Trial, Reach]:
        """Runs tests without a change, and sees which lines each of them runs.

        Args:
            tests: files or folders, relative to the checkout.
            seconds: when to end it.

        Returns:
            How they ended, and what was seen until then.

        Raises:
            RuntimeError: the server is gone, or pytest failed; the log says why.
        """
        self._reach_file.unlink(missing_ok=True)
        trial = self._asked(tests=list(tests), seconds=seconds, target=str(self._reach_file))
        if trial.noticed and not trial.timed_out:
            # A generated case has a deadline, which watching makes it miss.
            trial = self._asked(tests=list(tests), seconds=seconds)
        return trial, Reach.read(self._reach_file)

    def run(
        self,
        tests: Sequence[str],
        seconds: float,
        first: Sequence[str] = (),
        then: Optional[Sequence[str]] = None,
        usual: Optional[dict[str, float]] = None,
        modules: Sequence[str] = (),
    ) -> Trial:
        """Runs tests until the first one fails.

        Args:
            tests: files or folders, relative to the checkout.
            seconds: when to end it.
            first: the node ids of those that run before the others.
            then: the node ids of the others; None for all.
            usual: how long each test takes, by node id; one that takes much longer ends the trial.
            modules: what they import that no change touches; the server keeps it.

        Raises:
            RuntimeError: the server is gone, or pytest failed; the log says why.
        """
        only = None if then is None else list(then)
        given: dict[str, Any] = {"tests": list(tests), "seconds": seconds, "first": list(first), "then": only}
        return self._asked(**given, usual=usual or {}, modules=list(modules))

    def _asked(self, **request: Any) -> Trial:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process that runs the trials ended; see {self._log.name}")
        trial = Trial(**json.loads(answer))
        if trial.status == NO_TRIAL:
            raise RuntimeError(f"pytest did not start, whatever the change is; see {self._log.name}")
        return trial

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self._log.close()


def serve() -> None:
    """Reads a trial a line from the standard input and answers each with a line, until there is no more."""
    answers = os.fdopen(os.dup(1), "w")  # what tests print goes to the log
    os.dup2(2, 1)
    for module in HEAVY:
        __import__(module)
    for line in sys.stdin:
        request = json.loads(line)
        for module in request.pop("modules", ()):
            with contextlib.suppress(Exception):  # one that a test alone can import is imported there
                importlib.import_module(module)
        answers.write(json.dumps(_forked(**request)) + "\n")
        answers.flush()


def _forked(
    tests: list[str],
    seconds: float,
    target: Optional[str] = None,
    first: Sequence[str] = (),
    then: Optional[Sequence[str]] = None,
    usual: Optional[dict[str, float]] = None,
) -> dict[str, Any]:
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        flags = ["-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
        # Some of what its plugins import was imported before the fork; their own assertions are nobody's here.
        flags += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        try:
            if target:
                os._exit(pytest.main(flags, [Watch(Path("millrace").resolve(), Path(target))]))
            os._exit(pytest.main(["-x", *flags], [Order(first, then, usual or {})]))
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(NO_TRIAL)
    timed_out = False

    def end(_number: int, _frame: Optional[FrameType]) -> None:
        nonlocal timed_out
        timed_out = True
        _end_group(child)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    _, waited = os.waitpid(child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    # What a changed module left running would disturb the next trial.
    _end_group(child)
    return {
        "status": os.waitstatus_to_exitcode(waited),
        "seconds": time.monotonic() - began,
        "timed_out": timed_out,
    }


def _end_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


if __name__ == "__main__":
    serve()
