"""What is a mapping, a list or a text in a compiled job, as far as it is looked into here.

KFP's `pipeline_spec.proto` has the whole of it, and protobuf's own reader takes a text for a mapping without a word.
"""

from collections.abc import Iterator
from typing import Any

Shape = Any
"""A type; a list of the shape of each of its items; a mapping of shapes by key, with `*` for every other key."""

_DEFINITIONS: Shape = {
    "parameters": {"*": {"parameterType": str, "type": str}},
    "artifacts": {"*": {"artifactType": {"schemaTitle": str, "instanceSchema": str}}},
}
_PRODUCER: Shape = {"producerTask": str, "outputParameterKey": str, "outputArtifactKey": str}
_TASK: Shape = {
    "componentRef": {"name": str},
    "taskInfo": {"name": str},
    "inputs": {
        "parameters": {
            "*": {
                "runtimeValue": dict,
                "taskOutputParameter": _PRODUCER,
                "taskFinalStatus": _PRODUCER,
                "componentInputParameter": str,
            }
        },
        "artifacts": {"*": {"taskOutputArtifact": _PRODUCER, "componentInputArtifact": str}},
    },
    "dependentTasks": [str],
    "triggerPolicy": {"condition": str, "strategy": str},
    "cachingOptions": dict,
    "retryPolicy": dict,
    "parameterIterator": {"itemInput": str, "items": dict},
    "artifactIterator": {"itemInput": str, "items": dict},
}
_COMPONENT: Shape = {
    "executorLabel": str,
    "dag": {"tasks": {"*": _TASK}, "outputs": dict},
    "inputDefinitions": _DEFINITIONS,
    "outputDefinitions": _DEFINITIONS,
}
_COMMAND: Shape = {"command": [str], "args": [str]}
_EXECUTOR: Shape = {
    "container": {
        "image": str,
        **_COMMAND,
        "env": [{"name": str, "value": str}],
        "resources": {"accelerator": dict},
        "lifecycle": {"preCacheCheck": _COMMAND},
    },
    "importer": dict,
    "resolver": dict,
    "customJob": dict,
}
SPEC: Shape = {
    "pipelineInfo": {"name": str},
    "schemaVersion": str,
    "defaultPipelineRoot": str,
    "root": _COMPONENT,
    "components": {"*": _COMPONENT},
    "deploymentSpec": {"executors": {"*": _EXECUTOR}},
}
JOB: Shape = {
    "pipelineSpec": SPEC,
    "displayName": str,
    "labels": {"*": object},
    "runtimeConfig": {"gcsOutputDirectory": str, "parameterValues": dict, "parameters": dict, "failurePolicy": str},
    "encryptionSpec": {"kmsKeyName": str},
    "serviceAccount": str,
    "network": str,
    "reservedIpRanges": [str],
    "templateUri": str,
    "templateMetadata": {"version": str},
}
PLATFORMS: Shape = {
    "platforms": {
        "kubernetes": {
            "deploymentSpec": {
                "executors": {"*": {"pvcMount": [dict], "secretAsEnv": [{"secretName": str, "keyToEnv": [dict]}]}}
            }
        }
    }
}
_NAMES: dict[Any, str] = {dict: "a mapping", list: "a list", str: "text"}


def misshapen(value: Any, shape: Shape, where: str = "") -> Iterator[str]:
    """What is of another kind than it must be.

    Args:
        value: of a document.
        shape: what it must be.
        where: the value's place, keys joined by dots.

    Yields:
        Sentences, for instance `components.trainer is text, and a mapping is needed`.
    """
    kind: Any = shape if isinstance(shape, type) else type(shape)
    if not isinstance(value, kind):
        given = _NAMES.get(type(value), f"{value!r}"[:40])
        yield f"{where or 'the document'} is {given}, and {_NAMES.get(kind, kind.__name__)} is needed"
    elif isinstance(shape, list):
        for place, item in enumerate(value):
            yield from misshapen(item, shape[0], f"{where}[{place}]")
    elif isinstance(shape, dict):
        for key, below in value.items():
            if key in shape or "*" in shape:
                yield from misshapen(below, shape.get(key, shape.get("*")), f"{where}.{key}".lstrip("."))


def without_nulls(value: Any) -> Any:
    """A document without the keys that have no value: for protobuf they are not there."""
    if isinstance(value, dict):
        return {key: without_nulls(below) for key, below in value.items() if below is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
