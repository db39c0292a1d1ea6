"""The way to any of Google's services: the credentials, and what its clients raise, in Millrace's words."""

import contextlib
import re
import warnings
from collections.abc import Iterator, Mapping

from google.api_core import exceptions as api_exceptions
from google.auth import credentials as auth
from google.auth import exceptions as auth_exceptions
from requests import exceptions as http_exceptions

from millrace.cloud.remote.failures import ServiceFailure, reason, refused, silent, unreachable

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
LOG_IN = "gcloud auth application-default login"


def default_credentials(project: str, title: str) -> auth.Credentials:
    """Application Default Credentials.

    Args:
        project: whose quota a person's requests count for.
        title: the service, in words.

    Raises:
        ServiceFailure: there are none.
    """
    import google.auth
    from google.oauth2 import credentials as of_a_person

    try:
        with warnings.catch_warnings():
            # That a person's credentials name no project, which is set below.
            warnings.simplefilter("ignore", UserWarning)
            credentials, _ = google.auth.default(scopes=[SCOPE])
    except auth_exceptions.GoogleAuthError as error:
        raise _no_credentials(error, title) from error
    if isinstance(credentials, of_a_person.Credentials) and not credentials.quota_project_id:
        # A service wants to know whose quota a person's requests count for. Of a service account it knows that, and
        # naming a project would ask for a role of its own (serviceusage.services.use).
        return credentials.with_quota_project(project)
    return credentials


@contextlib.contextmanager
def failures_of(title: str, seconds: float, remedies: Mapping[int, str], asked: str) -> Iterator[None]:
    """Turns what Google's clients raise into a `ServiceFailure`.

    Args:
        title: the service, in words.
        seconds: how long an answer is waited for.
        remedies: what to do, by the status of an answer.
        asked: what it is asked for, as in "to start the job".

    Raises:
        ServiceFailure: in place of what the client raised.
    """
    try:
        yield
    except api_exceptions.GoogleAPICallError as error:
        # The client puts the request's method and address in front of what the service says.
        words = re.sub(r"^[A-Z]+ https?://\S+: ", "", error.message)
        raise refused(error.code or 500, words, asked, title, remedies) from error
    except (http_exceptions.Timeout, api_exceptions.RetryError) as error:
        raise silent(asked, title, seconds) from error
    except http_exceptions.RequestException as error:
        raise unreachable(asked, title, reason(error)) from error
    except auth_exceptions.GoogleAuthError as error:
        raise _no_credentials(error, title) from error


def _no_credentials(error: Exception, title: str) -> ServiceFailure:
    return ServiceFailure(
        f"there are no credentials that can be used: {reason(error)}", where=title, remedy=LOG_IN, status=401
    )
