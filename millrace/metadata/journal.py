"""The journal of a run: one line of JSON for each change of a stage's state, readable while the run goes on.

It is a file because stages may run in other processes (Beam); whoever shows the run reads the same file.
"""

import fcntl
import functools
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Optional

from pydantic import Field, TypeAdapter, ValidationError

from millrace.base.errors import Failure
from millrace.base.outcomes import State

FILE_NAME = "events.jsonl"


ENDED = frozenset(set(State) - {State.WAITING, State.RUNNING})

# Seconds since the epoch that a calendar can show, in any time zone: to some years before 9999.
Timestamp = Annotated[float, Field(ge=0, lt=250e9, allow_inf_nan=False)]


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
    at: Timestamp
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
        """Appends one event, as a whole line after whole lines, whoever else writes.

        Args:
            stage: the stage's id.
            state: the state that it is in from now on.
            note: a few words for a person.
            failure: what went wrong, when something did.

        Raises:
            OSError: the disk is full, or cannot be written to.
        """
        line = json.dumps(asdict(Event(stage, state, time.time(), note, failure))).encode() + b"\n"
        with self._file.open("a+b") as file:
            # Closing the file writes the line, and lets the next one in.
            fcntl.flock(file, fcntl.LOCK_EX)
            if file.seek(0, os.SEEK_END):
                # What a full disk or a kill has cut takes no other line with it.
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)

    def events(self) -> list[Event]:
        """Every event so far, in order.

        A last line that is still being written is left out. A damaged line is passed over, which is a warning.
        """
        return list(self._whole_events())

    def _whole_events(self) -> Iterator[Event]:
        *lines, _ = self._file.read_bytes().split(b"\n") if self._file.exists() else [b""]
        for number, line in enumerate(lines, start=1):
            try:
                yield _reader().validate_json(line)
            except ValidationError:
                say_damaged(f"{self._file}:{number}")


@functools.cache
def _reader() -> TypeAdapter[Event]:
    return TypeAdapter(Event)


@functools.cache  # a journal is read four times a second
def say_damaged(where: str) -> None:
    """Warns, once, that a part of a run's record cannot be read.

    Args:
        where: the file, and what in it.
    """
    logging.getLogger(__name__).warning("%s: damaged, and passed over", where)


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
        # What began after the clock was read has not run yet.
        return None if self.started is None else max(0.0, (self.ended or now) - self.started)


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
