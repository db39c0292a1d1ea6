"""A damaged or held ML Metadata file is told with what to do, and without SQL."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest
from ml_metadata import errors

from millrace.base.errors import BadInput
from millrace.base.outcomes import State
from millrace.cli.main import millrace
from millrace.config.loading import load
from millrace.metadata import records, store_file
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.metadata.store_file import explained, require_usable


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A root with a store of some pages, and a run."""
    root = tmp_path_factory.mktemp("root")
    records.open_store(load("conf/taxi.yaml", [f"root={root}"]))
    with new_run(root / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as folder:
        folder.journal.record("ExampleGen", State.RUNNING)
    return root


@pytest.fixture
def root(made, tmp_path) -> Path:
    shutil.copytree(made, tmp_path / "root")
    return tmp_path / "root"


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def garbage(file: Path) -> None:
    file.write_bytes(b"\x07garbage" * 1000)


def overwritten(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xff" * 8192 + content[12288:])


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    "harm, problem",
    [
        (emptied, "is empty, and runs have been here"),
        (cut, "is damaged"),
        (garbage, "is no SQLite database"),
        (overwritten, "is damaged"),
        (a_folder, "is a folder"),
    ],
)
def test_a_damaged_file_is_told_with_a_way_forward(root, harm, problem, capsys):
    file = root / "metadata.db"
    harm(file)
    with pytest.raises(BadInput, match=problem) as caught:
        millrace.main(["runs", "--set", f"root={root}"], standalone_mode=False)
    assert caught.value.where == str(file)
    assert f"mv {file} {file}.damaged" in caught.value.remedy
    assert "SELECT" not in str(caught.value).upper()


def test_after_it_is_set_aside_the_runs_are_still_listed(root, capsys):
    (root / "metadata.db").rename(root / "metadata.db.damaged")
    millrace.main(["runs", "--set", f"root={root}"], standalone_mode=False)
    assert "killed" in capsys.readouterr().out


def test_a_file_that_is_held_is_told(root, monkeypatch):
    file = root / "metadata.db"
    with contextlib.closing(sqlite3.connect(file)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BadInput, match="is held by another process") as caught:
            require_usable(file, has_run=lambda: True, patience=0.01)
    assert "fuser" in caught.value.remedy
    require_usable(file, has_run=lambda: True, patience=0.01)


def test_a_large_file_is_known_by_its_first_page(root, monkeypatch):
    monkeypatch.setattr(store_file, "_LOOKED_THROUGH", 1)
    require_usable(root / "metadata.db", has_run=lambda: True)
    cut(root / "metadata.db")
    with pytest.raises(BadInput, match="is damaged"):
        require_usable(root / "metadata.db", has_run=lambda: True)


def test_a_file_that_is_not_there_yet_or_just_begun_is_fine(tmp_path):
    require_usable(tmp_path / "metadata.db", has_run=lambda: True)
    (tmp_path / "metadata.db").touch()
    require_usable(tmp_path / "metadata.db", has_run=lambda: False)


@pytest.mark.parametrize(
    "words, problem",
    [
        ("SELECT 1 FROM Artifact; database disk image is malformed", "is damaged"),
        ("INSERT INTO Event: database is locked", "is held by another process"),
        ("no such pipeline", None),
    ],
)
def test_in_the_middle_of_a_run_an_error_of_the_store_has_the_same_words(words, problem):
    failure = RuntimeError("the stage failed")
    failure.__cause__ = errors.InternalError(words)
    found = explained(failure, Path("metadata.db"))
    assert (found.what if found else None) == (f"ML Metadata's file {problem}" if problem else None)


SERVER = "metadata={backend: mysql, host: db.invalid, port: 3307, database: m, user: u, password_env: MILLRACE_DB}"


def test_a_database_that_does_not_answer_is_named_with_its_own_first_line(tmp_path, monkeypatch):
    monkeypatch.setenv("MILLRACE_DB", "secret")
    problem = errors.InternalError("Can't connect to db.invalid\nsecond line")

    def refuse(*_, **__):
        raise problem

    monkeypatch.setattr(records, "MetadataStore", refuse)
    with pytest.raises(BadInput, match="ML Metadata cannot be opened") as refused:
        records.open_store(load("conf/taxi.yaml", [f"root={tmp_path}", SERVER]))
    assert refused.value.what == "ML Metadata cannot be opened: Can't connect to db.invalid"
    assert refused.value.where == "db.invalid:3307"
    with pytest.raises(BadInput) as refused:
        records.open_store(load("conf/taxi.yaml", [f"root={tmp_path}"]))
    assert refused.value.where == str(tmp_path / "metadata.db")
    problem = RuntimeError("database is locked")
    with pytest.raises(BadInput, match="held by another process"):
        records.open_store(load("conf/taxi.yaml", [f"root={tmp_path}"]))
    problem = errors.InternalError("database or disk is full")
    with pytest.raises(errors.InternalError):  # the machine's fault, and no bad input
        records.open_store(load("conf/taxi.yaml", [f"root={tmp_path}"]))
