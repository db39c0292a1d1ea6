"""The way to Vertex AI: its address, the credentials, and what its client raises, in Millrace's words.

REST is used throughout: it goes through the proxies that gRPC does not, and it is what the tests talk.
"""

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from google.api_core import exceptions as api_exceptions
from google.auth import credentials as auth
from google.auth import exceptions as auth_exceptions
from requests import exceptions as http_exceptions

from millrace.base.errors import BadInput
from millrace.cloud.remote.failures import ServiceFailure, reason, refused, silent, unreachable
from millrace.config.cloud_sections import VertexDeployment

Answer = TypeVar("Answer")

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
LOG_IN = "gcloud auth application-default login"


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
    if where.is_local:
        return auth.AnonymousCredentials()
    import google.auth
    from google.oauth2 import credentials as of_a_person

    try:
        with warnings.catch_warnings():
            # That a person's credentials name no project, which is set below.
            warnings.simplefilter("ignore", UserWarning)
            credentials, _ = google.auth.default(scopes=[SCOPE])
    except auth_exceptions.GoogleAuthError as error:
        raise _no_credentials(error, where) from error
    if isinstance(credentials, of_a_person.Credentials) and not credentials.quota_project_id:
        # Vertex AI wants to know whose quota a person's requests count for. Of a service account it knows that, and
        # naming a project would ask for a role of its own (serviceusage.services.use).
        return credentials.with_quota_project(where.project)
    return credentials


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
    try:
        yield
    except api_exceptions.GoogleAPICallError as error:
        # The client puts the request's method and address in front of what the service says.
        words = re.sub(r"^[A-Z]+ https?://\S+: ", "", error.message)
        raise refused(error.code or 500, words, asked, where.title, remedies(where)) from error
    except (http_exceptions.Timeout, api_exceptions.RetryError) as error:
        raise silent(asked, where.title, where.seconds) from error
    except http_exceptions.RequestException as error:
        raise unreachable(asked, where.title, reason(error)) from error
    except auth_exceptions.GoogleAuthError as error:
        raise _no_credentials(error, where) from error


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


def _no_credentials(error: Exception, where: VertexPlace) -> ServiceFailure:
    return ServiceFailure(
        f"there are no credentials that can be used: {reason(error)}", where=where.title, remedy=LOG_IN, status=401
    )
