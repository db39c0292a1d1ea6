"""The endpoint of a push: found by its display name, made as the configuration says where there is none.

What can be changed there is changed, which is the logging of requests. What cannot is refused before anything is
uploaded: an endpoint stays public or private as it was made, and keeps its key.
"""

from typing import Any, Optional

from google.cloud import aiplatform
from google.cloud.aiplatform import gapic

from millrace.base.errors import BadInput

ENDPOINT = "endpoint"
"""The settings of an endpoint, within `vertex_version.VERSION`: `private`, `request_logging`, each where it is set."""

_LOGGING = "predict_request_response_logging_config"
_ANOTHER = "name another endpoint in push.vertex.endpoint, which is made as you say, or take the setting out"


def found(name: str, wanted: dict[str, Any], key: str) -> Optional[gapic.Endpoint]:
    """The endpoint of a display name, which a push may go to.

    Args:
        name: its display name.
        wanted: the settings of an endpoint, as `ENDPOINT` holds them.
        key: the encryption key that is configured; empty for none.

    Returns:
        None where there is no endpoint of that name.

    Raises:
        BadInput: it is another one than is asked for, in what cannot be changed.
    """
    settings = aiplatform.initializer.global_config
    # Endpoint.list of 1.165 takes each endpoint for a private one, and leaves it out.
    asked = {"parent": settings.common_location_path(), "filter": f'display_name="{name}"'}
    endpoint = next(iter(_client().list_endpoints(asked)), None)
    if endpoint is None:
        return None
    private = wanted.get("private")
    if private and not endpoint.private_service_connect_config.enable_private_service_connect:
        what = "peered with a network" if endpoint.network else "public"
        raise BadInput(f"the endpoint {name} is {what}, and stays so", "push.vertex.private", _ANOTHER)
    missing = (
        set(private["projects"]) - set(endpoint.private_service_connect_config.project_allowlist) if private else ()
    )
    if missing:
        what = f"the endpoint {name} does not answer {', '.join(sorted(missing))}, and that cannot be changed"
        raise BadInput(what, "push.vertex.private.projects", _ANOTHER)
    has = str(endpoint.encryption_spec.kms_key_name)
    if key and has != key:
        what = f"the endpoint {name} has {f'the key {has}' if has else 'no key of its own'}, and keeps it"
        raise BadInput(what, "push.vertex.encryption_key", _ANOTHER)
    return endpoint


def ready(
    endpoint: Optional[gapic.Endpoint], name: str, labels: dict[str, str], wanted: dict[str, Any], key: str
) -> aiplatform.Endpoint:
    """The endpoint as it is asked for: made, or with requests logged as the configuration says.

    Args:
        endpoint: as `found` gives it.
        name: its display name.
        labels: of one that is made.
        wanted: the settings of an endpoint, as `ENDPOINT` holds them.
        key: the encryption key of one that is made; empty for none.
    """
    logging = _logging(wanted)
    if endpoint is None:
        made = gapic.Endpoint(
            display_name=name,
            labels=labels,
            encryption_spec=gapic.EncryptionSpec(kms_key_name=key) if key else None,
            private_service_connect_config=_private(wanted),
            **({_LOGGING: logging} if logging else {}),
        )
        parent = aiplatform.initializer.global_config.common_location_path()
        endpoint = _client().create_endpoint(parent=parent, endpoint=made).result()
    elif logging is not None and _said(getattr(endpoint, _LOGGING)) != _said(logging):
        # Where nothing is said of logging, somebody else's setting stays.
        changed = gapic.Endpoint(name=endpoint.name, **{_LOGGING: logging})
        _client().update_endpoint(endpoint=changed, update_mask={"paths": [_LOGGING]})
    return aiplatform.Endpoint(str(endpoint.name))


def _client() -> Any:
    settings = aiplatform.initializer.global_config
    return settings.create_client(client_class=aiplatform.utils.EndpointClientWithOverride)


def _private(wanted: dict[str, Any]) -> Optional[Any]:
    private = wanted.get("private")
    if private is None:
        return None
    there = [{"project_id": one, "network": private["network"]} for one in private["projects"]]
    return {
        "enable_private_service_connect": True,
        "project_allowlist": list(private["projects"]),
        "psc_automation_configs": there if private["network"] else [],
    }


def _said(logging: Any) -> tuple[bool, float, str]:
    """What a log is, in values that can be compared."""
    return bool(logging.enabled), float(logging.sampling_rate), str(logging.bigquery_destination.output_uri)


def _logging(wanted: dict[str, Any]) -> Optional[Any]:
    asked = wanted.get("request_logging")
    if asked is None:
        return None
    kind = gapic.Endpoint.meta.fields[_LOGGING].message
    return kind(enabled=True, sampling_rate=asked["rate"], bigquery_destination={"output_uri": asked["table"]})
