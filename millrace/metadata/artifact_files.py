"""The files of an artifact with their sizes: written down when it is published, and looked at before it is taken again.

TFX's cache asks only whether an artifact's folder exists. The list is a custom property of the artifact, so that it is
published, copied and forgotten with it. It is looked at on this machine's disks alone: a bucket would be asked for
every file. A file with another content of the same size is not noticed.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Optional

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from millrace.base.numbers import counted
from millrace.components.marks import REPLACES

FILES_PROPERTY = "files"
"""The custom property: JSON of `files`, and of `pushed` for a pushed model, each a size in bytes by the path within."""

DIGEST_PROPERTY = "digest"
"""The custom property: SHA-256 of all files with their names, of an artifact up to `_DIGESTED` bytes."""

_BEGINS = '{"files":'
# Lists of files are for the cache; what TFX packs as a struct is no text.
_UNSHOWN = frozenset({FILES_PROPERTY, DIGEST_PROPERTY, "tfx_version", "is_external"})
# A tenth of a second; larger ones are told by their sizes alone.
_DIGESTED = 64 << 20


def record_files(
    store: MetadataStore, artifacts: Iterable[metadata_store_pb2.Artifact], replaced: Collection[int] = ()
) -> None:
    """Writes down the files of artifacts that were just published.

    Args:
        store: an open ML Metadata store.
        artifacts: as the store has them; those in a bucket, and those with properties of these names that a component
            gave them, are left out.
        replaced: the ids of artifacts that lacked something, in whose place these were made.
    """
    recorded = []
    for artifact in artifacts:
        taken = {FILES_PROPERTY, DIGEST_PROPERTY} & set(artifact.custom_properties) - recorded_properties(artifact)
        if "://" not in artifact.uri and not taken:
            lists = {"files": _sizes(Path(artifact.uri))}
            if sum(lists["files"].values()) <= _DIGESTED:
                artifact.custom_properties[DIGEST_PROPERTY].string_value = _digest(Path(artifact.uri), lists["files"])
            pushed = pushed_folder(artifact)
            if pushed:
                lists["pushed"] = _sizes(pushed)
            artifact.custom_properties[FILES_PROPERTY].string_value = json.dumps(lists, separators=(",", ":"))
            if replaced:
                artifact.custom_properties[REPLACES].string_value = ",".join(map(str, sorted(replaced)))
            recorded.append(artifact)
    if recorded:
        store.put_artifacts(recorded)


def damage(artifact: metadata_store_pb2.Artifact, dispensable: Collection[str] = ()) -> str:
    """What an artifact lacks of what it had when it was published.

    Args:
        artifact: as the store has it.
        dispensable: the names of folders within it without which it is whole.

    Returns:
        Which file of which artifact is gone or has another size; empty when the artifact is whole, as far as that can
        be told: one that 0.1.0 published lacks something only when a split has no file any more.
    """
    if "://" in artifact.uri:
        return ""
    place = Path(artifact.uri)
    if not place.exists():
        return f"{_short(place)} is gone"
    lists = _recorded(artifact)
    if not lists:
        return f"{_short(place)} has no file any more" if _is_hollow(place, artifact) else ""
    needed = {name: size for name, size in lists["files"].items() if name.split("/")[0] not in dispensable}
    found = _difference(place, needed, _short(place))
    pushed = pushed_folder(artifact)
    if found or not pushed or withdrawn(artifact):
        return found
    return _difference(pushed, lists.get("pushed", {}), f"the pushed model {pushed}")


def same_content(artifact: metadata_store_pb2.Artifact, other: metadata_store_pb2.Artifact) -> bool:
    """Whether two artifacts of one type had the same files when they were published; False where it is not known.

    Args:
        artifact: as the store has it.
        other: as the store has it.
    """
    digests = [
        of_one.custom_properties[DIGEST_PROPERTY].string_value if DIGEST_PROPERTY in of_one.custom_properties else ""
        for of_one in (artifact, other)
    ]
    return artifact.type_id == other.type_id and digests[0] == digests[1] != ""


def recorded_properties(artifact: metadata_store_pb2.Artifact) -> frozenset[str]:
    """The names of the custom properties that are `record_files`' own: a component may give some of the same names."""
    return frozenset({FILES_PROPERTY, DIGEST_PROPERTY}) if _recorded(artifact) else frozenset()


