"""Runs of Kubeflow Pipelines as values: their states, their tasks, and where a person can look at them."""

from typing import Any, Optional

from millrace.base.outcomes import State
from millrace.cloud.remote.jobs import JobState, RemoteJob, RemoteSchedule, RemoteTask, ended_by_a_gate

# `RuntimeState` of the v2beta1 API.
_JOB_STATES = {
    "PENDING": JobState.WAITING,
    "RUNNING": JobState.RUNNING,
    "SUCCEEDED": JobState.DONE,
    "SKIPPED": JobState.DONE,
    "FAILED": JobState.FAILED,
    "CANCELING": JobState.RUNNING,
    "CANCELED": JobState.CANCELLED,
    "PAUSED": JobState.WAITING,
}
_TASK_STATES = {
    "PENDING": State.WAITING,
    "RUNNING": State.RUNNING,
    "SUCCEEDED": State.DONE,
    "SKIPPED": State.CACHED,
    "CACHED": State.CACHED,
    "FAILED": State.FAILED,
    "CANCELING": State.RUNNING,
    "CANCELED": State.SKIPPED,
}


def job_of(run: Any, host: str) -> RemoteJob:
    """A run as the service tells of it.

    Args:
        run: a `V2beta1Run`.
        host: the service's address.
    """
    spec = _inner(run.pipeline_spec)
    tasks = spec.get("root", {}).get("dag", {}).get("tasks", {})
    details = (run.run_details.task_details if run.run_details else None) or []
    return RemoteJob(
        name=run.run_id,
        pipeline=str(spec.get("pipelineInfo", {}).get("name", "")),
        title=run.display_name or "",
        state=_JOB_STATES.get(str(run.state), JobState.WAITING),
        created=seconds(run.created_at) or 0.0,
        started=seconds(run.created_at),
        ended=seconds(run.finished_at),
        link=f"{host}/#/runs/details/{run.run_id}",
        # The backend also tells of the graph and of the drivers as of tasks.
        tasks=tuple(_task(one, tasks[one.display_name]) for one in details if one.display_name in tasks),
        failure=run.error.message if run.error else "",
    )


def _inner(spec: Any) -> dict[str, Any]:
    """The pipeline spec, which the client wraps when there is something to say of the platform."""
    document = spec or {}
    return dict(document.get("pipeline_spec", document))


def _task(detail: Any, spec: dict[str, Any]) -> RemoteTask:
    # SKIPPED stands for a cache hit and for a condition that did not hold; the spec tells which it can be.
    skipped = str(detail.state) == "SKIPPED" and bool(spec.get("triggerPolicy", {}).get("condition"))
    state = State.SKIPPED if skipped else _TASK_STATES.get(str(detail.state), State.WAITING)
    failure = detail.error.message if state is State.FAILED and detail.error else ""
    refused = ended_by_a_gate(failure)
    return RemoteTask(
        name=detail.display_name,
        state=State.BLOCKED if refused else state,
        started=seconds(detail.start_time) if state is not State.WAITING else None,
        ended=seconds(detail.end_time),
        note="its condition did not hold" if skipped else _log(detail) if state is State.FAILED else "",
        failure=failure,
        blocked=skipped or refused,
    )


def _log(detail: Any) -> str:
    pod = next((child.pod_name for child in detail.child_tasks or [] if child.pod_name), detail.pod_name)
    return f"log: kubectl logs {pod}" if pod else ""


def schedule_of(schedule: Any, host: str) -> RemoteSchedule:
    """A recurring run as the service tells of it; when it runs next is not told.

    Args:
        schedule: a `V2beta1RecurringRun`.
        host: the service's address.
    """
    cron = schedule.trigger.cron_schedule if schedule.trigger else None
    return RemoteSchedule(
        name=schedule.recurring_run_id,
        title=schedule.display_name or "",
        cron=cron.cron if cron else "",
        state={"ENABLED": "active", "DISABLED": "paused"}.get(str(schedule.status), str(schedule.status).lower()),
        next_run=None,
        link=f"{host}/#/recurringrun/details/{schedule.recurring_run_id}",
    )


def seconds(time: Any) -> Optional[float]:
    """A time of the service as seconds since the epoch; None when it is not set, which it writes as 1970."""
    return float(time.timestamp()) if time and time.timestamp() > 0 else None
