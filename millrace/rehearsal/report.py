"""The result of a rehearsal: a row per task, findings, and what no rehearsal can prove."""

import enum
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

from millrace.base import files
from millrace.base.errors import BadInput, Failure
from millrace.base.outcomes import State, ending
from millrace.metadata.journal import say_damaged

FILE_NAME = "rehearsal.json"

CANNOT_PROVE = (
    "IAM: that the service account may read the data, write the pipeline root, pull the image and use the key",
    "quota: that the region has the processors, accelerators and memory that the tasks ask for",
    "network: that VPC, firewall, private addresses and service perimeters let the tasks reach what they need",
    "the image: that it holds this environment's packages at these versions, and the package that setup.py builds",
    "the service itself: its start-up times, its limits on sizes and counts, Dataflow, custom jobs and endpoints",
)


class TaskState(str, enum.Enum):
    """How a task ended, in the words of `millrace.base.outcomes` and two of its own."""

    DONE = State.DONE.value
    CACHED = State.CACHED.value
    GIVEN = "given"
    FAILED = State.FAILED.value
    BLOCKED = State.BLOCKED.value
    BAD_INPUT = State.BAD_INPUT.value
    SKIPPED = State.SKIPPED.value
    INTERRUPTED = State.INTERRUPTED.value
    NOT_REHEARSED = "not rehearsed"

    @property
    def succeeded(self) -> bool:
        """Whether the service would call it succeeded."""
        return self in (TaskState.DONE, TaskState.CACHED, TaskState.GIVEN)

    @property
    def broke(self) -> bool:
        """Whether the service would call it failed."""
        return self in (TaskState.FAILED, TaskState.BLOCKED, TaskState.BAD_INPUT)

    @property
    def on_board(self) -> State:
        """The state in the journal, which knows no rehearsals."""
        unknown_there = {TaskState.NOT_REHEARSED: State.SKIPPED, TaskState.GIVEN: State.CACHED}
        return unknown_there.get(self) or State(self.value)


@dataclass(frozen=True)
class Attempt:
    """One try of a task.

    Args:
        code: the exit code; None when no process was started.
        seconds: how long it took.
        waits: seconds that the service would wait before the next try; 0 for the last.
    """

    code: Optional[int]
    seconds: float
    waits: float = 0.0


@dataclass(frozen=True)
class TaskReport:
    """One task.

    Args:
        task: its name.
        state: how it ended.
        seconds: how long it took, waits between tries included.
        peak: its largest memory in bytes; None when no process ran.
        limit: its memory limit in bytes; None when it has none.
        outputs: the URIs of its output artifacts by key, as the service would have them.
        attempts: its tries.
        note: a few words for a person.
        failure: what went wrong, when something did.
    """

    task: str
    state: TaskState
    seconds: float = 0.0
    peak: Optional[int] = None
    limit: Optional[int] = None
    outputs: dict[str, list[str]] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    note: str = ""
    failure: Optional[Failure] = None

    @property
    def over_limit(self) -> bool:
        """Whether the service would have killed it for its memory."""
        return self.peak is not None and self.limit is not None and self.peak > self.limit


@dataclass(frozen=True)
class Result:
    """A finished rehearsal.

    Args:
        pipeline: the pipeline's name.
        run_id: the run's id, in ML Metadata and as its folder's name.
        folder: the run's folder: log, journal, report, one log a task.
        exit_code: 0 done, 1 a task failed, 2 the job cannot be rehearsed, 3 a gate said no, 130 interrupted.
        tasks: a row per task, in the order of the graph.
        findings: what would be different, or refused, on the service.
        failure: what went wrong first; None when nothing did.
        pushed_to: the folder on this machine that holds the pushed model; empty when there is none.
        seconds: how long it took.
        exact: whether each task had an interpreter of its own.
        isolation: what hid this machine's files from the tasks: "mount namespace" or "audit hook".
        cannot_prove: what remains open.
    """

    pipeline: str
    run_id: str
    folder: Path
    exit_code: int
    tasks: tuple[TaskReport, ...] = ()
    findings: tuple[str, ...] = ()
    failure: Optional[Failure] = None
    pushed_to: str = ""
    seconds: float = 0.0
    exact: bool = False
    isolation: str = ""
    cannot_prove: tuple[str, ...] = CANNOT_PROVE

    @property
    def ending(self) -> str:
        """How it ended, in a few words: `done` only of a rehearsal in which every task was tried."""
        left = sum(row.state is TaskState.NOT_REHEARSED for row in self.tasks)
        if left and self.exit_code in (0, BadInput.exit_code):
            whole = f"{len(self.tasks) - left} of {len(self.tasks)}"
            return f"partly rehearsed, {whole}" if left < len(self.tasks) else "nothing rehearsed"
        if self.tasks and all(row.state is TaskState.CACHED for row in self.tasks):
            return f"{ending(self.exit_code)}, all from the cache"
        return ending(self.exit_code)

    def task(self, name: str) -> TaskReport:
        """The row of a task.

        Raises:
            KeyError: there is no such task.
        """
        return {row.task: row for row in self.tasks}[name]

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the report's file has them."""
        return {**asdict(self), "folder": str(self.folder), "ending": self.ending}

    def save(self) -> Path:
        """Writes the report into the run's folder, whole or not at all."""
        file = self.folder / FILE_NAME
        files.write(file, json.dumps(self.to_json(), indent=2) + "\n")
        return file


def known_peaks(logs: Path) -> dict[str, int]:
    """What the tasks of earlier rehearsals took at most, by name; the newest that says anything of a task counts."""
    peaks: dict[str, int] = {}
    for file in sorted(logs.glob(f"*/{FILE_NAME}"))[-5:]:
        try:
            rows: list[Mapping[str, Any]] = json.loads(file.read_bytes())["tasks"]
            peaks.update({row["task"]: int(row["peak"]) for row in rows if row["peak"]})
        except (ValueError, LookupError, TypeError, OverflowError):
            say_damaged(str(file))
    return peaks
