"""The error tree. The command line catches `MillraceError` only; anything else is a fault of Millrace.

    MillraceError             exit code 1: something failed
    |-- BadInput              exit code 2: the user's input, and how to fix it
    |   |-- ConfigError       one or more problems of a configuration file, all at once
    |   |-- DataError         a table or examples that cannot be read or cannot be learned from
    |   |-- SchemaError       a schema file that cannot be parsed or does not fit
    |   `-- InputRefused      what models cannot learn from; a ValueError too, for a project's own code
    |-- GateRefused           exit code 3: a gate said no (data, evaluation, infrastructure), and why
    |   `-- DataGateRefused   with every finding (components.data_gate)
    |-- CouldNotJudge         a gate could not decide, because of the machine; never a verdict, never cached
    |-- ServiceFailure        a service did not do what was asked (cloud.remote)
    `-- StageFailed           exit code 1: a stage of the graph failed, and where its log is

Every error survives a pickle as it is, since Beam, multiprocessing and the runners hand errors between processes.

    Signal                    one part of a room tells another how to go on; caught in that room, never shown

A component from elsewhere, and code that must not depend on the library, takes part by attributes instead: `exit_code`
(2 or 3), `remedy` (a sentence), and optionally `what`, `where` and `findings` (mappings of plain values). `describe`
reads them from any cause in the chain.
"""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional

from millrace.base import machine_faults
from millrace.base.outcomes import BAD_INPUT, FAULT, REFUSED
from millrace.base.secrets import cut


class MillraceError(Exception):
    """What went wrong, where, and what to do about it.

    Args:
        what: one sentence, what is wrong.
        where: the file, key, stage or row it concerns; empty when the sentence says it.
        remedy: what the reader should do next; empty when nothing can be advised.
    """

    exit_code = FAULT

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        # Beam rebuilds an error from `args`, with a note at the end of the first one.
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback, which a user's mistake does not have in a notebook either."""
        return cut(f"{type(self).__name__}: {self}").splitlines()


def _rebuilt(kind: type[MillraceError], args: tuple[Any, ...], state: dict[str, Any]) -> MillraceError:
    """The error again, without its constructor, whose arguments are each class's own."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class BadInput(MillraceError):
    """The user's input cannot be used as it is."""

    exit_code = BAD_INPUT


class ConfigError(BadInput):
    """A configuration file with problems; `what` lists every one of them."""


class DataError(BadInput):
    """A table that cannot be read, or that nothing can be learned from."""


class SchemaError(BadInput):
    """A schema file that cannot be parsed or does not fit the data or the features."""


class InputRefused(BadInput, ValueError):
    """The data or the configuration cannot be learned from as it is."""


class GateRefused(MillraceError):
    """A gate said no. Nothing is broken: the run did what it was asked to do."""

    exit_code = REFUSED


class CouldNotJudge(MillraceError):
    """A gate could not decide, because of the machine and not of what it judges: no verdict is published."""


class StageFailed(MillraceError):
    """A stage of the graph failed for a reason that is not the user's input."""


class Signal(Exception):
    """Not an error: says how to go on, is caught in the room that raises it, and no person sees it.

    It stands outside of the tree so that it describes nothing when it is among the causes of a real error.
    """


@dataclass(frozen=True)
class Failure:
    """What an exception means to the person at the keyboard; plain values, so that it can be written to a log.

    Args:
        what: what is wrong.
        where: the file, key, stage or row it concerns; empty when `what` says it.
        remedy: what to do next; empty when nothing can be advised.
        exit_code: as in `millrace.base.outcomes`.
        findings: what a gate found, each as plain values by name; whoever shows them lays them out for its own width.
    """

    what: str
    where: str
    remedy: str
    exit_code: int
    findings: tuple[dict[str, Any], ...] = ()


def describe(error: BaseException) -> Failure:
    """Reads the exit code and the remedy from an exception or from what caused it.

    Args:
        error: any exception, as caught.

    Returns:
        The failure that the deepest cause with an `exit_code` describes, else a fault (exit code 1): the machine's
        where one of the causes is, else in the words of `error` itself; without secrets.
    """
    described = [cause for cause in causes(error) if isinstance(getattr(cause, "exit_code", None), int)]
    fault = None if described else machine_fault(error)
    if fault:
        described = [fault]
    # By its name: Docker's client is there only where TFX's extra is.
    if not described and any(type(cause).__name__ == "DockerException" for cause in causes(error)):
        remedy = "start Docker, or take out what needs it: archive, and infra_validation.platform: docker"
        return Failure("no Docker engine answers", "", remedy, 2)
    if not described:
        return Failure(cut(f"{type(error).__name__}: {error}".strip()), "", "", 1)
    cause = described[-1]
    return Failure(
        cut(str(getattr(cause, "what", "") or cause)),
        cut(str(getattr(cause, "where", ""))),
        cut(str(getattr(cause, "remedy", ""))),
        getattr(cause, "exit_code", 1),
        _findings(cause),
    )


def _findings(cause: BaseException) -> tuple[dict[str, Any], ...]:
    """Those of a gate; a component from elsewhere may mean something else by the word."""
    findings = getattr(cause, "findings", ())
    plain = (str, int, float, type(None))
    return tuple(
        {str(name): cut(value) if isinstance(value, str) else value for name, value in finding.items()}
        for finding in (findings if isinstance(findings, (list, tuple)) else ())
        if isinstance(finding, dict) and all(isinstance(value, plain) for value in finding.values())
    )


def machine_fault(error: BaseException) -> Optional[CouldNotJudge]:
    """The failure to raise in place of an error that the machine caused.

    Args:
        error: as caught; its causes are looked at too.

    Returns:
        `CouldNotJudge`, with a remedy; None when the error does not say that the machine is at fault.
    """
    for cause in causes(error):
        if isinstance(cause, CouldNotJudge):
            return cause
        if of_cause := machine_faults.of(cause):
            fault, words = of_cause
            return CouldNotJudge(f"{fault.what} ({words.splitlines()[0][:300].rstrip(': ')})", remedy=fault.remedy)
    return None


def is_disk_full(error: BaseException) -> bool:
    """Whether an exception, or what caused it, says that there is no space left."""
    faults = map(machine_faults.of, causes(error))
    return any(fault is not None and fault[0] is machine_faults.DISK_FULL for fault in faults)


def no_space_left(file: str) -> OSError:
    """The one error of a full disk, for what says it in an exception of its own (SQLite, ML Metadata)."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file)


def not_permitted(error: PermissionError) -> BadInput:
    """The error to show a person who may not read or write a file.

    Args:
        error: as the system raised it.
    """
    file = str(error.filename or "")
    remedy = f"see whose it is, and who may look into its folder: ls -ld {file} {os.path.dirname(file)}".rstrip()
    return BadInput(error.strerror or "Permission denied", where=file, remedy=remedy if file else "")


def causes(error: Optional[BaseException]) -> Iterator[BaseException]:
    """An exception, what caused it, what caused that, and so on; each once."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
