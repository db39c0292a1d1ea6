"""Rules on customer-managed encryption keys: on every resource that a job makes, or on none."""

import json
from collections.abc import Iterator
from typing import Any, Optional

from pipeline.config import Config
from runners.compiled.findings import Finding
from runners.compiled.job import CompiledJob

# The keys of `custom_config` by which TFX's Google Cloud extension, and ours, are told.
_TRAINING, _SERVING, _PUSHER_KEY = "ai_platform_training_args", "ai_platform_serving_args", "millrace_encryption_key"
_DATAFLOW = "--dataflow_kms_key="


def keys(job: CompiledJob, config: Optional[Config]) -> Iterator[Finding]:
    """Where one resource has a key, all have one, and in the region of the job."""
    if job.dialect != "vertex":
        return
    found = dict(_keys(job))
    used = {key for key in found.values() if key}
    for resource, key in found.items():
        if used and not key:
            yield Finding(
                "encryption-key",
                "error",
                f"{resource} has no encryption key, and another resource of the job has one",
                resource,
                f"set one there too, for instance {sorted(used)[0]}, or none anywhere",
            )
        if config and key and _location(key) not in (config.vertex.region, "global"):
            yield Finding(
                "encryption-key",
                "error",
                f"the encryption key of {resource} is in {_location(key)}, and the job in {config.vertex.region}",
                resource,
                "use a key of the job's own region",
            )


def _location(key: str) -> str:
    return key.partition("/locations/")[2].partition("/")[0]


def _keys(job: CompiledJob) -> Iterator[tuple[str, str]]:
    """The resources that a job makes, and the key of each; empty where it has none."""
    yield "the pipeline job", job.settings.get("encryptionSpec", {}).get("kmsKeyName", "")
    for name, task in job.tasks.items():
        custom_config = _custom_config(job.value(task, "custom_config"))
        if _TRAINING in custom_config:
            spec = custom_config[_TRAINING].get("encryption_spec", {})
            yield f"the custom job of {name}", spec.get("kms_key_name", "")
        if _SERVING in custom_config:
            yield f"the endpoint of {name}", custom_config.get(_PUSHER_KEY, "")
        args = job.executor(task).get("container", {}).get("args", [])
        if "--runner=DataflowRunner" in args:
            given = [arg.removeprefix(_DATAFLOW) for arg in args if arg.startswith(_DATAFLOW)]
            yield f"the Dataflow job of {name}", given[-1] if given else ""


def _custom_config(text: Any) -> dict[str, Any]:
    try:
        custom_config = json.loads(text) if isinstance(text, str) else None
    except json.JSONDecodeError:
        return {}
    return custom_config if isinstance(custom_config, dict) else {}
