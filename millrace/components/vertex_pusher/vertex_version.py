"""A version in Vertex AI: uploaded under one model, with what was measured of it, deployed, watched, then champion."""

from typing import Any, Optional

from google.api_core.exceptions import NotFound
from google.cloud import aiplatform
from tfx.extensions.google_cloud_ai_platform import constants
from tfx.utils import io_utils, telemetry_utils

from millrace.base.errors import BadInput
from millrace.components.vertex_pusher import endpoint as endpoints
from millrace.components.vertex_pusher import measured
from millrace.components.vertex_pusher import monitor as monitors
from millrace.components.vertex_pusher.explanation import explanation_spec

ENCRYPTION_KEY = "millrace_encryption_key"
VERSION = "millrace_version"
# `default` is Vertex AI's own: the version that it means where a request names the model alone.
_DEFAULT, _CHAMPION, _CANDIDATE = "default", "champion", "candidate"
# Where Vertex AI mounts buckets.
_MOUNTED = "/gcs/"
# Labels take lower-case letters, digits, dashes and underscores.
_NUMBER = "millrace_version"


def publish(config: dict[str, Any], folder: str, source: str, evaluation: str) -> str:
    """Makes a pushed model a version in Vertex AI, deploys it, and has it watched where that is asked for.

    Args:
        config: `custom_config` of `VertexPusher`.
        folder: the folder of the version, called by its number.
        source: from where it was pushed, which names the run's stage.
        evaluation: the folder of the Evaluator's report; empty for none.

    Returns:
        The version's resource name, `projects/P/locations/L/models/ID@VERSION`.

    Raises:
        BadInput: the model is in no bucket, and cannot be put into one; or the endpoint is of another kind;
            or the monitor has another key.
    """
    version, deployment = config[VERSION], dict(config[constants.SERVING_ARGS_KEY])
    key = config.get(ENCRYPTION_KEY)
    # What later calls leave out is taken from here.
    aiplatform.init(
        project=deployment.pop("project_id"),
        location=config[constants.VERTEX_REGION_KEY],
        encryption_spec_key_name=key,
    )
    endpoint_name, wanted = deployment.pop("endpoint_name"), version.get(endpoints.ENDPOINT, {})
    known = endpoints.found(endpoint_name, wanted, key or "")
    watched = version.get(monitors.MONITOR)
    monitor = monitors.found(version["model_id"], key or "") if watched else None
    number = folder.rstrip("/").rsplit("/", 1)[-1]
    labels = {**telemetry_utils.make_labels_dict(), **version["labels"], _NUMBER: number}
    explained = explanation_spec(folder) if version["explanations"] else {}
    parent = _existing(version["model_id"])
    model = aiplatform.Model.upload(
        display_name=version["model_id"],
        model_id=None if parent else version["model_id"],
        parent_model=parent,
        is_default_version=False,
        version_description=f"version {number}, pushed from {source}",
        artifact_uri=_in_a_bucket(folder, version["bucket"]),
        serving_container_image_uri=config[constants.VERTEX_CONTAINER_IMAGE_URI_KEY],
        labels=labels,
        **explained,
    )
    if evaluation:
        measured.import_evaluation(model.versioned_resource_name, evaluation)
    endpoint = endpoints.ready(known, endpoint_name, labels, wanted, key or "")
    if not endpoint.traffic_split:
        # The client refuses a share where nobody has the rest.
        deployment["traffic_percentage"] = 100
    model.deploy(endpoint=endpoint, deployed_model_display_name=number, **deployment)
    if watched:
        name = str(model.versioned_resource_name)
        monitors.follow(monitor, version["model_id"], watched, name, str(endpoint.resource_name), key or "")
    # Only now, when it can answer. The service takes an alias from the version that had it.
    if aliases := _aliases(model, version["approval"]):
        model.versioning_registry.add_version_aliases(aliases, model.version_id)
    return str(model.versioned_resource_name)


def _aliases(model: aiplatform.Model, approval: str) -> list[str]:
    """The aliases of a version that is deployed, as the registry gives them to one that is pushed."""
    if approval == "manual":
        return []
    versions = model.versioning_registry.list_versions() if approval == "candidate" else []
    has_champion = any(_CHAMPION in one.version_aliases for one in versions)
    return [_CANDIDATE] if has_champion else [_DEFAULT, _CHAMPION]


def _in_a_bucket(folder: str, bucket: str) -> str:
    """The folder where Vertex AI can read it: itself, or a copy in the bucket."""
    if folder.startswith("gs://"):
        return folder
    if folder.startswith(_MOUNTED):
        return f"gs://{folder.removeprefix(_MOUNTED)}"
    if not bucket.startswith("gs://"):
        raise BadInput(
            "a model for Vertex AI must lie in a bucket, and none is named",
            "vertex.root",
            "set it: gs://BUCKET/FOLDER",
        )
    copy = f"{bucket.rstrip('/')}/{folder.rstrip('/').rsplit('/', 1)[-1]}"
    io_utils.copy_dir(folder, copy)
    return copy


def _existing(model_id: str) -> Optional[str]:
    try:
        return str(aiplatform.Model(model_id).resource_name)
    except NotFound:
        return None
