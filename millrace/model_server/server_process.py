"""A model server as a process of its own: started, watched for memory, ended whatever happens."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Literal, Optional

import psutil

Platform = Literal["process", "tensorflow_model_server"]

_LIFELINE = Path(__file__).with_name("lifeline.py")
_CONFINED = Path(__file__).with_name("confined.py")
_PACKAGE_ROOT = Path(__file__).parents[2]
# What a process needs to find its programs and libraries, to spell text and to tell the time.
_NEEDED = frozenset({"PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "PYTHONNOUSERSITE", "PYTHONDONTWRITEBYTECODE"})
_NEEDED_BY_NUMBERS = ("OMP_", "MKL_", "OPENBLAS_", "TF_")
_SAMPLE_SECONDS = 0.05
_CHILDREN_SECONDS = 0.5
_END_SECONDS = 10.0
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Ports:
    """Where a server listens on the loopback interface."""

    grpc: int
    rest: int


class ServerProcess:
    """A running model server; a context manager that never leaves a process behind.

    Args:
        platform: `process` for the server of this package, `tensorflow_model_server` for the binary on PATH.
        base_path: a folder with one numbered folder per version; None when `flags` say what is served.
        model_name: the name that clients use, of the model in `base_path`.
        scratch: an existing folder for the server's files, which is removed should this process be killed.
        log: an open file that the server's output goes to.
        memory_bytes: resident memory at which the server is killed.
        flags: more of the server's flags, such as `--model_config_file=FILE`.
        confined: whether the server may write into its scratch folder alone and connect nowhere, where the kernel
            can see to it (`confined.py`).
    """

    def __init__(
        self,
        platform: Platform,
        base_path: Optional[Path],
        model_name: str,
        scratch: Path,
        log: BinaryIO,
        memory_bytes: int,
        flags: Sequence[str] = (),
        confined: bool = False,
    ) -> None:
        self._ports_file = scratch / "ports.json"
        self._ports_file.unlink(missing_ok=True)
        self._ports: Optional[Ports] = None
        self._memory_bytes = memory_bytes
        self._peak = 0
        self.over_memory = False
        served = [f"--model_name={model_name}", f"--model_base_path={base_path}"] if base_path else []
        flags = [*served, "--max_num_load_retries=0", *flags]
        if platform == "process":
            program = [sys.executable, "-m", "millrace.model_server"]
            flags.append(f"--ports_file={self._ports_file}")
        else:
            program = ["tensorflow_model_server"]
            self._ports = Ports(*_free_ports(2))
            flags += [f"--port={self._ports.grpc}", f"--rest_api_port={self._ports.rest}"]
        alone = [sys.executable, "-S", "-E"]
        lifeline = [*alone, str(_LIFELINE), str(os.getpid()), str(scratch)]
        if confined:
            lifeline += [*alone, str(_CONFINED), str(scratch)]
        self._lifeline = subprocess.Popen(
            [*lifeline, *program, *flags],
            stdin=subprocess.PIPE,
            bufsize=0,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(scratch),
            cwd=scratch,
            start_new_session=True,
        )
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch_memory, daemon=True)
        self._watcher.start()

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def ports(self) -> Optional[Ports]:
        """Where it listens; None as long as it does not."""
        if self._ports is None and self._ports_file.exists():
            self._ports = Ports(**json.loads(self._ports_file.read_text()))
        return self._ports

    @property
    def peak_mib(self) -> float:
        """The highest resident memory seen so far, in MiB."""
        return self._peak / _MIB

    def exit_code(self) -> Optional[int]:
        """The server's exit code, above 128 for a signal; None while it runs."""
        return self._lifeline.poll()

    def stop(self) -> None:
        """Ends the server, politely first, and waits until it is gone."""
        self._send(b"q")
        try:
            self._lifeline.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill_tree()
        self._ended.set()
        self._watcher.join()
        with contextlib.suppress(OSError):
            self._line.close()

    @property
    def _line(self) -> IO[bytes]:
        # It stays open as long as the server runs: its end would mean that this process died.
        assert self._lifeline.stdin is not None
        return self._lifeline.stdin

    def _send(self, order: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._line.write(order)

    def _kill_tree(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            lifeline = psutil.Process(self._lifeline.pid)
            for process in [*lifeline.children(recursive=True), lifeline]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self._lifeline.wait()

    def _watch_memory(self) -> None:
        for processes in self._processes():
            used = sum(_resident(process) for process in processes)
            self._peak = max(self._peak, used)
            if used > self._memory_bytes:
                self.over_memory = True
                self._send(b"k")
                return

    def _processes(self) -> Iterator[list[psutil.Process]]:
        processes: list[psutil.Process] = []
        looked = 0.0
        while self._lifeline.poll() is None and not self._ended.wait(_SAMPLE_SECONDS):
            # Finding children reads every process of the machine, so it is done less often than measuring them.
            if time.monotonic() - looked > _CHILDREN_SECONDS:
                with contextlib.suppress(psutil.NoSuchProcess):
                    processes = psutil.Process(self._lifeline.pid).children(recursive=True)
                looked = time.monotonic()
            yield processes


def _environment(scratch: Path) -> dict[str, str]:
    """A short one: a model is code of whoever trained it, and credentials are none of its business."""
    paths = [str(_PACKAGE_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    here = {name: value for name, value in os.environ.items() if name in _NEEDED or name.startswith(_NEEDED_BY_NUMBERS)}
    return {
        **here,
        # What the model does at home stays in its scratch folder.
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONPATH": os.pathsep.join(paths),
        # What fails is an error in Python, and told; the rest are lines about GPUs that are not there.
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore::FutureWarning",
        # The pipeline's own process may hold all of the GPU's memory; the check is about the model, on the CPU.
        "CUDA_VISIBLE_DEVICES": "-1",
    }


def _free_ports(count: int) -> list[int]:
    # The binary cannot choose ports by itself. Another process may take one in between; a retry then helps.
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _resident(process: psutil.Process) -> int:
    try:
        # VmHWM (proc(5)) is the kernel's own peak, which also holds what came and went between two samples.
        with open(f"/proc/{process.pid}/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return process.memory_info().rss
    return 0
