"""Runs a compiled job on this machine, from its parameters to a report; the one entrance to the rehearsal."""

import getpass
import json
import logging
import os
import pickle
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from ml_metadata.proto import metadata_store_pb2

from pipeline.config import Config
from pipeline.errors import BadInput, Failure, MillraceError, describe
from pipeline.paths import Layout
from runners.compiled.job import CompiledJob, from_documents
from runners.journal import State
from runners.recovery import close_abandoned
from runners.rehearsal import report
from runners.rehearsal.artifacts import Artifact, type_name
from runners.rehearsal.cloud_folder import CloudFolder
from runners.rehearsal.environment import Environment, prepare
from runners.rehearsal.failures import FILE_VARIABLE, explain
from runners.rehearsal.lineage import Lineage
from runners.rehearsal.memory import Room, Watch
from runners.rehearsal.processes import COMMON_MODULES, Command, Processes, can_fork
from runners.rehearsal.report import Result, TaskReport, TaskState
from runners.rehearsal.scope import Scope
from runners.rehearsal.tasks import run_tasks
from runners.rehearsal.world import Options, World
from runners.run_folder import Request, RunFolder, new_run

_DOTTED = re.compile(r'"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)\\*"')
_JUDGES = {
    "ModelBlessing": "the gate report shows every threshold; mend the model, or the thresholds under evaluation",
    "InfraBlessing": "the report beside the blessing shows every request; mend the serving signatures or the limits",
}


class Stage:
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
            self.processes.preload(COMMON_MODULES)

    def __enter__(self) -> "Stage":
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
            asked, made, told = (Path(scratch) / name for name in ("config", "job", "failure"))
            asked.write_bytes(pickle.dumps(config))
            line = ["python", "-m", "runners.rehearsal.compiling", os.getcwd(), str(asked), service, str(made)]
            variables = {**self.environment.variables(self._home), FILE_VARIABLE: str(told)}
            running = self.processes.start(Command(line, self._home, variables, log))
            try:
                code = running.ended.result().code
            except BaseException:
                running.kill()
                raise
            if code:
                failure = explain("compile", code, told, log, self.environment)
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


def rehearse(
    job: CompiledJob,
    folder: Path,
    parameters: Optional[Mapping[str, Any]] = None,
    options: Optional[Options] = None,
    *,
    connection: Optional[metadata_store_pb2.ConnectionConfig] = None,
    run: Optional[RunFolder] = None,
    stage: Optional[Stage] = None,
    started: Optional[Callable[[RunFolder, list[str]], None]] = None,
) -> Result:
    """Runs a compiled job on this machine, task by task, as the service would run it. Prints nothing.

    Args:
        job: the job, of any TFX pipeline.
        folder: the pipeline's folder: buckets, runs' folders, and ML Metadata unless `connection` says otherwise.
        parameters: values of runtime parameters; text is read as the declared type.
        options: how to rehearse.
        connection: how to reach ML Metadata.
        run: the folder of this run, which the caller holds; a new one is made when left out.
        stage: made in advance by the caller, who closes it.
        started: called once with the run's folder and the tasks' names, before the first task.

    Returns:
        What was found; it is also in the run's folder, as rehearsal.json.

    Raises:
        BadInput: the job has a parameter without a value, a value that does not fit, or nothing that can be run.
    """
    options = options or Options()
    folder = folder.resolve()
    given = job.with_values(parameters or {})
    _require_values(given)
    clouds = CloudFolder(folder / "rehearsal", options.elsewhere)
    logs = Layout(str(folder), job.name).logs
    with ExitStack() as stack:
        run = run or stack.enter_context(_new_run(logs, job))
        stage = stage or stack.enter_context(Stage(folder, options.exact))
        began = time.time()
        watch = stack.enter_context(Watch())
        world = _world(given, options, folder, clouds, run, stage, watch, connection)
        close_abandoned(world.lineage.store, Layout(str(folder), job.name))
        stage.preload(world.job)
        names = [step.name for step in world.job.walk() if "dag" not in step.component]
        for name in names:
            run.journal.record(name, State.WAITING)
        if started:
            started(run, names)
        result = _result(world, names, _run(world), stage.exact, began)
        shutil.rmtree(world.folder / "work", ignore_errors=True)
        result.save()
        run.finish(result.exit_code)
        return result


@contextmanager
def _new_run(logs: Path, job: CompiledJob) -> Iterator[RunFolder]:
    with new_run(logs, Request(config_file=job.file, runner="rehearsal")) as run:
        yield run


def _require_values(job: CompiledJob) -> None:
    values = job.effective_values
    missing = [name for name, said in job.parameters.items() if name not in values and not said.optional]
    if missing:
        raise BadInput(
            f"these parameters have no value: {', '.join(missing)}",
            where=job.file,
            remedy="--param NAME=VALUE sets one",
        )


