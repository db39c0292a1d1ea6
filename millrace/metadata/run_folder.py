"""The folder of one run: who runs it, what was asked, its journal and its log."""

import contextlib
import dataclasses
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Optional

from millrace.base import files
from millrace.metadata.journal import Journal

REQUEST_FILE = "run.json"
LOCK_FILE = "alive"
LOG_FILE = "run.log"


@dataclass(frozen=True)
class RunRequest:
    """What a person asked for: enough to ask for it again.

    Args:
        config_file: the configuration file, absolute.
        overrides: the `--set` values, in order.
        runner: `local`, `beam` or `rehearsal`.
        from_stage: the first stage that must run again; empty for none.
        to_stage: the last stage to run; empty for all.
        cache: whether unchanged stages may be served from the cache.
    """

    config_file: str
    overrides: tuple[str, ...] = ()
    runner: str = "local"
    from_stage: str = ""
    to_stage: str = ""
    cache: bool = True


@dataclass(frozen=True)
class RunFolder:
    """One run's folder."""

    path: Path

    @property
    def run_id(self) -> str:
        """The run's id: also the name of its context in ML Metadata."""
        return self.path.name

    @property
    def journal(self) -> Journal:
        """The states of its stages."""
        return Journal(self.path)

    @property
    def log(self) -> Path:
        """Everything that TFX and the libraries below it say."""
        return self.path / LOG_FILE

    def request(self) -> Optional[RunRequest]:
        """What was asked for; None when the folder does not tell."""
        try:
            values = json.loads((self.path / REQUEST_FILE).read_text(encoding="utf-8"))
            return RunRequest(**{**values["request"], "overrides": tuple(values["request"]["overrides"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def exit_code(self) -> Optional[int]:
        """How the run ended; None when it has not, or was killed."""
        try:
            code = json.loads((self.path / REQUEST_FILE).read_text(encoding="utf-8"))["exit_code"]
        except (OSError, ValueError, KeyError):
            return None
        return code if isinstance(code, int) else None

    def finish(self, exit_code: int) -> None:
        """Records how the run ended; a disk that is full must not hide why it ended."""
        request = self.request()
        with contextlib.suppress(OSError):
            if request:
                _write(self.path, request, exit_code)

    def is_alive(self) -> bool:
        """Whether a process holds the run's lock. The kernel drops the lock of a killed process."""
        try:
            with (self.path / LOCK_FILE).open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


def _write(path: Path, request: RunRequest, exit_code: Optional[int]) -> None:
    values = {"request": dataclasses.asdict(request), "exit_code": exit_code, "process": os.getpid()}
    files.write(path / REQUEST_FILE, json.dumps(values, indent=2) + "\n")


@contextlib.contextmanager
def new_run(logs: Path, request: RunRequest) -> Iterator[RunFolder]:
    """Makes the folder of a new run and holds its lock for as long as the run lasts.

    Args:
        logs: the folder of all runs' folders.
        request: what was asked for.
    """
    path = _make(logs)
    lock: IO[str] = (path / LOCK_FILE).open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        _write(path, request, None)
        yield RunFolder(path)
    finally:
        lock.close()


def _make(logs: Path) -> Path:
    """A folder named by the second; two runs that start in the same second get two folders."""
    logs.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for attempt in range(1000):
        path = logs / (f"{stamp}-{attempt}" if attempt else stamp)
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path
    raise FileExistsError(f"{logs}/{stamp}: a thousand runs in one second")


def runs(logs: Path) -> list[RunFolder]:
    """Every run's folder, the newest last."""
    if not logs.is_dir():
        return []
    return [RunFolder(path) for path in sorted(logs.iterdir()) if (path / LOCK_FILE).exists()]
