"""The folder of one run: who runs it, what was asked, how it ended, its journal and its log."""

import contextlib
import dataclasses
import fcntl
import json
import os
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any, Optional

from pydantic import BaseModel, Field, ValidationError

from millrace.base import files
from millrace.base.errors import BadInput, Failure, describe
from millrace.base.kept import KeptFiles
from millrace.base.outcomes import BAD_INPUT, REFUSED
from millrace.metadata.journal import FILE_NAME, Journal, Timestamp, say_damaged

REQUEST_FILE = "run.json"
LOCK_FILE = "alive"
LOG_FILE = "run.log"
REPEATS = "MILLRACE_REPEATS"
"""The environment variable with the id of the run that is repeated: the `millrace run` of an old worktree knows no such
option."""

# A fault and an interruption may leave a stage that seems to run; a run that was killed has no exit code.
_COMES_TO_ITS_END = (0, BAD_INPUT, REFUSED)


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
        pipeline: the pipeline's name; empty in what 0.1.0 wrote.
        resumes: the id of the run that it goes on with; empty for none.
        repeats: the id of the run that it repeats; empty for none.
    """

    config_file: str
    overrides: tuple[str, ...] = ()
    runner: str = "local"
    from_stage: str = ""
    to_stage: str = ""
    cache: bool = True
    pipeline: str = ""
    resumes: str = ""
    repeats: str = ""


class _Record(BaseModel):
    """What stands in `run.json`."""

    request: Optional[RunRequest] = None
    config_from_here: str = ""
    number: Annotated[int, Field(ge=0)] = 0
    started: Optional[Timestamp] = None
    ended: Optional[Timestamp] = None
    exit_code: Optional[int] = None
    failure: Optional[Failure] = None
    settled: bool = False
    untold: dict[str, Annotated[int, Field(ge=1)]] = {}
    process: int = 0


# A page of the console asks for every run's record several times.
_RECORDS: KeptFiles[_Record] = KeptFiles(4000)


@dataclass(frozen=True)
class RunFolder:
    """One run's folder.

    What is damaged in its record is passed over, which is a warning: whoever lists runs sees the others.
    """

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

    @property
    def number(self) -> int:
        """Which run of this root it is, from 1: the order of runs, whatever a clock says. 0 in what 0.1.0 wrote."""
        return self.order[0]

    @property
    def started(self) -> float:
        """When it began, seconds since the epoch; for what 0.1.0 wrote, when its lock was made."""
        return self.order[1]

    @property
    def order(self) -> tuple[int, float, str]:
        """What runs are sorted by: number, start and id, in one reading of its file."""
        record = self._record()
        started = record.started
        if started is None:
            with contextlib.suppress(OSError):
                started = (self.path / LOCK_FILE).stat().st_mtime
        return record.number, started or 0.0, self.run_id

    def seconds(self, now: float) -> Optional[float]:
        """How long it took from the start of its command to its end, or has taken until now.

        Args:
            now: seconds since the epoch.

        Returns:
            Of a run that was killed, the time until its last sign of life; None for what did not write down its start,
            or its end although it came to one.
        """
        record = self._record()
        ended = record.ended
        if ended is None and record.exit_code is None:
            ended = now if self.is_alive() else self.last_sign
        return None if record.started is None or ended is None else max(0.0, ended - record.started)

    @property
    def last_sign(self) -> float:
        """When it last wrote into its log or its journal, seconds since the epoch; else when it began."""
        written = [file.stat().st_mtime for file in (self.log, self.path / FILE_NAME) if file.exists()]
        return max(written, default=self.started)

    def request(self) -> Optional[RunRequest]:
        """What was asked for; None when the folder does not tell.

        The configuration is found by its place as seen from here: in a copy of a project it is the copy's.
        """
        record = self._record()
        if record.request is None:
            return None
        here = os.path.normpath(os.path.join(os.path.realpath(self.path), record.config_from_here))
        return dataclasses.replace(record.request, config_file=here) if os.path.isfile(here) else record.request

    def exit_code(self) -> Optional[int]:
        """How the run ended; None when it has not, or was killed."""
        return self._record().exit_code

    def failure(self) -> Optional[Failure]:
        """Why the run did not end well; None when it did, or the folder does not tell."""
        return self._record().failure

    def finish(self, exit_code: int, failure: Optional[Failure] = None, ended: Optional[float] = None) -> None:
        """Records how the run ended; a disk that is full must not hide why it ended.

        Args:
            exit_code: 0 done, 1 a fault, 2 bad input, 3 a gate said no, 130 interrupted.
            failure: what went wrong; None when nothing did.
            ended: when it ended, seconds since the epoch; now when left out.
        """
        values = self._values()
        end = {
            "exit_code": exit_code,
            "failure": dataclasses.asdict(failure) if failure else None,
            "ended": time.time() if ended is None else ended,
        }
        with contextlib.suppress(OSError):
            if values:
                _write(self.path, {**values, **end})

    def is_settled(self) -> bool:
        """Whether it is known that the run left nothing to put in order: it came to its end, or was put in order."""
        record = self._record()
        return record.settled or record.exit_code in _COMES_TO_ITS_END

    def settle(self) -> None:
        """Records that the run, which is gone, was put in order, so that nobody needs to look again."""
        values = self._values()
        with contextlib.suppress(OSError):
            if values:
                _write(self.path, {**values, "settled": True})

    @property
    def process(self) -> int:
        """The id of the process that runs it, or ran it; 0 in what 0.1.0 wrote."""
        return self._record().process

    def untold(self) -> dict[str, int]:
        """How often a run's end may still be told, by the name of each channel that has not delivered it yet."""
        return dict(self._record().untold)

    def tell(self, troubles: Collection[str]) -> None:
        """Records that the run's end was told, or tried to be told, by every channel that had not delivered it.

        Args:
            troubles: the names of the channels that did not deliver it this time.
        """
        values = self._values()
        left = {name: tries - 1 for name, tries in self.untold().items() if name in troubles and tries > 1}
        with contextlib.suppress(OSError):
            if values:
                _write(self.path, {**values, "untold": left})

    def is_alive(self) -> bool:
        """Whether a process holds the run's lock. The kernel drops the lock of a killed process.

        Reading is enough to ask. A lock that cannot be asked counts as held: nobody may clear away what may be alive.
        """
        try:
            with (self.path / LOCK_FILE).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def _record(self) -> _Record:
        return _RECORDS.get(self.path / REQUEST_FILE, self._read_record)

    def _read_record(self) -> _Record:
        values = self._values()
        try:
            return _Record.model_validate(values)
        except ValidationError as error:
            damaged = dict.fromkeys(str(one["loc"][0]) for one in error.errors())
            for key in damaged:
                say_damaged(f"{self.path / REQUEST_FILE}: {key}")
            return _Record.model_validate({key: value for key, value in values.items() if key not in damaged})

    def _values(self) -> dict[str, Any]:
        """What stands in the file, as it is: what a later release wrote is kept when more is written."""
        try:
            values = json.loads((self.path / REQUEST_FILE).read_bytes())
        except OSError:
            return {}
        except (ValueError, RecursionError):
            values = None
        if isinstance(values, dict):
            return values
        say_damaged(str(self.path / REQUEST_FILE))
        return {}


