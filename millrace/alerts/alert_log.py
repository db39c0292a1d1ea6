"""Where alerts are kept: events that are only added, in an SQLite file beside the registry's, and a view of them."""

import enum
import fnmatch
import json
from collections.abc import Collection, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

from millrace.alerts.alert import Alert, AlertChange, AlertState, Look, changes
from millrace.alerts.section import AlertPolicy
from millrace.base.errors import BadInput
from millrace.base.event_file import EventTables, PipelineEvents
from millrace.base.names import did_you_mean

_TABLES = EventTables(
    "alerts",
    """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    pipeline TEXT NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    because TEXT NOT NULL,
    who TEXT NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS event_of_alert ON event (pipeline, key, kind, id);
CREATE TRIGGER IF NOT EXISTS event_is_not_changed BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
CREATE TRIGGER IF NOT EXISTS event_is_not_deleted BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END;
DROP VIEW IF EXISTS alert;
CREATE VIEW alert AS
    SELECT changed.id, changed.pipeline, changed.key, changed.source, changed.kind AS state, changed.at AS changed,
        -- What is over says no more what it was: that is in the event before.
        (SELECT details FROM event AS seen WHERE seen.pipeline = changed.pipeline AND seen.key = changed.key
            AND seen.kind IN ('pending', 'firing') ORDER BY seen.id DESC LIMIT 1) AS details,
        (SELECT json_extract(details, '$.until') FROM event AS quiet WHERE quiet.pipeline = changed.pipeline
            AND quiet.key = changed.key AND quiet.kind = 'silenced' ORDER BY quiet.id DESC LIMIT 1) AS silenced,
        -- Until version 2 it was not said which channel had told.
        (SELECT json_group_object(coalesce(json_extract(told.details, '$.channel'), '*'),
                json_array(json_extract(told.details, '$.state'), told.at)) FROM event AS told WHERE told.id IN (
            SELECT max(id) FROM event WHERE pipeline = changed.pipeline AND key = changed.key AND kind = 'told'
            GROUP BY json_extract(details, '$.channel'))) AS told
    FROM event AS changed
    WHERE changed.id IN (
        SELECT max(id) FROM event WHERE kind IN ('pending', 'firing', 'resolved') GROUP BY pipeline, key
    );
""",
    version=2,
)


_NO_ALERT = ""
"""The key of an event that is about no alert."""


class OtherEvent(str, enum.Enum):
    """The kinds of events that change no state."""

    SILENCED = "silenced"
    TOLD = "told"
    LOOKED = "looked"

    def __str__(self) -> str:
        """Its word, in every Python."""
        return self.value


