"""Runs a compiled job on this machine, from its parameters to a report; the one entrance to the rehearsal."""

import getpass
import logging
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from ml_metadata.proto import metadata_store_pb2

from millrace.base.cores import cores
from millrace.base.errors import BadInput
from millrace.base.outcomes import State
from millrace.config.paths import Layout
from millrace.jobspec.job import CompiledJob
from millrace.metadata.recovery import close_abandoned
from millrace.metadata.run_folder import RunFolder, RunRequest, have_run, new_run
from millrace.metadata.store import open_connection
from millrace.rehearsal import report
from millrace.rehearsal.cloud_folder import CloudFolder
from millrace.rehearsal.given_outputs import require_declared
from millrace.rehearsal.labels import labels_of, leaves
from millrace.rehearsal.lineage import RehearsalRecord
from millrace.rehearsal.memory import Room, Watch
from millrace.rehearsal.push_folders import push_folders, with_folders
from millrace.rehearsal.report import Result
from millrace.rehearsal.sandbox import Sandbox
from millrace.rehearsal.scope import Scope
from millrace.rehearsal.tasks import run_tasks
from millrace.rehearsal.verdict import result_of
from millrace.rehearsal.world import RehearsalOptions, World


def rehearse(
    job: CompiledJob,
    folder: Path,
    parameters: Optional[Mapping[str, Any]] = None,
    options: Optional[RehearsalOptions] = None,
    *,
    connection: Optional[metadata_store_pb2.ConnectionConfig] = None,
    run: Optional[RunFolder] = None,
    sandbox: Optional[Sandbox] = None,
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
        sandbox: made in advance by the caller, who closes it.
        started: called once with the run's folder and the tasks' names, before the first task.

    Returns:
        What was found; it is also in the run's folder, as rehearsal.json.

    Raises:
        BadInput: the job has a parameter without a value, a value that does not fit, or nothing that can be run; or ML
            Metadata cannot be used.
    """
    options = options or RehearsalOptions()
    folder = folder.resolve()
    given = job.with_values(parameters or {})
    _require_values(given)
    pushes = push_folders(given, folder, folder / "rehearsal")
    given = with_folders(given, dict(pushes.values()))
    for _, place in pushes.values():
        Path(place).mkdir(parents=True, exist_ok=True)
    clouds = CloudFolder(folder / "rehearsal", options.elsewhere)
    (clouds.folder / "gs").mkdir(parents=True, exist_ok=True)
    logs = Layout(str(folder), job.name).logs
    with ExitStack() as stack:
        run = run or stack.enter_context(_new_run(logs, job))
        sandbox = sandbox or stack.enter_context(Sandbox(folder, options.exact))
        watch = stack.enter_context(Watch())
        world = _world(given, options, folder, clouds, run, sandbox, watch, connection)
        for task, (named, place) in pushes.items():
            world.find(task, f"it pushes to {named}; a rehearsal never does, and its model goes to {place}")
        close_abandoned(world.lineage.store, Layout(str(folder), job.name))
        sandbox.preload(world.job)
        require_declared(options.outputs, world.job, world.labels.values())
        names = leaves(world.labels)
        for name in names:
            run.journal.record(name, State.WAITING)
        if started:
            started(run, names)
        result = result_of(world, names, _run(world), sandbox.exact, run.started)
        shutil.rmtree(world.folder / "work", ignore_errors=True)
        result.save()
        run.finish(result.exit_code, ended=run.started + result.seconds)
        return result


@contextmanager
def _new_run(logs: Path, job: CompiledJob) -> Iterator[RunFolder]:
    with new_run(logs, RunRequest(config_file=job.file, runner="rehearsal")) as run:
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
    options: RehearsalOptions,
    folder: Path,
    clouds: CloudFolder,
    run: RunFolder,
    sandbox: Sandbox,
    watch: Watch,
    connection: Optional[metadata_store_pb2.ConnectionConfig],
) -> World:
    layout = Layout(str(folder), job.name)
    here = replace(job, spec=clouds.local(job.spec), runtime=clouds.local(job.runtime))
    job_id = f"{job.name}-{run.run_id}"
    root = f"{(here.root or layout.artifacts).rstrip('/')}/0/{job_id}"
    return World(
        job=here,
        labels=labels_of(here),
        options=options,
        folder=run.path,
        root=root,
        facts=_facts(here, job_id, root),
        clouds=clouds,
        sandbox=sandbox,
        processes=sandbox.processes,
        lineage=RehearsalRecord(
            open_connection(connection or _sqlite(layout), lambda: have_run(layout.logs)), job.name, run.run_id
        ),
        journal=run.journal,
        watch=watch,
        room=Room(options.places or cores(), watch, report.known_peaks(layout.logs)),
    )


def _sqlite(layout: Layout) -> metadata_store_pb2.ConnectionConfig:
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = layout.metadata_file
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    connection.retry_options.max_num_retries = 20
    return connection


def _facts(job: CompiledJob, job_id: str, root: str) -> dict[str, str]:
    """What the service puts in the place of placeholders that speak of the job (KFP's `dsl.PIPELINE_*`)."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    resource = job_id if job.dialect == "kubeflow" else f"projects/0/locations/rehearsal/pipelineJobs/{job_id}"
    return {
        "pipeline_job_name": job_id,
        "pipeline_job_uuid": str(uuid.uuid4().int >> 65),
        "pipeline_job_resource_name": resource,
        "pipeline_job_create_time_utc": now,
        "pipeline_job_schedule_time_utc": now,
        "pipeline_root": root,
        "pipeline_service_account": job.settings.get("serviceAccount", getpass.getuser()),
    }


def _run(world: World) -> Optional[BaseException]:
    """Runs the tasks; gives what kept them from being run to the end."""
    values = world.job.effective_values
    try:
        # Kubeflow Pipelines says it in the words of ML Metadata.
        succeeded = "COMPLETE" if world.job.dialect == "kubeflow" else "SUCCEEDED"
        run_tasks(world, world.job.tasks, Scope(values, {}, world.facts, succeeded=succeeded))
    except (Exception, KeyboardInterrupt) as error:
        logging.getLogger(__name__).exception("The rehearsal did not reach its end.")
        return error
    return None
