"""Stages of a pipeline that Vertex AI does the work of: a Trainer in a custom job, a Pusher to an endpoint.

Google's clients come in with this module.
"""

from collections.abc import Mapping
from typing import Any, Optional

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.extensions.google_cloud_ai_platform.constants import (
    ENABLE_VERTEX_KEY,
    SERVING_ARGS_KEY,
    VERTEX_CONTAINER_IMAGE_URI_KEY,
    VERTEX_REGION_KEY,
)
from tfx.extensions.google_cloud_ai_platform.trainer.component import Trainer
from tfx.extensions.google_cloud_ai_platform.trainer.executor import TRAINING_ARGS_KEY
from tfx.proto import pusher_pb2
from tfx.types.channel import BaseChannel

from millrace.base.errors import BadInput
from millrace.components.vertex_pusher.component import VertexPusher
from millrace.components.vertex_pusher.endpoint import ENDPOINT
from millrace.components.vertex_pusher.monitor import MONITOR
from millrace.components.vertex_pusher.section import VertexEndpoint
from millrace.components.vertex_pusher.vertex_version import ENCRYPTION_KEY, VERSION
from millrace.config.cloud_sections import CustomJob, VertexDeployment
from millrace.config.config import Config
from millrace.config.paths import layout, serving_directory
from millrace.jobspec.custom_job import custom_job


def custom_job_trainer(
    name: str, vertex: VertexDeployment, job: CustomJob
) -> tuple[type[BaseComponent], dict[str, Any]]:
    """The Trainer that starts a Vertex AI custom job.

    Args:
        name: the pipeline's name.
        vertex: where the job runs.
        job: its machines.

    Returns:
        The component's class, and what its `custom_config` holds besides the model's own.
    """
    return Trainer, {
        ENABLE_VERTEX_KEY: True,
        VERTEX_REGION_KEY: vertex.region,
        TRAINING_ARGS_KEY: custom_job(name, vertex, job),
    }


def vertex_pusher(
    config: Config,
    model_blessing: BaseChannel,
    infra_blessing: BaseChannel,
    evaluation: BaseChannel,
    monitor: Optional[Mapping[str, Any]] = None,
) -> BaseComponent:
    """The Pusher to the folder of versions and a Vertex AI endpoint.

    Args:
        config: the configuration, with a section `push.vertex`.
        model_blessing: the Evaluator's.
        infra_blessing: the InfraValidator's, which holds the model with its warm-up requests.
        evaluation: the Evaluator's, with its report.
        monitor: what a monitor is made from, where `push.vertex.monitor` asks for one; `MONITOR` says how.

    Returns:
        The component.

    Raises:
        BadInput: a monitor is asked for, and whoever builds the graph says nothing of it.
    """
    target = config.push.vertex
    assert target is not None
    if target.monitor and monitor is None:
        raise BadInput(
            "the pipeline's Pusher is built without what a monitor is made from",
            config.place("push.vertex.monitor"),
            "hand monitor_of_push(config) to vertex_pusher, as build_pusher of the library's project does",
        )
    return VertexPusher(
        model_blessing=model_blessing,
        infra_blessing=infra_blessing,
        evaluation=evaluation,
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=serving_directory(config))
        ),
        custom_config={
            ENABLE_VERTEX_KEY: True,
            VERTEX_REGION_KEY: target.region,
            VERTEX_CONTAINER_IMAGE_URI_KEY: target.image,
            SERVING_ARGS_KEY: _deployment(target),
            VERSION: {
                "model_id": model_id(config.name),
                "approval": config.registry.approval,
                "labels": config.vertex.labels,
                # For a folder of versions that is in no bucket: one of this machine.
                "bucket": layout(config.model_copy(update={"root": config.vertex.root or config.root})).serving,
                "explanations": target.explanations,
                **({ENDPOINT: settings} if (settings := _endpoint_settings(target)) else {}),
                **({MONITOR: dict(monitor)} if target.monitor and monitor else {}),
            },
            **({ENCRYPTION_KEY: target.encryption_key} if target.encryption_key else {}),
        },
    )


def model_id(name: str) -> str:
    """The id of a pipeline's model in Vertex AI: the pipeline's name, and `_` before one that begins with a digit.

    google/cloud/aiplatform/v1/model_service.proto, `UploadModelRequest.model_id`: up to 63 of `[a-z0-9_-]`, and the
    first is no digit.
    """
    return name if name[0].isalpha() else f"_{name}"[:63]


def _endpoint_settings(target: VertexEndpoint) -> dict[str, Any]:
    """What is said of the endpoint itself; nothing of what is left as it is."""
    asked = {"private": target.private, "request_logging": target.request_logging}
    return {name: section.model_dump(mode="json") for name, section in asked.items() if section is not None}


def _deployment(target: VertexEndpoint) -> dict[str, Any]:
    """The arguments of google-cloud-aiplatform's `Model.deploy`, with the names of endpoint and project as TFX's."""
    accelerator = {
        "accelerator_type": target.accelerator,
        "accelerator_count": target.accelerators or 1,
    }
    return {
        "project_id": target.project,
        "endpoint_name": target.endpoint,
        "machine_type": target.machine_type,
        "min_replica_count": target.min_replicas,
        "max_replica_count": target.max_replicas,
        "traffic_percentage": target.traffic_percent,
        **(accelerator if target.accelerator else {}),
        **({"service_account": target.service_account} if target.service_account else {}),
    }
