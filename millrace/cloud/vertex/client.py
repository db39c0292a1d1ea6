"""The way to Vertex AI: its address, the credentials, and what its client raises, in Millrace's words.

REST is used throughout: it goes through the proxies that gRPC does not, and it is what the tests talk.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from google.auth import credentials as auth

from millrace.base.errors import BadInput
from millrace.cloud.remote.google import LOCAL_HOSTS, LOG_IN, default_credentials, failures_of
from millrace.config.cloud_sections import VertexDeployment

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class VertexPlace:
    """Where jobs go.

    Args:
        project: the Google Cloud project.
        region: the region.
        endpoint: the API's address, with its scheme.
        account: the service account that jobs run as; empty for the project's default.
        seconds: how long an answer is waited for.
    """

    project: str
    region: str
    endpoint: str
    account: str
    seconds: float

    @property
    def parent(self) -> str:
        """The resource that jobs and schedules belong to."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def is_local(self) -> bool:
        """Whether the API is a stand-in on this machine, which gets no credentials."""
        return self.endpoint.startswith("http://")

    @property
    def title(self) -> str:
        """The place as messages name it."""
        return f"Vertex AI, {self.parent}" + (f" at {self.endpoint}" if self.is_local else "")


def place(settings: VertexDeployment) -> VertexPlace:
    """The place that the configuration names.

    Raises:
        BadInput: no project is named, or the address is plain HTTP to another machine.
    """
    if not settings.project:
        raise BadInput(
            "the Google Cloud project is not set",
            where="vertex.project",
            remedy="set it in the configuration, or for once: --set vertex.project=PROJECT",
        )
    endpoint = settings.api_endpoint or f"{settings.region}-aiplatform.googleapis.com"
    endpoint = endpoint.rstrip("/") if "://" in endpoint else f"https://{endpoint}"
    parts = urlsplit(endpoint)
    if parts.scheme == "http" and parts.hostname not in LOCAL_HOSTS:
        raise BadInput(
            f"{endpoint} is plain HTTP to another machine, and credentials may not go there",
            where="vertex.api_endpoint",
            remedy="write https://, or leave it out",
        )
    return VertexPlace(settings.project, settings.region, endpoint, settings.service_account, settings.request_seconds)


def credentials(where: VertexPlace) -> auth.Credentials:
    """Application Default Credentials; none at all for a stand-in on this machine.

    Raises:
        ServiceFailure: there are none.
    """
    return auth.AnonymousCredentials() if where.is_local else default_credentials(where.project, where.title)


def reach(where: VertexPlace) -> dict[str, Any]:
    """What each of the client's classes is made with.

    Args:
        where: the place.

    Raises:
        ServiceFailure: there are no credentials.
    """
    options = {"api_endpoint": where.endpoint.removeprefix("https://")}
    return {"credentials": credentials(where), "transport": "rest", "client_options": options}


def call(where: VertexPlace, asked: str, function: Callable[..., Answer], /, *arguments: Any, **named: Any) -> Answer:
    """Asks the service, and waits no longer than the configuration says.

    Args:
        where: the place.
        asked: what is asked for, as in "to start the job".
        function: a method of one of the client's classes.
        arguments: its arguments.
        named: more of them; the timeout is added.

    Raises:
        ServiceFailure: the service says no, or says nothing.
    """
    with failures(where, asked):
        return function(*arguments, timeout=where.seconds, retry=None, **named)


@contextlib.contextmanager
def failures(where: VertexPlace, asked: str) -> Iterator[None]:
    """Turns what Google's clients raise into a `ServiceFailure`.

    Args:
        where: the place that is asked.
        asked: what for, as in "to start the job".

    Raises:
        ServiceFailure: in place of what the client raised.
    """
    with failures_of(where.title, where.seconds, remedies(where), asked):
        yield


def remedies(where: VertexPlace) -> dict[int, str]:
    """What to do, by the status of an answer."""
    account = where.account or "the project's default Compute Engine service account"
    return {
        401: LOG_IN,
        403: f"ask for the role roles/aiplatform.user on project {where.project}, and for roles/iam.serviceAccountUser "
        f"on {account}; where the API is off: gcloud services enable aiplatform.googleapis.com "
        f"--project {where.project}",
        404: "see whether vertex.project and vertex.region are right; `millrace jobs` lists the jobs that are there",
        409: "choose another --job-id, or none; `millrace jobs show NAME` shows the one that is there",
        429: f"wait some minutes; where it stays, ask for more of the quota that is named, in project {where.project}",
    }
