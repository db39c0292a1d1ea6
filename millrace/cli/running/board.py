"""The live table of a run on a terminal; a plain line for each change where the output is not a terminal."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Optional, Protocol, TextIO

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from millrace.base import printing
from millrace.base.numbers import seconds
from millrace.base.outcomes import State
from millrace.base.printing import Cell, TableColumn
from millrace.cli.running.training_board import TrainingBoard
from millrace.components import stage_ids
from millrace.metadata.journal import ENDED, Event, StageProgress, progress

REFRESH_SECONDS = 0.25
TELL_SECONDS = 15.0
"""How long a pipe hears nothing of a training that goes on."""

STYLES = {
    State.WAITING: "dim",
    State.RUNNING: "bold cyan",
    State.CACHED: "blue",
    State.DONE: "green",
    State.FAILED: "bold red",
    State.SKIPPED: "dim",
    State.BLOCKED: "bold red",
    State.BAD_INPUT: "bold red",
    State.INTERRUPTED: "bold red",
    State.KILLED: "bold red",
}


STAGE_COLUMNS = (
    TableColumn("stage"),
    TableColumn("state"),
    TableColumn("seconds", right=True),
    TableColumn("", folds=True),
)


class Events(Protocol):
    """What is shown: a run's journal, or what a service tells of a job."""

    def events(self) -> list[Event]:
        """Every event so far; the list only grows at its end."""


class Board:
    """Shows a journal while it grows.

    Args:
        name: the pipeline's name.
        journal: the run's journal, or another source of events.
        stream: where a person looks.
        opening: what is said before the stages are known; by default that TensorFlow and TFX are being loaded.
        log: the run's log, for what a training says of itself; None where there is none on this machine.
        clock: seconds, for what is told at intervals in a pipe.
    """

    def __init__(
        self,
        name: str,
        journal: Events,
        stream: TextIO,
        opening: str = "",
        log: Optional[Path] = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = Console(file=stream, highlight=False, soft_wrap=not stream.isatty())
        self._name = name
        self._journal = journal
        self._opening = opening
        draws = self.console.is_terminal and self.console.encoding.startswith("utf")
        self._training = TrainingBoard(log, draws) if log else None
        self._clock, self._told = clock, -math.inf
        self._stages: list[str] = []
        self._printed = 0
        self._stop = threading.Event()
        self._live: Optional[Live] = None
        self._follower = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "Board":
        if self.console.is_terminal:
            self._live = Live(self._waiting(), console=self.console, refresh_per_second=8)
            self._live.start()
        else:
            loading = "starting (TensorFlow and TFX take some seconds to load)"
            printing.say(f"{self._name}: {self._opening or loading}", self.console)
        self._follower.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._stop.set()
        self._follower.join()
        self._refresh(final=True)
        if self._live:
            self._live.stop()

    def show(self, stages: list[str]) -> None:
        """Tells which stages take part, in order."""
        self._stages = stages

    def _waiting(self) -> Spinner:
        dots = "dots" if self.console.encoding.startswith("utf") else "line"
        return Spinner(dots, Text(f"{self._name}: {self._opening or 'loading TensorFlow and TFX'}"))

    def _follow(self) -> None:
        while not self._stop.wait(REFRESH_SECONDS):
            self._refresh()

    def _refresh(self, final: bool = False) -> None:
        events = self._journal.events()
        news = self._training.look() if self._training else {}
        if self._live:
            if self._stages:
                rows = self._with_training(progress(self._stages, events))
                if final:
                    # After the end nothing waits any more: what did not get its turn was skipped.
                    rows = [
                        StageProgress(row.stage, State.SKIPPED) if row.state is State.WAITING else row for row in rows
                    ]
                self._live.update(printing.table(STAGE_COLUMNS, stage_rows(rows, time.time()), self.console.width))
            elif final:
                self._live.update(Text(""))
        else:
            self._tell(events, news)

    def _with_training(self, rows: list[StageProgress]) -> list[StageProgress]:
        """The rows, those that have nothing to say for themselves with what their training says."""
        notes = self._training.notes() if self._training else {}
        return [replace(row, note=notes.get(row.stage, "")) if not row.note else row for row in rows]

    def _tell(self, events: list[Event], news: dict[str, str]) -> None:
        """A line for each stage that ended, for each trial, and now and then for a training that goes on."""
        shown = {row.stage: row for row in self._with_training(progress(self._stages, events))}
        for stage, line in news.items():
            if stage == stage_ids.TUNER or self._clock() - self._told >= TELL_SECONDS:
                printing.say(f"  {stage:<20} {line}", self.console)
                self._told = self._clock()
        for event in events[self._printed :]:
            if event.state in ENDED:
                took = seconds(shown[event.stage].seconds(event.at) or 0.0)
                note = event.note or shown[event.stage].note.partition("\n")[0]
                line = f"  {event.stage:<20} {event.state.value:<8} {took:>6} s  {note}"
                printing.say(line.rstrip(), self.console)
        self._printed = len(events)


def stage_rows(rows: list[StageProgress], now: float) -> list[tuple[Cell, ...]]:
    """The cells of stages, under `STAGE_COLUMNS`.

    Args:
        rows: where each stage stands.
        now: seconds since the epoch, for those that are still running.
    """
    return [
        (
            row.stage,
            Text(row.state.value, style=STYLES[row.state]),
            "" if (took := row.seconds(now)) is None else seconds(took),
            row.note,
        )
        for row in rows
    ]
