"""Importer tasks: an artifact that lies somewhere already gets its place in the metadata."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from millrace.base.errors import MillraceError
from millrace.jobspec.job import plain_value
from millrace.rehearsal.artifacts import Artifact, title
from millrace.rehearsal.cloud_folder import CloudFolder
from millrace.rehearsal.failures import NotRehearsed
from millrace.rehearsal.lineage import RehearsalRecord


def uri_of(spec: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """The URI that an importer imports.

    Args:
        spec: the executor's `importer`.
        parameters: the task's parameters.

    Raises:
        MillraceError: the parameter that should hold it has no value.
    """
    uri = spec.get("artifactUri", {})
    if "runtimeParameter" in uri:
        if uri["runtimeParameter"] not in parameters:
            raise MillraceError(
                f"the importer's parameter {uri['runtimeParameter']} has no value", remedy="--param NAME=VALUE sets it"
            )
        return str(parameters[uri["runtimeParameter"]])
    return str(plain_value(uri.get("constantValue", uri.get("constant", ""))))


def import_artifact(
    spec: Mapping[str, Any],
    schema: Mapping[str, Any],
    parameters: Mapping[str, Any],
    lineage: RehearsalRecord,
    clouds: CloudFolder,
    volumes: Sequence[Path] = (),
) -> tuple[Artifact, bool]:
    """Finds or makes the artifact of an importer.

    Args:
        spec: the executor's `importer`.
        schema: the type of the importer's output.
        parameters: the task's parameters.
        lineage: where it may be already.
        clouds: where the buckets are.
        volumes: folders of this machine that stand for volumes of the tasks.

    Returns:
        The artifact, and whether it is new. One that was imported before is taken again, under its name, when type, URI
        and metadata are the same, unless `reimport` is set.

    Raises:
        NotRehearsed: there is nothing at the URI on this machine; what is in the bucket nobody knows here.
        MillraceError: the URI is a path of this machine. The service does not look; the task that reads it fails there.
    """
    uri = uri_of(spec, parameters)
    if not clouds.holds(uri) and not any(Path(uri).is_relative_to(volume) for volume in volumes):
        raise MillraceError(
            f"it imports {uri}, which is no place that a task on the service can see",
            remedy="copy it into a bucket, and import it from there",
        )
    if not Path(uri).exists():
        raise NotRehearsed(
            f"there is nothing to import at {clouds.cloud(uri)} here; "
            "--gs gs://BUCKET/PATH=FOLDER says where it is on this machine"
        )
    kind = dict(spec.get("typeSchema") or schema)
    metadata = {name: plain_value(value) for name, value in spec.get("metadata", {}).items()}
    for kept in ("properties", "customProperties"):
        metadata.update({name: plain_value(v.get("constantValue", v)) for name, v in spec.get(kept, {}).items()})
    if not spec.get("reimport"):
        for known in lineage.live(title(kind), kind):
            if known.uri == uri and metadata.items() <= known.metadata.items():
                return known, False
    made = lineage.new_artifact(kind, uri=uri)
    return made.updated({"metadata": metadata}), True
