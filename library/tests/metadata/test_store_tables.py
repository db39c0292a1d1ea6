"""Half of a store: what its tables lack is told before ML Metadata reads them, whose C++ would end the process."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from past_runs import four_runs

from millrace.base.errors import BadInput
from millrace.config.loading import load
from millrace.execution.run import put_in_order
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.metadata.store_tables import SCHEMA_VERSION, table_problem

# Which column of which table holds the ids of which, by ML Metadata's documentation of its tables.
REFERENCES = [
    ("TypeProperty", "type_id", "Type"),
    ("ParentType", "type_id", "Type"),
    ("ParentType", "parent_type_id", "Type"),
    ("Artifact", "type_id", "Type"),
    ("ArtifactProperty", "artifact_id", "Artifact"),
    ("Execution", "type_id", "Type"),
    ("ExecutionProperty", "execution_id", "Execution"),
    ("Context", "type_id", "Type"),
    ("ContextProperty", "context_id", "Context"),
    ("ParentContext", "context_id", "Context"),
    ("ParentContext", "parent_context_id", "Context"),
    ("Event", "artifact_id", "Artifact"),
    ("Event", "execution_id", "Execution"),
    ("EventPath", "event_id", "Event"),
    ("Association", "context_id", "Context"),
    ("Association", "execution_id", "Execution"),
    ("Attribution", "context_id", "Context"),
    ("Attribution", "artifact_id", "Artifact"),
]
TABLES = sorted({"Type", "MLMDEnv", *(table for table, _, _ in REFERENCES)})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of four runs, with a row in each table."""
    root = tmp_path_factory.mktemp("four")
    four_runs(root)
    with contextlib.closing(sqlite3.connect(root / "metadata.db")) as database, database:
        database.execute("INSERT INTO TypeProperty VALUES (1, 'span', 1)")
        database.execute("INSERT INTO ParentType VALUES (2, 1)")
        database.execute("INSERT INTO ParentContext VALUES (2, 1)")
        database.execute("INSERT INTO ContextProperty (context_id, name, is_custom_property) VALUES (1, 'a', 1)")
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "root"))


@pytest.fixture
def database(root: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(root / "metadata.db", isolation_level=None)) as opened:
        yield opened


def problem(database: sqlite3.Connection) -> str:
    found = table_problem(database, lambda: True)
    return found.what if found else ""


def test_a_whole_store_is_whole(database):
    assert all(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES)
    assert problem(database) == ""


@pytest.mark.parametrize("table, column, parent", REFERENCES)
def test_a_row_that_refers_to_none_is_told_by_the_table_that_lacks_it(database, table, column, parent):
    database.execute(f"UPDATE {table} SET {column} = 999 WHERE rowid = (SELECT max(rowid) FROM {table})")
    assert f"1 of {parent}" in problem(database)


@pytest.mark.parametrize("table", ["Type", "Artifact", "Execution", "Context", "Event"])
def test_rows_that_are_gone_are_counted(database, table):
    # The first nine types are ML Metadata's own, and nothing here is of one of them.
    database.execute(
        f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT 2 OFFSET ?)",
        [9 if table == "Type" else 0],
    )
    assert f"2 of {table}" in problem(database)
    assert problem(database).startswith("lacks rows that others refer to: ")


@pytest.mark.parametrize("table", ["Association", "Attribution", "EventPath", "ArtifactProperty", "Event"])
def test_a_table_that_runs_fill_and_that_was_emptied_is_named(database, table):
    database.execute("UPDATE Artifact SET state = 2")
    if table == "Event":
        database.execute("DELETE FROM EventPath")
    database.execute(f"DELETE FROM {table}")
    assert problem(database) == f"has nothing in tables that runs fill: {table}"
    assert table_problem(database, lambda: False) is None, "another tool's store may be so"
    database.execute("UPDATE Artifact SET state = 1")
    of_stages = table in ("Association", "EventPath")
    assert bool(problem(database)) == of_stages, "what a killed first stage had begun has no properties yet"


def test_all_that_is_gone_is_told_together(database):
    for table in ("Artifact", "Execution"):
        database.execute(f"DELETE FROM {table} WHERE id = 1")
    assert problem(database) == "lacks rows that others refer to: 1 of Artifact, 1 of Execution"


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_is_gone_is_named(database, table):
    database.execute(f"DROP TABLE {table}")
    assert problem(database) == f"lacks tables: {table}"


@pytest.mark.parametrize(
    "table, column", [("Type", "external_id"), ("Event", "type"), ("ContextProperty", "proto_value")]
)
def test_a_column_that_is_gone_is_named(database, table, column):
    database.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO another")
    assert problem(database) == f"lacks columns: {table}.{column}"


def test_every_column_is_known(database):
    for table in TABLES:
        names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        database.execute(f"ALTER TABLE {table} RENAME TO Old")
        database.execute(f"CREATE TABLE {table} ({names[0]})")
        if table != "MLMDEnv":
            assert problem(database) == f"lacks columns: {', '.join(f'{table}.{name}' for name in names[1:])}"
        database.execute(f"DROP TABLE {table}")
        database.execute(f"ALTER TABLE Old RENAME TO {table}")
    assert problem(database) == ""


@pytest.mark.parametrize(
    "table, column, value",
    [
        ("Execution", "create_time_since_epoch", "'soon'"),  # Check failed: absl::SimpleAtoi(value, &int64_value)
        ("Artifact", "uri", "x'fffe'"),  # 'utf-8' codec can't decode byte 0xff
        ("EventPath", "step_key", "x'00'"),
        ("ArtifactProperty", "int_value", "1.5"),
    ],
)
def test_a_value_of_another_kind_is_told_by_its_column(database, table, column, value):
    database.execute(f"UPDATE {table} SET {column} = {value} WHERE rowid = (SELECT min(rowid) FROM {table})")
    assert problem(database) == f"has values that are none of their columns': 1 of {table}.{column}"


def test_a_store_of_another_version_is_left_to_who_can_read_it(database):
    database.execute("DELETE FROM Artifact")
    database.execute("UPDATE MLMDEnv SET schema_version = 9")
    assert problem(database) == ""  # ML Metadata brings it up to date, or says why not
    database.execute("UPDATE MLMDEnv SET schema_version = 99")
    later = table_problem(database, lambda: True)
    assert later.is_whole and f"its tables are 99, this one's {SCHEMA_VERSION}" in later.what
    database.execute("DELETE FROM MLMDEnv")
    assert problem(database) == "lacks the version of its tables (a row of MLMDEnv)"
    database.execute("DROP TABLE MLMDEnv")
    database.execute("CREATE TABLE MLMDEnv (schema_version)")
    database.execute("INSERT INTO MLMDEnv VALUES ('ten')")
    assert problem(database) == "lacks the version of its tables (a row of MLMDEnv)"


def test_this_stacks_ml_metadata_writes_the_version_that_is_expected(database):
    assert database.execute("SELECT schema_version FROM MLMDEnv").fetchall() == [(SCHEMA_VERSION,)]


def test_a_run_is_refused_before_it_writes_into_half_of_a_store(root, database):
    database.execute("DELETE FROM Artifact WHERE id % 2")
    file = root / "metadata.db"
    before = file.read_bytes()
    config = load("conf/taxi.yaml", [f"root={root}"])
    lacks = pytest.raises(BadInput, match=r"lacks rows that others refer to: \d+ of Artifact")
    with new_run(root / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as folder, lacks as refused:
        put_in_order(config, folder)
    assert refused.value.where == str(file) and f"mv {file} {file}.damaged" in refused.value.remedy
    assert file.read_bytes() == before
