"""When a service starts a pipeline by itself: the schedule that is meant, and that there is none of its name yet."""

from typing import Optional

from pydantic import ValidationError

from millrace.base.errors import BadInput
from millrace.base.numbers import counted
from millrace.catalog.cron import Cron, cron_problem
from millrace.cloud.remote.jobs import Service
from millrace.config.cloud_sections import Schedule
from millrace.config.trigger_section import DAY_SECONDS, TriggerPolicy
from millrace.jobspec.job import Dialect

_LOOKED_AHEAD = 8 * DAY_SECONDS
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
            "no schedule is set",
            where=f"{runner}.schedule",
            remedy='set it, or triggers.cron, or give it here: --cron "30 5 * * 1"',
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


def of_triggers(policy: TriggerPolicy, now: float) -> Optional[Schedule]:
    """The schedule that a trigger policy means, where the service has none of its own: its cron, one run at a time.

    Args:
        policy: the configuration's section `triggers`.
        now: seconds since the epoch.

    Returns:
        The schedule; None where the policy has no cron.

    Raises:
        BadInput: it would start more runs than the policy lets, which a service does not know of.
    """
    if not policy.cron:
        return None
    cron, times = Cron.parse(policy.cron), [now]
    # A week and a day: weekdays differ.
    while (comes := cron.next_after(times[-1])) is not None and comes < now + _LOOKED_AHEAD:
        times.append(comes)
        if len(times) > policy.runs_per_day + 1 and comes - times[-policy.runs_per_day - 1] < DAY_SECONDS:
            raise BadInput(
                f"{policy.cron!r} comes more than {counted(policy.runs_per_day, 'time')} in 24 hours, and a service's "
                "schedule would start every one",
                where="triggers.runs_per_day",
                remedy="say a cron that keeps to it, or raise it",
            )
    return Schedule(cron=policy.cron, max_concurrent_runs=1, catch_up=policy.catch_up)


def unscheduled(policy: TriggerPolicy) -> str:
    """What of a trigger policy no service's schedule keeps, as a sentence; empty where it keeps all."""
    left = [name for name, there in (("span", policy.span), ("alerts", policy.alerts)) if there]
    if not left:
        return ""
    return (
        f"triggers.{' and triggers.'.join(left)}: not of a schedule; docs/guides/triggers.md says what keeps them there"
    )


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
