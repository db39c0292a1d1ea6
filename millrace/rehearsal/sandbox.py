"""What a rehearsal needs before it knows its job: the stand-in for the image, and the process that starts tasks."""

import json
import os
import pickle
import re
import tempfile
from pathlib import Path

from millrace.base.errors import BadInput, MillraceError
from millrace.config.config import Config
from millrace.jobspec.job import CompiledJob, from_documents
from millrace.rehearsal.environment import Environment, prepare
from millrace.rehearsal.failures import FILE_VARIABLE, explain
from millrace.rehearsal.processes import COMMON_MODULES, OWN_MODULES, Command, Processes, can_fork

_DOTTED = re.compile(r'"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)\\*"')


class Sandbox:
    """What a rehearsal needs before it knows its job: the stand-in for the image, and the process that starts tasks.

    It also compiles a job, so that TensorFlow and TFX are imported once for that and for the tasks.

    Args:
        folder: the pipeline's folder, as for `rehearse`.
        exact: whether each task gets an interpreter of its own.

    Raises:
        BadInput: there is no setup.py to build the package with.
    """

    def __init__(self, folder: Path, exact: bool = False) -> None:
        own = folder.resolve() / "rehearsal"
        self.environment: Environment = prepare(own / "environments")
        self._home = own / "home"
        self._home.mkdir(parents=True, exist_ok=True)
        variables = self.environment.variables(self._home)
        self.processes = Processes(self.environment.python, self._home, own / "server.log", variables)
        self.exact = exact or not can_fork()
        if not self.exact:
            self.processes.preload([*COMMON_MODULES, *OWN_MODULES])

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.processes.__exit__(None, None, None)

    def compile(self, config: Config, service: str, log: Path) -> CompiledJob:
        """Compiles a configuration where TFX is imported already.

        Args:
            config: the configuration.
            service: "vertex" or "kubeflow".
            log: where the compiler's output goes.

        Raises:
            MillraceError: it cannot be compiled.
        """
        with tempfile.TemporaryDirectory() as scratch:
            request, made, failure_file = (Path(scratch) / name for name in ("config", "job", "failure"))
            request.write_bytes(pickle.dumps(config))
            line = ["python", "-m", "millrace.rehearsal.compiling", os.getcwd(), str(request), service, str(made)]
            variables = {**self.environment.variables(self._home), FILE_VARIABLE: str(failure_file)}
            running = self.processes.start(Command(line, self._home, variables, log))
            try:
                code = running.ended.result().code
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
