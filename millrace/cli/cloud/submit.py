"""`millrace submit`: sends a compiled job to Vertex AI or Kubeflow Pipelines, and follows it when asked to."""

import re
import secrets
import sys
import time
from typing import Optional

import click
from rich.console import Console

from millrace.base.errors import BadInput, MillraceError
from millrace.base.notice import RunNotice
from millrace.base.outcomes import INTERRUPTED, State, ending
from millrace.cli.cloud.service_options import also, on_the_terminal, parameter_values, service_options
from millrace.cli.options import NumberRange, again, push_option
from millrace.cli.output import echo, escape
from millrace.cli.running.board import Board
from millrace.cli.running.project_runner import given_runner
from millrace.cloud.prepared_job import named_job, prepared
from millrace.cloud.remote.following import Watched, follow
from millrace.cloud.remote.jobs import RemoteJob, Service
from millrace.cloud.services import VERTEX, CloudRunner, meant
from millrace.config.config import Config
from millrace.config.trials import load_run
from millrace.jobspec.job import CompiledJob, Dialect

# What Vertex AI takes for a job's id.
JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")


@click.command()
@click.argument("file", default="", type=click.Path(dir_okay=False))
@service_options
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Set a runtime parameter. Repeatable.")
@click.option("--job-id", default="", help="The job's id; sending the same one again starts no second job.")
@click.option("--wait", is_flag=True, help="Follow the job to its end, and exit by its result.")
@click.option(
    "--every", default=10.0, show_default=True, type=NumberRange(min=0.05), help="With --wait: seconds a look."
)
@push_option
def submit(
    file: str,
    config_file: str,
    overrides: tuple[str, ...],
    runner: Optional[Dialect],
    parameters: tuple[str, ...],
    job_id: str,
    wait: bool,
    every: float,
    push: bool,
) -> None:
    """Send the pipeline to Vertex AI or Kubeflow Pipelines.

    FILE is a compiled job, or the address of a template, https://REGION-kfp.pkg.dev/PROJECT/REPOSITORY/NAME/TAG or
    /sha256:DIGEST; without it the configuration is compiled now, as a trial where --set changes what is learned
    or judged. Exit code 0: sent, or with --wait done. 1: the
    service or the job failed. 2: something has to be fixed first. 3: with --wait, a gate said no.
    """
    config = load_run(config_file, overrides, push)
    compiled = named_job(file, config, runner)
    wanted = compiled.dialect if compiled else meant(config, runner)
    name = job_id or new_job_id(compiled.name if compiled else config.name)
    if not JOB_ID.fullmatch(name):
        raise BadInput(
            f"{name!r} cannot be a job's id", where="--job-id", remedy="a letter, then letters, digits and dashes"
        )
    _require_no_promotions_id(compiled.name if compiled else config.name, name)
    own = given_runner(CloudRunner)
    service, job = prepared(config, compiled, wanted, parameter_values(parameters), on_the_terminal(), own)
    in_experiment = wanted == VERTEX and expects_experiment(config)
    sent = service.submit(job, name)
    if config.push.trial and not compiled:
        echo("trial: its model is not served; --push serves it")
    if sent.template:
        echo(f"template: {sent.template}")
    echo(f"job:  {sent.name}")
    echo(f"link: {sent.link}")
    more = also(config_file, overrides, runner or (wanted if wanted != meant(config) else None))
    if wait:
        ended = followed(config, service, sent, job, every, more)
        if in_experiment:
            put_into_experiment(config, sent.name, again(config_file, overrides))
        raise click.exceptions.Exit(ended.exit_code if ended else INTERRUPTED)
    if in_experiment:
        put_into_experiment(config, sent.name, again(config_file, overrides))
    echo(f"next: millrace jobs show{more} {sent.name}")


