"""The journal of a run: one line of JSON for each change of a stage's state, readable while the run goes on.

It is a file because stages may run in other processes (Beam); whoever shows the run reads the same file.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from millrace.base.errors import Failure
from millrace.base.outcomes import State

FILE_NAME = "events.jsonl"


ENDED = frozenset(set(State) - {State.WAITING, State.RUNNING})


@dataclass(frozen=True)
class Event:
    """One change.

    Args:
        stage: the stage's id.
        state: the state that it is in from now on.
        at: seconds since the epoch.
        note: a few words for a person, for instance a verdict.
        failure: what went wrong, when something did.
    """

    stage: str
    state: State
    at: float
    note: str = ""
    failure: Optional[Failure] = None


class Journal:
    """Appends events to a run's folder, and reads them back.

    Args:
        folder: the run's folder; it must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME

    def record(self, stage: str, state: State, note: str = "", failure: Optional[Failure] = None) -> None:
        """Appends one event; a single write, so that lines of several processes do not mix.

        Args:
            stage: the stage's id.
            state: the state that it is in from now on.
            note: a few words for a person.
            failure: what went wrong, when something did.
        """
        line = json.dumps(asdict(Event(stage, state, time.time(), note, failure))) + "\n"
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def events(self) -> list[Event]:
        """Every event so far, in order, without a last line that is still being written, and without what is no event.

        A power cut or a full disk may leave half a line, or zeros in place of one.
        """
        if not self._file.exists():
            return []
        lines = self._file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        events = [_event(line) for line in lines if line.endswith("\n")]
        return [event for event in events if event]


def _event(line: str) -> Optional[Event]:
    try:
        values = json.loads(line)
        failure = Failure(**values["failure"]) if values["failure"] else None
        return Event(str(values["stage"]), State(values["state"]), float(values["at"]), str(values["note"]), failure)
    except (ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True)
class StageProgress:
    """Where one stage stands.

    Args:
        stage: the stage's id.
        state: its state.
        started: when it began to run, seconds since the epoch; None before.
        ended: when it ended; None before.
        note: a few words for a person.
        failure: what went wrong, when something did.
    """

    stage: str
    state: State = State.WAITING
    started: Optional[float] = None
    ended: Optional[float] = None
    note: str = ""
    failure: Optional[Failure] = None

    def seconds(self, now: float) -> Optional[float]:
        """How long it has run, or ran; None when it did not begin."""
        return None if self.started is None else (self.ended or now) - self.started


def progress(stages: Sequence[str], events: Sequence[Event]) -> list[StageProgress]:
    """Where every stage stands.

    Args:
        stages: the ids of those that take part, in the graph's order; others of the events come after them.
        events: what happened so far, in order.
    """
    table = {stage: StageProgress(stage) for stage in stages}
    for event in events:
        before = table.get(event.stage, StageProgress(event.stage))
        started = event.at if event.state is State.RUNNING else before.started
        ended = event.at if event.state in ENDED else None
        table[event.stage] = StageProgress(event.stage, event.state, started, ended, event.note, event.failure)
    return list(table.values())
