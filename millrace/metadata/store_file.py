"""ML Metadata's SQLite file, looked at before it is opened: what is wrong with it, and a way forward, without SQL."""

import contextlib
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Optional
from urllib.parse import quote

from millrace.base.errors import BadInput, causes

# SQLite looks through a file of this size in a fraction of a second; of a larger one it reads the first page alone.
_LOOKED_THROUGH = 32 << 20
_LOCK_SECONDS = 10.0
# The files that this process has found to be usable, as they were then: a console asks for each page.
_USABLE: dict[Path, tuple[int, int, int]] = {}
_MAGIC = b"SQLite format 3\x00"
_DAMAGED = re.compile(r"database disk image is malformed|file is not a database|disk I/O error", re.IGNORECASE)
_LOCKED = re.compile(r"database (table )?is locked", re.IGNORECASE)


def require_usable(file: Path, has_run: Callable[[], bool], patience: float = _LOCK_SECONDS) -> None:
    """Refuses a file that ML Metadata could not work with; one that is not there yet is made by it.

    Args:
        file: the SQLite file.
        has_run: says whether stages have run on this root, so that an empty file is a loss.
        patience: seconds to wait for whoever holds the file.

    Raises:
        BadInput: it is empty, cut, overwritten, no SQLite file at all, or held by another process.
    """
    if not file.exists():
        return
    if not file.is_file():
        raise _unusable(file, "is a folder")
    status = file.stat()
    size = status.st_size
    if size == 0:
        if has_run():
            raise _unusable(file, "is empty, and runs have been here")
        return
    seen = status.st_ino, status.st_size, status.st_mtime_ns
    with file.open("rb") as stream:
        begins_right = stream.read(len(_MAGIC)) == _MAGIC
    if not begins_right:
        raise _unusable(file, "is no SQLite database")
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(file))}?mode=rw", timeout=patience, uri=True)
        ) as database:
            # A file that was cut is found by its first page, which says how many there are.
            whole = size <= _LOOKED_THROUGH and _USABLE.get(file) != seen
            question = "PRAGMA quick_check(1)" if whole else "SELECT count(*) FROM sqlite_master"
            answer = database.execute(question).fetchone()
    except sqlite3.Error as error:
        problem = explained(error, file)
        if problem:
            raise problem from error
        # Whatever else is in the way, a permission perhaps, ML Metadata meets too, and says.
        return
    if whole and answer[0] != "ok":
        raise _unusable(file, "is damaged")
    _USABLE[file] = seen


def explained(error: BaseException, file: Path) -> Optional[BadInput]:
    """What an error of ML Metadata, or what caused it, says of the file; None when it is about something else.

    Args:
        error: any exception, as caught.
        file: the SQLite file.
    """
    for cause in causes(error):
        if _LOCKED.search(str(cause)):
            return BadInput(
                "ML Metadata's file is held by another process",
                where=str(file),
                remedy=f"wait until that has ended and run again; fuser {file} names it",
            )
        if _DAMAGED.search(str(cause)):
            return _unusable(file, "is damaged")
    return None


def _unusable(file: Path, problem: str) -> BadInput:
    return BadInput(
        f"ML Metadata's file {problem}",
        where=str(file),
        remedy=f"put back a backup of it; or set it aside and run again: mv {file} {file}.damaged. The folders of runs "
        "and the pushed models stay as they are. The new history begins empty: everything is computed once, and there "
        "is no champion to compare with",
    )
