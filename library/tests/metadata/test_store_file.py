"""A damaged or held ML Metadata file is told with what to do, and without SQL."""

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from millrace.base.errors import BadInput
from millrace.base.outcomes import State
from millrace.cli.main import millrace
from millrace.config.loading import load
from millrace.metadata import records, run_summaries, store_file
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.metadata.store_file import require_usable


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


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def not_brought_up_to_date(file: Path) -> None:
    """Its tables say that they are of an earlier version, and are not."""
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE MLMDEnv SET schema_version = 9")


@pytest.mark.parametrize(
    "harm, problem",
    [
        (emptied, "is empty, and runs have been here"),
        (cut, "is damaged"),
        (garbage, "is no SQLite database"),
        (overwritten, "is damaged"),
        (a_folder, "is a folder"),
        (a_pipe, "is no file"),
        (not_brought_up_to_date, "cannot be opened: duplicate column name: proto_value"),
    ],
)
def test_a_damaged_file_is_told_with_a_way_forward(root, harm, problem, capsys):
    file = root / "metadata.db"
    harm(file)
    with pytest.raises(BadInput, match=problem) as caught:
        millrace.main(["runs", "--set", f"root={root}"], standalone_mode=False)
    assert caught.value.where == str(file)
    assert f"mv {file} {file}.damaged" in caught.value.remedy
    assert not any(word in str(caught.value).upper() for word in ("SELECT", "ALTER", "QUERY"))


def test_a_file_of_a_later_stack_is_whole_and_stays(root):
    file = root / "metadata.db"
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE MLMDEnv SET schema_version = 99")
    before = file.read_bytes()
    with pytest.raises(BadInput, match="was written by a later release of ml-metadata") as caught:
        millrace.main(["runs", "--set", f"root={root}"], standalone_mode=False)
    assert "mv " not in caught.value.remedy and "the stack that wrote it" in caught.value.remedy
    assert file.read_bytes() == before


def test_a_file_that_cannot_be_reached_is_no_damage(root):
    file = root / "metadata.db"
    (root / "metadata.db-journal").mkdir()
    with pytest.raises(BadInput, match="cannot be read: disk I/O error") as caught:
        require_usable(file, has_run=lambda: True)
    assert "mv " not in caught.value.remedy and f"ls -la {file}*" in caught.value.remedy
    link = root / "link.db"
    link.symlink_to(link.name)
    with pytest.raises(BadInput, match="cannot be read: Too many levels of symbolic links") as caught:
        require_usable(link, has_run=lambda: True)
    assert "mv " not in caught.value.remedy and f"ls -ld {link}" in caught.value.remedy


def test_what_a_store_alone_knows_is_not_guessed_once_it_is_gone(root, caplog):
    """`clean` took every log, as nothing seemed to be served; `lineage` said that no run had been here yet."""
    file = root / "metadata.db"
    file.unlink()
    for command in (["lineage", "last"], ["runs", "clean", "--keep", "1", "--delete"]):
        with pytest.raises(BadInput, match="ML Metadata's file is gone") as caught:
            millrace.main([*command, "--set", f"root={root}"], standalone_mode=False)
        assert caught.value.where == str(file) and not file.exists()
    assert not caplog.messages, "it is said once"


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


def test_runs_are_listed_while_the_file_is_held(root, monkeypatch, caplog):
    """Each page waited for ten seconds, although every run has a folder."""
    monkeypatch.setattr(run_summaries, "_LIST_PATIENCE", 0.01)
    run_summaries._say_held.cache_clear()
    runs = run_summaries.Runs(load("conf/taxi.yaml", [f"root={root}"]))
    with contextlib.closing(sqlite3.connect(root / "metadata.db")) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        assert [*runs.ids()] == [folder.name for folder in (root / "logs").iterdir() if folder.is_dir()]
    assert "is held by another process: runs without a folder are not listed" in caplog.text
    assert "store" not in vars(runs), "ML Metadata was not opened"


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


def test_a_file_that_lost_its_tables_is_a_loss_where_runs_have_been(root):
    file = root / "metadata.db"
    file.unlink()
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE Notes (text)")
    with pytest.raises(BadInput, match="has none of its tables, and runs have been here"):
        millrace.main(["runs", "--set", f"root={root}"], standalone_mode=False)
    require_usable(file, has_run=lambda: False)


def test_rows_are_looked_at_once_a_change_of_the_file(root, monkeypatch):
    file, looks = root / "metadata.db", []
    monkeypatch.setattr(store_file, "table_problem", lambda database, *_, **__: looks.append(database))
    for _ in range(3):
        require_usable(file, has_run=lambda: True)
    assert len(looks) == 1
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE Notes (text)")
    require_usable(file, has_run=lambda: True)
    assert len(looks) == 2
