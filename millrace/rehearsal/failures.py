"""Why a task's process ended badly, in the words of the exception that its interpreter wrote down."""

import json
import signal
from pathlib import Path
from typing import Any

from millrace.base.errors import Failure, MillraceError, Signal, describe
from millrace.rehearsal.environment import Environment, missing_from_package

# Tells a task's interpreter where to write down what ends it; `failure_hook`, which stands alone, knows it too.
FILE_VARIABLE = "MILLRACE_REHEARSAL_FAILURE"


class TaskFailed(Signal):
    """A try of a task failed.

    Args:
        failure: why.
        code: the process's exit code; None when there was none.
    """

    def __init__(self, failure: Failure, code: int | None = None) -> None:
        super().__init__(failure.what)
        self.failure = failure
        self.code = code


class NotRehearsed(Signal):
    """A task that cannot run on this machine, and why."""


def explain(task: str, code: int, failure_file: Path, log: Path, environment: Environment) -> Failure:
    """Says why a process failed.

    Args:
        task: the task's name.
        code: the exit code; negative the signal that ended it.
        failure_file: the file that `failure_hook` writes.
        log: the task's log.
        environment: where it ran.
    """
    causes = json.loads(failure_file.read_text(encoding="utf-8")) if failure_file.exists() else []
    for cause in causes:
        if cause["type"] == "ModuleNotFoundError" and cause.get("name"):
            return _missing(task, cause["name"], environment)
    if causes:
        failure = describe(_exception(causes))
        remedy = failure.remedy or f"the traceback is at the end of {log}"
        return Failure(failure.what, failure.where or task, remedy, failure.exit_code)
    return Failure(_ending(code), task, f"its output is in {log}", 1)


def _missing(task: str, module: str, environment: Environment) -> Failure:
    if missing_from_package(environment, module):
        what = f"the module {module} is in the checkout but not in the package, so it would not be in the image"
        return Failure(what, task, f"add {module.partition('.')[0]} to PACKAGES in setup.py", 1)
    what = f"there is no module {module}: neither the package nor the installed packages bring it to the image"
    return Failure(what, task, "require it in setup.py and requirements/, or fix the dotted path", 1)


def _exception(causes: list[dict[str, Any]]) -> BaseException:
    """The chain of exceptions again, as far as it was written down."""
    error: BaseException | None = None
    for cause in reversed(causes):
        kind = type(cause["type"], (Exception,), {})
        outer = kind(cause["text"])
        for name in ("what", "where", "remedy", "exit_code"):
            if name in cause:
                setattr(outer, name, cause[name])
        outer.__cause__ = error
        error = outer
    assert error is not None
    return error


def _ending(code: int) -> str:
    if code == -signal.SIGKILL:
        return "it was killed; the kernel does so when memory runs out"
    if code < 0:
        return f"it was ended by the signal {signal.Signals(-code).name}"
    return f"it ended with exit code {code}"


def as_failure(error: BaseException, task: str) -> Failure:
    """An exception of the rehearsal's own as a failure of a task.

    Args:
        error: what was raised.
        task: the task's name, which stands for the place where the error has none.
    """
    failure = describe(error)
    if isinstance(error, MillraceError):
        return Failure(error.what, error.where or task, error.remedy, error.exit_code)
    return Failure(failure.what, failure.where or task, failure.remedy, failure.exit_code)
