"""Why a task's process ended badly, in the words of the exception that its interpreter wrote down."""

import json
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

from millrace.base.errors import Failure, MillraceError, Signal, describe
from millrace.rehearsal.environment import Environment, missing_from_package

# Tells a task's interpreter where to write down what ends it; `failure_hook`, which stands alone, knows it too.
FILE_VARIABLE = "MILLRACE_REHEARSAL_FAILURE"

# What is raised when a package has another interface than its user expects.
_OF_AN_INTERFACE = ("AttributeError", "ImportError", "ModuleNotFoundError", "TypeError")
# In the words of `python -m`, which raises nothing that a hook could see.
_NO_MODULE = re.compile(r"python[\d.]*: .*No module named '?(?P<name>[\w.]+)")
# In the words of pip.
_NOT_FOUND = "No matching distribution found for "
_TAIL_BYTES, _TAIL_LINES = 4096, 5
# How `Container` writes a command into a task's log.
_COMMAND_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d \[")


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
    causes = _causes(failure_file, log)
    for cause in causes:
        if cause["type"] == "ModuleNotFoundError" and cause.get("name"):
            return _missing(task, cause["name"], environment)
    if causes:
        failure = describe(_exception(causes))
        remedy = failure.remedy or f"the traceback is at the end of {log}"
        return replace(failure, where=failure.where or task, remedy=remedy)
    return Failure(_ending(code), task, f"its output is in {log}{last_lines(log)}", 1)


def stand_ins(failure_file: Path) -> str:
    """Which installed packages stood in for the versions that a task wanted to install, and may be why it failed.

    Empty where none did, and where the task's own code raised what has nothing to do with a package's version.
    """
    versions = Path(f"{failure_file}.versions")
    if not versions.exists() or not failure_file.exists():
        return ""
    cause = json.loads(failure_file.read_text(encoding="utf-8"))[0]
    if cause["type"] not in _OF_AN_INTERFACE and "site-packages" not in cause.get("file", ""):
        return ""
    return ", ".join(dict.fromkeys(versions.read_text(encoding="utf-8").splitlines()))


def last_lines(log: Path) -> str:
    """The end of a task's log, for the end of a message; empty when it wrote nothing."""
    told = _told(log)[-_TAIL_LINES:]
    return "".join(["; it ends with:", *(f"\n    {line[:200]}" for line in told)]) if told else ""


def not_installed(log: Path) -> str:
    """What a pip of the task's own could not find, by the end of the task's log; empty where it says nothing of it."""
    found = [line.partition(_NOT_FOUND)[2] for line in _told(log) if _NOT_FOUND in line]
    return ", ".join(dict.fromkeys(found))


def end_of(log: Path) -> str:
    """The last line of a task's log; empty when it wrote nothing."""
    return "".join(_told(log)[-1:])[:200]


def _told(log: Path) -> list[str]:
    """The last lines of a task's log, but for the rehearsal's own, which begin with a time."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    # What a program writes may be codes for a terminal.
    plain = ["".join(c if c.isprintable() else " " for c in line).rstrip() for line in lines]
    return [line for line in plain if line and not _COMMAND_LINE.match(line)]


def _causes(failure_file: Path, log: Path) -> list[dict[str, Any]]:
    """What the hooks wrote down, the outermost exception first. What `python -m` lacks, the log alone says."""
    if failure_file.exists():
        written: list[dict[str, Any]] = json.loads(failure_file.read_text(encoding="utf-8"))
        return written
    module = _NO_MODULE.search("".join(_told(log)[-1:]))
    return [{"type": "ModuleNotFoundError", "text": module[0], "name": module["name"]}] if module else []


def require_known(failure_file: Path, log: Path, image: str) -> None:
    """Refuses to call it a failure when a task lacks what only this machine has not.

    Args:
        failure_file: the file that the hooks write.
        log: the task's log.
        image: the task's image, where it is not the project's own, of which it is known what it holds.

    Raises:
        NotRehearsed: a module is missing here, or a package that it installs when it starts.
    """
    for cause in _causes(failure_file, log):
        if cause["type"] == "NotInstalled":
            raise NotRehearsed(f"{cause['text']}; install it here, or name an environment that has it with --python")
        if image and cause["type"] == "ModuleNotFoundError" and cause.get("name"):
            raise NotRehearsed(
                f"its module {cause['name']} is in its image {image}, not in this environment; "
                "--with or --python names what has it"
            )


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
        for name in ("what", "where", "remedy", "exit_code", "findings"):
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
    return replace(failure, where=failure.where or task)
