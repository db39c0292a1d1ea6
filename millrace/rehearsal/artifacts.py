"""Artifacts as the service keeps them: a resource name, a type's schema, a URI and metadata.

The format is `RuntimeArtifact` of KFP's `pipeline_spec.proto`.
"""

import functools
import importlib.util
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

import yaml

# What Vertex AI calls an artifact; the last part is its id in ML Metadata here.
NAME_PREFIX = "projects/0/locations/rehearsal/metadataStores/default/artifacts/"
_TITLE_OF_TFX = "tfx."
_KINDS = {"integer": int, "double": float, "string": str}
# TFX's value artifacts (tfx.types.standard_artifacts): what an executor writes at their URI is a file.
_OF_ONE_VALUE = frozenset(
    f"{_TITLE_OF_TFX}{name}" for name in ("Bytes", "String", "Boolean", "Integer", "Float", "JsonValue")
)


@dataclass(frozen=True)
class Artifact:
    """One artifact.

    Args:
        id: its id in ML Metadata.
        name: its resource name on the service.
        type: its type, as the job's spec says it: `schemaTitle` or `instanceSchema`.
        uri: where it lies.
        metadata: its properties; numbers are floats, as in a protobuf Struct.
    """

    id: int
    name: str
    type: dict[str, Any]
    uri: str
    metadata: dict[str, Any] = field(default_factory=dict)

    def to_runtime(self) -> dict[str, Any]:
        """As it stands in an ExecutorInput."""
        return {"name": self.name, "type": self.type, "uri": self.uri, "metadata": self.metadata}

    def updated(self, written: dict[str, Any]) -> "Artifact":
        """The artifact after a driver or an executor has said something of it.

        Args:
            written: a RuntimeArtifact; its type and name are the service's to give.
        """
        metadata = {**self.metadata, **written.get("metadata", {})}
        return replace(self, uri=written.get("uri") or self.uri, metadata=metadata)


def name_of(artifact_id: int) -> str:
    """The resource name of an artifact with an id in ML Metadata."""
    return f"{NAME_PREFIX}{artifact_id}"


def id_of(name: Any) -> Optional[int]:
    """The id in ML Metadata of an artifact with a resource name; None for any other text."""
    number = name.removeprefix(NAME_PREFIX) if isinstance(name, str) else ""
    return int(number) if number.isdecimal() and name != number else None


def title(schema: dict[str, Any]) -> str:
    """The title of an artifact's type, for instance `tfx.Examples`."""
    if "schemaTitle" in schema:
        return str(schema["schemaTitle"])
    return str((_parsed(schema.get("instanceSchema", "")) or {}).get("title", "tfx.Artifact"))


def type_name(schema: dict[str, Any]) -> str:
    """The name of the type in ML Metadata, as TFX gives it: `Examples`; the class's name for a type of one's own."""
    return title(schema).removeprefix(_TITLE_OF_TFX).rpartition(".")[2]


def is_value(schema: dict[str, Any]) -> bool:
    """Whether an artifact of a type is one value in a file, as TFX writes it, and not a folder."""
    return title(schema) in _OF_ONE_VALUE


def property_types(schema: dict[str, Any]) -> dict[str, type]:
    """The declared properties of a type with their Python types."""
    text = schema.get("instanceSchema") or _schema_of_tfx(title(schema).removeprefix(_TITLE_OF_TFX))
    declared = (_parsed(text) or {}).get("properties") or {}
    return {name: _KINDS[spec["type"]] for name, spec in declared.items() if spec.get("type") in _KINDS}


@functools.cache
def _parsed(text: str) -> Any:
    return yaml.safe_load(text)


@functools.cache
def _schema_of_tfx(name: str) -> str:
    """The schema that TFX's compiler keeps of one of its own types; found without importing TFX."""
    spec = importlib.util.find_spec("tfx")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(location) / "orchestration/kubeflow/v2/artifact_types" / f"{name}.yaml"
        if file.is_file():
            return file.read_text(encoding="utf-8")
    return ""
