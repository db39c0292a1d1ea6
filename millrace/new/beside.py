"""The hidden folder in which a new project is made, beside its place; one that a killed process left is removed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def folder_beside(folder: Path) -> Iterator[Path]:
    """A fresh hidden folder beside another, gone at the end unless it was renamed.

    Args:
        folder: the place that it will take; the folders above are made when they are not there.

    Raises:
        OSError: nothing can be written there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}.millrace-new-"
    for leftover in folder.parent.iterdir():
        if leftover.name.startswith(prefix) and leftover.is_dir() and not _in_use(leftover):
            shutil.rmtree(leftover, ignore_errors=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=prefix))
    # The lock says that somebody writes here, and goes with the process however it ends.
    held = os.open(beside, os.O_RDONLY)
    try:
        # Where files cannot be locked the folder is only looked after less well.
        with contextlib.suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_EX)
        yield beside
    finally:
        os.close(held)
        shutil.rmtree(beside, ignore_errors=True)


def _in_use(folder: Path) -> bool:
    """Whether a process writes in it, or it is not ours to look into."""
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(opened)
    return False
