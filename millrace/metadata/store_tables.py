"""What ML Metadata's tables in a SQLite file lack: one of them, rows that others refer to, a version that can be read.

ML Metadata trusts its tables: over an event of an artifact that is not there its C++ ends the process.
"""

import sqlite3
from collections.abc import Callable

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
_VERSION_TABLE = "MLMDEnv"
_TABLES = frozenset({"Type", _VERSION_TABLE, *_REFERENCES})


def what_is_wrong(database: sqlite3.Connection, has_run: Callable[[], bool]) -> str:
    """What keeps ML Metadata from reading its tables, as the end of a sentence about the file; empty: nothing does.

    Where none is there yet it makes them; those of an earlier version it brings up to date.

    Args:
        database: the open file. Each query sees all of ML Metadata's last change or nothing of it, and holds up who
            writes for some milliseconds: together, of two thousand runs, for a twentieth of a second.
        has_run: says whether stages have run with this store, so that a file without tables is a loss.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} & _TABLES
    if not tables:
        return "has none of its tables, and runs have been here" if has_run() else ""
    if tables != _TABLES:
        return f"lacks tables: {', '.join(sorted(_TABLES - tables))}"
    version = database.execute(f"SELECT max(schema_version) FROM {_VERSION_TABLE}").fetchone()[0]
    if version is None:
        return f"lacks the version of its tables (a row of {_VERSION_TABLE})"
    if version > SCHEMA_VERSION:
        return f"was written by a later stack, with which it can be read (tables {version}; this one: {SCHEMA_VERSION})"
    lost = _lost_rows(database) if version == SCHEMA_VERSION else {}
    of_tables = ", ".join(f"{len(ids)} of {table}" for table, ids in sorted(lost.items()))
    return f"lacks rows that others refer to: {of_tables}" if lost else ""


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
