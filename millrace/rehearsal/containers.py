"""Runs the commands of one task's container, and knows how much memory they took."""

import itertools
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import TimeoutError
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from millrace.base.errors import Failure
from millrace.jobspec.rules.containers import LONGEST_ARGUMENT
from millrace.jobspec.runtime_inputs import SECRET
from millrace.rehearsal import base_image, push_folders
from millrace.rehearsal.audit_hook import VIEW_VARIABLE
from millrace.rehearsal.executor_input import TaskIo
from millrace.rehearsal.failures import (
    FILE_VARIABLE,
    NotRehearsed,
    TaskFailed,
    end_of,
    explain,
    last_lines,
    not_installed,
    require_known,
    stand_ins,
)
from millrace.rehearsal.images import is_own
from millrace.rehearsal.local_stand_ins import stand_in
from millrace.rehearsal.placeholders import fill_in
from millrace.rehearsal.processes import Command, Ended, Running
from millrace.rehearsal.view import as_audited, view_of, volumes
from millrace.rehearsal.world import World

# How dash ends where it does not know what other shells know.
_SHELL_REFUSED = 2
_OTHER_SHELL = re.compile(r"Illegal option|Syntax error|Bad substitution")
# Programs that run a script which a word names.
_INTERPRETER = re.compile(r"(.*/)?(sh|bash|dash|perl|python[0-9.]*)")
# KFP's entry point. With the path of a module it runs what the job brings, without it what the image holds.
_KFP_MAIN = "kfp.dsl.executor_main"
# How a shell ends when a program cannot be run, or is not there.
_PROGRAM_MISSING = (126, 127)


