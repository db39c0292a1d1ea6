"""A folder for the temporary files of one command, which goes when the command ends.

What libraries put into TMPDIR they take away in exit functions: TensorFlow's AutoGraph writes a file for each function
that it converts. A process that is killed, or that ends at once after a signal, runs none of them.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "millrace-tmp-"


@contextlib.contextmanager
def temporary_folder() -> Iterator[None]:
    """Has this process, and those that it starts, put temporary files into a folder of their own until the block ends.

    The folder lies where TMPDIR says. Those of commands that were killed are removed first. Where none can be made,
    everything stays as it is: whatever needs room will say that there is none.
    """
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    try:
        outer = Path(tempfile.gettempdir())
        _remove_abandoned(outer)
        folder, lock = _made(outer)
    except OSError:
        yield
        return
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        variable, tempfile.tempdir = before
        os.environ.pop("TMPDIR")
        if variable is not None:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _made(outer: Path) -> tuple[Path, int]:
    """A new folder, and the descriptor that holds its lock: the kernel drops the lock of a killed process."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=outer))
        # Between the two lines another command may take it for abandoned, and removes it.
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.is_dir():
                return folder, lock
            os.close(lock)


def _remove_abandoned(outer: Path) -> None:
    for folder in outer.glob(f"{_PREFIX}*"):
        # It lives, or is another user's.
        with contextlib.suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