class AlertLog(PipelineEvents):
    """The alerts of one pipeline.

    Args:
        file: the SQLite file, which holds those of every pipeline of a root; made where it is not there.
        pipeline: whose.

    Raises:
        BadInput: the file cannot be used.
    """

    def __init__(self, file: Path, pipeline: str) -> None:
        super().__init__(file, pipeline, _TABLES)

    def alerts(self) -> dict[str, Alert]:
        """Every alert as it stands, by key, those that changed last at the end."""
        rows = self._events.rows(
            "SELECT id, key, source, state, changed, details, silenced, told FROM alert WHERE pipeline = ? ORDER BY id",
            (self.pipeline,),
        )
        return {row[1]: _alert(*row) for row in rows}

    def alert(self, key: str) -> Alert:
        """One alert.

        Args:
            key: which; or its id, as lists show it.

        Raises:
            BadInput: there is none of that key.
        """
        alerts = self.alerts()
        by_id = next((one for one in alerts.values() if str(one.id) == key), None)
        if by_id:
            return by_id
        if key not in alerts:
            remedy = "millrace alerts list --all shows every one" if alerts else "nothing has ever alerted here"
            raise BadInput(f"there is no alert {key}{did_you_mean(key, alerts)}", remedy=remedy)
        return alerts[key]

    def take(self, look: Look, policy: AlertPolicy, now: float) -> list[AlertChange]:
        """Takes in what a source says now.

        Args:
            look: what it says.
            policy: how many looks must see an alert.
            now: seconds since the epoch.

        Returns:
            What it changed.
        """
        with self._events.change():
            changed = changes(self.alerts(), look, policy, self._looks(look))
            if look.at is not None:
                details = {"at": look.at, "unjudged": sorted(look.unjudged)}
                self._add(now, _NO_ALERT, OtherEvent.LOOKED, look.source, details)
            for change in changed:
                finding = change.finding
                details = (
                    {"summary": finding.summary, "since": finding.since, "next": finding.next, "looks": change.looks}
                    if finding
                    else {}
                )
                self._add(now, change.key, change.state, change.source, details)
        return changed

    def _looks(self, look: Look) -> list[Look]:
        """What its source has looked at before, from the time of this look on."""
        rows = self._events.rows(
            "SELECT json_extract(details, '$.at'), json_extract(details, '$.unjudged') FROM event WHERE pipeline = ? "
            "AND key = ? AND kind = ? AND source = ? AND json_extract(details, '$.at') >= ?",
            (self.pipeline, _NO_ALERT, str(OtherEvent.LOOKED), look.source, look.at),
        )
        return [Look(look.source, (), json.loads(unjudged), at) for at, unjudged in rows]

    def _meant(self, key: str) -> list[Alert]:
        """The alert of a key or an id, or those of a pattern that are not over."""
        if key in self.alerts() or not any(mark in key for mark in "*?["):
            return [self.alert(key)]
        going_on = [one for one in self.alerts().values() if one.state is not AlertState.RESOLVED]
        meant = [one for one in going_on if fnmatch.fnmatchcase(one.key, key)]
        if not meant:
            remedy = "millrace alerts list shows them" if going_on else "none is pending or fires"
            raise BadInput(f"no alert that goes on fits {key}", remedy=remedy)
        return meant

    def resolve(self, key: str, because: str, who: str, now: float) -> list[str]:
        """Says that an alert is over; a look that sees it again begins it anew.

        Args:
            key: which alert; an id, or a pattern with `*` as in a shell for all that are not over.
            because: why.
            who: who says so.
            now: seconds since the epoch.

        Returns:
            The keys of those that were meant.

        Raises:
            BadInput: there is none of that key, or it is over already.
        """
        with self._events.change():
            meant = self._meant(key)
            for alert in meant:
                if alert.state is AlertState.RESOLVED:
                    raise BadInput(f"{alert.key} is resolved already")
                self._add(now, alert.key, AlertState.RESOLVED, alert.source, {}, because, who)
        return [alert.key for alert in meant]

    def silence(self, key: str, until: float, because: str, who: str, now: float) -> list[str]:
        """Has nobody told of an alert for a while.

        Args:
            key: which alert; an id, or a pattern with `*` as in a shell for all that are not over.
            until: seconds since the epoch; a time that is over ends the silence.
            because: why.
            who: who says so.
            now: seconds since the epoch.

        Returns:
            The keys of those that were meant.

        Raises:
            BadInput: there is none of that key.
        """
        with self._events.change():
            meant = self._meant(key)
            for alert in meant:
                self._add(now, alert.key, OtherEvent.SILENCED, alert.source, {"until": until}, because, who)
        return [alert.key for alert in meant]

    def told(self, alerts: Sequence[Alert], channels: Collection[str], now: float) -> None:
        """Keeps that channels have told these alerts, each in the state that it says."""
        with self._events.change():
            for alert in alerts:
                for channel in channels:
                    details = {"state": str(alert.state), "channel": channel}
                    self._add(now, alert.key, OtherEvent.TOLD, alert.source, details)

    def history(self, key: str) -> list[tuple[str, str, str, str]]:
        """What happened to an alert: when (ISO 8601 in UTC), what, who, and why."""
        rows = self._events.rows(
            "SELECT at, kind, who, because FROM event WHERE pipeline = ? AND key = ? ORDER BY id", (self.pipeline, key)
        )
        return [
            (datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="seconds"), kind, who, because)
            for at, kind, who, because in rows
        ]

    def fired(self, since: float) -> list[tuple[float, str]]:
        """When which alerts began to fire, from a time on, in order."""
        query = "SELECT at, key FROM event WHERE pipeline = ? AND kind = 'firing' AND at >= ? ORDER BY id"
        return [(at, key) for at, key in self._events.rows(query, (self.pipeline, since))]

    def _add(
        self, at: float, key: str, kind: str, source: str, details: dict[str, Any], because: str = "", who: str = ""
    ) -> None:
        row = {
            "at": at,
            "pipeline": self.pipeline,
            "key": key,
            "kind": str(kind),
            "source": source,
            "because": because,
            "who": who,
            "details": json.dumps(details, ensure_ascii=False, sort_keys=True),
        }
        self._events.add("event", row)


def _alert(
    number: int,
    key: str,
    source: str,
    state: str,
    changed: float,
    details: Optional[str],
    silenced: Optional[float],
    told: str,
) -> Alert:
    seen = json.loads(details) if details else {}
    return Alert(
        number,
        key,
        source,
        AlertState(state),
        seen.get("since", changed),
        changed,
        seen.get("looks", 1),
        seen.get("summary", ""),
        seen.get("next", ""),
        silenced,
        {channel: (AlertState(word), at) for channel, (word, at) in json.loads(told).items()},
    )
