"""The way to Kubeflow Pipelines: its client, made in bounded time, and what it raises in Millrace's words."""

import contextlib
import importlib.metadata
import io
import json
import os
import warnings
from collections.abc import Iterator
from typing import Any

import requests
import urllib3

from millrace.base.errors import BadInput
from millrace.cloud.remote.failures import ServiceFailure, reason, refused, silent, unreachable
from millrace.config.cloud_sections import KubeflowDeployment

HEALTH = "/apis/v2beta1/healthz"


def has_client() -> bool:
    """Whether kfp is installed. A folder of that name says nothing: `kfp-pipeline-spec` brings one too."""
    return any(importlib.metadata.distributions(name="kfp"))


def connect(settings: KubeflowDeployment) -> Any:
    """A `kfp.Client` whose requests end.

    The client asks the service for its health while it is made, five times and without a limit. So this is asked
    first, once; a service that does not answer is found out here.

    Args:
        settings: the configuration's section.

    Raises:
        BadInput: the client is not installed, or the configuration does not say where.
        ServiceFailure: the service does not answer, or not to us.
    """
    if not has_client():
        raise BadInput(
            "the client of Kubeflow Pipelines is not here: TFX takes it along on Python 3.10 and 3.11 only",
            where="kfp",
            remedy="MILLRACE_PYTHON=python3.11 make setup; or upload the compiled file in Kubeflow's own pages",
        )
    host = address(settings)
    token = _token(settings)
    _require_health(settings, token)
    with quiet():
        import kfp

        client = kfp.Client(host=host, existing_token=token or None, namespace=settings.namespace or "kubeflow")
    _limit(client, settings.request_seconds)
    return client


def address(settings: KubeflowDeployment) -> str:
    """The address of the API, with its scheme.

    Raises:
        BadInput: none is set.
    """
    if not settings.host:
        raise BadInput(
            "the address of Kubeflow Pipelines is not set",
            where="kubeflow.host",
            remedy="set it in the configuration; for a cluster of yours: kubectl port-forward -n kubeflow "
            "svc/ml-pipeline-ui 8080:80, and --set kubeflow.host=http://127.0.0.1:8080",
        )
    host = settings.host.rstrip("/")
    return host if "://" in host else f"https://{host}"


def _token(settings: KubeflowDeployment) -> str:
    """The bearer token of the API; empty when none is needed.

    Raises:
        BadInput: the variable that should hold it is not set.
    """
    if not settings.token_env:
        return ""
    if settings.token_env not in os.environ:
        raise BadInput(
            f"the environment variable {settings.token_env} is not set",
            where="kubeflow.token_env",
            remedy=f"export {settings.token_env} with a token of Kubeflow Pipelines",
        )
    return os.environ[settings.token_env]


def _require_health(settings: KubeflowDeployment, token: str) -> None:
    """Asks for the service's health, and whether it serves one user or many."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with failures(settings, "whether it is there"):
        answer = requests.get(address(settings) + HEALTH, headers=headers, timeout=settings.request_seconds)
        if answer.status_code != 200:
            raise refused(
                answer.status_code, answer.text[:300], "whether it is there", title(settings), remedies(settings)
            )
        try:
            details = answer.json()
        except ValueError as error:
            raise ServiceFailure(
                "what answers there is not the API of Kubeflow Pipelines",
                where=title(settings),
                remedy="see whether kubeflow.host is right; a login page in front of it wants kubeflow.token_env",
                status=404,
            ) from error
    if details.get("multi_user") and not settings.namespace:
        raise BadInput(
            "this installation has a namespace per user, and none is set",
            where="kubeflow.namespace",
            remedy="set the namespace that runs belong to",
        )


def _limit(client: Any, seconds: float) -> None:
    """Gives every request of the client a limit; the client has no setting for it, and its methods pass none on."""
    api = client._run_api.api_client
    ask = api.request

    def limited(*arguments: Any, **named: Any) -> Any:
        return ask(*arguments, **{**named, "_request_timeout": (seconds, seconds)})

    api.request = limited


@contextlib.contextmanager
def failures(settings: KubeflowDeployment, asked: str) -> Iterator[None]:
    """Turns what the client raises into a `ServiceFailure`.

    Args:
        settings: the configuration's section.
        asked: what for, as in "to start the run".

    Raises:
        ServiceFailure: in place of what the client raised.
    """
    try:
        yield
    except requests.Timeout as error:
        raise silent(asked, title(settings), settings.request_seconds) from error
    except requests.RequestException as error:
        raise unreachable(asked, title(settings), reason(error)) from error
    except urllib3.exceptions.HTTPError as error:
        if _timed_out(error):
            raise silent(asked, title(settings), settings.request_seconds) from error
        raise unreachable(asked, title(settings), reason(error)) from error
    except Exception as error:
        # `kfp_server_api.ApiException`, named by its shape: importing it here would need the client.
        status = getattr(error, "status", None)
        if type(error).__module__.partition(".")[0] != "kfp_server_api" or status is None:
            raise
        raise refused(int(status), _message(error), asked, title(settings), remedies(settings)) from error


def title(settings: KubeflowDeployment) -> str:
    """The place as messages name it."""
    return f"Kubeflow Pipelines at {address(settings)}"


def remedies(settings: KubeflowDeployment) -> dict[int, str]:
    """What to do, by the status of an answer."""
    token = f"the token in {settings.token_env}" if settings.token_env else "kubeflow.token_env (none is set)"
    namespace = settings.namespace or "kubeflow"
    return {
        401: f"renew {token}",
        403: f"see whether {token} may make runs in the namespace {namespace}: ask whoever runs the installation",
        404: "see whether kubeflow.host is right; `millrace jobs` lists the runs that are there",
        409: "choose another name; `millrace jobs` lists those that are there",
    }


def _message(error: Any) -> str:
    """The service's words, without the stack that its gateway sends along."""
    body = str(getattr(error, "body", "") or getattr(error, "reason", "") or error)
    with contextlib.suppress(ValueError, AttributeError):
        details = json.loads(body)
        return str(details.get("message") or details.get("error") or body)
    return body


def _timed_out(error: urllib3.exceptions.HTTPError) -> bool:
    cause = getattr(error, "reason", None) or error
    return isinstance(cause, urllib3.exceptions.ReadTimeoutError)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the links that the client prints, and its advertisement, from the terminal."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
