"""The way to BigQuery: requests that wait no longer than they may, and jobs, each made once and followed to its end.

Google's own `BIGQUERY_EMULATOR_HOST` names another address; a stand-in on this machine gets no credentials.
"""

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Optional, TypeVar
from urllib.parse import urlsplit

from google.auth import credentials as auth
from google.cloud import bigquery

from millrace.base.errors import BadInput
from millrace.cloud.remote.failures import ServiceFailure, refused
from millrace.cloud.remote.following import BORNE_SECONDS
from millrace.cloud.remote.google import LOCAL_HOSTS, LOG_IN, default_credentials, failures_of
from millrace.cloud.remote.sending import PAUSES, send_once

Answer = TypeVar("Answer")

_ADDRESS = "BIGQUERY_EMULATOR_HOST"
_LOOK_SECONDS = 1.0
# https://cloud.google.com/bigquery/docs/error-messages: the reason with which a job ends.
_STATUS = {
    "accessDenied": 403, "notFound": 404, "duplicate": 409, "quotaExceeded": 429, "rateLimitExceeded": 429,
    "backendError": 503, "internalError": 500, "resourcesExceeded": 400,
}  # fmt: skip


class BigQuery:
    """BigQuery, with one project that its jobs run in and are billed to.

    Args:
        project: the project.
        seconds: how long an answer is waited for.
        pauses: seconds before each further try of a request that failed.
        look_seconds: seconds between two looks at a job.
        borne_seconds: how long a service that cannot be reached is borne with while a job runs.

    Raises:
        BadInput: the address is plain HTTP to another machine.
        ServiceFailure: there are no credentials.
    """

    def __init__(
        self,
        project: str,
        seconds: float,
        pauses: Sequence[float] = PAUSES,
        look_seconds: float = _LOOK_SECONDS,
        borne_seconds: float = BORNE_SECONDS,
    ) -> None:
        address = os.environ.get(_ADDRESS, "")
        self.project, self.seconds = project, seconds
        self.title = f"BigQuery, project {project}" + (f" at {address}" if address else "")
        self._pauses, self._look_seconds, self._borne_seconds = pauses, look_seconds, borne_seconds
        self.client = bigquery.Client(project=project, credentials=_credentials(address, project, self.title))

    def failures(self, asked: str) -> AbstractContextManager[None]:
        """As `failures_of`, of this service."""
        return failures_of(self.title, self.seconds, _remedies(self.project), asked)

    def call(self, asked: str, function: Callable[..., Answer], /, *arguments: Any, **named: Any) -> Answer:
        """Asks once.

        Args:
            asked: what is asked for, as in "for the table".
            function: a method of the client's.
            arguments: its arguments.
            named: more of them; the timeout is added.

        Raises:
            ServiceFailure: the service says no, or says nothing.
        """
        with self.failures(asked):
            return function(*arguments, timeout=self.seconds, **named)

    def table(self, name: str) -> Optional[bigquery.Table]:
        """A table as it is; None where there is none.

        Args:
            name: PROJECT.DATASET.TABLE.
        """
        try:
            return self.call(f"for the table {name}", self.client.get_table, name, retry=None)
        except ServiceFailure as failure:
            if failure.status == 404:
                return None
            raise

    def job(self, job_id: str, location: str) -> Any:
        """A job as it is; None where there is none."""
        try:
            return self.call("for the job", self.client.get_job, job_id, location=location, retry=None)
        except ServiceFailure as failure:
            if failure.status == 404:
                return None
            raise

    def start(self, asked: str, job_id: str, location: str, send: Callable[[], Any]) -> Any:
        """Has a job made, once, although requests fail and are sent again.

        Args:
            asked: what for, as in "to run the query".
            job_id: an id of ours that no other job has.
            location: where it runs.
            send: sends the request.

        Returns:
            The job.

        Raises:
            ServiceFailure: the service says no, or says nothing.
        """

        def sent() -> Any:
            with self.failures(asked):
                return send()

        remedy = f"see whether the job {job_id} is there before you ask again: bq show -j {job_id}"
        return send_once(sent, lambda: self.job(job_id, location), repeatable=True, remedy=remedy, pauses=self._pauses)

    def over(self, asked: str, job: Any, show: Callable[[str], None]) -> Any:
        """Follows a job to its end.

        Args:
            asked: what it is for, as in "to run the query".
            job: as it was started.
            show: is told that it runs, and for how long.

        Returns:
            The job as it ended.

        Raises:
            ServiceFailure: it failed, or the service cannot be reached.
        """
        began = last_answer = time.monotonic()
        while job.state != "DONE":
            show(f"BigQuery is asked {asked}: {job.state.lower()} for {time.monotonic() - began:.0f} s")
            time.sleep(self._look_seconds)
            try:
                # One that is gone is as good as none that answers.
                job = self.job(job.job_id, job.location) or job
                last_answer = time.monotonic()
            except ServiceFailure as failure:
                if failure.exit_code == 2 or time.monotonic() - last_answer > self._borne_seconds:
                    raise
        if job.error_result:
            raise self._failed(asked, job.error_result)
        return job

    def cancel(self, job: Any) -> None:
        """Asks that a job be given up; says nothing where that fails."""
        with contextlib.suppress(ServiceFailure):
            self.call("to cancel the job", self.client.cancel_job, job.job_id, location=job.location, retry=None)

    def _failed(self, asked: str, error: Mapping[str, str]) -> ServiceFailure:
        status = _STATUS.get(error.get("reason", ""), 400)
        return refused(status, error.get("message", ""), asked, self.title, _remedies(self.project))


def _credentials(address: str, project: str, title: str) -> auth.Credentials:
    parts = urlsplit(address)
    if parts.scheme == "http" and parts.hostname in LOCAL_HOSTS:
        return auth.AnonymousCredentials()
    if address and parts.scheme != "https":
        raise BadInput(
            f"{address} is not https://, and credentials may not go there",
            _ADDRESS,
            "name an address with https://, or one of this machine with http://; unset it for BigQuery itself",
        )
    return default_credentials(project, title)


def _remedies(project: str) -> dict[int, str]:
    return {
        400: "try the query with: bq query --dry_run --use_legacy_sql=false 'SELECT ...'",
        401: LOG_IN,
        403: f"ask for roles/bigquery.jobUser on project {project}, roles/bigquery.dataViewer on the data set that is "
        "read, and roles/bigquery.dataEditor on the one that is written; where the API is off: gcloud services enable "
        f"bigquery.googleapis.com --project {project}",
        404: "see whether project, data set and table are written right, and lie in one location: a query reads tables "
        "of one location only",
        429: f"wait some minutes; where it stays, ask for more of the quota that is named, in project {project}",
    }
