"""The Vertex AI custom job in which the Trainer may run, as TFX's `google_cloud_ai_platform` extension takes it.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs#CustomJob has the fields.
"""

from typing import Any

from millrace.config.cloud_sections import CustomJob, VertexDeployment

# What a spec says where the configuration names no image yet: the name that a local build would give it.
UNSET_IMAGE = "millrace:latest"


def custom_job(name: str, vertex: VertexDeployment, job: CustomJob) -> dict[str, Any]:
    """Describes the custom job.

    Args:
        name: the pipeline's name.
        vertex: where the job runs, with its network, service account, labels and encryption key.
        job: its machines.

    Returns:
        A CustomJob's fields and `project`; TFX adds the command to each worker pool.
    """
    scheduling = {
        **({"timeout": {"seconds": job.timeout_minutes * 60}} if job.timeout_minutes else {}),
        **({"restart_job_on_worker_restart": True} if job.restart_on_worker_restart else {}),
    }
    spec = {
        "worker_pool_specs": _worker_pools(vertex, job),
        "service_account": vertex.service_account,
        "network": vertex.network,
        "reserved_ip_ranges": list(vertex.reserved_ip_ranges),
        "scheduling": scheduling,
    }
    described = {
        "project": vertex.project or "",
        "display_name": f"{name}-trainer",
        "job_spec": {key: value for key, value in spec.items() if value},
        "labels": dict(vertex.labels),
        "encryption_spec": {"kms_key_name": vertex.encryption_key} if vertex.encryption_key else {},
    }
    return {key: value for key, value in described.items() if value or key == "project"}


def _worker_pools(vertex: VertexDeployment, job: CustomJob) -> list[dict[str, Any]]:
    """The chief's pool of one machine, and one pool of the other workers: Vertex AI sets TF_CONFIG by their order."""
    variables = [{"name": name, "value": value} for name, value in sorted(vertex.environment.items())]
    accelerator = {"accelerator_type": job.accelerator, "accelerator_count": job.accelerators or 1}
    pool = {
        "machine_spec": {"machine_type": job.machine_type, **(accelerator if job.accelerator else {})},
        "container_spec": {"image_uri": vertex.image or UNSET_IMAGE, **({"env": variables} if variables else {})},
        **({"disk_spec": {"boot_disk_size_gb": job.boot_disk_gib}} if job.boot_disk_gib else {}),
    }
    counts = [1, job.workers - 1] if job.workers > 1 else [1]
    return [{**pool, "replica_count": count} for count in counts]
