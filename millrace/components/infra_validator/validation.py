"""Tries a model in a server of its own: start, load, query, measure, judge; again when the failure can pass.

What the model does is a verdict; what the machine does is none. The machine's are: whatever happens before the server
listens, since it has not looked at the model until then; a full disk, no memory or no files, in the words of the log; a
server that is killed below its memory limit; and what took too long on a machine that others keep busy.
"""

import contextlib
import errno
import logging
import math
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Optional

import numpy as np
import psutil

from millrace.base import machine_faults
from millrace.base.errors import BadInput, CouldNotJudge, Signal, machine_fault
from millrace.components.infra_validator import judging
from millrace.components.infra_validator.queries import (
    DEFAULT_SIGNATURE,
    JSON_SIGNATURE,
    CannotAsk,
    QueryPlan,
    input_columns,
    plan,
)
from millrace.components.infra_validator.report import Report, SignatureReport
from millrace.components.infra_validator.section import InfraValidation
from millrace.components.infra_validator.slowdown import slowdown
from millrace.model_server.client import Client, NoAnswer, Protocol
from millrace.model_server.query import Arrays
from millrace.model_server.server_process import ServerProcess

MODEL_NAME = "infra-validation-model"

_VERSION = "1"
_POLL_SECONDS = 0.1
_STATUS_SECONDS = 5.0
_LOG_LINES = 40
# What the kernel says to a confined server (`millrace/model_server/confined.py`).
_NOT_ALLOWED = "Permission denied"
# TensorFlow's own format of a fatal message, Abseil's, and what C++ and Python say.
_FATAL = re.compile(r": F |^F\d{4} |terminate called|Fatal Python error")
_SIGNALS = 128
_MIB = 1024 * 1024
# A file system with less has none for a file.
_LEAST_ROOM = 64 * 1024
_PROTOCOLS: tuple[Protocol, ...] = ("gRPC", "REST")
# At half as fast again, a request that got no answer in time may have been the machine's.
_LOADED = 1.5
# What an idle machine may show by chance.
_NOTICEABLE = 1.1
_RUN_AGAIN = "run again; nothing was judged, so nothing is cached"


class _Refused(Signal):
    """Why a try failed.

    Args:
        reason: one sentence.
        can_pass: whether another try could end otherwise.
        excused_from: the slowdown of the machine from which on this says nothing of the model; 1 when it never does.
        remedy: what to do about the machine.
    """

    def __init__(
        self, reason: str, *, can_pass: bool = False, excused_from: float = math.inf, remedy: str = _RUN_AGAIN
    ) -> None:
        super().__init__(reason)
        self.can_pass = can_pass
        self.excused_from = excused_from
        self.remedy = remedy


def _machines(reason: str, remedy: str = _RUN_AGAIN) -> _Refused:
    """A try that failed for the machine, whatever the model is like."""
    return _Refused(reason, can_pass=True, excused_from=1.0, remedy=remedy)


