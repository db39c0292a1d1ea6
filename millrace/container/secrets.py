"""Secrets of a task on Vertex AI: read from Secret Manager where the task runs, so that none is part of a job.

Kubeflow Pipelines gives the pods of its tasks the secrets of Kubernetes by itself.
"""

import os
from collections.abc import Sequence
from typing import Any

from millrace.base.errors import BadInput, MillraceError

_SECONDS = 30.0


def read_into_environment(named: Sequence[str], client: Any = None) -> None:
    """Reads secrets into environment variables; a variable that is set already stays as it is.

    Args:
        named: `VARIABLE=projects/P/secrets/S/versions/V`, one a secret.
        client: a `SecretManagerServiceClient`; made with the task's own credentials when left out.

    Raises:
        BadInput: there is no such secret, or the task's service account may not read it.
        MillraceError: Secret Manager does not answer.
    """
    for variable, _, version in (text.partition("=") for text in named):
        if variable not in os.environ:
            os.environ[variable] = _read(version, client)


def _read(version: str, client: Any) -> str:
    # Google's clients take seconds to import, which only a task with secrets should pay.
    from google.api_core import exceptions as api_exceptions
    from google.auth import exceptions as auth_exceptions
    from google.cloud import secretmanager_v1

    try:
        client = client or secretmanager_v1.SecretManagerServiceClient(transport="rest")
        payload: bytes = client.access_secret_version(name=version, timeout=_SECONDS).payload.data
        return payload.decode()
    except (api_exceptions.Forbidden, api_exceptions.NotFound, api_exceptions.BadRequest) as error:
        secret = version.partition("/versions/")[0]
        raise BadInput(
            f"the secret cannot be read: {error.message}",
            where=version,
            remedy=f"give the job's service account roles/secretmanager.secretAccessor on {secret}; see that it exists",
        ) from error
    except auth_exceptions.DefaultCredentialsError as error:
        raise BadInput(
            "the secret cannot be read: there are no credentials here",
            where=version,
            remedy="run the task on Vertex AI as a service account; elsewhere, set the variable itself",
        ) from error
    except (api_exceptions.GoogleAPICallError, auth_exceptions.GoogleAuthError) as error:
        raise MillraceError(f"Secret Manager does not answer: {error}", where=version, remedy="try again") from error
