"""What an error of ML Metadata says of its store, before it is open and after, on a file and on a server."""

import contextlib
import sqlite3

import pytest
from ml_metadata import errors
from past_runs import four_runs

from millrace.base.errors import BadInput
from millrace.config.loading import load
from millrace.metadata import records, store
from millrace.metadata.connections import metadata_connection
from millrace.metadata.store_errors import file_problem, place_of, store_problem

FILE, DATABASE = "/runs/metadata.db", "mysql://db.invalid:3307/m"


@pytest.mark.parametrize(
    "words, problem",
    [
        ("SELECT 1 FROM Artifact; database disk image is malformed", "is damaged"),
        ("INSERT INTO Event: database is locked", "is held by another process"),
        ("Error when executing query: attempt to write a readonly database query: INSERT", "cannot be written"),
    ],
)
def test_an_error_of_sqlite_is_told_without_sql(words, problem):
    failure = RuntimeError("the stage failed")
    failure.__cause__ = errors.InternalError(words)
    for of_file in (file_problem(failure, FILE), store_problem(failure, FILE)):
        assert of_file.what == f"ML Metadata's file {problem}" and of_file.where == FILE
        assert "SELECT" not in str(of_file) and "INSERT" not in str(of_file)
    assert file_problem(failure, DATABASE) is None


@pytest.mark.parametrize("kind", [errors.InternalError, errors.DataLossError])
def test_what_the_tables_hold_is_told_in_the_first_line_of_ml_metadatas_words(kind):
    failure = kind("Results missing for ids: {2} query: SELECT\nat line 7")
    assert store_problem(failure, FILE).what == "ML Metadata's file cannot be read: Results missing for ids: {2}"
    assert f"mv {FILE} {FILE}.damaged" in store_problem(failure, FILE).remedy
    of_server = store_problem(failure, DATABASE)
    assert (of_server.what, of_server.where) == (
        "ML Metadata's database cannot be read: Results missing for ids: {2}",
        DATABASE,
    )
    assert "backup" in of_server.remedy and "mv " not in of_server.remedy
    assert store_problem(kind(""), FILE).what.startswith(f"ML Metadata's file cannot be read: {kind.__name__}")


@pytest.mark.parametrize(
    "error", [errors.NotFoundError("no such type"), errors.InternalError("database or disk is full"), ValueError("x")]
)
def test_what_is_about_something_else_stays_what_it_is(error):
    assert store_problem(error, FILE) is None and store_problem(error, DATABASE) is None


def test_an_open_store_tells_of_rows_that_are_gone_since(tmp_path, caplog):
    """ML Metadata raised `InternalError: Results missing for ids`, and each page was a fault of the console."""
    four_runs(tmp_path)
    opened = records.open_store(load("conf/taxi.yaml", [f"root={tmp_path}"]))
    execution = opened.get_executions()[0].id
    with contextlib.closing(sqlite3.connect(tmp_path / "metadata.db")) as database, database:
        database.execute("DELETE FROM Context WHERE id > 1")
    with pytest.raises(BadInput, match="cannot be read: Results missing") as refused:
        opened.get_contexts_by_execution(execution)
    assert refused.value.where == str(tmp_path / "metadata.db")
    assert "Results missing" not in caplog.text  # nor is it said a second time, with the query


SERVER = "{{backend: {}, host: db.invalid, port: 3307, database: m, user: u, password_env: MILLRACE_DB}}"


def test_a_servers_place_is_told_without_user_and_password(monkeypatch):
    monkeypatch.setenv("MILLRACE_DB", "secret")
    for backend in ("mysql", "postgresql"):
        config = load("conf/taxi.yaml", [f"metadata={SERVER.format(backend)}"])
        assert place_of(metadata_connection(config)) == f"{backend}://db.invalid:3307/m"


def test_a_database_that_does_not_answer_is_named_with_its_own_first_line(tmp_path, monkeypatch):
    monkeypatch.setenv("MILLRACE_DB", "secret")
    problem = errors.InternalError("Can't connect to db.invalid\nsecond line")

    def refuse(*_, **__):
        raise problem

    monkeypatch.setattr(store, "_ExplainedStore", refuse)
    on_server = load("conf/taxi.yaml", [f"root={tmp_path}", f"metadata={SERVER.format('mysql')}"])
    with pytest.raises(BadInput, match="ML Metadata cannot be opened") as refused:
        records.open_store(on_server)
    assert refused.value.what == "ML Metadata cannot be opened: Can't connect to db.invalid"
    assert refused.value.where == DATABASE
    on_file = load("conf/taxi.yaml", [f"root={tmp_path}"])
    with pytest.raises(BadInput) as refused:
        records.open_store(on_file)
    assert refused.value.where == str(tmp_path / "metadata.db")
    problem = RuntimeError("database is locked")
    with pytest.raises(BadInput, match="held by another process"):
        records.open_store(on_file)
    problem = errors.InternalError("database or disk is full")
    with pytest.raises(OSError, match="No space left"):  # the machine's fault, and no bad input
        records.open_store(on_file)