def validate(
    model_path: Path,
    records: Sequence[bytes],
    section: InfraValidation,
    log_path: Path,
    measure_slowdown: Callable[[], float] = slowdown,
) -> tuple[Report, list[QueryPlan]]:
    """Tries a model until it passes, fails for good, or the tries are used up.

    Args:
        model_path: the SavedModel's folder, on this machine.
        records: serialised tf.Examples to ask with.
        section: which server, how many examples to send to each signature, and what the model is held to.
        log_path: the server's output is appended to this file.
        measure_slowdown: says how many times longer everything takes here and now than on an idle machine.

    Returns:
        The report with the verdict, and the queries that were answered (empty when the model was refused).

    Raises:
        BadInput: the platform's program is not there.
        CouldNotJudge: the machine, and not the model, is why the last try failed.
    """
    if section.platform == "tensorflow_model_server" and not shutil.which(section.platform):
        raise BadInput(
            "tensorflow_model_server is not on PATH",
            where="infra_validation.platform",
            remedy="install it, or use platform: process",
        )
    report = Report(section.platform, section.model_dump(exclude={"platform", "image", "examples"}))
    plans: list[QueryPlan] = []
    for number in range(1, section.tries + 1):
        report.tries, report.load_seconds = number, 0.0
        report.signatures, report.not_asked = {}, {}
        if report.reason:
            report.earlier_reasons.append(report.reason)
        failure: Optional[_Refused] = None
        try:
            with tempfile.TemporaryDirectory(prefix="infra-validator-") as scratch, open(log_path, "ab") as log:
                log.write(f"---- try {number} of {section.tries}\n".encode())
                log.flush()
                one_try = _Try(section, Path(scratch), log, log_path, report)
                plans = one_try.run(model_path, records)
        except _Refused as refused:
            failure = refused
        except OSError as error:  # of the folder, the log or the process that were to be made
            fault = machine_fault(error)
            if fault is None:
                raise
            failure = _machines(f"start: {fault.what}", fault.remedy)
        report.blessed, report.reason = failure is None, str(failure or "")
        if failure is None:
            break
        logging.info("infra validation, try %d of %d: %s", number, section.tries, failure)
        # Only now that the server is gone: a model that computes for ever is no load of others.
        report.slowdown = measure_slowdown() if 1.0 < failure.excused_from < math.inf else 0.0
        if not failure.can_pass:
            break
    if failure and failure.excused_from <= max(report.slowdown, 1.0):
        load = f" (everything takes {report.slowdown:.1f} times as long here)" if report.slowdown else ""
        raise CouldNotJudge(f"the model could not be judged: {failure}{load}", remedy=failure.remedy)
    report.log_tail = log_tail(log_path, _LOG_LINES)
    return report, plans


def log_tail(path: Path, lines: int) -> list[str]:
    """Reads the end of a log file.

    Args:
        path: the file.
        lines: how many of its lines at most.
    """
    return path.read_text(errors="replace").splitlines()[-lines:]


