"""`millrace submit`: sends a compiled job to Vertex AI or Kubeflow Pipelines, and follows it when asked to."""

import re
import secrets
import sys
import time
from pathlib import Path
from typing import Optional

import click
from rich.console import Console
from rich.markup import escape

from cli.board import Board
from cli.findings import counted, print_findings
from cli.service_options import also, service_options
from pipeline.config import Config
from pipeline.config_file import load
from pipeline.errors import BadInput
from runners.compiled.checks import check
from runners.compiled.compile import compile_for, compiled_file
from runners.compiled.findings import refusing
from runners.compiled.job import CompiledJob, Dialect
from runners.compiled.job import load as load_job
from runners.journal import State
from runners.quiet import output_to
from runners.remote.following import Watched, follow
from runners.remote.jobs import RemoteJob, Service
from runners.remote.services import connect, meant

# What Vertex AI takes for a job's id.
JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@service_options
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Set a runtime parameter. Repeatable.")
@click.option("--job-id", default="", help="The job's id; sending the same one again starts no second job.")
@click.option("--wait", is_flag=True, help="Follow the job to its end, and exit by its result.")
@click.option(
    "--every", default=10.0, show_default=True, type=click.FloatRange(min=0.05), help="With --wait: seconds a look."
)
def submit(
    file: Optional[Path],
    config_file: str,
    overrides: tuple[str, ...],
    runner: Optional[Dialect],
    parameters: tuple[str, ...],
    job_id: str,
    wait: bool,
    every: float,
) -> None:
    """Send the pipeline to Vertex AI or Kubeflow Pipelines.

    FILE is a compiled job; without it the configuration is compiled now. Exit code 0: sent, or with --wait done. 1: the
    service or the job failed. 2: something has to be mended first. 3: with --wait, a gate said no.
    """
    config = load(config_file, overrides)
    found = compiled_before(file, runner)
    wanted = found.dialect if found else meant(config, runner)
    service, job = prepared(config, found, wanted, parameter_values(parameters))
    name = job_id or new_job_id(job.name)
    if not JOB_ID.fullmatch(name):
        raise BadInput(
            f"{name!r} cannot be a job's id", where="--job-id", remedy="a letter, then letters, digits and dashes"
        )
    sent = service.submit(job, name)
    click.echo(f"job:  {sent.name}")
    click.echo(f"link: {sent.link}")
    if wait:
        raise click.exceptions.Exit(_followed(service, sent, job, every, also(config_file, runner)))
    click.echo(f"next: millrace jobs show{also(config_file, runner)} {sent.name}")


def parameter_values(given: tuple[str, ...]) -> dict[str, str]:
    """The values of `--param`, by name.

    Raises:
        BadInput: one is not NAME=VALUE, or a name comes twice.
    """
    values: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name or name in values:
            raise BadInput(
                f"--param {text}: expected NAME=VALUE, each name once", remedy="for instance --param training_steps=200"
            )
        values[name] = value
    return values


def compiled_before(file: Optional[Path], runner: Optional[Dialect]) -> Optional[CompiledJob]:
    """The job in a file; None when no file is named.

    Raises:
        BadInput: it is no compiled job, or is for another service than the one that is asked for.
    """
    if file is None:
        return None
    found = load_job(file)
    if runner and runner != found.dialect:
        raise BadInput(
            f"compiled for {found.dialect}, not for {runner}",
            where=str(file),
            remedy=f"leave --runner out, or: millrace compile --runner {runner}",
        )
    return found


def prepared(
    config: Config, found: Optional[CompiledJob], runner: Dialect, values: dict[str, str]
) -> tuple[Service, CompiledJob]:
    """The service, and the job for it, checked as far as it can be before anything is made.

    What takes no time is looked at first: a file's parameters before the service is asked, the service before
    anything is compiled.

    Args:
        config: the configuration.
        found: the job; None to compile the configuration.
        runner: the service.
        values: the values of runtime parameters, by name.
    """
    job = ready(found, config, values) if found else None
    service = connect(config, runner)
    job = job or ready(_compiled(config, runner), config, values)
    service.check(job)
    return service, job


def ready(job: CompiledJob, config: Config, values: dict[str, str]) -> CompiledJob:
    """The job with the values of its parameters, and nothing in it that is known to be refused later.

    Raises:
        BadInput: a parameter is unknown, has a value of another type, or has none; or a check says no.
    """
    job = job.with_values(values)
    known = job.effective_values
    missing = [name for name, said in job.parameters.items() if name not in known and not said.optional]
    if missing:
        raise BadInput(
            f"no value for {', '.join(missing)}",
            where=job.file or job.name,
            remedy=" ".join(f"--param {name}=..." for name in missing),
        )
    # A file of another pipeline is checked without the configuration, which knows nothing of it.
    findings = check(job, config if job.name == config.name else None)
    refused = refusing(findings, submitting=True)
    print_findings(findings, Console(stderr=True))
    if refused:
        raise BadInput(
            f"it would be refused: {counted(refused)}",
            where=job.file or job.name,
            remedy="mend what the table names; nothing was sent",
        )
    return job


def _compiled(config: Config, runner: Dialect) -> CompiledJob:
    click.echo(f"compiling {config.file} (TensorFlow and TFX take some seconds to load)")
    log = compiled_file(config, runner).with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with output_to(log):
        return compile_for(config, runner)


def new_job_id(pipeline: str) -> str:
    """A job's id: the pipeline's name, the time, and something that two people in the same second do not share."""
    stem = pipeline if pipeline[:1].isalpha() else f"job-{pipeline}"
    return f"{stem[:100]}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def _followed(service: Service, sent: RemoteJob, job: CompiledJob, every: float, more: str) -> int:
    began = time.time()
    watched = Watched()
    opening = f"{sent.name} waits to be started by {service.name}"
    try:
        with Board(job.name, watched, sys.stdout, opening) as board:
            tasks = list(job.tasks)

            def show(seen: RemoteJob) -> None:
                watched.update(seen)
                if seen.tasks:
                    board.show(tasks)

            ended = follow(service, sent.name, show, every)
    except KeyboardInterrupt:
        click.echo(f"no longer watched; the job goes on. To end it: millrace jobs cancel{more} {sent.name}", err=True)
        return 130
    print_end(ended, time.time() - began, board.console)
    return ended.exit_code


def print_end(job: RemoteJob, seconds: float, console: Console) -> None:
    """Prints how a job ended, and why."""
    console.print()
    for task in job.tasks:
        if task.state in (State.FAILED, State.BLOCKED):
            said = "said no, its log says why" if task.blocked else task.failure or "failed"
            console.print(f"[bold red]{escape(task.name)}:[/] {escape(said)}")
            if task.note:
                console.print(f"  {escape(task.note)}")
        elif task.blocked:
            console.print(f"{escape(task.name)} was not run: {escape(task.note)}")
    if job.failure:
        console.print(escape(job.failure))
    words = {0: "done", 3: "a gate said no", 130: "cancelled"}
    console.print(f"job {job.name}: {words.get(job.exit_code, 'failed')} in {seconds:.1f} s; {job.link}")