class Container:
    """The container of one task.

    Args:
        world: the rehearsal.
        task: the task's name.
        spec: its container spec.
        label: the task's label, without the turn of a loop that it may stand in.
        facts: what the service says of the job and of the task, by the placeholder's name.
    """

    def __init__(self, world: World, task: str, spec: Mapping[str, Any], label: str, facts: Mapping[str, str]) -> None:
        self._world = world
        self._task = task
        self._spec = spec
        self._label = label
        self._facts = facts
        # What the job wants of Kubernetes for it, and no rehearsal gives.
        self.needs: Sequence[str] = ()
        self._places = world.places_of(task)
        self._is_own = is_own(world.job, str(spec.get("image", "")))
        self._environment = world.sandbox.environment_for(self._is_own)
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

    def require_command(self, io: TaskIo) -> None:
        """Refuses what cannot start here.

        Args:
            io: what the task takes and gives.

        Raises:
            NotRehearsed: the image has the command, and this machine has not.
        """
        if not self._spec.get("command"):
            raise NotRehearsed("it runs the entry point of its image, which is not on this machine")
        [program, *_] = fill_in(self._spec["command"], io.to_json(), self._facts) or [""]
        environment = self._environment
        if not base_image.program(program, environment.folder / "bin", environment.programs):
            raise NotRehearsed(f"its command {program} is in its image, not on this machine")
        words = [*self._spec["command"][1:], *self._spec.get("args", ())]
        if not self._is_own and words and _INTERPRETER.fullmatch(program) and not words[0].startswith(("-", "{")):
            raise NotRehearsed(f"its script {words[0]} is in its image, not on this machine")
        if not self._is_own and _KFP_MAIN in words and "--component_module_path" not in words:
            raise NotRehearsed("its Python function is in its image, not in the job")

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
        if self._tried <= self._world.options.fail.get(self._label, 0):
            raise TaskFailed(Failure("this failure was asked for with --fail", self._task, "leave --fail out", 1))
        return self._run(self.executor, io)

    def _run(self, words: Sequence[str], io: TaskIo) -> int:
        line, differences = stand_in(fill_in(words, io.to_json(), self._facts))
        for sentence in differences:
            self._world.find(self._task, sentence)
        longest = max(len(word.encode()) for word in line)
        if longest > LONGEST_ARGUMENT:
            what = f"an argument of its command has {longest} bytes; the kernel takes {LONGEST_ARGUMENT}"
            raise TaskFailed(Failure(what, self._task, "put what is large into a file", 1))
        failure_file = self._places.folder / f"{uuid.uuid4().hex[:8]}.failure"
        ended = self._wait(line, failure_file, io)
        code = ended.code
        if ended.late:
            limit = self._world.options.task_seconds
            what = f"it did not end within {limit:g} s, the limit of --task-seconds"
            log = self._world.log_of(self._task)
            raise TaskFailed(Failure(what, self._task, f"its log is {log}{last_lines(log)}", 1), code)
        if code:
            log = self._world.log_of(self._task)
            image = "" if self._is_own else str(self._spec.get("image", ""))
            require_known(failure_file, log, image)
            failure = explain(self._task, code, failure_file, log, self._environment)
            doubts = [f"it asks Kubernetes for {need}" for need in self.needs]
            if image and stand_ins(failure_file):
                doubts.append(stand_ins(failure_file))
            uninstalled = not_installed(log)
            if image and uninstalled:
                doubts.append(f"it installs {uninstalled}, and a rehearsal fetches nothing")
            if image and code == _SHELL_REFUSED and _OTHER_SHELL.search(end_of(log)):
                doubts.append(f"the shell of its image {image} may be another one: {end_of(log)}")
            if image and code in _PROGRAM_MISSING:
                doubts.append(f"its image {image} may have a program that is not here: {end_of(log)}")
            if doubts:
                raise NotRehearsed(f"it fails here ({failure.what}), which says nothing, as {', and '.join(doubts)}")
            raise TaskFailed(failure, code)
        return code

    def _wait(self, line: list[str], failure_file: Path, io: TaskIo) -> Ended:
        log = self._world.log_of(self._task)
        log.parent.mkdir(parents=True, exist_ok=True)
        self._places.make()
        self._stop_if_asked()
        with log.open("a", encoding="utf-8") as file:
            shown = [word if len(word) < 400 else f"{word[:400]}..." for word in line]
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {shown}\n")
        variables = {**self._variables(), FILE_VARIABLE: str(failure_file)}
        inputs = [artifact.uri for of_key in io.inputs.values() for artifact in of_key]
        pushed = self._world.clouds.folder / push_folders.NAME
        writable = [Path(io.folder), pushed, *volumes(self._world.job)]
        view = view_of(self._places, self._environment, self._world.clouds, writable, inputs)
        may_fork = self._environment is self._world.sandbox.environment
        if self._is_confined:
            command = Command(line, self._places.cwd, variables, log, view, may_fork)
        else:
            variables = {**variables, VIEW_VARIABLE: as_audited(view), "TMPDIR": str(self._places.temporary)}
            command = Command(line, self._places.cwd, variables, log, None, may_fork)
        running = self._world.processes.start(command)
        with self._world.watch.following(running.pid.result(), running.mapped) as peak:
            ended = self._result(running)
            self.peak = max(self.peak or 0, peak(ended.peak))
        self._stop_if_asked()
        return ended

    def _stop_if_asked(self) -> None:
        """Ends the task here when the rehearsal has been asked to end: what its process says then came of that."""
        if self._world.stopped.is_set():
            raise KeyboardInterrupt

    def _result(self, running: Running) -> Ended:
        if self._world.stopped.is_set():
            running.kill()
        try:
            return running.ended.result(self._world.options.task_seconds or None)
        except TimeoutError:
            running.kill()
            return replace(running.ended.result(), late=True)

    @property
    def _is_confined(self) -> bool:
        return not self._world.processes.no_namespace

    def _variables(self) -> dict[str, str]:
        own = {entry["name"]: entry.get("value", "") for entry in self._spec.get("env", ())}
        # A secret that our entry point would read there: nobody is told of a rehearsal, and no credentials are at hand.
        words = self._spec.get("args", ())
        own.update({word.partition("=")[0]: "" for flag, word in itertools.pairwise(words) if flag == SECRET})
        return {**self._environment.variables(self._places.cwd, self._is_confined), **own}
