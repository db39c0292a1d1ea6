"""What a rehearsal needs before it knows its job: the stand-in for the image, and the process that starts tasks."""

import json
import os
import pickle
import re
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput, MillraceError
from millrace.base.interrupts import wait_for_result
from millrace.config.config import Config
from millrace.jobspec.job import CompiledJob, from_documents
from millrace.rehearsal import interpreter
from millrace.rehearsal.environment import Environment, all_that_is_installed, own_image
from millrace.rehearsal.failures import FILE_VARIABLE, explain
from millrace.rehearsal.processes import COMMON_MODULES, OWN_MODULES, Command, Processes, can_fork

_DOTTED = re.compile(r'"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)\\*"')


class Sandbox:
    """What a rehearsal needs before it knows its job: the stand-in for the image, and the process that starts tasks.

    It also compiles a job, so that TensorFlow and TFX are imported once for that and for the tasks.

    Args:
        folder: the pipeline's folder, as for `rehearse`.
        exact: whether each task gets an interpreter of its own.
        python: another interpreter, whose packages every task gets in place of this one's.
        more: what else is in the environment; see `environment.own_image`.
        namespaces: whether tasks get a tree of their own where the system lets them.

    Raises:
        BadInput: `python` or `more` names nothing that can be used.
        MillraceError: a package cannot be built.
    """

    def __init__(
        self,
        folder: Path,
        exact: bool = False,
        python: Optional[Path] = None,
        more: Sequence[str] = (),
        *,
        namespaces: bool = True,
    ) -> None:
        own = folder.resolve() / "rehearsal"
        self._cache = own / "environments"
        self._more = more
        self.other: Optional[Environment] = None
        if python:
            self.other = all_that_is_installed(self._cache, interpreter.at(python), more)
        self.environment: Environment = own_image(self._cache, () if python else more, compiled=exact)
        self._has_python = python is not None
        self._lock = threading.Lock()
        self._home = own / "home"
        self._home.mkdir(parents=True, exist_ok=True)
        scratch = own / "scratch"
        scratch.mkdir(exist_ok=True)
        variables = self.environment.variables(self._home)
        self.processes = Processes(
            self.environment.python, self._home, own / "server.log", variables, scratch if namespaces else None
        )
        self.exact = exact or not can_fork()
        if not self.exact:
            self.processes.preload([*COMMON_MODULES, *OWN_MODULES])

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.processes.__exit__(None, None, None)

    def environment_for(self, is_own: bool) -> Environment:
        """The environment of a task.

        Args:
            is_own: whether its image is the project's.
        """
        if is_own and not self._has_python:
            return self.environment
        with self._lock:
            if self.other is None:
                self.other = all_that_is_installed(self._cache, interpreter.this_one(), self._more)
            return self.other

    def compile(self, config: Config, service: str, log: Path) -> CompiledJob:
        """Compiles a configuration where TFX is imported already.

        Args:
            config: the configuration.
            service: "vertex" or "kubeflow".
            log: where the compiler's output goes.

        Raises:
            MillraceError: it cannot be compiled.
            KeyboardInterrupt: a signal has come.
        """
        with tempfile.TemporaryDirectory() as scratch:
            request, made, failure_file = (Path(scratch) / name for name in ("config", "job", "failure"))
            request.write_bytes(pickle.dumps(config))
            line = ["python", "-m", "millrace.rehearsal.compiling", os.getcwd(), str(request), service, str(made)]
            variables = {**self.environment.variables(self._home), FILE_VARIABLE: str(failure_file)}
            running = self.processes.start(Command(line, self._home, variables, log))
            try:
                code = wait_for_result(running.ended).code
            except BaseException:
                running.kill()
                raise
            if code:
                failure = explain("compile", code, failure_file, log, self.environment)
                kind = BadInput if failure.exit_code == BadInput.exit_code else MillraceError
                raise kind(failure.what, where=failure.where, remedy=failure.remedy)
            return from_documents(json.loads(made.read_text(encoding="utf-8")))

    def preload(self, job: CompiledJob) -> None:
        """Imports what a job names by dotted path: executors, entry points, and the functions that they are given."""
        if not self.exact:
            named = _DOTTED.findall(json.dumps(job.spec))
            self.processes.preload(sorted({*filter(None, map(self._module_of, named))}))

    def _module_of(self, dotted: str) -> str:
        """The module that a dotted path names or lies in; empty when the environment has none."""
        for module in (dotted, dotted.rpartition(".")[0]):
            place = self.environment.packages.joinpath(*module.split(".")) if module else None
            if place and place.with_suffix(".py").is_file():
                return module
            if place and (place / "__main__.py").is_file():
                return f"{module}.__main__"
        return ""
