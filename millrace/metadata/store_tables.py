"""What ML Metadata's tables in a SQLite file lack: one of them, rows that others refer to, a version that is known.

ML Metadata trusts its tables: over an event of an artifact that is not there its C++ ends the process.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

# `schema_version` of the ml-metadata of both stacks (its util/metadata_source_query_config.cc).
SCHEMA_VERSION = 10
# By table, which of its columns hold the ids of which table's rows. None of it is declared in the file.
_REFERENCES = {
    "TypeProperty": {"type_id": "Type"},
    "ParentType": {"type_id": "Type", "parent_type_id": "Type"},
    "Artifact": {"type_id": "Type"},
    "ArtifactProperty": {"artifact_id": "Artifact"},
    "Execution": {"type_id": "Type"},
    "ExecutionProperty": {"execution_id": "Execution"},
    "Context": {"type_id": "Type"},
    "ContextProperty": {"context_id": "Context"},
    "ParentContext": {"context_id": "Context", "parent_context_id": "Context"},
    "Event": {"artifact_id": "Artifact", "execution_id": "Execution"},
    "EventPath": {"event_id": "Event"},
    "Association": {"context_id": "Context", "execution_id": "Execution"},
    "Attribution": {"context_id": "Context", "artifact_id": "Artifact"},
}
# By table, its columns in this version.
_VALUES = "name is_custom_property int_value double_value string_value byte_value proto_value bool_value"
_TIMES = "create_time_since_epoch last_update_time_since_epoch"
_COLUMNS = {
    "Type": "id name version type_kind description input_type output_type external_id",
    "TypeProperty": "type_id name data_type",
    "ParentType": "type_id parent_type_id",
    "Artifact": f"id type_id uri state name external_id {_TIMES}",
    "ArtifactProperty": f"artifact_id {_VALUES}",
    "Execution": f"id type_id last_known_state name external_id {_TIMES}",
    "ExecutionProperty": f"execution_id {_VALUES}",
    "Context": f"id type_id name external_id {_TIMES}",
    "ContextProperty": f"context_id {_VALUES}",
    "ParentContext": "context_id parent_context_id",
    "Event": "id artifact_id execution_id type milliseconds_since_epoch",
    "EventPath": "event_id is_index_step step_index step_key",
    "Association": "id context_id execution_id",
    "Attribution": "id context_id artifact_id",
}
# What SQLite calls the values of a column that is declared so; it keeps whatever is put there.
_KINDS = {"INT": "integer", "CHAR": "text", "TEXT": "text"}
# What a stage has published: `Artifact.LIVE`.
_PUBLISHED = "Artifact WHERE state = 2"
# By table, the rows that TFX never writes without some of it: a stage's record has a context, what it read has a key,
# and what it made has properties. ML Metadata itself reads a store without, in which nothing was blessed or pushed.
_NEVER_WITHOUT = {
    "Association": "Execution",
    "Attribution": _PUBLISHED,
    "Event": _PUBLISHED,
    "EventPath": "Event",
    "ArtifactProperty": _PUBLISHED,
}
_VERSION_TABLE = "MLMDEnv"
_TABLES = frozenset({_VERSION_TABLE, *_COLUMNS})


@dataclass(frozen=True)
class TableProblem:
    """What keeps ML Metadata from reading its tables.

    Args:
        what: the end of a sentence about the file.
        is_whole: whether nothing is lost: another stack can read it.
    """

    what: str
    is_whole: bool = False


def table_problem(
    database: sqlite3.Connection, has_run: Callable[[], bool], thorough: bool = True
) -> Optional[TableProblem]:
    """What keeps ML Metadata from reading its tables; None where nothing does.

    Where none is there yet it makes them; those of an earlier version it brings up to date.

    Args:
        database: the open file. Each query sees all of ML Metadata's last change or nothing of it, and holds up who
            writes for some milliseconds: together, of two thousand runs, for a twentieth of a second.
        has_run: says whether stages have run with this store, so that a file without tables is a loss.
        thorough: whether every value is looked at too, one pass over each table.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} & _TABLES
    if not tables:
        return TableProblem("has none of its tables, and runs have been here") if has_run() else None
    if tables != _TABLES:
        return TableProblem(f"lacks tables: {', '.join(sorted(_TABLES - tables))}")
    version = database.execute(f"SELECT max(schema_version) FROM {_VERSION_TABLE}").fetchone()[0]
    if not isinstance(version, int):
        return TableProblem(f"lacks the version of its tables (a row of {_VERSION_TABLE})")
    if version > SCHEMA_VERSION:
        what = f"was written by a later release of ml-metadata (its tables are {version}, this one's {SCHEMA_VERSION})"
        return TableProblem(what, is_whole=True)
    return _problem_of_rows(database, has_run, thorough) if version == SCHEMA_VERSION else None


def _problem_of_rows(
    database: sqlite3.Connection, has_run: Callable[[], bool], thorough: bool
) -> Optional[TableProblem]:
    declared = {table: _declared_columns(database, table) for table in _COLUMNS}
    lacking = [
        f"{table}.{name}" for table in _COLUMNS for name in _COLUMNS[table].split() if name not in declared[table]
    ]
    if lacking:
        return TableProblem(f"lacks columns: {', '.join(lacking)}")
    odd = [place for table in _COLUMNS if thorough for place in _odd_columns(database, table, declared[table])]
    if odd:
        return TableProblem(f"has values that are none of their columns': {', '.join(odd)}")
    lost = _lost_rows(database)
    of_tables = ", ".join(f"{len(ids)} of {table}" for table, ids in sorted(lost.items()))
    if lost:
        return TableProblem(f"lacks rows that others refer to: {of_tables}")
    emptied = [
        table
        for table, rows in _NEVER_WITHOUT.items()
        if not _has(database, table) and _has(database, rows) and has_run()
    ]
    return TableProblem(f"has nothing in tables that runs fill: {', '.join(emptied)}") if emptied else None


def _has(database: sqlite3.Connection, rows: str) -> bool:
    return bool(database.execute(f"SELECT EXISTS (SELECT 1 FROM {rows})").fetchone()[0])


def _declared_columns(database: sqlite3.Connection, table: str) -> dict[str, str]:
    """By column, the type that it is declared with."""
    return {name: kind for _, name, kind, *_ in database.execute(f"PRAGMA table_info({table})")}


def _odd_columns(database: sqlite3.Connection, table: str, declared: dict[str, str]) -> list[str]:
    """The columns that hold a text where a whole number belongs, or bytes where a text does: its C++ ends over one."""
    kinds = {name: kind for name, of in declared.items() for part, kind in _KINDS.items() if part in of.upper()}
    # One pass over the table, of each value its kind alone.
    counts = ", ".join(f"sum(typeof({name}) NOT IN ('{kind}', 'null'))" for name, kind in kinds.items())
    row = database.execute(f"SELECT {counts} FROM {table}").fetchone()
    return [f"{count} of {table}.{name}" for name, count in zip(kinds, row, strict=True) if count]


def _lost_rows(database: sqlite3.Connection) -> dict[str, set[int]]:
    """By table, the ids of rows that others refer to and that are not there."""
    lost: dict[str, set[int]] = {}
    for table, columns in _REFERENCES.items():
        for column, parent in columns.items():
            # Each is one pass over an index or the table; every id is looked up by its number.
            query = f"SELECT {column} FROM {table} WHERE {column} NOT IN (SELECT id FROM {parent})"
            if ids := {number for (number,) in database.execute(query)}:
                lost.setdefault(parent, set()).update(ids)
    return lost