def _require_no_promotions_id(pipeline: str, name: str) -> None:
    from millrace.delivery.shipped import is_promotions_id

    if is_promotions_id(pipeline, name):
        raise BadInput(
            f"{name} is what a promotion calls its job, which this one is not",
            where="--job-id",
            remedy="name it otherwise; millrace promote FILE --to ENV promotes a release",
        )


def new_job_id(pipeline: str) -> str:
    """A job's id: the pipeline's name, the time, and something that two people in the same second do not share."""
    stem = pipeline if pipeline[:1].isalpha() else f"job-{pipeline}"
    return f"{stem[:100]}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def followed(
    config: Config, service: Service, sent: RemoteJob, job: CompiledJob, every: float, more: str
) -> Optional[RemoteJob]:
    """Shows a job until it is over, and tells who is to be told.

    Args:
        config: of the pipeline.
        service: where it runs.
        sent: as the service made it.
        job: as it was sent.
        every: seconds a look.
        more: the options that a next command needs.

    Returns:
        The job as it ended; None where somebody no longer wanted to wait, and it goes on.
    """
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
        echo(f"no longer watched; the job goes on. To end it: millrace jobs cancel{more} {sent.name}", err=True)
        return None
    print_end(ended, time.time() - began, board.console)
    _tell(config, ended, f"millrace jobs show{more} {sent.name}")
    return ended


def expects_experiment(config: Config) -> bool:
    """Whether jobs are put into `vertex.experiment`.

    Raises:
        BadInput: they are, and it could not be done.
    """
    if not config.vertex.experiment:
        return False
    from millrace.tracking.vertex import require_experiment

    require_experiment(config)
    return True


def put_into_experiment(config: Config, name: str, more: str) -> None:
    """Puts a job into `vertex.experiment`; it is sent already, so that what is missing there is only told.

    Args:
        config: of the pipeline.
        name: the job's.
        more: the options that a next command needs.
    """
    from millrace.tracking.vertex import joined

    later = f"millrace track{more} --vertex --job {name} puts it there"
    try:
        told = joined(config, name)
    except MillraceError as error:
        echo(f"experiment: the job is not in {config.vertex.experiment}: {error.what}; {later}")
        return
    if told.outcome == "waiting":
        echo(f"experiment: Vertex AI has not begun with the job; {later}")
    else:
        echo(f"experiment: {config.vertex.experiment}" + (f"; {told.problem}" if told.problem else ""))


def _tell(config: Config, job: RemoteJob, next_command: str) -> None:
    from millrace.execution.notification import tell_job

    stopped = next((task for task in job.tasks if task.blocked or task.state is State.FAILED), None)
    why = (stopped.failure or stopped.note) if stopped else ""
    notice = RunNotice(
        config.name,
        job.name,
        job.exit_code,
        reason=(why or job.failure or "its log says why") if job.exit_code else "",
        where=stopped.name if stopped else "",
        next=next_command,
        link=job.link,
    )
    if trouble := tell_job(config, notice):
        echo(f"notice: not delivered; {trouble}")


def print_end(job: RemoteJob, seconds: float, console: Console) -> None:
    """Prints how a job ended, and why.

    Args:
        job: with its tasks.
        seconds: how long it took.
        console: where to print.
    """
    console.print()
    for task in job.tasks:
        if task.state in (State.FAILED, State.BLOCKED):
            phrase = "said no, its log says why" if task.blocked else task.failure or "failed"
            console.print(f"[bold red]{escape(task.name)}:[/] {escape(phrase)}")
            if task.note:
                console.print(f"  {escape(task.note)}")
        elif task.blocked:
            phrase = "was not run: " if task.state is State.SKIPPED else "said no: "
            console.print(f"{escape(task.name)} {phrase}{escape(task.note)}")
    if job.failure:
        console.print(escape(job.failure))
    words = "cancelled" if job.exit_code == INTERRUPTED else ending(job.exit_code)
    console.print(f"job {job.name}: {words} in {seconds:.1f} s; {job.link}")
