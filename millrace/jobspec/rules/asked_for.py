"""Rules on settings: what the configuration asks for is in the spec. TFX's compiler drops some of it silently."""

import ast
import itertools
from collections.abc import Iterator
from typing import Any, Optional

from millrace.config.cloud_sections import Deployment, StageResources, VertexDeployment
from millrace.config.config import Config
from millrace.config.platform import PLATFORMS
from millrace.jobspec.edit import TIMEOUT
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob, Spec
from millrace.project import default_configuration
from millrace.project.code_digest import module_file


def stages(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Resources, caching, retries and timeouts of every stage that runs in a container.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if config is None:
        return
    deployment = PLATFORMS[job.dialect].section(config)
    containers = {step.name: step.task for step in job.walk() if "container" in job.executor(step.task)}
    for name in sorted(set(deployment.stages) - set(containers)):
        yield _absent(job, config, f"the settings of {name}: there is no such stage", f"stages.{name}")
    for name in sorted(containers):
        task, container = containers[name], job.executor(containers[name])["container"]
        for wanted in _absences(task, container, deployment, name):
            yield _absent(job, config, f"{wanted} of {name}", f"stages.{name}")


def _absences(task: Spec, container: Spec, deployment: Deployment, stage: str) -> Iterator[str]:
    asked = deployment.of_stage(stage)
    resources = container.get("resources", {})
    if asked.cpu and resources.get("cpuLimit") != asked.cpu:
        yield f"{asked.cpu:g} processors"
    if asked.memory_gb and resources.get("memoryLimit") != asked.memory_gb:
        yield f"{asked.memory_gb:g} GB of memory"
    if asked.accelerator and not _has_accelerator(resources, asked):
        yield f"the accelerator {asked.accelerator}"
    if not deployment.caches(stage) and task.get("cachingOptions", {}).get("enableCache"):
        yield "caching switched off"
    if asked.retries and int(task.get("retryPolicy", {}).get("maxRetryCount", 0)) != asked.retries:
        yield f"{asked.retries} retries"
    for name, value in deployment.environment.items():
        if {"name": name, "value": value} not in container.get("env", ()):
            yield f"the environment variable {name}"
    if asked.timeout_minutes and not _ends_after(container, asked.timeout_minutes * 60):
        yield f"the timeout of {asked.timeout_minutes} minutes"


def _has_accelerator(resources: Spec, asked: StageResources) -> bool:
    given = resources.get("accelerator", {})
    return given.get("type") == asked.accelerator and int(given.get("count", 0)) == (asked.accelerators or 1)


def _ends_after(container: Spec, seconds: int) -> bool:
    words = [*container.get("command", []), *container.get("args", [])]
    pairs = set(itertools.pairwise(words))
    return (TIMEOUT, str(seconds)) in pairs or ("timeout", str(seconds)) in pairs


def job(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """What holds for the whole of a Vertex AI job.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if config is None or job.dialect != "vertex":
        return
    for key, wanted, compiled in _of_the_job(job, config.vertex):
        if wanted and wanted != compiled:
            yield _absent(job, config, f"{wanted!r}", key)


def _of_the_job(job: CompiledJob, vertex: VertexDeployment) -> Iterator[tuple[str, Any, Any]]:
    yield "service_account", vertex.service_account, job.settings.get("serviceAccount")
    yield "network", vertex.network, job.settings.get("network")
    yield "reserved_ip_ranges", list(vertex.reserved_ip_ranges), job.settings.get("reservedIpRanges")
    yield "encryption_key", vertex.encryption_key, job.settings.get("encryptionSpec", {}).get("kmsKeyName")
    yield "failure_policy", vertex.failure_policy, str(job.runtime.get("failurePolicy", "")).rpartition("_")[2].lower()
    yield "labels", dict(vertex.labels), {key: job.labels[key] for key in vertex.labels if key in job.labels}


def substitutes(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """What is done another way there than the configuration says for this machine.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if config is None:
        return
    if config.infra_validation.platform in ("docker", "kubernetes"):
        yield JobFinding(
            "infra-validation",
            "warning",
            f"InfraValidator uses a process there: {config.infra_validation.platform} cannot be used in a container",
            "infra_validation.platform",
            "nothing need be done; platform: process makes it the same everywhere",
        )
    custom_job = config.vertex.trainer if job.dialect == "vertex" else None
    if custom_job and custom_job.workers > 1 and not _is_distributed(config.code.run_fn):
        yield JobFinding(
            "one-worker",
            "warning",
            f"{config.code.run_fn} names no tf.distribute strategy, so that each of {custom_job.workers} workers would "
            "train the whole model by itself",
            "vertex.trainer.workers",
            "train under tf.distribute.MultiWorkerMirroredStrategy in run_fn, or set workers: 1",
        )


def _is_distributed(run_fn: str) -> bool:
    source = module_file(run_fn.rpartition(".")[0])
    if source is None:
        return True
    names = (getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(ast.parse(source.read_bytes())))
    return any(name == "distribute" or name.endswith("Strategy") for name in names)


def _absent(job: CompiledJob, config: Config, what: str, key: str) -> JobFinding:
    same = default_configuration.option(config.file, config.environment)
    return JobFinding(
        "asked-for-but-absent",
        "error",
        f"the configuration asks for {what}, and the compiled job does not say it",
        f"{job.dialect}.{key}",
        f"compile again with this configuration: millrace compile --runner {job.dialect}{same}",
    )
