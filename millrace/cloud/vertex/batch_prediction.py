"""Batch prediction jobs of Vertex AI: started once, followed to their end, and cancelled by whoever leaves earlier."""

import contextlib
import time
import uuid
from collections.abc import Callable
from typing import Any, Optional

from google.cloud import aiplatform_v1

from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.remote.following import BORNE_SECONDS
from millrace.cloud.remote.sending import PAUSES, send_once
from millrace.cloud.vertex import submit
from millrace.cloud.vertex.client import call, credentials, failures, place
from millrace.components.vertex_pusher.section import VertexEndpoint
from millrace.config.cloud_sections import VertexDeployment

# google/cloud/aiplatform/v1/batch_prediction_job.proto: a record becomes the instance {"b64": ...}.
_RECORDS, _ANSWERS = "tf-record-gzip", "jsonl"
_DONE = aiplatform_v1.JobState.JOB_STATE_SUCCEEDED
_OVER = (
    _DONE,
    aiplatform_v1.JobState.JOB_STATE_PARTIALLY_SUCCEEDED,
    aiplatform_v1.JobState.JOB_STATE_FAILED,
    aiplatform_v1.JobState.JOB_STATE_CANCELLED,
    aiplatform_v1.JobState.JOB_STATE_EXPIRED,
)
_LOOK_SECONDS = 15.0


class BatchPredictions:
    """Batch prediction on an endpoint's machines, in its project and region.

    Args:
        target: the section `push.vertex`.
        settings: the section `vertex`, which says how the service is reached, and as whom a job runs.
        pauses: seconds before each further try of a request that failed.
        look_seconds: seconds between two looks at a job.
        borne_seconds: how long a service that cannot be reached is borne with while a job runs.

    Raises:
        ServiceFailure: there are no credentials.
    """

    def __init__(
        self,
        target: VertexEndpoint,
        settings: VertexDeployment,
        pauses: tuple[float, ...] = PAUSES,
        look_seconds: float = _LOOK_SECONDS,
        borne_seconds: float = BORNE_SECONDS,
    ) -> None:
        self._target, self._settings = target, settings
        self._place = place(settings.model_copy(update={"project": target.project, "region": target.region}))
        self._pauses, self._look_seconds, self._borne_seconds = pauses, look_seconds, borne_seconds
        options = {"api_endpoint": self._place.endpoint.removeprefix("https://")}
        with submit.quiet():
            self._jobs = aiplatform_v1.JobServiceClient(
                client_options=options, credentials=credentials(self._place), transport="rest"
            )

    def start(self, title: str, model: str, records: str, answers: str) -> str:
        """Starts a job.

        Args:
            title: what the service shows to people.
            model: the resource name of a model's version.
            records: a pattern of gzipped TFRecords of tf.Examples, in a bucket.
            answers: the folder of a bucket in which the job makes one of its own.

        Returns:
            The job's resource name.

        Raises:
            ServiceFailure: the service says no, or says nothing.
        """
        # The service gives the id, so a job is known by a label that no other has.
        mark = uuid.uuid4().hex
        machine: dict[str, Any] = {"machine_type": self._target.machine_type}
        if self._target.accelerator:
            machine |= {
                "accelerator_type": self._target.accelerator,
                "accelerator_count": self._target.accelerators or 1,
            }
        key = self._target.encryption_key
        job = aiplatform_v1.BatchPredictionJob(
            display_name=title[:128],
            model=model,
            input_config={"instances_format": _RECORDS, "gcs_source": {"uris": [records]}},
            output_config={"predictions_format": _ANSWERS, "gcs_destination": {"output_uri_prefix": answers}},
            dedicated_resources={
                "machine_spec": machine,
                "starting_replica_count": self._target.min_replicas,
                "max_replica_count": self._target.max_replicas,
            },
            labels={**self._settings.labels, "millrace": mark},
            service_account=self._target.service_account,
            encryption_spec={"kms_key_name": key} if key else None,
        )

        def send() -> str:
            create, asked = self._jobs.create_batch_prediction_job, "to start the prediction"
            answer = call(self._place, asked, create, parent=self._place.parent, batch_prediction_job=job)
            return str(answer.name)

        remedy = "look in Vertex AI's console whether it is there before you ask again"
        return send_once(send, lambda: self._find(mark), repeatable=False, remedy=remedy, pauses=self._pauses)

    def _find(self, mark: str) -> Optional[str]:
        asked = aiplatform_v1.ListBatchPredictionJobsRequest(
            parent=self._place.parent, filter=f'labels.millrace="{mark}"'
        )
        with failures(self._place, "for the predictions"):
            pages = call(self._place, "for the predictions", self._jobs.list_batch_prediction_jobs, asked)
            return next((str(job.name) for job in pages), None)

    def wait(self, name: str, show: Callable[[str], None]) -> str:
        """Follows a job to its end; whoever is interrupted meanwhile has it cancelled.

        Args:
            name: its resource name.
            show: is told its state.

        Returns:
            The folder of the answers.

        Raises:
            ServiceFailure: it did not succeed, or the service cannot be reached.
        """
        try:
            return self._answers(self._over(name, show))
        except KeyboardInterrupt:
            # Nobody would read what it goes on to compute.
            with contextlib.suppress(ServiceFailure):
                call(self._place, "to cancel the prediction", self._jobs.cancel_batch_prediction_job, name=name)
            raise

    def _over(self, name: str, show: Callable[[str], None]) -> aiplatform_v1.BatchPredictionJob:
        last_answer = time.monotonic()
        while True:
            try:
                job = call(self._place, "for the prediction", self._jobs.get_batch_prediction_job, name=name)
            except ServiceFailure as failure:
                if failure.exit_code == 2 or time.monotonic() - last_answer > self._borne_seconds:
                    raise
            else:
                last_answer = time.monotonic()
                show(_state(job))
                if job.state in _OVER:
                    return job
            time.sleep(self._look_seconds)

    def _answers(self, job: aiplatform_v1.BatchPredictionJob) -> str:
        if job.state == _DONE:
            return str(job.output_info.gcs_output_directory)
        partial = [one.message for one in job.partial_failures]
        reason = job.error.message or (partial[0] if partial else "the service does not say why")
        raise ServiceFailure(
            f"the prediction {_state(job)}: {reason}",
            where=str(job.name),
            remedy="its page in Vertex AI's console has the container's log",
        )


def _state(job: aiplatform_v1.BatchPredictionJob) -> str:
    return str(job.state.name).removeprefix("JOB_STATE_").lower().replace("_", " ")
