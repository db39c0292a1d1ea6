"""What triggers started, missed and were asked for: events that are only added, in a file beside the registry's."""

import json
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from millrace.base.errors import BadInput
from millrace.base.event_file import EventTables, PipelineEvents
from millrace.base.outcomes import State, ending
from millrace.config.trigger_section import DAY_SECONDS
from millrace.triggers.deciding import CLOCK_SECONDS, AskedRun, Decision, SpanPlace

_TABLES = EventTables(
    "triggers",
    """
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    pipeline TEXT NOT NULL,
    kind TEXT NOT NULL,
    of INTEGER,
    because TEXT NOT NULL,
    who TEXT NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX event_of_pipeline ON event (pipeline, kind, id);
CREATE TRIGGER event_is_not_changed BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
CREATE TRIGGER event_is_not_deleted BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END;
CREATE VIEW start AS
    SELECT started.id, started.pipeline, started.at, started.because, started.details,
        ended.at AS ended, ended.details AS ended_details
    FROM event AS started LEFT JOIN event AS ended ON ended.of = started.id AND ended.kind = 'ended'
    WHERE started.kind = 'started';
""",
)


@dataclass(frozen=True)
class StartedRun:
    """A run that a trigger started.

    Args:
        id: of its event.
        at: when, seconds since the epoch.
        source: what started it.
        why: in one sentence.
        process: its process's id, and when that began, as the system tells it.
        span: the span that it reads, as far as is known.
        ended: when it ended, as far as is known.
        exit_code: how; None while it goes on, and where nobody saw its end.
        run: the id of the run; empty until it is known.
    """

    id: int
    at: float
    source: str
    why: str
    process: tuple[int, float]
    span: Optional[SpanPlace]
    ended: Optional[float] = None
    exit_code: Optional[int] = None
    run: str = ""

    @property
    def outcome(self) -> str:
        """How it stands or ended, in the words of runs; `unknown` where it came to no run and nobody saw its end."""
        if self.ended is None:
            return str(State.RUNNING)
        if self.exit_code is None:
            return str(State.KILLED) if self.run else "unknown"
        return str(ending(self.exit_code))


@dataclass(frozen=True)
class Asked:
    """What became of a run that somebody asked for.

    Args:
        event: the id of the event.
        because: why it was asked for.
        started: when it was started, seconds since the epoch; None while it waits.
        cancelled: when it was taken back; None where it was not.
    """

    event: int
    because: str
    started: Optional[float] = None
    cancelled: Optional[float] = None


@dataclass(frozen=True)
class Recorded:
    """What is known from before.

    Args:
        cron_done: until when times of cron are dealt with.
        starts: the runs that were started in the last days, oldest first.
        span_done: the greatest span that a started run was for; None before the first.
        alerts_done: the greatest id of an alert that has started a run.
        asked: runs that people asked for and that have not started.
    """

    cron_done: float
    starts: Sequence[StartedRun]
    span_done: Optional[SpanPlace]
    alerts_done: int
    asked: Sequence[AskedRun]

    @property
    def open(self) -> list[StartedRun]:
        """The runs whose end is not written down yet."""
        return [one for one in self.starts if one.ended is None]