def _write(path: Path, values: dict[str, Any]) -> None:
    files.write(path / REQUEST_FILE, json.dumps(values, indent=2) + "\n")


@contextlib.contextmanager
def new_run(
    logs: Path, request: RunRequest, started: Optional[float] = None, untold: Optional[Mapping[str, int]] = None
) -> Iterator[RunFolder]:
    """Makes the folder of a new run and holds its lock for as long as the run lasts.

    Args:
        logs: the folder of all runs' folders.
        request: what was asked for.
        started: when the command began, seconds since the epoch; now when left out.
        untold: how often its end may be told, by the name of each channel; none where nobody is to be told.

    Yields:
        The folder.

    Raises:
        BadInput: the file system has no locks.
    """
    number = 1 + max((folder.number for folder in run_folders(logs)), default=0)
    path = _make(logs)
    lock: IO[str] = (path / LOCK_FILE).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        lock.close()
        raise BadInput(
            f"files cannot be locked here: {error.strerror}",
            where=str(logs),
            remedy="set root to a folder of a file system that can, such as this machine's own disk",
        ) from error
    try:
        values: dict[str, Any] = {
            "request": dataclasses.asdict(request),
            "number": number,
            "started": time.time() if started is None else started,
            "exit_code": None,
            "process": os.getpid(),
            "untold": dict(untold or {}),
        }
        if os.path.isabs(request.config_file):
            config_file = os.path.realpath(request.config_file)
            values["config_from_here"] = os.path.relpath(config_file, os.path.realpath(path))
        _write(path, values)
        yield RunFolder(path)
    except Exception as error:
        # What ends a run outside of its stages, such as a terminal that takes no more, must not look like `kill -9`.
        if RunFolder(path).exit_code() is None:
            failure = describe(error)
            RunFolder(path).finish(failure.exit_code, failure)
        raise
    finally:
        lock.close()


def _make(logs: Path) -> Path:
    """A folder named by the second, in UTC; two runs that start in the same second get two folders."""
    logs.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    for attempt in range(1000):
        path = logs / (f"{stamp}-{attempt}" if attempt else stamp)
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path
    raise FileExistsError(f"{logs}/{stamp}: a thousand runs in one second")


def run_folders(logs: Path) -> list[RunFolder]:
    """Every run's folder in the order in which they began, the newest last: by number, not by a clock or a name."""
    if not logs.is_dir():
        return []
    folders = [RunFolder(path) for path in logs.iterdir() if (path / LOCK_FILE).exists()]
    return sorted(folders, key=lambda folder: folder.order)


def have_run(logs: Path) -> bool:
    """Whether a stage of any run has begun, so that ML Metadata knows, or knew, of it."""
    return any(folder.journal.events() for folder in run_folders(logs))