def withdrawn(artifact: metadata_store_pb2.Artifact) -> bool:
    """Whether a pushed model was taken away while another version is served: that is how a person goes back to it.

    It is no damage: pushed again, it would replace the version that was meant to be served.
    """
    pushed = pushed_folder(artifact)
    if not pushed or pushed.exists() or not pushed.parent.is_dir():
        return False
    return any(other.name.isdecimal() and other.is_dir() for other in pushed.parent.iterdir())


def damage_of_folder(artifact: metadata_store_pb2.Artifact, name: str) -> str:
    """What one folder within an artifact lacks of what it had when it was published.

    Args:
        artifact: as the store has it.
        name: the folder's name.

    Returns:
        As `damage`.
    """
    files = {path: size for path, size in _recorded(artifact).get("files", {}).items() if path.split("/")[0] == name}
    return "" if "://" in artifact.uri else _difference(Path(artifact.uri), files, _short(Path(artifact.uri)))


def plain_properties(artifact: metadata_store_pb2.Artifact) -> dict[str, Any]:
    """An artifact's properties that are a text or a number.

    Args:
        artifact: as the store has it.
    """
    plain: dict[str, Any] = {}
    values: Mapping[str, Any] = {**artifact.properties, **artifact.custom_properties}
    for name, value in values.items():
        kind = value.WhichOneof("value")
        if kind in ("int_value", "double_value", "string_value") and name not in _UNSHOWN:
            plain[name] = getattr(value, kind)
    return {name: value for name, value in sorted(plain.items()) if not str(value).startswith("mlmd-struct::")}


def pushed_folder(artifact: metadata_store_pb2.Artifact) -> Optional[Path]:
    """The folder of this machine to which a model was pushed; None where it is none, or was not pushed."""
    # A property that is only looked up would be there afterwards, without a value.
    properties = artifact.custom_properties
    if "pushed" not in properties or "pushed_destination" not in properties:
        return None
    destination = properties["pushed_destination"].string_value
    return Path(destination) if properties["pushed"].int_value and destination and "://" not in destination else None


def _recorded(artifact: metadata_store_pb2.Artifact) -> dict[str, dict[str, int]]:
    properties = artifact.custom_properties
    recorded = properties[FILES_PROPERTY].string_value if FILES_PROPERTY in properties else ""
    lists: dict[str, dict[str, int]] = json.loads(recorded if recorded.startswith(_BEGINS) else "{}")
    return lists


def _short(place: Path) -> str:
    """An artifact by its stage, key and execution, as in TFX's layout of its root."""
    return "/".join(place.parts[-3:])


def _sizes(place: Path) -> dict[str, int]:
    """Every file below a folder, or the file itself under an empty name."""
    if place.is_file():
        return {"": place.stat().st_size}
    sizes = {}
    for folder, _, names in os.walk(place):
        for name in names:
            file = os.path.join(folder, name)
            # A link that leads nowhere and a pipe hold nothing.
            if os.path.isfile(file):
                sizes[os.path.relpath(file, place)] = os.stat(file).st_size
    return dict(sorted(sizes.items()))


def _digest(place: Path, names: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        content = (place / name).read_bytes()
        digest.update(f"{len(name)} {name} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def _difference(place: Path, recorded: dict[str, int], called: str) -> str:
    found = _sizes(place)
    if recorded and not found:
        return f"{called} is gone" if not place.exists() else f"{called} has no file any more"
    for name, size in recorded.items():
        if name not in found:
            return f"{f'{called}/{name}'.rstrip('/')} is gone"
        if found[name] != size:
            return f"{f'{called}/{name}'.rstrip('/')} has {counted(found[name], 'byte')} in place of {size:,}"
    return ""


def _is_hollow(folder: Path, artifact: metadata_store_pb2.Artifact) -> bool:
    """Whether a split of an artifact, or the artifact itself, has no file."""
    if folder.is_file():
        return False
    names = artifact.properties["split_names"].string_value if "split_names" in artifact.properties else ""
    splits = [entry.strip(' "') for entry in names.strip("[]").split(",")]
    parts = [folder / f"Split-{split}" for split in splits if split] or [folder]
    return any(not any(path.is_file() for path in part.rglob("*")) for part in parts)
