"""Jobs of Vertex AI as values: their states, their tasks, and where a person can look at them."""

from typing import Any, Optional

from google.cloud import aiplatform_v1

from millrace.base.outcomes import State, blessing
from millrace.cloud.remote.jobs import JobState, RemoteJob, RemoteTask, ended_by_a_gate
from millrace.cloud.vertex.client import VertexPlace
from millrace.components.judges import verdict_of

CONSOLE = "https://console.cloud.google.com"

_JOB_STATES = {
    "PIPELINE_STATE_QUEUED": JobState.WAITING,
    "PIPELINE_STATE_PENDING": JobState.WAITING,
    "PIPELINE_STATE_RUNNING": JobState.RUNNING,
    "PIPELINE_STATE_SUCCEEDED": JobState.DONE,
    "PIPELINE_STATE_FAILED": JobState.FAILED,
    "PIPELINE_STATE_CANCELLING": JobState.RUNNING,
    "PIPELINE_STATE_CANCELLED": JobState.CANCELLED,
    "PIPELINE_STATE_PAUSED": JobState.WAITING,
}
# `SKIPPED` is Vertex AI's word for a cache hit; see PipelineTaskDetail.State.
_TASK_STATES = {
    "PENDING": State.WAITING,
    "RUNNING": State.RUNNING,
    "SUCCEEDED": State.DONE,
    "CANCEL_PENDING": State.RUNNING,
    "CANCELLING": State.RUNNING,
    "CANCELLED": State.SKIPPED,
    "FAILED": State.FAILED,
    "SKIPPED": State.CACHED,
    "NOT_TRIGGERED": State.SKIPPED,
}


def job_of(job: aiplatform_v1.PipelineJob, where: VertexPlace) -> RemoteJob:
    """A job as the service tells of it.

    Args:
        job: a `PipelineJob`; its tasks are there when it was asked for by name.
        where: the place, for links.
    """
    name = job.name.rsplit("/", 1)[-1]
    return RemoteJob(
        name=name,
        pipeline=str(_dictionary(job.pipeline_spec).get("pipelineInfo", {}).get("name", "")),
        title=job.display_name,
        state=_JOB_STATES.get(job.state.name, JobState.WAITING),
        created=seconds(job.create_time) or 0.0,
        started=seconds(job.start_time),
        ended=seconds(job.end_time),
        link=f"{CONSOLE}/vertex-ai/locations/{where.region}/pipelines/runs/{name}?project={where.project}",
        tasks=tuple(_task(detail) for detail in job.job_detail.task_details if detail.task_name != name),
        failure=job.error.message if job.error else "",
        labels=dict(job.labels),
        template=job.template_uri,
    )


def _task(detail: aiplatform_v1.PipelineTaskDetail) -> RemoteTask:
    state = detail.state.name
    failure = detail.error.message if state == "FAILED" and detail.error else ""
    refused, judged = ended_by_a_gate(failure), _not_blessed(detail)
    note = _log(detail) if failure else ""
    if state == "NOT_TRIGGERED":
        note = "its condition did not hold"
    elif judged:
        note = blessing(False)
    return RemoteTask(
        name=detail.task_name,
        state=State.BLOCKED if refused else _TASK_STATES.get(state, State.WAITING),
        started=seconds(detail.start_time) or (seconds(detail.create_time) if state != "PENDING" else None),
        ended=seconds(detail.end_time),
        note=note,
        failure=failure,
        blocked=refused or judged or state == "NOT_TRIGGERED",
    )


def _not_blessed(detail: aiplatform_v1.PipelineTaskDetail) -> bool:
    """Whether the task's verdict on a model is no: the task, and the whole job, succeed all the same."""
    made = (artifact for listed in detail.outputs.values() for artifact in listed.artifacts)
    return any(
        verdict_of(artifact.schema_title.rpartition(".")[2], _dictionary(artifact.metadata)) is False
        for artifact in made
    )


def _log(detail: aiplatform_v1.PipelineTaskDetail) -> str:
    ran = detail.executor_detail.container_detail.main_job or detail.executor_detail.custom_job_detail.job
    return f"log: gcloud ai custom-jobs stream-logs {ran}" if ran else ""


def seconds(time: Any) -> Optional[float]:
    """A time of the service as seconds since the epoch; None when it is not set."""
    return float(time.timestamp()) if time else None


def _dictionary(struct: Any) -> dict[str, Any]:
    """A protobuf `Struct`, which proto-plus shows as a mapping, or as nothing when it is empty."""
    return dict(struct) if struct else {}
