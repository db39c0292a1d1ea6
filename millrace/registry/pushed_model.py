"""A pushed model's files: checksums, the signatures of the SavedModel, and what they lack of what they had."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from millrace.registry.version import Signature, Version

_BLOCK = 1 << 20
_SERVE = "serve"


def file_checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder.

    Args:
        folder: a SavedModel's.

    Returns:
        Hexadecimal digests by the path within, sorted by it.
    """
    digests = {}
    for place, _, names in os.walk(folder):
        for name in names:
            file = Path(place, name)
            digest = hashlib.sha256()
            with file.open("rb") as content:
                while block := content.read(_BLOCK):
                    digest.update(block)
            digests[file.relative_to(folder).as_posix()] = digest.hexdigest()
    return dict(sorted(digests.items()))


def checksum(files: Mapping[str, str]) -> str:
    """One checksum of all files with their names: SHA-256 of lines as `sha256sum` prints them, sorted by name.

    Args:
        files: as `file_checksums` gives them.
    """
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def damage(version: Version) -> str:
    """What a version's files lack of what they were when it was registered.

    Args:
        version: any.

    Returns:
        Which file is gone, has been added or has another content; empty where all are as they were.
    """
    if not version.there:
        return f"{version.folder} is gone" if not version.folder.exists() else f"{version.folder} has no saved_model.pb"
    found = file_checksums(version.folder)
    for name, digest in version.facts.files.items():
        if name not in found:
            return f"{version.folder / name} is gone"
        if found[name] != digest:
            return f"{version.folder / name} has another content than when it was registered"
    added = sorted(set(found) - set(version.facts.files))
    return f"{version.folder / added[0]} was not there when it was registered" if added else ""


def signatures(folder: Path) -> dict[str, Signature]:
    """The signatures of a SavedModel; TensorFlow is imported for it, and nothing of the model is run.

    Args:
        folder: the SavedModel's.

    Returns:
        By name, without TensorFlow's own; none where the file cannot be read as a SavedModel.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString((folder / "saved_model.pb").read_bytes())
    except (OSError, DecodeError):
        return {}
    graphs = [graph for graph in model.meta_graphs if _SERVE in graph.meta_info_def.tags]
    return {
        name: Signature(_types(signature.inputs), _types(signature.outputs))
        for graph in graphs[:1]
        for name, signature in sorted(graph.signature_def.items())
        if not name.startswith("__")
    }


def about(folder: Path) -> dict[str, object]:
    """What the model says of itself, in its `assets.extra/millrace.json`: label, task, classes, inputs, `made_from`.

    Args:
        folder: the SavedModel's.

    Returns:
        Nothing where it says nothing that can be read.
    """
    try:
        values = json.loads((folder / "assets.extra" / "millrace.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _types(infos: Mapping[str, object]) -> dict[str, str]:
    import tensorflow as tf

    shown = {}
    for name, info in sorted(infos.items()):
        shape = tf.TensorShape(info.tensor_shape)  # type: ignore[attr-defined]
        sizes = "?" if shape.rank is None else ",".join("?" if size is None else str(size) for size in shape.as_list())
        shown[name] = f"{tf.as_dtype(info.dtype).name}[{sizes}]"  # type: ignore[attr-defined]
    return shown
