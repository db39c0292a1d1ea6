"""Kubeflow Pipelines as a `Service`: what the commands ask, asked of `kfp.Client`."""

import json
from collections.abc import Callable
from typing import Any, Optional

from millrace.base.errors import BadInput
from millrace.cloud.kubeflow import submit
from millrace.cloud.kubeflow.client import address, connect, failures, quiet
from millrace.cloud.kubeflow.jobs import job_of, schedule_of
from millrace.cloud.remote.jobs import RemoteJob, RemoteSchedule
from millrace.cloud.remote.sending import PAUSES, send_once
from millrace.config.cloud_sections import KubeflowDeployment, Schedule
from millrace.jobspec.job import CompiledJob

# The API's number for "equals" in a filter; see filter.proto of Kubeflow Pipelines.
_EQUALS = 1


class KubeflowService:
    """Open-source Kubeflow Pipelines v2.

    Args:
        settings: the configuration's section.
        pipeline: the pipeline's name, which is also the experiment's unless the section names another.
        pauses: seconds before each further try of a request that failed.

    Raises:
        BadInput: the client is not installed, or the configuration does not say where.
        ServiceFailure: the service does not answer, or not to us.
    """

    name = "Kubeflow Pipelines"

    def __init__(self, settings: KubeflowDeployment, pipeline: str, pauses: tuple[float, ...] = PAUSES) -> None:
        self._settings = settings
        self._host = address(settings) if settings.host else ""
        self._client = connect(settings)
        self._experiment = settings.experiment or pipeline
        self._namespace = settings.namespace or None
        self._pauses = pauses

    def check(self, job: CompiledJob) -> None:
        """Nothing more than that the service is there, which it was when this was made."""

    def submit(self, job: CompiledJob, name: str) -> RemoteJob:
        """Starts a run. The service gives the id, so an earlier try is found by the name, which is ours."""

        def send() -> RemoteJob:
            return job_of(self._send("to start the run", self._client.run_pipeline, job, name), self._host)

        def find() -> Optional[RemoteJob]:
            return next((one for one in self._named("display_name", name)), None)

        remedy = f"look whether {name} is there before you ask again: millrace jobs"
        return send_once(send, find, repeatable=False, remedy=remedy, pauses=self._pauses)

    def _experiment_id(self) -> str:
        make = self._client.create_experiment
        made = self._ask("for the experiment", make, name=self._experiment, namespace=self._namespace)
        return str(made.experiment_id)

    def _named(self, key: str, value: str) -> list[RemoteJob]:
        wanted = json.dumps({"predicates": [{"operation": _EQUALS, "key": key, "stringValue": value}]})
        answer = self._ask("for the runs", self._client.list_runs, filter=wanted, **self._of_the_namespace())
        return [job_of(run, self._host) for run in answer.runs or []]

    def job(self, name: str) -> RemoteJob:
        """One run with its tasks, by its id."""
        return job_of(self._ask(f"for the run {name}", self._client.get_run, run_id=name), self._host)

    def jobs(self, pipeline: str, limit: int) -> list[RemoteJob]:
        """The newest runs, newest first; those of a pipeline are those of its experiment."""
        where = self._of_the_namespace()
        if pipeline:
            experiment = self._existing_experiment()
            if experiment is None:
                return []
            where = {"experiment_id": experiment}
        jobs: list[RemoteJob] = []
        token = ""
        while len(jobs) < limit:
            asked = {"page_token": token, "page_size": min(limit, 100), "sort_by": "created_at desc"}
            page = self._ask("for the runs", self._client.list_runs, **asked, **where)
            jobs += [job_of(run, self._host) for run in page.runs or []]
            token = page.next_page_token or ""
            if not token:
                break
        return jobs[:limit]

    def _existing_experiment(self) -> Optional[str]:
        try:
            find = self._client.get_experiment
            answer = self._ask("for the experiment", find, experiment_name=self._experiment, namespace=self._namespace)
        except ValueError:
            # The client's way to say that there is none.
            return None
        return str(answer.experiment_id)

    def _of_the_namespace(self) -> dict[str, Any]:
        return {"namespace": self._namespace} if self._namespace else {}

    def _send(self, what: str, call: Callable[..., Any], job: CompiledJob, name: str, **more: Any) -> Any:
        """Sends a job as what a run and a recurring run have in common."""
        experiment = self._experiment_id()
        with submit.package(job) as file:
            return self._ask(
                what,
                call,
                experiment_id=experiment,
                job_name=name,
                pipeline_package_path=file,
                params=job.values,
                pipeline_root=job.root or None,
                enable_caching=None,
                service_account=self._settings.service_account or None,
                **more,
            )

    def cancel(self, name: str) -> None:
        """Asks for a run to be ended."""
        self._ask("to cancel the run", self._client.terminate_run, run_id=name)

    def create_schedule(self, job: CompiledJob, title: str, when: Schedule) -> RemoteSchedule:
        """Makes a recurring run."""
        trigger = submit.trigger(when)

        def send() -> RemoteSchedule:
            create = self._client.create_recurring_run
            return schedule_of(self._send("to make the recurring run", create, job, title, **trigger), self._host)

        def find() -> Optional[RemoteSchedule]:
            return next((one for one in self.schedules() if one.title == title), None)

        remedy = "look whether it is there before you ask again: millrace schedules list"
        return send_once(send, find, repeatable=False, remedy=remedy, pauses=self._pauses)

    def schedules(self) -> list[RemoteSchedule]:
        """Every recurring run, newest first."""
        asked = {"page_size": 100, "sort_by": "created_at desc", **self._of_the_namespace()}
        answer = self._ask("for the recurring runs", self._client.list_recurring_runs, **asked)
        return [schedule_of(one, self._host) for one in answer.recurring_runs or []]

    def pause_schedule(self, name: str) -> None:
        """Has a recurring run start nothing until it is resumed."""
        self._ask("to pause the recurring run", self._client.disable_recurring_run, recurring_run_id=name)

    def resume_schedule(self, name: str, catch_up: bool) -> None:
        """Has a paused recurring run go on; whether it catches up it was told when it was made.

        Raises:
            BadInput: it is to catch up now.
        """
        if catch_up:
            raise BadInput(
                "a recurring run catches up or not as it was told when it was made",
                where="--catch-up",
                remedy="leave it out; or set kubeflow.schedule.catch_up, delete the schedule and make it again",
            )
        self._ask("to resume the recurring run", self._client.enable_recurring_run, recurring_run_id=name)

    def change_schedule(self, name: str, when: Schedule) -> RemoteSchedule:
        """Cannot be: Kubeflow Pipelines changes no recurring run.

        Raises:
            BadInput: always.
        """
        raise BadInput(
            f"{self.name} cannot change a recurring run",
            where=name,
            remedy=f"millrace schedules delete {name}, and then millrace schedules create",
        )

    def delete_schedule(self, name: str) -> None:
        """Ends a recurring run."""
        self._ask("to delete the recurring run", self._client.delete_recurring_run, recurring_run_id=name)

    def _ask(self, asked: str, function: Any, **named: Any) -> Any:
        with failures(self._settings, asked), quiet():
            return function(**named)
