"""Stages of a pipeline that Vertex AI does the work of: a Trainer in a custom job, a Pusher to an endpoint.

Google's clients come in with this module.
"""

from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.extensions.google_cloud_ai_platform.constants import (
    ENABLE_VERTEX_KEY,
    SERVING_ARGS_KEY,
    VERTEX_CONTAINER_IMAGE_URI_KEY,
    VERTEX_REGION_KEY,
)
from tfx.extensions.google_cloud_ai_platform.trainer.component import Trainer
from tfx.extensions.google_cloud_ai_platform.trainer.executor import TRAINING_ARGS_KEY
from tfx.types.channel import BaseChannel

from millrace.components.vertex_pusher.component import ENCRYPTION_KEY, VertexPusher
from millrace.components.vertex_pusher.section import VertexEndpoint
from millrace.config.cloud_sections import CustomJob, VertexDeployment
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


def vertex_pusher(target: VertexEndpoint, model_blessing: BaseChannel, infra_blessing: BaseChannel) -> BaseComponent:
    """The Pusher to a Vertex AI endpoint.

    Args:
        target: the endpoint, its machines and its share of the traffic.
        model_blessing: the Evaluator's.
        infra_blessing: the InfraValidator's, which holds the model with its warm-up requests.

    Returns:
        The component.
    """
    return VertexPusher(
        model_blessing=model_blessing,
        infra_blessing=infra_blessing,
        custom_config={
            ENABLE_VERTEX_KEY: True,
            VERTEX_REGION_KEY: target.region,
            VERTEX_CONTAINER_IMAGE_URI_KEY: target.image,
            SERVING_ARGS_KEY: _deployment(target),
            **({ENCRYPTION_KEY: target.encryption_key} if target.encryption_key else {}),
        },
    )


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