class TriggerLog(PipelineEvents):
    """The events of one pipeline.

    Args:
        file: the SQLite file, which holds those of every pipeline of a root; made where it is not there.
        pipeline: whose.

    Raises:
        BadInput: the file cannot be used.
    """

    def __init__(self, file: Path, pipeline: str) -> None:
        super().__init__(file, pipeline, _TABLES)

    def change(self) -> AbstractContextManager[None]:
        """Holds the write lock: of two who decide at the same time the second sees what the first has started."""
        return self._events.change()

    def begin(self, now: float) -> None:
        """Says that triggers begin now, where they have not yet: no earlier time of cron is meant.

        Within `change`.
        """
        if not self._one("SELECT count(*) FROM event WHERE pipeline = ? AND at <= ?", now + CLOCK_SECONDS):
            self._add(now, "began")

    def recorded(self, now: float) -> Recorded:
        """What is known from before.

        Args:
            now: seconds since the epoch; starts before two days ago are left out, unless they go on, and so is what a
                clock wrote down that was ahead.
        """
        until = now + CLOCK_SECONDS
        cron_done = self._one(
            "SELECT max(at) FROM event WHERE pipeline = ? AND at <= ? AND (kind IN ('began', 'missed') "
            "OR kind = 'started' AND json_extract(details, '$.source') = 'cron')",
            until,
        )
        spans = self._rows(
            "SELECT json_extract(details, '$.span') FROM event WHERE pipeline = ? AND kind = 'started' "
            "AND json_extract(details, '$.span') IS NOT NULL"
        )
        asked = self._rows(
            "SELECT id, who, because, at FROM event AS asked WHERE pipeline = ? AND kind = 'asked' AND NOT EXISTS "
            "(SELECT 1 FROM event WHERE kind IN ('started', 'cancelled') AND of = asked.id) ORDER BY id"
        )
        alerts = "SELECT max(json_extract(details, '$.alerts')) FROM event WHERE pipeline = ? AND kind = 'started'"
        places = [(span, version) for span, version in (json.loads(text) for (text,) in spans)]
        return Recorded(
            cron_done if cron_done is not None else now,
            tuple(one for one in self.starts(now - 2 * DAY_SECONDS) if one.at <= until or one.ended is None),
            max(places, default=None),
            self._one(alerts) or 0,
            tuple(AskedRun(*row) for row in asked),
        )

    def starts(self, since: float) -> tuple[StartedRun, ...]:
        """The runs that were started from a time on, and those that go on, oldest first."""
        rows = self._events.rows(
            "SELECT id, at, because, details, ended, ended_details FROM start "
            "WHERE pipeline = ? AND (at >= ? OR ended IS NULL) ORDER BY id",
            (self.pipeline, since),
        )
        return tuple(_start(*row) for row in rows)

    def ask(self, who: str, because: str, now: float) -> None:
        """Keeps that somebody asks for a run."""
        with self.change():
            self.begin(now)
            self._add(now, "asked", because=because, who=who)

    def ask_once(self, who: str, because: str, key: str, now: float) -> tuple[Asked, bool]:
        """Keeps that somebody asks for a run, once for each key.

        Args:
            who: who asks.
            because: why.
            key: names the question.
            now: seconds since the epoch.

        Returns:
            What became of it, and whether it is new.
        """
        with self.change():
            self.begin(now)
            rows = self._events.rows(
                "SELECT asked.id, asked.because, started.at, cancelled.at FROM event AS asked "
                "LEFT JOIN event AS started ON started.of = asked.id AND started.kind = 'started' "
                "LEFT JOIN event AS cancelled ON cancelled.of = asked.id AND cancelled.kind = 'cancelled' "
                "WHERE asked.pipeline = ? AND asked.kind = 'asked' AND json_extract(asked.details, '$.key') = ?",
                (self.pipeline, key),
            )
            if rows:
                return Asked(*rows[0]), False
            return Asked(self._add(now, "asked", because=because, who=who, details={"key": key}), because), True

    def cancel(self, calls: Collection[int], because: str, who: str, now: float) -> list[AskedRun]:
        """Takes back runs that were asked for and have not started.

        Args:
            calls: their ids; none for all that wait.
            because: why.
            who: who says so.
            now: seconds since the epoch.

        Returns:
            What was taken back.

        Raises:
            BadInput: one of them does not wait; then nothing is taken back.
        """
        with self.change():
            waiting = {one.event: one for one in self.recorded(now).asked}
            if strange := [number for number in calls if number not in waiting]:
                waits = f"those that wait: {', '.join(map(str, waiting))}" if waiting else "none waits"
                raise BadInput(f"no call {strange[0]} waits for its run", remedy=f"millrace triggers list; {waits}")
            taken = [waiting[number] for number in calls or waiting]
            for one in taken:
                self._add(now, "cancelled", one.event, because, who)
        return taken

    def missed(self, at: float, why: str) -> None:
        """Keeps that all times of cron until now are dealt with, since they could not be kept. Within `change`."""
        self._add(at, "missed", because=why)

    def started(
        self, decision: Decision, process: tuple[int, float], alerts: int, asked: Optional[int], at: float
    ) -> int:
        """Keeps that a run was started. Within `change`.

        Args:
            decision: why.
            process: its process's id, and when that began.
            alerts: the greatest id of the alerts that fire; 0 where none does.
            asked: the event by which somebody asked for it; None where nobody did.
            at: seconds since the epoch.

        Returns:
            The event's id.
        """
        details = {"source": decision.source, "process": process, "alerts": alerts}
        details |= {"span": decision.span} if decision.span else {}
        return self._add(at, "started", asked, decision.why, details=details)

    def ended(self, start: StartedRun, exit_code: Optional[int], run: str, at: float) -> None:
        """Keeps how a started run ended; of two who see it the first writes it."""
        with self.change():
            if not self._events.rows("SELECT 1 FROM event WHERE kind = 'ended' AND of = ?", (start.id,)):
                self._add(at, "ended", start.id, details={"exit_code": exit_code, "run": run})

    def _add(
        self,
        at: float,
        kind: str,
        of: Optional[int] = None,
        because: str = "",
        who: str = "",
        details: Optional[dict[str, Any]] = None,
    ) -> int:
        row = {"at": at, "pipeline": self.pipeline, "kind": kind, "of": of, "because": because, "who": who}
        return self._events.add("event", {**row, "details": json.dumps(details or {}, sort_keys=True)})

    def _rows(self, query: str, *values: float) -> list[Any]:
        return self._events.rows(query, (self.pipeline, *values))

    def _one(self, query: str, *values: float) -> Any:
        return self._rows(query, *values)[0][0]


def _start(
    number: int, at: float, because: str, details: str, ended: Optional[float], ended_details: Optional[str]
) -> StartedRun:
    of_start, of_end = json.loads(details), json.loads(ended_details or "{}")
    process, span = of_start["process"], of_start.get("span")
    return StartedRun(
        number,
        at,
        of_start["source"],
        because,
        (process[0], process[1]),
        (span[0], span[1]) if span else None,
        ended,
        of_end.get("exit_code"),
        of_end.get("run", ""),
    )
