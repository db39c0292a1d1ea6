"""An SQLite file to which events are only added, for what must outlive a kill and be changed by several people.

A change is one transaction, `BEGIN IMMEDIATE`: of two processes one waits for the other, and one that is killed leaves
all of its change or none. Tables and views are the owner's: it gives them as a script, with the script's version.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from millrace.base.errors import BadInput, is_disk_full, no_space_left

_LOCK_SECONDS = 10.0
_Log = TypeVar("_Log", bound="PipelineEvents")


@dataclass(frozen=True)
class EventTables:
    """What stands in such a file.

    Args:
        owner: what the file is, as a message calls it: `registry`.
        script: the statements that make its tables, triggers and views.
        version: of the script, in the file's `user_version`.
        remedy: what to do when the file cannot be used.
    """

    owner: str
    script: str
    version: int = 1
    remedy: str = "see that it is a file of yours on a disk of this machine, or put back a copy"


class EventFile:
    """An open file.

    Args:
        file: the SQLite file; made where it is not there. `:memory:` is SQLite's name for none: nothing is kept.
        tables: what stands in it.

    Raises:
        BadInput: the file cannot be opened, is none of this owner, or was made by a later Millrace.
    """

    def __init__(self, file: Path, tables: EventTables) -> None:
        self.file = file
        self._tables = tables
        with self._explained():
            file.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(file, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                self._database.execute("PRAGMA journal_mode = WAL")
                # What was said to be done outlives a power cut.
                self._database.execute("PRAGMA synchronous = FULL")
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def _prepare(self) -> None:
        version = self._version()
        if version > self._tables.version:
            raise BadInput(
                f"it was made by a later Millrace: its tables are of version {version}, and this one knows "
                f"{self._tables.version}",
                where=str(self.file),
                remedy="use that Millrace, or one that is newer",
            )
        if version < self._tables.version:
            with self.change():
                # Another process may have made them since.
                if self._version() < self._tables.version:
                    for statement in _statements(self._tables.script):
                        self._database.execute(statement)
                    self._database.execute(f"PRAGMA user_version = {self._tables.version}")

    def _version(self) -> int:
        return int(self._database.execute("PRAGMA user_version").fetchone()[0])

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """Holds the write lock: what is read within stays so, and what is added is there together or not at all.

        Raises:
            BadInput: somebody else holds the lock for longer than a change takes, or nothing can be written.
            OSError: there is no space left.
        """
        with self._explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def add(self, table: str, row: dict[str, Any]) -> int:
        """Adds a row, within `change`.

        Args:
            table: a table of the script.
            row: its values by column.

        Returns:
            The row's id.
        """
        marks = ", ".join("?" * len(row))
        cursor = self._database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
        return int(cursor.lastrowid or 0)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """What a query gives, as tuples.

        Raises:
            BadInput: the file cannot be read.
        """
        with self._explained():
            return self._database.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if is_disk_full(error):
                raise no_space_left(str(self.file)) from error
            held = "locked" in str(error)
            owner = self._tables.owner
            raise BadInput(
                f"another process holds the {owner}'s file" if held else f"the {owner} cannot be used: {error}",
                where=str(self.file),
                remedy="wait until it has ended, then try again" if held else self._tables.remedy,
            ) from error


class PipelineEvents:
    """The events of one pipeline, in a file that holds those of every pipeline of a root.

    Args:
        file: the SQLite file; made where it is not there.
        pipeline: whose.
        tables: what stands in it.

    Raises:
        BadInput: the file cannot be used.
    """

    def __init__(self, file: Path, pipeline: str, tables: EventTables) -> None:
        self._events = EventFile(file, tables)
        self.pipeline = pipeline

    def close(self) -> None:
        """Closes the file."""
        self._events.close()

    def __enter__(self: _Log) -> _Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _statements(script: str) -> Iterator[str]:
    """The statements of a script: `executescript` would end the transaction before the first of them."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
