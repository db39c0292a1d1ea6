"""Lays a deployment's settings of stages over a compiled job: resources, environment, caching, retries, timeouts."""

from millrace.base.errors import ConfigError
from millrace.base.names import did_you_mean
from millrace.config.cloud_sections import Deployment
from millrace.jobspec import edit
from millrace.jobspec.job import CompiledJob


def apply_stage_settings(job: CompiledJob, deployment: Deployment, section: str, never_cached: frozenset[str]) -> None:
    """Sets what the configuration asks for, for every task that runs in a container.

    Args:
        job: changed in place.
        deployment: the section.
        section: its name, for messages.
        never_cached: tasks that look at the world outside and must run every time.

    Raises:
        ConfigError: a stage is named that the pipeline does not have.
    """
    stages = [name for name in job.tasks if edit.container(job, name)]
    unknown = sorted(set(deployment.stages) - set(stages))
    if unknown:
        raise ConfigError(
            f"the pipeline has no stage {', '.join(unknown)} that runs in a container",
            where=f"{section}.stages",
            remedy=f"name one of: {', '.join(stages)}{did_you_mean(unknown[0], stages)}",
        )
    for stage in stages:
        wanted = deployment.of_stage(stage)
        edit.set_resources(job, stage, wanted)
        edit.set_environment(job, stage, deployment.environment)
        edit.set_caching(job, stage, deployment.caches(stage) and stage not in never_cached)
        edit.set_retries(job, stage, wanted)
        if wanted.timeout_minutes:
            edit.set_timeout(job, stage, wanted.timeout_minutes)
