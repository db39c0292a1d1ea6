"""When a service starts a pipeline by itself: the schedule that is meant, and that there is none of its name yet."""

from typing import Optional

from pydantic import ValidationError

from millrace.base.errors import BadInput
from millrace.catalog.cron import cron_problem
from millrace.cloud.remote.jobs import Service
from millrace.config.cloud_sections import Schedule
from millrace.jobspec.job import Dialect

_FIELDS = "minute hour day month weekday: 30 5 * * 1"


def schedule_meant(settings: Optional[Schedule], runner: Dialect, cron: str, now: float) -> Schedule:
    """The configured schedule, with another cron expression when one is given.

    Args:
        settings: the configured one; None when there is none.
        runner: the service, which is the section that a message names.
        cron: the expression that is given in place of the configured one; empty when none is.
        now: seconds since the epoch.

    Raises:
        BadInput: there is no schedule, its expression cannot be read, or it would start nothing any more.
    """
    if not settings and not cron:
        raise BadInput(
            "no schedule is set", where=f"{runner}.schedule", remedy='set it, or give it here: --cron "30 5 * * 1"'
        )
    try:
        given = settings.model_dump(exclude_defaults=True) if settings else {}
        schedule = Schedule(**{**given, **({"cron": cron} if cron else {})})
    except ValidationError as error:
        what = f"{cron!r} is no cron expression: {cron_problem(cron) or 'five fields are needed'}"
        raise BadInput(what, where="--cron", remedy=_FIELDS) from error
    if runner == "vertex" and schedule.has_seconds:
        raise BadInput(f"{cron!r} has seconds, which Vertex AI does not read", where="--cron", remedy=_FIELDS)
    if schedule.end and schedule.is_over(now):
        raise BadInput(
            f"the schedule ended at {schedule.end.isoformat()}, and would start nothing",
            where=f"{runner}.schedule.end",
            remedy="set a time to come, or leave end out",
        )
    return schedule


def require_new_schedule(service: Service, title: str, options: str) -> None:
    """Refuses a second schedule of a name: both would start every job.

    Args:
        service: is asked for its schedules.
        title: the name.
        options: those with which `millrace schedules` means the same service, for the remedy.

    Raises:
        BadInput: there is one.
        ServiceFailure: the service does not say.
    """
    there = next((one for one in service.schedules() if one.title == title and one.state != "completed"), None)
    if there:
        raise BadInput(
            f"there is a schedule {title} already ({there.name}: {there.cron}); two would start every job twice",
            where=service.name,
            remedy=f"millrace schedules delete{options} {there.name}, or give this one another --name",
        )
