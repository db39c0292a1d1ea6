"""One look of the triggers: what is there, what is decided, and the run that is started as a process of its own.

Decided and written down is under one lock: of two that look at the same time one starts a run, and the other sees it.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

import psutil

from millrace.config.config import Config
from millrace.config.environments import as_options
from millrace.config.paths import layout, triggers_file
from millrace.config.trials import sets, with_trial
from millrace.execution.alerting import open_alerts
from millrace.metadata.run_folder import RunFolder, run_folders
from millrace.triggers.calls import Call, CallRefused
from millrace.triggers.deciding import CLOCK_SECONDS, Decision, FiringAlert, TriggerState, decide
from millrace.triggers.spans import SpanLooker
from millrace.triggers.trigger_log import Asked, Recorded, StartedRun, TriggerLog

LOG_NAME = "triggers.log"
"""Beside the runs' folders: what the started runs print."""

Spawn = Callable[[Sequence[str], Path], "subprocess.Popen[bytes]"]


def open_triggers(config: Config, keeps: bool = True) -> TriggerLog:
    """Opens what is known of a pipeline's triggers.

    Args:
        config: the pipeline's configuration.
        keeps: whether their file is made where it is not there; else nothing is known, and nothing is kept.

    Raises:
        BadInput: their file cannot be used.
    """
    file = triggers_file(config)
    return TriggerLog(file if keeps or file.exists() else Path(":memory:"), config.name)


@dataclass(frozen=True)
class TriggerLook:
    """What one look came to.

    Args:
        decision: whether a run starts, and why.
        process: the run that was started; None where none was.
    """

    decision: Decision
    process: Optional["subprocess.Popen[bytes]"] = None