def _world(
    job: CompiledJob,
    options: Options,
    folder: Path,
    clouds: CloudFolder,
    run: RunFolder,
    stage: Stage,
    watch: Watch,
    connection: Optional[metadata_store_pb2.ConnectionConfig],
) -> World:
    layout = Layout(str(folder), job.name)
    here = replace(job, spec=clouds.local(job.spec), runtime=clouds.local(job.runtime))
    job_id = f"{job.name}-{run.run_id}"
    root = f"{(here.root or layout.artifacts).rstrip('/')}/0/{job_id}"
    return World(
        job=here,
        options=options,
        folder=run.path,
        root=root,
        facts=_facts(here, job_id, root),
        clouds=clouds,
        environment=stage.environment,
        processes=stage.processes,
        lineage=Lineage(connection or _sqlite(layout), job.name, run.run_id),
        journal=run.journal,
        watch=watch,
        room=Room(options.places or os.cpu_count() or 1, watch, report.known_peaks(layout.logs)),
    )


def _sqlite(layout: Layout) -> metadata_store_pb2.ConnectionConfig:
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = layout.metadata_file
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    connection.retry_options.max_num_retries = 20
    return connection


def _facts(job: CompiledJob, job_id: str, root: str) -> dict[str, str]:
    """What the service puts in the place of placeholders that speak of the job (KFP's `dsl.PIPELINE_*`)."""
    return {
        "pipeline_job_name": job_id,
        "pipeline_job_uuid": str(uuid.uuid4().int >> 65),
        "pipeline_job_resource_name": f"projects/0/locations/rehearsal/pipelineJobs/{job_id}",
        "pipeline_root": root,
        "pipeline_service_account": job.settings.get("serviceAccount", getpass.getuser()),
    }


def _run(world: World) -> Optional[BaseException]:
    """Runs the tasks; gives what kept them from being run to the end."""
    values = world.job.effective_values
    try:
        run_tasks(world, world.job.tasks, Scope(values, {}, world.facts))
    except (Exception, KeyboardInterrupt) as error:
        logging.getLogger(__name__).exception("The rehearsal did not reach its end.")
        return error
    return None


def _result(world: World, names: Sequence[str], broke: Optional[BaseException], exact: bool, began: float) -> Result:
    ended = dict(world.outcomes)
    rows = tuple(ended[name].report if name in ended else TaskReport(name, TaskState.SKIPPED) for name in names)
    failure = _broke(broke) or _failure(world, rows)
    return Result(
        pipeline=world.job.name,
        run_id=world.folder.name,
        folder=world.folder,
        exit_code=failure.exit_code if failure else 0,
        tasks=rows,
        findings=tuple(dict.fromkeys([*world.findings, *_of_resources(world, rows)])),
        failure=failure,
        pushed_to=_pushed_to(world),
        seconds=time.time() - began,
        exact=exact or not world.processes.forks,
    )


def _broke(error: Optional[BaseException]) -> Optional[Failure]:
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted", "", "start the rehearsal again; what was done is in the cache", 130)
    return describe(error) if error else None


def _failure(world: World, rows: Sequence[TaskReport]) -> Optional[Failure]:
    """The first thing that the service would have stopped at, else a judge's no."""
    for outcome in world.outcomes.values():
        if outcome.report.failure:
            return outcome.report.failure
    for row in rows:
        if row.over_limit:
            what = f"it took {_gigabytes(row.peak)} of memory; its limit is {_gigabytes(row.limit)}: it would be killed"
            return Failure(what, row.task, "raise its memory limit, or give it less to do", 1)
    for task, outcome in world.outcomes.items():
        for artifact in _all(outcome.artifacts):
            kind = type_name(artifact.type)
            if kind in _JUDGES and artifact.metadata.get("blessed") == 0 and outcome.state.succeeded:
                reason = str(artifact.metadata.get("reason") or "the model is not blessed")
                if not task.endswith("-model-blessing-resolver"):
                    return Failure(reason, task, _JUDGES[kind], 3)
    return None


def _of_resources(world: World, rows: Sequence[TaskReport]) -> list[str]:
    found = []
    for row in rows:
        if row.over_limit:
            found.append(f"{row.task}: {_gigabytes(row.peak)} of memory where its limit is {_gigabytes(row.limit)}")
    for step in world.job.walk():
        accelerator = world.job.executor(step.task).get("container", {}).get("resources", {}).get("accelerator")
        if accelerator:
            kind = accelerator.get("type") or accelerator.get("resourceType", "")
            found.append(f"{step.name}: asks for {kind}; the rehearsal took what this machine has")
    return found


def _gigabytes(size: Optional[int]) -> str:
    return f"{(size or 0) / 1e9:.2f} GB"


def _pushed_to(world: World) -> str:
    for outcome in world.outcomes.values():
        for artifact in _all(outcome.artifacts):
            if type_name(artifact.type) == "PushedModel" and artifact.metadata.get("pushed"):
                return str(artifact.metadata.get("pushed_destination") or artifact.uri)
    return ""


def _all(artifacts: Mapping[str, Sequence[Artifact]]) -> list[Artifact]:
    return [artifact for found in artifacts.values() for artifact in found]
