"""One run measured from outside: seconds, processor seconds and resident memory of the whole process tree."""

import os
import subprocess
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

import psutil

from benchmarks.contenders import REPOSITORY, STAGE_NAMES, Contender

_SAMPLE_SECONDS = 0.1
_MIB = 1 << 20


class RunFailed(Exception):
    """A contender did not run through; the message says where its output is."""


@dataclass(frozen=True)
class Stage:
    """One stage of a run.

    Attributes:
        seconds: from the execution's creation to its last change in ML Metadata.
        cpu_seconds: user and system time of the process tree meanwhile, of stages that ran beside it too.
        peak_mib: the highest resident memory of the process tree in that time; 0 where it was too short for a sample.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float


@dataclass(frozen=True)
class Sample:
    """The process tree at one time.

    Attributes:
        at: seconds since the epoch.
        mib: resident memory.
        cpu_seconds: user and system time since it began.
    """

    at: float
    mib: float
    cpu_seconds: float


@dataclass(frozen=True)
class Measured:
    """One run.

    Attributes:
        contender: its name.
        seconds: wall clock of the whole process.
        cpu_seconds: user and system time of the process and all of its children.
        peak_mib: the highest sum of resident memory of the process tree.
        stages: by name, in the order in which they began.
        exit_code: the process's.
    """

    contender: str
    seconds: float
    cpu_seconds: float
    peak_mib: float
    stages: dict[str, Stage] = field(default_factory=dict)
    exit_code: int = 0

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def measure(contender: Contender, log: Path) -> Measured:
    """Runs a contender to its end.

    Args:
        contender: what to run.
        log: the file for its output.

    Raises:
        RunFailed: it ended with an exit code that does not count as a run.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        began, started = time.time(), time.perf_counter()
        environment = {**os.environ, **contender.environment}
        process = subprocess.Popen(contender.command, cwd=REPOSITORY, env=environment, stdout=output, stderr=output)
        sampler = _Sampler(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        samples = sampler.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in contender.accepted:
        raise RunFailed(f"{contender.name} ended with exit code {process.returncode}; its output: {log}")
    return Measured(
        contender.name,
        seconds,
        usage.ru_utime + usage.ru_stime,
        max((sample.mib for sample in samples), default=0.0),
        _stages(contender, began, samples),
        process.returncode,
    )


class _Sampler:
    """Samples a process and its descendants until it is told to stop."""

    def __init__(self, pid: int) -> None:
        self._process = _process(pid)
        self._samples: list[Sample] = []
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()

    def stop(self) -> list[Sample]:
        """The samples, in their order."""
        self._ended.set()
        self._sampler.join()
        return self._samples

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            if self._process is not None:
                self._samples.append(_sample(self._process))


def _process(pid: int) -> Optional[psutil.Process]:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _sample(root: psutil.Process) -> Sample:
    resident, seconds = 0, 0.0
    try:
        for process in [root, *root.children(recursive=True)]:
            resident += process.memory_info().rss
            seconds += sum(process.cpu_times()[:4])  # its own, and those of its children that have ended
    except psutil.NoSuchProcess:
        pass
    return Sample(time.time(), resident / _MIB, seconds)


def _stages(contender: Contender, began: float, samples: list[Sample]) -> dict[str, Stage]:
    """What ML Metadata says of the executions of this run: the same source for every contender."""
    from ml_metadata import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(contender.metadata)
    store = MetadataStore(connection)
    found = {}
    for execution in sorted(store.get_executions(), key=lambda each: each.create_time_since_epoch):
        start, end = execution.create_time_since_epoch / 1000, execution.last_update_time_since_epoch / 1000
        nodes = [c for c in store.get_contexts_by_execution(execution.id) if c.type == "node"]
        if start < began or not nodes:
            continue
        name = nodes[0].name.removeprefix(f"{contender.pipeline}.")
        meanwhile = [sample for sample in samples if start <= sample.at <= end]
        seconds = [sample.cpu_seconds for sample in meanwhile] or [0.0]
        peak = max((sample.mib for sample in meanwhile), default=0.0)
        found[STAGE_NAMES.get(name, name)] = Stage(end - start, max(seconds) - min(seconds), peak)
    return found
