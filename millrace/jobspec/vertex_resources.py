"""What tasks of a compiled job make on Vertex AI beside the pipeline: custom jobs to train, endpoints to serve.

One reader for cost, roles, images, keys and checks. TFX's Google Cloud extension is told by `custom_config`; Google's
own component of a custom job takes each thing as a parameter of the task.
https://google-cloud-pipeline-components.readthedocs.io/en/latest/api/v1/custom_job.html
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Optional

from millrace.jobspec.job import CompiledJob, Spec, Step

_TRAINING, _SERVING, _REGION = "ai_platform_training_args", "ai_platform_serving_args", "ai_platform_vertex_region"
_POOLS = "worker_pool_specs"
_PLACEHOLDER = "{{"


@dataclass(frozen=True)
class WorkerPool:
    """Machines of a custom job that are alike.

    Args:
        machine: its `MachineSpec`.
        replicas: how many there are.
        image: that runs on them, or a placeholder for it.
        is_known: whether machine and number are said, and none is a placeholder for what only the run will know.
    """

    machine: Spec
    replicas: int
    image: str
    is_known: bool = True


@dataclass(frozen=True)
class CustomJob:
    """A custom job that a task makes.

    Args:
        pools: its machines.
        project: in which it is made; empty for the pipeline's.
        region: likewise.
        account: that it runs as; empty for Vertex AI's own agent for custom code.
        key: by which its disks are encrypted; empty for Google's own.
        folder: below which it writes, as far as the job says that; empty where it does not.
    """

    pools: tuple[WorkerPool, ...] = ()
    project: str = ""
    region: str = ""
    account: str = ""
    key: str = ""
    folder: str = ""


@dataclass(frozen=True)
class Endpoint:
    """A version of a model that a task makes, and deploys to an endpoint.

    Args:
        machine: the `MachineSpec` of each replica.
        least: how many replicas there are at least.
        most: how many there may be.
        project: in which it is; empty for the pipeline's.
        region: likewise.
        account: that it serves as; empty for Vertex AI's own.
        image: that serves.
        key: by which model, endpoint and monitor are encrypted; empty for Google's own.
        monitor: what is said of its monitor; empty for none.
        logs: the BigQuery table of requests and answers; empty for none.
    """

    machine: Spec
    least: int = 1
    most: int = 1
    project: str = ""
    region: str = ""
    account: str = ""
    image: str = ""
    key: str = ""
    monitor: Spec = field(default_factory=dict)
    logs: str = ""


def custom_jobs(job: CompiledJob, step: Step) -> Iterator[CustomJob]:
    """The custom jobs that a task makes: none or one, unless it is told both ways.

    Args:
        job: in which it stands; of ours, of TFX alone, or with tasks of google-cloud-pipeline-components.
        step: the task.
    """
    custom = job.json_value(step, "custom_config")
    if _TRAINING in custom:
        asked = custom[_TRAINING]
        spec = asked.get("job_spec", {})
        yield CustomJob(
            pools=tuple(map(_pool, spec.get(_POOLS, ()))),
            project=asked.get("project", ""),
            region=custom.get(_REGION, ""),
            account=spec.get("service_account", ""),
            key=asked.get("encryption_spec", {}).get("kms_key_name", ""),
            folder=job.root,
        )
    pools = job.json_items(step, _POOLS)
    if not pools and _POOLS in step.task.get("inputs", {}).get("parameters", {}) and job.value(step, _POOLS) != []:
        # Another task makes them.
        pools = [f"{_PLACEHOLDER}{_POOLS}}}}}"]
    if pools:
        yield CustomJob(
            # An empty one stands for a pool that is left out.
            pools=tuple(_pool(one) for one in pools if one),
            project=_text(job, step, "project"),
            region=_text(job, step, "location"),
            account=_text(job, step, "service_account"),
            key=_text(job, step, "encryption_spec_key_name"),
            folder=_text(job, step, "base_output_directory"),
        )


def endpoint(job: CompiledJob, step: Step) -> Optional[Endpoint]:
    """The version that a task deploys; None for a task that deploys none.

    Args:
        job: in which it stands; of ours or of TFX alone.
        step: the task.
    """
    custom = job.json_value(step, "custom_config")
    if _SERVING not in custom:
        return None
    asked, version = custom[_SERVING], custom.get("millrace_version", {})
    # Where no most is said, Vertex AI takes the least.
    least = int(asked.get("min_replica_count", 1))
    return Endpoint(
        machine=asked,
        least=least,
        most=max(least, int(asked.get("max_replica_count", least))),
        project=asked.get("project_id", ""),
        region=custom.get(_REGION, ""),
        account=asked.get("service_account", ""),
        image=custom.get("ai_platform_vertex_container_image_uri", ""),
        key=custom.get("millrace_encryption_key", ""),
        monitor=version.get("monitor", {}),
        logs=version.get("endpoint", {}).get("request_logging", {}).get("table", ""),
    )


def pushed_folder(job: CompiledJob, step: Step) -> str:
    """The folder to which a task pushes models; empty for one that pushes to none.

    Args:
        job: in which it stands.
        step: the task.
    """
    told = job.json_value(step, "push_destination").get("filesystem", {})
    return str(told.get("base_directory") or told.get("baseDirectory") or "")


def _pool(spec: Any) -> WorkerPool:
    """A pool; what is a placeholder in it, or all of it, only the run will know."""
    if not isinstance(spec, dict):
        return WorkerPool({}, 1, str(spec), is_known=False)
    machine, count = spec.get("machine_spec", {}), spec.get("replica_count", 1)
    kinds = (spec.get("container_spec", {}), "image_uri"), (spec.get("python_package_spec", {}), "executor_image_uri")
    images = [one.get(key, "") if isinstance(one, dict) else str(one) for one, key in kinds]
    image = next(filter(None, images), "")
    is_known = not any(_PLACEHOLDER in str(one) for one in (machine, count))
    return WorkerPool(machine if is_known else {}, int(count) if is_known else 1, image, is_known)


def _text(job: CompiledJob, step: Step, name: str) -> str:
    """A parameter's text; empty where it is none, or a placeholder, which stands for what the pipeline itself has."""
    value: Any = job.value(step, name)
    return value if isinstance(value, str) and _PLACEHOLDER not in value else ""
