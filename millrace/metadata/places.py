"""Artifacts of a root that was moved or copied: recorded by the path they had, found by their place below the root."""

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

from ml_metadata import ListOptions, MetadataStore, OrderByField
from ml_metadata.proto import metadata_store_pb2

from millrace.base import files
from millrace.config.paths import Layout

_NEWEST = 20

# As `Layout.artifacts` and TFX's launcher lay them out: STAGE/KEY/EXECUTION, and what is within.
_RECORDED = re.compile(r"(?P<root>.+)/artifacts/(?P<place>[^/]+/[^/]+/\d+(?:/.*)?)")


def as_here(artifact: metadata_store_pb2.Artifact, root: str) -> Optional[metadata_store_pb2.Artifact]:
    """An artifact that was recorded below another root and lies below this one, with its paths as they are now.

    Args:
        artifact: as the store has it.
        root: the root of the pipeline as it is now, a folder of this machine.

    Returns:
        The artifact with its URI, and every custom property that is a path below the old root, below this one; None
        when it is recorded as it is, or does not lie here. So a copy goes on with its own files and leaves the
        original's alone.
    """
    recorded = _RECORDED.fullmatch(artifact.uri)
    if not recorded or recorded["root"] == root or "://" in artifact.uri or "://" in root:
        return None
    here = f"{root}/artifacts/{recorded['place']}"
    if not Path(here).exists():
        return None
    moved = metadata_store_pb2.Artifact()
    moved.CopyFrom(artifact)
    moved.uri = here
    for value in moved.custom_properties.values():
        if value.string_value.startswith(f"{recorded['root']}/"):
            value.string_value = root + value.string_value[len(recorded["root"]) :]
    return moved


def execution_of(uri: str) -> int:
    """The execution that made an artifact, by TFX's layout of its root; 0 where the place does not tell.

    Args:
        uri: the artifact's, as it was recorded.
    """
    recorded = _RECORDED.fullmatch(uri)
    return int(recorded["place"].split("/")[2]) if recorded else 0


def is_there(uri: str) -> bool:
    """Whether an artifact's files are still there; True for a bucket's, which is not asked.

    Args:
        uri: the artifact's, as it is now.
    """
    return "://" in uri or Path(uri).exists()


def all_as_here(artifacts: Iterable[metadata_store_pb2.Artifact], root: str) -> dict[int, metadata_store_pb2.Artifact]:
    """Artifacts, each as it is now.

    Args:
        artifacts: as the store has them.
        root: the root of the pipeline as it is now; empty for each as it was recorded.

    Returns:
        The artifacts by id; see `as_here`.
    """
    return {artifact.id: (as_here(artifact, root) if root else None) or artifact for artifact in artifacts}


def record_as_here(store: MetadataStore, layout: Layout) -> int:
    """Writes the paths as they are now into ML Metadata, so that TFX finds what it recorded elsewhere.

    Only before a run, when no other run of this root goes on: it would lose its inputs. A file below the root says for
    which place that was done, so that not every artifact is looked at before each run.

    Args:
        store: an open ML Metadata store.
        layout: the pipeline's folders.

    Returns:
        How many artifacts were recorded elsewhere.
    """
    if "://" in layout.root:
        return 0
    done = layout.logs / f".{layout.name}.place"
    newest = store.get_artifacts(list_options=ListOptions(limit=_NEWEST, order_by=OrderByField.ID, is_asc=False))
    # An older ML Metadata may have been put back, which knows the root where it was then.
    if _read(done) == layout.root and not any(as_here(artifact, layout.root) for artifact in newest):
        return 0
    pipeline = store.get_context_by_type_and_name("pipeline", layout.name)
    artifacts = store.get_artifacts_by_context(pipeline.id) if pipeline else []
    moved = [here for artifact in artifacts if (here := as_here(artifact, layout.root))]
    if moved:
        store.put_artifacts(moved)
    with contextlib.suppress(OSError):
        files.write(done, layout.root)
    return len(moved)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
