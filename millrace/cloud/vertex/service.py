"""Vertex AI Pipelines as a `Service`: what the commands ask, asked of google-cloud-aiplatform's clients."""

import itertools
from typing import Optional

from google.cloud import aiplatform_v1

from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.remote.jobs import RemoteJob, RemoteSchedule
from millrace.cloud.remote.sending import PAUSES, send_once
from millrace.cloud.vertex import schedules, submit
from millrace.cloud.vertex.client import call, credentials, failures, place
from millrace.cloud.vertex.job_records import JobRecord, record_of
from millrace.cloud.vertex.jobs import job_of
from millrace.config.cloud_sections import Schedule, VertexDeployment
from millrace.jobspec.job import CompiledJob


class VertexService:
    """Vertex AI Pipelines in one project and region.

    Args:
        settings: the configuration's section.
        pauses: seconds before each further try of a request that failed.

    Raises:
        BadInput: the configuration does not say where.
        ServiceFailure: there are no credentials.
    """

    name = "Vertex AI"

    def __init__(self, settings: VertexDeployment, pauses: tuple[float, ...] = PAUSES) -> None:
        self._place = place(settings)
        self._credentials = credentials(self._place)
        self._pauses = pauses
        reach = {"credentials": self._credentials, "transport": "rest"}
        options = {"api_endpoint": self._place.endpoint.removeprefix("https://")}
        with submit.quiet():
            self._jobs = aiplatform_v1.PipelineServiceClient(client_options=options, **reach)
            self._schedules = aiplatform_v1.ScheduleServiceClient(client_options=options, **reach)

    def check(self, job: CompiledJob) -> None:
        """Asks whether the bucket is there."""
        submit.require_bucket(job, self._place, self._credentials)

    def submit(self, job: CompiledJob, name: str) -> RemoteJob:
        """Starts a job. Its id is ours, so a second request cannot start a second one."""
        with submit.quiet():
            made = submit.request(job, name, self._place, self._credentials)

        def send() -> RemoteJob:
            parent = self._place.parent
            answer = call(
                self._place,
                "to start the job",
                self._jobs.create_pipeline_job,
                parent=parent,
                pipeline_job=made,
                pipeline_job_id=name,
            )
            return job_of(answer, self._place)

        remedy = f"look: millrace jobs show {name}; asking again with --job-id {name} starts no second job"
        return send_once(send, lambda: self._find(name), repeatable=True, remedy=remedy, pauses=self._pauses)

    def _find(self, name: str) -> Optional[RemoteJob]:
        try:
            return self.job(name)
        except ServiceFailure as failure:
            if failure.status == 404:
                return None
            raise

    def job(self, name: str) -> RemoteJob:
        """One job with its tasks."""
        answer = call(self._place, f"for the job {name}", self._jobs.get_pipeline_job, name=self._job_path(name))
        return job_of(answer, self._place)

    def record(self, name: str) -> JobRecord:
        """One job with what its tasks read and made, and its place in Vertex ML Metadata."""
        answer = call(self._place, f"for the job {name}", self._jobs.get_pipeline_job, name=self._job_path(name))
        return record_of(answer)

    def jobs(self, pipeline: str, limit: int) -> list[RemoteJob]:
        """The newest jobs, newest first."""
        asked = aiplatform_v1.ListPipelineJobsRequest(
            parent=self._place.parent,
            filter=f'pipeline_name="{pipeline}"' if pipeline else "",
            page_size=min(limit, 100),
            order_by="create_time desc",
        )
        with failures(self._place, "for the jobs"):
            pages = call(self._place, "for the jobs", self._jobs.list_pipeline_jobs, asked)
            return [job_of(job, self._place) for job in itertools.islice(pages, limit)]

    def labelled(self, pipeline: str, label: str, value: str) -> list[RemoteJob]:
        """All jobs of a pipeline with a label, newest first."""
        asked = aiplatform_v1.ListPipelineJobsRequest(
            parent=self._place.parent,
            filter=f'pipeline_name="{pipeline}" AND labels.{label}="{value}"',
            page_size=100,
            order_by="create_time desc",
        )
        with failures(self._place, "for the jobs"):
            pages = call(self._place, "for the jobs", self._jobs.list_pipeline_jobs, asked)
            return [job_of(job, self._place) for job in pages]

    def cancel(self, name: str) -> None:
        """Asks for a job to be cancelled."""
        call(self._place, "to cancel the job", self._jobs.cancel_pipeline_job, name=self._job_path(name))

    def create_schedule(self, job: CompiledJob, title: str, when: Schedule) -> RemoteSchedule:
        """Starts a job again and again. The service gives the id, so nothing is sent again after a silence."""
        with submit.quiet():
            made = submit.request(job, job.name, self._place, self._credentials)
        asked = schedules.request(made, title, when, self._place)

        def send() -> RemoteSchedule:
            parent = self._place.parent
            create = self._schedules.create_schedule
            answer = call(self._place, "to make the schedule", create, parent=parent, schedule=asked)
            return schedules.schedule_of(answer, self._place)

        def find() -> Optional[RemoteSchedule]:
            return next((one for one in self.schedules() if one.title == title), None)

        remedy = "look whether it is there before you ask again: millrace schedules list"
        return send_once(send, find, repeatable=False, remedy=remedy, pauses=self._pauses)

    def schedules(self) -> list[RemoteSchedule]:
        """Every schedule, newest first."""
        asked = aiplatform_v1.ListSchedulesRequest(parent=self._place.parent, order_by="create_time desc")
        with failures(self._place, "for the schedules"):
            pages = call(self._place, "for the schedules", self._schedules.list_schedules, asked)
            # A monitor's schedule is none that starts a job of a pipeline.
            ours = (one for one in pages if "create_pipeline_job_request" in one)
            return [schedules.schedule_of(schedule, self._place) for schedule in ours]

    def pause_schedule(self, name: str) -> None:
        """Has a schedule start nothing until it is resumed."""
        call(self._place, "to pause the schedule", self._schedules.pause_schedule, name=self._schedule_path(name))

    def resume_schedule(self, name: str, catch_up: bool) -> None:
        """Has a paused schedule go on."""
        asked = aiplatform_v1.ResumeScheduleRequest(name=self._schedule_path(name), catch_up=catch_up)
        call(self._place, "to resume the schedule", self._schedules.resume_schedule, asked)

    def change_schedule(self, name: str, when: Schedule) -> RemoteSchedule:
        """Changes when a schedule starts its job: all that a schedule says but its name and its job."""
        asked, fields = schedules.change(self._schedule_path(name), when)
        update = self._schedules.update_schedule
        answer = call(self._place, "to change the schedule", update, schedule=asked, update_mask=fields)
        return schedules.schedule_of(answer, self._place)

    def delete_schedule(self, name: str) -> None:
        """Ends a schedule."""
        call(self._place, "to delete the schedule", self._schedules.delete_schedule, name=self._schedule_path(name))

    def _schedule_path(self, name: str) -> str:
        return f"{self._place.parent}/schedules/{name.rsplit('/', 1)[-1]}"

    def _job_path(self, name: str) -> str:
        return f"{self._place.parent}/pipelineJobs/{name.rsplit('/', 1)[-1]}"
