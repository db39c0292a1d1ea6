"""`millrace schedules`: has a service start the pipeline by itself, again and again."""

import json
import time
from dataclasses import asdict
from typing import Optional

import click

from millrace.base import printing
from millrace.base.printing import TableColumn
from millrace.cli.cloud.service_options import (
    also,
    connected,
    local_time,
    on_the_terminal,
    parameter_values,
    service_options,
)
from millrace.cli.group import Group
from millrace.cli.options import push_option
from millrace.cli.output import echo
from millrace.cli.running.project_runner import given_runner
from millrace.cloud.prepared_job import named_job, prepared
from millrace.cloud.remote.jobs import RemoteSchedule
from millrace.cloud.scheduling import of_triggers, require_new_schedule, schedule_meant, unscheduled
from millrace.cloud.services import CloudRunner, connect, meant
from millrace.config.cloud_sections import Schedule
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.config.platform import PLATFORMS
from millrace.config.trials import load_run
from millrace.jobspec.job import Dialect


@click.group(cls=Group)
def schedules() -> None:
    """Make, list, pause, change and delete schedules on a service."""


@schedules.command()
@click.argument("file", default="", type=click.Path(dir_okay=False))
@service_options
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Set a runtime parameter. Repeatable.")
@click.option("--cron", default="", help='In place of the configured one, for instance "30 5 * * 1".')
@click.option("--name", "title", default="", help="What people see; the pipeline's name when left out.")
@push_option
def create(
    file: str,
    config_file: str,
    overrides: tuple[str, ...],
    runner: Optional[Dialect],
    parameters: tuple[str, ...],
    cron: str,
    title: str,
    push: bool,
) -> None:
    """Start the pipeline by a schedule.

    FILE is a compiled job or the address of a template; without it the configuration is compiled now. The schedule
    keeps the job as it is now: to change it, delete the schedule and make it again. It starts at the service's schedule
    of the configuration, or where there is none at triggers.cron.
    """
    config = load_run(config_file, overrides, push)
    compiled = named_job(file, config, runner)
    wanted = compiled.dialect if compiled else meant(config, runner)
    when = _when(config, wanted, cron)
    own = given_runner(CloudRunner)
    service, job = prepared(config, compiled, wanted, parameter_values(parameters), on_the_terminal(), own)
    require_new_schedule(service, title or config.name, also(config_file, overrides, runner))
    made = service.create_schedule(job, title or config.name, when)
    echo(f"schedule: {made.name} ({made.title}): {made.cron}")
    echo(f"link:     {made.link}")
    if left := unscheduled(config.triggers):
        echo(left)


@schedules.command("list")
@service_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_schedules(config_file: str, overrides: tuple[str, ...], runner: Optional[Dialect], as_json: bool) -> None:
    """List the schedules, the newest first."""
    _, service = connected(config_file, overrides, runner)
    schedules = service.schedules()
    if as_json:
        click.echo(json.dumps([asdict(one) for one in schedules], indent=2))
    elif schedules:
        _print(schedules)
    else:
        echo(f"no schedule on {service.name}")


@schedules.command()
@click.argument("name")
@service_options
def pause(name: str, config_file: str, overrides: tuple[str, ...], runner: Optional[Dialect]) -> None:
    """Have a schedule start nothing until it is resumed. Jobs that it started go on."""
    _, service = connected(config_file, overrides, runner)
    service.pause_schedule(name)
    echo(f"{name}: paused; millrace schedules resume{also(config_file, overrides, runner)} {name}")


@schedules.command()
@click.argument("name")
@service_options
@click.option("--catch-up", is_flag=True, help="Also start the jobs that were missed; Vertex AI only.")
def resume(name: str, config_file: str, overrides: tuple[str, ...], runner: Optional[Dialect], catch_up: bool) -> None:
    """Have a paused schedule go on."""
    _, service = connected(config_file, overrides, runner)
    service.resume_schedule(name, catch_up)
    echo(f"{name}: active")


@schedules.command()
@click.argument("name")
@service_options
@click.option("--cron", default="", help='In place of the configured one, for instance "30 5 * * 1".')
def change(name: str, config_file: str, overrides: tuple[str, ...], runner: Optional[Dialect], cron: str) -> None:
    """Change when a schedule starts its job, to what the configuration says now. Vertex AI only.

    The job stays as it was when the schedule was made.
    """
    config = load(config_file, overrides)
    wanted = meant(config, runner)
    when = _when(config, wanted, cron)
    changed = connect(config, wanted).change_schedule(name, when)
    echo(f"schedule: {changed.name} ({changed.title}): {changed.cron}")


@schedules.command()
@click.argument("name")
@service_options
def delete(name: str, config_file: str, overrides: tuple[str, ...], runner: Optional[Dialect]) -> None:
    """End a schedule. Jobs that it started go on."""
    _, service = connected(config_file, overrides, runner)
    service.delete_schedule(name)
    echo(f"{name}: deleted")


def _when(config: Config, wanted: Dialect, cron: str) -> Schedule:
    """The service's schedule of the configuration, else that of its triggers; with another cron where one is given."""
    now = time.time()
    configured = PLATFORMS[wanted].section(config).schedule
    return schedule_meant(configured or (None if cron else of_triggers(config.triggers, now)), wanted, cron, now)


def _print(listed: list[RemoteSchedule]) -> None:
    columns = [TableColumn(head) for head in ("schedule", "name", "cron", "state", "next")]
    rows = ((one.name, one.title, one.cron, one.state, local_time(one.next_run)) for one in listed)
    printing.show(columns, rows)
