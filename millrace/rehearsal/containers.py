"""Runs the commands of one task's container, and knows how much memory they took."""

import itertools
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Optional

from millrace.base.errors import Failure
from millrace.jobspec.rules.containers import LONGEST_ARGUMENT
from millrace.jobspec.runtime_inputs import SECRET
from millrace.rehearsal.executor_input import TaskIo
from millrace.rehearsal.failures import FILE_VARIABLE, NotRehearsed, TaskFailed, explain
from millrace.rehearsal.local_stand_ins import stand_in
from millrace.rehearsal.placeholders import fill_in
from millrace.rehearsal.processes import Command, Ended, Running
from millrace.rehearsal.world import World


class Container:
    """The container of one task.

    Args:
        world: the rehearsal.
        task: the task's name.
        spec: its container spec.
    """

    def __init__(self, world: World, task: str, spec: Mapping[str, Any]) -> None:
        self._world = world
        self._task = task
        self._spec = spec
        self._tried = 0
        self.peak: Optional[int] = None

    @property
    def driver(self) -> list[str]:
        """The command of its driver; empty where there is none. Kubeflow Pipelines does not run drivers."""
        hook = self._spec.get("lifecycle", {}).get("preCacheCheck", {})
        return [*hook.get("command", ()), *hook.get("args", ())] if self._world.job.dialect == "vertex" else []

    @property
    def executor(self) -> list[str]:
        """The command of its executor."""
        return [*self._spec.get("command", ()), *self._spec.get("args", ())]

    def require_command(self) -> None:
        """Refuses what cannot start here.

        Raises:
            NotRehearsed: the image has the command, and this machine has not.
        """
        if not self._spec.get("command"):
            raise NotRehearsed("it runs the entry point of its image, which is not on this machine")
        program = self._spec["command"][0]
        if not shutil.which(program, path=self._variables()["PATH"]):
            raise NotRehearsed(f"its command {program} is in its image, not on this machine")

    def run_driver(self, io: TaskIo) -> int:
        """Runs the driver; see `run_executor`."""
        return self._run(self.driver, io)

    def run_executor(self, io: TaskIo) -> int:
        """Runs the executor.

        Args:
            io: what the task takes and gives.

        Returns:
            The exit code, which is 0.

        Raises:
            TaskFailed: it ended with another one.
            NotRehearsed: its work is Google Cloud's.
        """
        self._tried += 1
        if self._tried <= self._world.options.fail.get(self._task, 0):
            raise TaskFailed(Failure("this failure was asked for with --fail", self._task, "leave --fail out", 1))
        return self._run(self.executor, io)

    def _run(self, words: Sequence[str], io: TaskIo) -> int:
        line, differences = stand_in(fill_in(words, io.to_json(), self._world.facts))
        for sentence in differences:
            self._world.find(self._task, sentence)
        longest = max(len(word.encode()) for word in line)
        if longest > LONGEST_ARGUMENT:
            what = f"an argument of its command has {longest} bytes; the kernel takes {LONGEST_ARGUMENT}"
            raise TaskFailed(Failure(what, self._task, "put what is large into a file", 1))
        failure_file = self._world.work_of(self._task).parent / f"{self._task}-{uuid.uuid4().hex[:8]}.failure"
        code = self._wait(line, failure_file).code
        if code:
            log, environment = self._world.log_of(self._task), self._world.environment
            raise TaskFailed(explain(self._task, code, failure_file, log, environment), code)
        return code

    def _wait(self, line: list[str], failure_file: Path) -> Ended:
        cwd, log = self._world.work_of(self._task), self._world.log_of(self._task)
        for folder in (cwd, log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            shown = [word if len(word) < 400 else f"{word[:400]}..." for word in line]
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {shown}\n")
        variables = {**self._variables(), FILE_VARIABLE: str(failure_file)}
        running = self._world.processes.start(Command(line, cwd, variables, log))
        with self._world.watch.following(running.pid.result(), running.mapped) as peak:
            ended = self._result(running)
            self.peak = max(self.peak or 0, peak(ended.peak))
        return ended

    def _result(self, running: Running) -> Ended:
        if self._world.stopped.is_set():
            running.kill()
        ended: Future[Ended] = running.ended
        return ended.result()

    def _variables(self) -> dict[str, str]:
        own = {entry["name"]: entry.get("value", "") for entry in self._spec.get("env", ())}
        # A secret that our entry point would read there: nobody is told of a rehearsal, and no credentials are at hand.
        words = self._spec.get("args", ())
        own.update({word.partition("=")[0]: "" for flag, word in itertools.pairwise(words) if flag == SECRET})
        return {**self._world.environment.variables(self._world.work_of(self._task)), **own}
