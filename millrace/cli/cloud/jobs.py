"""`millrace jobs`: the jobs on Vertex AI or Kubeflow Pipelines."""

import json
import time
from dataclasses import asdict
from typing import Optional

import click
from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.printing import Cell, TableColumn
from millrace.cli.cloud.service_options import also, connected, local_time, service_options
from millrace.cli.cloud.submit import print_end
from millrace.cli.group import ListingGroup
from millrace.cli.output import echo
from millrace.cli.running.board import STAGE_COLUMNS, stage_rows
from millrace.cloud.remote.jobs import JobState, RemoteJob
from millrace.jobspec.job import Dialect
from millrace.metadata.journal import progress

_STYLES = {
    JobState.WAITING: "dim",
    JobState.RUNNING: "bold cyan",
    JobState.DONE: "green",
    JobState.FAILED: "bold red",
    JobState.CANCELLED: "dim",
}


@click.group(cls=ListingGroup)
def jobs() -> None:
    """List the jobs on a service; show one; cancel one."""


@jobs.command("list")
@service_options
@click.option("-n", "--last", default=20, show_default=True, type=click.IntRange(min=1), help="How many, the newest.")
@click.option("--all", "every", is_flag=True, help="Of every pipeline, and not of this one only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_jobs(
    config_file: str, overrides: tuple[str, ...], runner: Optional[Dialect], last: int, every: bool, as_json: bool
) -> None:
    """List jobs, the newest first."""
    config, service = connected(config_file, overrides, runner)
    listed = service.jobs("" if every else config.name, last)
    if as_json:
        click.echo(json.dumps([asdict(job) for job in listed], indent=2))
    elif listed:
        _print(listed)
    else:
        echo(f"no job of {config.name} on {service.name}: millrace submit{also(config_file, overrides, runner)}")


@jobs.command()
@click.argument("name")
@service_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, config_file: str, overrides: tuple[str, ...], runner: Optional[Dialect], as_json: bool) -> None:
    """Show one job and its tasks."""
    _, service = connected(config_file, overrides, runner)
    job = service.job(name)
    if as_json:
        click.echo(json.dumps(asdict(job), indent=2))
        return
    console = Console(highlight=False, soft_wrap=True)
    rows = progress([task.name for task in job.tasks], job.events())
    if rows:
        printing.show(STAGE_COLUMNS, stage_rows(rows, time.time()), console)
    if job.template:
        printing.say(f"template: {job.template}", console)
    if job.is_over:
        print_end(job, (job.ended or 0.0) - (job.started or job.created), console)
    else:
        console.print(f"job {job.name}: {job.state.value} since {local_time(job.started or job.created)}; {job.link}")


@jobs.command()
@click.argument("name")
@service_options
def cancel(name: str, config_file: str, overrides: tuple[str, ...], runner: Optional[Dialect]) -> None:
    """Ask for a job to be cancelled."""
    _, service = connected(config_file, overrides, runner)
    service.cancel(name)
    echo(f"{name}: cancelling was asked for; millrace jobs show{also(config_file, overrides, runner)} {name}")


def _print(listed: list[RemoteJob]) -> None:
    columns = [TableColumn(head) for head in ("job", "pipeline", "title", "state", "created")]
    printing.show([*columns, TableColumn("seconds", right=True)], map(_cells, listed))


def _cells(job: RemoteJob) -> tuple[Cell, ...]:
    seconds = f"{(job.ended or time.time()) - job.started:.0f}" if job.started else ""
    state = Text(job.state.value, style=_STYLES[job.state])
    return job.name, job.pipeline, job.title, state, local_time(job.created), seconds
