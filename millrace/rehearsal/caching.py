"""When a task need not run again: the service's rule.

Vertex AI and Kubeflow Pipelines compare the pipeline's name, the task's name, what its container is (image, command,
arguments, environment), the parameters and input artifacts that it gets, and the outputs that it declares. What is in
the image they do not look at: pin it by digest, so that new code is a new image.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from millrace.rehearsal.artifacts import Artifact

_CONTAINER = ("image", "command", "args", "env")


def cache_key(
    pipeline: str,
    task: str,
    component: Mapping[str, Any],
    container: Mapping[str, Any],
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Sequence[Artifact]],
) -> str:
    """The key under which a task's outputs are found again.

    Args:
        pipeline: the pipeline's name.
        task: the task's name.
        component: its component spec, for the outputs that it declares.
        container: its container spec.
        parameters: its parameters, as they are after the driver.
        inputs: its input artifacts. They count by name: a cached output keeps its first name.
    """
    identity = {
        "pipeline": pipeline,
        "task": task,
        "outputs": component.get("outputDefinitions", {}),
        "container": {key: container.get(key) for key in _CONTAINER},
        "parameters": dict(parameters),
        "inputs": {key: [artifact.name for artifact in artifacts] for key, artifacts in inputs.items()},
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def is_cacheable(task: Mapping[str, Any]) -> bool:
    """Whether a task's spec asks for the cache: it does not, unless it says so."""
    return bool(task.get("cachingOptions", {}).get("enableCache"))