class RunStarter:
    """Looks, decides, and starts.

    Args:
        config: the pipeline's configuration.
        overrides: the `--set` values with which it was read, and which its runs are given.
        log: what is known from before.
        spawn: starts a process.
    """

    def __init__(
        self, config: Config, overrides: Sequence[str], log: TriggerLog, spawn: Optional[Spawn] = None
    ) -> None:
        self._config, self._overrides, self._log = config, overrides, log
        self._spawn = spawn or _spawn
        self._spans = SpanLooker(config)
        self._started: dict[int, subprocess.Popen[bytes]] = {}

    def decision(self, now: float) -> Decision:
        """What would be decided now; nothing is started, and nothing written down.

        Args:
            now: seconds since the epoch.
        """
        return decide(self._state(self._log.recorded(now), now), self._config.triggers, now)

    def look(self, now: float) -> TriggerLook:
        """Decides, and starts the run where one is to start.

        Args:
            now: seconds since the epoch.

        Raises:
            MillraceError: what there is cannot be looked at, such as a table that cannot be read.
        """
        self.look_back(now)
        with self._log.change():
            self._log.begin(now)
        # Counting rows and asking ML Metadata takes its time: it is done before the lock is held.
        self.decision(now)
        with self._log.change():
            recorded = self._log.recorded(now)
            state = self._state(recorded, now)
            decision = decide(state, self._config.triggers, now)
            if decision.missed is not None:
                self._log.missed(now, decision.why)
            if not decision.start:
                return TriggerLook(decision)
            process = self._spawn(self.command(decision), layout(self._config).local / LOG_NAME)
            alerts = max((one.event for one in state.alerts), default=0)
            asked = state.asked[0].event if decision.source == "hand" else None
            self._started[process.pid] = process
            self._log.started(decision, (process.pid, _began(process.pid)), alerts, asked, now)
        return TriggerLook(decision, process)

    def asked_by(self, call: Call, now: float) -> tuple[Asked, Optional[Decision]]:
        """Writes a call down, and says what would be decided now; nothing is started.

        Args:
            call: what somebody asks.
            now: seconds since the epoch.

        Returns:
            What became of it, and the decision; None for the decision where it was made before.

        Raises:
            CallRefused: the key was another call's.
        """
        asked, is_new = self._log.ask_once(call.who, call.because, call.key, now)
        if not is_new and asked.because != call.because:
            raise CallRefused(409, "another call had this Idempotency-Key")
        return asked, self.decision(now) if is_new else None

    def look_back(self, now: float) -> None:
        """Writes down how the runs ended whose processes are gone.

        Args:
            now: seconds since the epoch.
        """
        for start in self._log.recorded(now).open:
            seen = self._as_seen(start, now)
            if seen.ended is not None:
                self._log.ended(start, seen.exit_code, seen.run, seen.ended)
                self._started.pop(start.process[0], None)

    def starts(self, since: float, now: float) -> list[StartedRun]:
        """The runs that were started, oldest first, with what can be seen of them now; nothing is written down.

        Args:
            since: only what was started later, and what goes on; seconds since the epoch.
            now: seconds since the epoch.
        """
        return [self._as_seen(one, now) if one.ended is None else one for one in self._log.starts(since)]

    def _as_seen(self, start: StartedRun, now: float) -> StartedRun:
        """A run whose end is not written down, as its folder and its process tell of it."""
        folder = self._folder_of(start)
        run = folder.run_id if folder else ""
        if _lives(start):
            return replace(start, run=run)
        process = self._started.get(start.process[0])
        # Of a run that another process started, and that came to no folder, nobody knows.
        exit_code = folder.exit_code() if folder else process.wait() if process else None
        took = folder.seconds(now) if folder else None
        ended = folder.started + took if folder and took is not None else now
        return replace(start, run=run, exit_code=exit_code, ended=ended)

    def command(self, decision: Decision) -> list[str]:
        """The command line of the run that a decision starts."""
        overrides = self._overrides
        if decision.only_span and decision.span:
            # Whether it is a trial is for the person's values to say: which span it reads makes it none.
            settled = with_trial(overrides, push=False)
            served = () if sets(settled, "push.trial") else ("push.trial=false",)
            overrides = (*settled, *served, f"data.span={decision.span[0]}")
        words = [word for option in as_options(overrides) for word in option]
        file = os.path.abspath(self._config.file)
        return [sys.executable, "-m", "millrace.cli.main", "run", "-c", file, *words]

    def _folder_of(self, start: StartedRun) -> Optional[RunFolder]:
        """The folder of a started run; None where it came to none: its configuration may not be readable."""
        folders = run_folders(layout(self._config).logs)
        return next((one for one in folders if one.process == start.process[0] and one.started >= start.at - 1), None)

    def _state(self, recorded: Recorded, now: float) -> TriggerState:
        config = self._config
        folders = [one for one in run_folders(layout(config).logs) if self._is_of_this_pipeline(one)]
        running = next((f"run {one.run_id}, which goes on" for one in folders if one.is_alive()), "")
        if not running and any(_lives(one) for one in recorded.open):
            running = "a run that has just been started"
        until = now + CLOCK_SECONDS
        newest = next((one for one in reversed(folders) if one.started <= until), None)
        took = newest.seconds(now) if newest else None
        ends = [one.ended for one in recorded.starts if one.ended is not None]
        ends += [newest.started + took] if newest and took is not None else []
        alerts: list[FiringAlert] = []
        if config.triggers.alerts:
            with open_alerts(config) as known:
                alerts = [FiringAlert(one.id, one.key) for one in known.alerts().values() if one.starts_training(now)]
        return TriggerState(
            recorded.cron_done,
            tuple(start.at for start in recorded.starts),
            running,
            max((one for one in ends if one <= until), default=None),
            self._spans.waiting(recorded.span_done, len(folders), now),
            alerts,
            recorded.alerts_done,
            recorded.asked,
        )

    def _is_of_this_pipeline(self, folder: RunFolder) -> bool:
        request = folder.request()
        return request is not None and request.pipeline in ("", self._config.name) and request.runner != "rehearsal"


def _spawn(command: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        # A session of its own: what ends the watching, such as Ctrl-C, does not end the training.
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


def _began(process: int) -> float:
    """When a process began, by which it is told from a later one of the same id."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(process).create_time()
    return time.time()


def _lives(start: StartedRun) -> bool:
    number, began = start.process
    try:
        process = psutil.Process(number)
        return abs(process.create_time() - began) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
