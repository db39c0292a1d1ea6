"""Sends a compiled job to Vertex AI: the request that google-cloud-aiplatform's `PipelineJob` makes, sent once.

`PipelineJob.submit` is not used for the sending. It first asks Cloud Storage for the bucket, for 40 to 50 seconds where
there is no way to it, and makes the bucket when there is none; and it cannot be told to try again.
"""

import contextlib
import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from google.auth import credentials as auth
from google.auth.transport.requests import AuthorizedSession
from google.cloud import aiplatform_v1

from millrace.base.errors import BadInput
from millrace.cloud.vertex.client import VertexPlace, failures
from millrace.jobspec.job import CompiledJob

STORAGE = "https://storage.googleapis.com"


def request(job: CompiledJob, name: str, where: VertexPlace, who: auth.Credentials) -> aiplatform_v1.PipelineJob:
    """The request that starts a job.

    Args:
        job: the compiled job, with the values of its parameters.
        name: the job's id.
        where: the place.
        who: the credentials.

    Returns:
        The job's resource, with all that the compiled job says: caching stays as it says for each task.

    Raises:
        BadInput: the client does not take the job.
    """
    settings = job.settings
    key = settings.get("encryptionSpec", {}).get("kmsKeyName", "")
    built = _built(job, name, where, who)
    return aiplatform_v1.PipelineJob(
        display_name=job.display_name or job.name,
        pipeline_spec=built.pipeline_spec,
        runtime_config=built.runtime_config,
        labels=job.labels,
        service_account=settings.get("serviceAccount", ""),
        network=settings.get("network", ""),
        reserved_ip_ranges=settings.get("reservedIpRanges", []),
        encryption_spec=aiplatform_v1.EncryptionSpec(kms_key_name=key) if key else None,
        template_uri=settings.get("templateUri", ""),
        template_metadata=settings.get("templateMetadata"),
    )


def _built(job: CompiledJob, name: str, where: VertexPlace, who: auth.Credentials) -> Any:
    """The client's own `PipelineJob`; importing that takes seconds, which only who sends a job should pay."""
    from google.cloud import aiplatform

    # Without these the client would look for a project and credentials of its own.
    aiplatform.init(project=where.project, location=where.region, credentials=who, api_transport="rest")
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "job.json"
        template.write_text(json.dumps({"pipelineSpec": job.spec, "runtimeConfig": job.runtime}), encoding="utf-8")
        try:
            return aiplatform.PipelineJob(
                display_name=job.display_name or job.name,
                template_path=str(template),
                job_id=name,
                # The client prefers the spec's default root to the job's own.
                pipeline_root=job.root,
                enable_caching=None,
                labels=job.labels or None,
                credentials=who,
                project=where.project,
                location=where.region,
            )
        except (ValueError, TypeError) as error:
            raise BadInput(
                f"the client of Vertex AI does not take this job: {error}",
                where=job.file or job.name,
                remedy="compile it again: millrace compile --runner vertex",
            ) from error


def require_bucket(job: CompiledJob, where: VertexPlace, who: auth.Credentials) -> None:
    """Asks Cloud Storage whether the bucket of the pipeline root is there, within seconds.

    An account may start jobs and yet not see the bucket, so only a plain "there is none" is taken for an answer.

    Args:
        job: gives the pipeline root.
        where: the project, the region and the API's address.
        who: the credentials to ask with.

    Raises:
        BadInput: there is no such bucket.
    """
    bucket = job.root.removeprefix("gs://").partition("/")[0]
    if not job.root.startswith("gs://"):
        raise BadInput(
            f"the pipeline root {job.root or '(none)'} is not in Cloud Storage, the one place that Vertex AI sees",
            where="vertex.root",
            remedy="set it: gs://BUCKET/FOLDER",
        )
    address = f"{where.endpoint if where.is_local else STORAGE}/storage/v1/b/{bucket}"
    with failures(where, "for the bucket"), contextlib.suppress(requests.RequestException):
        session = requests.Session() if where.is_local else AuthorizedSession(who)
        location = f"--project {where.project} --location {where.region}"
        if session.get(address, params={"fields": "name"}, timeout=min(where.seconds, 10.0)).status_code == 404:
            raise BadInput(
                f"there is no bucket {bucket}",
                where="vertex.root",
                remedy=f"gcloud storage buckets create gs://{bucket} {location}",
            )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps what Google's clients print and log of themselves from the terminal."""
    logger = logging.getLogger("google")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logger.setLevel(level)
