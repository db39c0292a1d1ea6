"""The registry's file: an SQLite table to which events are only added, and views that say how things stand now.

A change is one transaction, `BEGIN IMMEDIATE`: of two people one waits for the other, and a process that is killed
leaves all of its change or none. What a server reads beside it is written while that lock is held.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

from millrace.base.event_file import EventFile, EventTables
from millrace.registry.events import Event, VersionState

SCHEMA_VERSION = 1
"""Of the table and the views, in the file's `user_version`."""

_TABLES = """
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    model TEXT NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER,
    alias TEXT NOT NULL,
    because TEXT NOT NULL,
    who TEXT NOT NULL,
    run TEXT NOT NULL,
    details TEXT NOT NULL
);
CREATE UNIQUE INDEX registered_once ON event (model, version) WHERE kind = 'registered';
CREATE INDEX event_of_model ON event (model, id);
CREATE TRIGGER event_is_not_changed BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
CREATE TRIGGER event_is_not_replaced BEFORE INSERT ON event
    WHEN EXISTS (SELECT 1 FROM event WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
CREATE TRIGGER version_is_registered_once BEFORE INSERT ON event
    WHEN NEW.kind = 'registered'
        AND EXISTS (SELECT 1 FROM event WHERE kind = 'registered' AND model = NEW.model AND version = NEW.version)
    BEGIN SELECT RAISE(ABORT, 'a version is registered once'); END;
CREATE TRIGGER event_is_not_deleted BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END;
CREATE VIEW version AS
    SELECT model, version AS number, at AS registered, run, details,
        (SELECT state.kind FROM event AS state WHERE state.model = event.model AND state.version = event.version
            AND state.kind IN ('registered', 'approved', 'rejected') ORDER BY state.id DESC LIMIT 1) AS state
    FROM event WHERE kind = 'registered';
CREATE VIEW alias AS
    SELECT model, alias AS name, version FROM event
    WHERE id IN (SELECT max(id) FROM event WHERE alias != '' GROUP BY model, alias) AND version IS NOT NULL;
"""
_OF_THE_REGISTRY = EventTables(
    "registry",
    _TABLES,
    SCHEMA_VERSION,
    "see that it is a file of yours on a disk of this machine, or put back a copy; registry.file names another",
)
_COLUMNS = "id, at, kind, version, alias, because, who, run, details"


class EventLog:
    """The events of one model.

    Args:
        file: the SQLite file, which holds those of every pipeline of a root; made where it is not there.
        model: whose.
        clock: seconds since the epoch.

    Raises:
        BadInput: the file cannot be opened, is none of a registry, or was made by a later Millrace.
    """

    def __init__(self, file: Path, model: str, clock: Callable[[], float]) -> None:
        self.file = file
        self._model = model
        self._clock = clock
        self._events = EventFile(file, _OF_THE_REGISTRY)

    def close(self) -> None:
        """Closes the file."""
        self._events.close()

    def change(self) -> contextlib.AbstractContextManager[None]:
        """Holds the write lock: what is read within stays so, and what is added is there together or not at all.

        Raises:
            BadInput: somebody else holds the lock for longer than a change takes, or nothing can be written.
            OSError: there is no space left.
        """
        return self._events.change()

    def add(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Adds events in their order, within `change`.

        Args:
            events: without time and id.

        Returns:
            The events as they stand in the file.
        """
        at = datetime.fromtimestamp(self._clock(), timezone.utc).isoformat(timespec="seconds")
        written = []
        for one in events:
            row = {
                "at": at,
                "model": self._model,
                "kind": str(one.kind),
                "version": one.version,
                "alias": one.alias,
                "because": one.because,
                "who": one.who,
                "run": one.run,
                "details": json.dumps(one.details, ensure_ascii=False, sort_keys=True),
            }
            written.append(replace(one, kind=str(one.kind), at=at, id=self._events.add("event", row)))
        return tuple(written)

    def events(self, version: Optional[int] = None, alias: str = "") -> tuple[Event, ...]:
        """The events in the order in which they happened.

        Args:
            version: only those about it; None for all.
            alias: only those that touched it; empty for all.
        """
        rows = self._events.rows(
            f"SELECT {_COLUMNS} FROM event WHERE model = ? AND (? IS NULL OR version = ?) AND (? = '' OR alias = ?) "
            "ORDER BY id",
            (self._model, version, version, alias, alias),
        )
        return tuple(_event(row) for row in rows)

    def versions(self) -> tuple[tuple[int, VersionState, str, str, str], ...]:
        """Number, state, time of registration, run and facts (as JSON) of each version, by number."""
        rows = self._events.rows(
            "SELECT number, state, registered, run, details FROM version WHERE model = ? ORDER BY number",
            (self._model,),
        )
        return tuple((number, VersionState(state), at, run, text) for number, state, at, run, text in rows)

    def aliases(self) -> dict[str, int]:
        """The number of the version that each alias names."""
        return dict(self._events.rows("SELECT name, version FROM alias WHERE model = ? ORDER BY name", (self._model,)))


def _event(row: Sequence[Any]) -> Event:
    number, at, kind, version, alias, because, who, run, details = row
    return Event(kind, version, alias, because, who, run, json.loads(details), at, number)
