"""ML Metadata's events: which execution read an artifact or made it, and under which key."""

from typing import Any

from ml_metadata.proto import metadata_store_pb2

from millrace.metadata.places import as_here

_INPUTS = (metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.DECLARED_INPUT)
_OUTPUTS = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.DECLARED_OUTPUT)


def is_read(event: metadata_store_pb2.Event) -> bool:
    """Whether its execution read the artifact."""
    return event.type in _INPUTS


def is_made(event: metadata_store_pb2.Event) -> bool:
    """Whether its execution made the artifact or, when it was cached, took it from the cache."""
    return event.type in _OUTPUTS


def key_of(event: metadata_store_pb2.Event) -> str:
    """The key of the execution's input or output; empty where TFX wrote none."""
    return next((step.key for step in event.path.steps if step.HasField("key")), "")


def artifacts_of_type(store: Any, kind: str, root: str) -> list[metadata_store_pb2.Artifact]:
    """The artifacts of a type, each as it is now (see `places.as_here`), those that were deleted too.

    Args:
        store: an open ML Metadata store.
        kind: the type, as TFX names it.
        root: the pipeline's root as it is now.
    """
    known = {one.name for one in store.get_artifact_types()}
    artifacts = store.get_artifacts_by_type(kind) if kind in known else []
    return [as_here(artifact, root) or artifact for artifact in artifacts]
