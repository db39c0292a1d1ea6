"""The error tree. The command line catches `MillraceError` only; anything else is a fault of Millrace.

    MillraceError         exit code 1: something failed
    |-- BadInput          exit code 2: the user's input, and how to fix it
    |   |-- ConfigError   one or more problems of a configuration file, all at once
    |   |-- DataError     a table that cannot be read or cannot be learned from
    |   |-- SchemaError   a schema file that cannot be parsed or does not fit
    |   `-- InputRefused  what the project's own code cannot learn from; also a ValueError
    |-- GateRefused       exit code 3: a gate said no (data, evaluation, infrastructure), and why
    `-- StageFailed       exit code 1: a stage of the graph failed, and where its log is

`models`, `schema` and `custom_components` import nothing from here, since they also run in containers. An exception
raised there takes part by three attributes instead: `exit_code` (2 or 3), `remedy` (a sentence), and optionally
`where` (a place). `describe` reads them wherever in the chain of causes they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

# In the words of the operating system, of SQLite and of TensorFlow's file system.
_DISK_FULL = re.compile(r"No space left on device|database or disk is full", re.IGNORECASE)


class MillraceError(Exception):
    """What went wrong, where, and what to do about it.

    Args:
        what: one sentence, what is wrong.
        where: the file, key, stage or row it concerns; empty when the sentence says it.
        remedy: what the reader should do next; empty when nothing can be advised.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __reduce__(self) -> tuple:
        return _rebuilt, (type(self), self.what, self.where, self.remedy)

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)


def _rebuilt(kind: type[MillraceError], what: str, where: str, remedy: str) -> MillraceError:
    """An error as it comes back from another process: its place and its remedy are named arguments."""
    return kind(what, where=where, remedy=remedy)


class BadInput(MillraceError):
    """The user's input cannot be used as it is."""

    exit_code = 2


class ConfigError(BadInput):
    """A configuration file with problems; `what` lists every one of them."""


class DataError(BadInput):
    """A table that cannot be read, or that nothing can be learned from."""


class SchemaError(BadInput):
    """A schema file that cannot be parsed or does not fit the data or the features."""


class InputRefused(BadInput, ValueError):
    """The data or the configuration cannot be learned from as it is; what a project's own code raises too."""


class GateRefused(MillraceError):
    """A gate said no. Nothing is broken: the run did what it was asked to do."""

    exit_code = 3


class StageFailed(MillraceError):
    """A stage of the graph failed for a reason that is not the user's input."""


@dataclass(frozen=True)
class Failure:
    """What an exception means to the person at the keyboard; plain values, so that it can be written to a log."""

    what: str
    where: str
    remedy: str
    exit_code: int


def describe(error: BaseException) -> Failure:
    """Reads the exit code and the remedy from an exception or from what caused it.

    Args:
        error: any exception, as caught.

    Returns:
        The failure that the deepest cause with an `exit_code` describes, else a fault (exit code 1) in the words of
        `error` itself.
    """
    told = [cause for cause in _causes(error) if isinstance(getattr(cause, "exit_code", None), int)]
    if not told and is_disk_full(error):
        return Failure("the disk is full", "", "make room, or set root to another disk; then run again", 2)
    if not told:
        return Failure(f"{type(error).__name__}: {error}".strip(), "", "", 1)
    cause = told[-1]
    return Failure(
        str(getattr(cause, "what", "") or cause),
        str(getattr(cause, "where", "")),
        str(getattr(cause, "remedy", "")),
        getattr(cause, "exit_code", 1),
    )


def is_disk_full(error: BaseException) -> bool:
    """Whether an exception, or what caused it, says that there is no space left."""
    return any(_DISK_FULL.search(str(cause)) for cause in _causes(error))


def _causes(error: Optional[BaseException]) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