class _Try:
    """One server, from start to end. Measurements go into the report as they are made."""

    def __init__(self, section: InfraValidation, scratch: Path, log: BinaryIO, log_path: Path, report: Report) -> None:
        self._section = section
        self._scratch = scratch
        self._log = log
        self._log_path = log_path
        self._report = report
        self._had_memory = psutil.virtual_memory().available >= section.memory_mib * _MIB

    def run(self, model_path: Path, records: Sequence[bytes]) -> list[QueryPlan]:
        base_path = self._scratch / MODEL_NAME
        base_path.mkdir()
        # A link costs nothing, however large the model; TensorFlow's file system follows it.
        (base_path / _VERSION).symlink_to(model_path.absolute(), target_is_directory=True)
        started = time.monotonic()
        memory = self._section.memory_mib * _MIB
        platform = self._section.platform
        assert platform == "process" or platform == "tensorflow_model_server", "the others are TFX's"
        with ServerProcess(platform, base_path, MODEL_NAME, self._scratch, self._log, memory, confined=True) as server:
            try:
                with self._explained(server):
                    return self._use(server, started, records, input_columns(model_path))
            finally:
                self._report.peak_mib = server.peak_mib

    def _use(
        self, server: ServerProcess, started: float, records: Sequence[bytes], columns: Mapping[str, str]
    ) -> list[QueryPlan]:
        deadline = started + self._section.load_seconds
        while server.ports is None:
            self._check_alive(server)
            if time.monotonic() > deadline:
                raise _machines(
                    f"start: the server did not start to listen within {self._section.load_seconds:g} s",
                    "raise infra_validation.load_seconds, or run again when the machine does less",
                )
            time.sleep(_POLL_SECONDS)
        ports = server.ports
        with Client(ports, MODEL_NAME, _STATUS_SECONDS) as client:
            self._wait_for_model(server, client, deadline)
            self._report.load_seconds = time.monotonic() - started
            plans = self._plan(client, records, columns)
        with Client(ports, MODEL_NAME, self._section.request_seconds) as client:
            for one in plans:
                self._ask(client, one)
        self._check_alive(server)
        return plans

    @contextlib.contextmanager
    def _explained(self, server: ServerProcess) -> Iterator[None]:
        # A server that was killed or that died shows first as a lost connection: the cause is the better reason.
        try:
            yield
        except NoAnswer as error:
            self._check_alive(server, wait=error.kind == "lost")
            lost = "the server cannot be reached: " if error.kind == "lost" else ""
            raise _Refused(
                f"predict: {lost}{error}", can_pass=error.kind != "refused",
                excused_from=_LOADED if error.kind == "timeout" else math.inf,
            ) from error  # fmt: skip
        except _Refused:
            self._check_alive(server)
            raise

    def _check_alive(self, server: ServerProcess, *, wait: bool = False) -> None:
        deadline = time.monotonic() + (_STATUS_SECONDS if wait else 0.0)
        while server.exit_code() is None and not server.over_memory and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        if server.over_memory:
            raise _Refused(
                f"memory: the server used {server.peak_mib:.0f} MiB, over the limit of {self._section.memory_mib} MiB"
            )
        code = server.exit_code()
        if code is not None:
            raise self._ended(server, code)

    def _ended(self, server: ServerProcess, code: int) -> _Refused:
        lines = [line.strip() for line in log_tail(self._log_path, _LOG_LINES) if line.strip()]
        # A program that ends by itself says why last; below one that crashed there is a stack trace.
        reasons = lines if code <= _SIGNALS else [line for line in lines if _FATAL.search(line)]
        log = f"; its log says: {_first_line(reasons[-1])}" if reasons else ""
        if code == _SIGNALS + signal.SIGKILL:
            return _machines(
                f"memory: the server was killed at {server.peak_mib:.0f} MiB, below its limit of "
                f"{self._section.memory_mib} MiB, as the kernel does when memory runs out",
                "end what else takes memory, or take a larger machine; then run again",
            )
        if server.ports is None:
            # Its scratch folder is the only one that it may write into: Python then finds none, and does not say why.
            if "No usable temporary directory" in log and shutil.disk_usage(self._scratch).free < _LEAST_ROOM:
                log = f"{log} ({os.strerror(errno.ENOSPC)})"
            fault = machine_faults.in_words(log)
            return _machines(f"start: the server {_ending(code)}{log}", fault.remedy if fault else _RUN_AGAIN)
        step = "predict" if self._report.load_seconds else "load"
        # The binary opens its ports itself, and another program may have taken one.
        can_pass = self._section.platform != "process" and not self._report.load_seconds
        return self._of(reasons[-1] if reasons else "", f"{step}: the server {_ending(code)}{log}", can_pass=can_pass)

    def _of(self, words: str, reason: str, *, can_pass: bool = False) -> _Refused:
        """The machine's failure where a message or a log says so, else the model's."""
        # What is refused to a model whose files can be read is what it tries beyond them.
        if _NOT_ALLOWED in words and all(os.access(path, os.R_OK) for path in self._files()):
            return _Refused(
                f"{reason}; a model writes into its own folder alone and connects nowhere", can_pass=can_pass
            )
        fault = machine_faults.in_words(words)
        # A machine that had as much memory as the limit allows was asked for more than that.
        if fault is None or (fault.what.endswith("memory") and self._had_memory):
            return _Refused(reason, can_pass=can_pass)
        return _machines(f"{reason}: {fault.what}", fault.remedy)

    def _files(self) -> Iterator[Path]:
        model = (self._scratch / MODEL_NAME / _VERSION).resolve()
        return iter([model, *model.rglob("*")])

    def _wait_for_model(self, server: ServerProcess, client: Client, deadline: float) -> None:
        while True:
            try:
                state, message = client.state()
            except NoAnswer:
                state, message = "START", ""
            if state == "AVAILABLE" and client.has_rest():
                return
            if state == "END":
                raise self._of(
                    message, f"load: the model cannot be loaded: {_first_line(message) or 'the log says why'}"
                )
            self._check_alive(server)
            if time.monotonic() > deadline:
                raise _Refused(
                    f"load: the model was not available within {self._section.load_seconds:g} s",
                    can_pass=True,
                    excused_from=_LOADED,
                    remedy="run again when the machine does less, or raise infra_validation.load_seconds",
                )
            time.sleep(_POLL_SECONDS)

    def _plan(self, client: Client, records: Sequence[bytes], columns: Mapping[str, str]) -> list[QueryPlan]:
        signatures = client.signatures()
        if DEFAULT_SIGNATURE not in signatures:
            others = ", ".join(sorted(name for name in signatures if not name.startswith("__"))) or "none"
            raise _Refused(f"predict: the model has no signature {DEFAULT_SIGNATURE}; it has: {others}")
        plans = []
        for name in (DEFAULT_SIGNATURE, JSON_SIGNATURE):
            if name not in signatures:
                continue
            try:
                plans.append(plan(name, signatures[name], records, self._section.examples, columns))
            except CannotAsk as error:
                if name == DEFAULT_SIGNATURE:
                    raise _Refused(f"predict: {name} cannot be asked: {error}") from error
                self._report.not_asked[name] = str(error)
        self._report.examples = max(one.batch.batch for one in plans)
        return plans

    def _ask(self, client: Client, queries: QueryPlan) -> None:
        name = queries.batch.signature
        report = self._report.signatures[name] = SignatureReport()
        answers = {protocol: self._ask_by(client, protocol, queries, report) for protocol in _PROTOCOLS}
        difference = judging.disagreement(answers["gRPC"], answers["REST"])
        if difference:
            raise _Refused(f"predict: {name}: {difference}")
        report.outputs = {alias: _summary(value) for alias, value in answers["gRPC"].items()}
        for way, milliseconds in report.p95_milliseconds.items():
            if milliseconds > self._section.p95_milliseconds:
                raise _Refused(
                    f"latency: p95 of {name} by {way} is {milliseconds:.0f} ms, "
                    f"over the limit of {self._section.p95_milliseconds:g} ms",
                    can_pass=True,
                    # Without the others it would have kept to the limit.
                    excused_from=max(milliseconds / self._section.p95_milliseconds, _NOTICEABLE),
                    remedy="run again when the machine does less, or raise infra_validation.p95_milliseconds",
                )

    def _ask_by(self, client: Client, protocol: Protocol, queries: QueryPlan, report: SignatureReport) -> Arrays:
        times = []
        # The first request of a signature builds its graph; the last is the batch. Neither is a typical one.
        for query in (queries.singles[0], *queries.singles, queries.batch):
            try:
                answer = client.predict(protocol, query)
            except NoAnswer as error:
                if error.kind != "refused":
                    raise
                raise self._of(
                    str(error), f"predict: the model's signature {query.signature} raised: {_first_line(str(error))}"
                ) from error
            report.requests += 1
            times.append(answer.milliseconds)
            wrong = judging.fault(answer.outputs, query.outputs, query.batch)
            if wrong:
                raise _Refused(f"predict: {query.signature} by {protocol}: {wrong}")
        report.p50_milliseconds[protocol] = judging.percentile(times[1:-1], 50)
        report.p95_milliseconds[protocol] = judging.percentile(times[1:-1], 95)
        return answer.outputs


def _summary(value: np.ndarray) -> dict[str, object]:
    summary: dict[str, object] = {"dtype": "string" if value.dtype == object else str(value.dtype)}
    summary["shape"] = list(value.shape)
    if value.dtype != object and value.size:
        summary.update(min=float(value.min()), mean=float(value.mean()), max=float(value.max()))
    return summary


def _ending(code: int) -> str:
    if code <= _SIGNALS:
        return f"ended by itself (exit code {code})"
    number = code - _SIGNALS
    name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    return f"crashed (signal {name})"


def _first_line(text: str) -> str:
    line = text.strip().splitlines()[0] if text.strip() else ""
    return line if len(line) <= 300 else line[:297] + "..."
