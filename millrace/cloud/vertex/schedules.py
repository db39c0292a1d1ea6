"""Schedules of Vertex AI: the resource that starts the same job again and again."""

from google.cloud import aiplatform_v1
from google.protobuf import field_mask_pb2, timestamp_pb2

from millrace.cloud.remote.jobs import RemoteSchedule
from millrace.cloud.vertex.client import VertexPlace
from millrace.cloud.vertex.jobs import CONSOLE, seconds
from millrace.config.cloud_sections import Schedule


def request(
    job: aiplatform_v1.PipelineJob, title: str, settings: Schedule, where: VertexPlace
) -> aiplatform_v1.Schedule:
    """The request that makes a schedule.

    The job in it is the one that `millrace submit` would send. (`PipelineJobSchedule` of the client leaves out the
    display name and what it was not given a second time.)

    Args:
        job: the job to start.
        title: what people see.
        settings: when, and how many.
        where: the place.
    """
    made = _times(settings)
    made.display_name = title
    made.create_pipeline_job_request = aiplatform_v1.CreatePipelineJobRequest(parent=where.parent, pipeline_job=job)
    return made


def change(name: str, settings: Schedule) -> tuple[aiplatform_v1.Schedule, field_mask_pb2.FieldMask]:
    """The request that changes when a schedule starts its job, and which of its fields that are.

    A time that is left out is taken away, but for the start: the service lets that be changed only before it.

    Args:
        name: the schedule's whole resource name.
        settings: when, and how many.
    """
    made = _times(settings)
    made.name = name
    fields = ["cron", "max_concurrent_run_count", "allow_queueing", "end_time", "max_run_count"]
    return made, field_mask_pb2.FieldMask(paths=[*fields, *(["start_time"] if settings.start else [])])


def _times(settings: Schedule) -> aiplatform_v1.Schedule:
    made = aiplatform_v1.Schedule(
        cron=settings.cron,
        max_concurrent_run_count=settings.max_concurrent_runs,
        allow_queueing=settings.queue,
    )
    if settings.start:
        made.start_time = _timestamp(settings.start.timestamp())
    if settings.end:
        made.end_time = _timestamp(settings.end.timestamp())
    if settings.max_runs:
        made.max_run_count = settings.max_runs
    return made


def _timestamp(at: float) -> timestamp_pb2.Timestamp:
    return timestamp_pb2.Timestamp(seconds=int(at))


def schedule_of(schedule: aiplatform_v1.Schedule, where: VertexPlace) -> RemoteSchedule:
    """A schedule as the service tells of it.

    Args:
        schedule: as the client gives it.
        where: the place, for links.
    """
    name = schedule.name.rsplit("/", 1)[-1]
    return RemoteSchedule(
        name=name,
        title=schedule.display_name,
        cron=schedule.cron,
        state=schedule.state.name.lower().replace("state_unspecified", "unknown"),
        next_run=seconds(schedule.next_run_time),
        link=f"{CONSOLE}/vertex-ai/locations/{where.region}/pipelines/schedules/{name}?project={where.project}",
    )
