"""ML Metadata's SQLite file, looked at before it is opened: what is wrong with it, and a way forward, without SQL."""

import contextlib
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Optional
from urllib.parse import quote

from millrace.metadata.store_errors import file_problem, is_locked, unreadable_file, unusable_file
from millrace.metadata.store_tables import TableProblem, table_problem

# SQLite looks through every page of a file of this size in a fraction of a second; of a larger one it does not.
_LOOKED_THROUGH = 32 << 20
_LOCK_SECONDS = 10.0
# The files that this process has found to be usable, as they were then: a console asks for each page.
_USABLE: dict[Path, tuple[int, int, int]] = {}
_MAGIC = b"SQLite format 3\x00"


def require_usable(file: Path, has_run: Callable[[], bool], patience: float = _LOCK_SECONDS) -> None:
    """Refuses a file that ML Metadata could not work with; one that is not there yet is made by it.

    Args:
        file: the SQLite file.
        has_run: says whether stages have run on this root, so that an empty file is a loss.
        patience: seconds to wait for whoever holds the file.

    Raises:
        BadInput: it may not be read, is empty, cut, overwritten, no SQLite file at all, half of a store, of a later
            version of ML Metadata, or held by another process.
    """
    try:
        status = file.stat()
        begins_right = not stat.S_ISREG(status.st_mode) or _begins_right(file)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unreadable_file(file, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise unusable_file(str(file), "is a folder" if stat.S_ISDIR(status.st_mode) else "is no file")
    if status.st_size == 0:
        if has_run():
            raise unusable_file(str(file), "is empty, and runs have been here")
        return
    if not begins_right:
        raise unusable_file(str(file), "is no SQLite database")
    seen = status.st_ino, status.st_size, status.st_mtime_ns
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(file))}?mode=rw", timeout=patience, uri=True)
        ) as database:
            problem = _problem(database, status.st_size, has_run, is_known=_USABLE.get(file) == seen)
    except sqlite3.Error as error:
        of_file = file_problem(error, str(file))
        if of_file:
            raise of_file from error
        # Whatever else is in the way ML Metadata meets too, and says.
        return
    if problem:
        raise unusable_file(str(file), problem.what, problem.is_whole)
    _USABLE[file] = seen


def is_held(file: Path, patience: float) -> bool:
    """Whether another process keeps everybody from reading the file, for longer than a change takes.

    Args:
        file: the SQLite file.
        patience: seconds to wait.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(file))}?mode=rw", timeout=patience, uri=True)
        ) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        return is_locked(error)
    return False


def _begins_right(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def _problem(
    database: sqlite3.Connection, size: int, has_run: Callable[[], bool], is_known: bool
) -> Optional[TableProblem]:
    """What is wrong; of a file that was found to be usable it reads the first page alone."""
    # A file that was cut is found by its first page, which says how many there are.
    database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if is_known:
        return None
    is_small = size <= _LOOKED_THROUGH
    if is_small and database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        return TableProblem("is damaged")
    return table_problem(database, has_run, thorough=is_small)
