"""Rules on customer-managed encryption keys: on every resource that a job makes, or on none."""

from collections.abc import Iterator
from typing import NamedTuple, Optional

from millrace.config.config import Config
from millrace.jobspec.dataflow import options_of, runs_on_dataflow
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.vertex_resources import custom_jobs, endpoint


class KeyedResource(NamedTuple):
    """A resource that a job makes, its key and its region; empty where it has no key, or the region is the job's."""

    name: str
    key: str
    region: str = ""


def keys(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Where one resource has a key, all have one, and each in the region of its resource.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if job.dialect != "vertex":
        return
    resources = list(keyed_resources(job))
    used = {resource.key for resource in resources if resource.key}
    for resource in resources:
        if used and not resource.key:
            yield JobFinding(
                "encryption-key",
                "error",
                f"{resource.name} has no encryption key, and another resource of the job has one",
                resource.name,
                f"set one there too, for instance {sorted(used)[0]}, or none anywhere",
            )
        region = resource.region or (config.vertex.region if config else "")
        if region and resource.key and key_location(resource.key) not in (region, "global"):
            yield JobFinding(
                "encryption-key",
                "error",
                f"the encryption key of {resource.name} is in {key_location(resource.key)}, and that is in {region}",
                resource.name,
                "use a key of the resource's own region",
            )


def key_location(key: str) -> str:
    """The region of a key, by its name."""
    return key.partition("/locations/")[2].partition("/")[0]


def keyed_resources(job: CompiledJob) -> Iterator[KeyedResource]:
    """What a job makes that has a key, or could have one; of each the key that it is given.

    Args:
        job: for Vertex AI.
    """
    yield KeyedResource("the pipeline job", job.settings.get("encryptionSpec", {}).get("kmsKeyName", ""))
    for step in job.walk():
        for custom in custom_jobs(job, step):
            yield KeyedResource(f"the custom job of {step.name}", custom.key, custom.region)
        if served := endpoint(job, step):
            for made in ("endpoint", "monitor") if served.monitor else ("endpoint",):
                yield KeyedResource(f"the {made} of {step.name}", served.key, served.region)
        if runs_on_dataflow(job, step):
            options = options_of(job, step)
            key, where = options.get("dataflow_kms_key", ""), options.get("region", "")
            yield KeyedResource(f"the Dataflow job of {step.name}", key, where)
