"""Buckets as folders on this machine, so that code which reads and writes them does so without a cloud.

Every `gs://BUCKET/PATH` in the job becomes `FOLDER/gs/BUCKET/PATH` before anything runs, also within JSON that is a
parameter's value or a container's argument; what is shown to a person is turned back. The two are one to one. The same
holds for `minio://` and `s3://`, which Kubeflow Pipelines may use.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from millrace.base.errors import BadInput

SCHEME = "gs://"
_SCHEMES = (SCHEME, "minio://", "s3://")
Json = TypeVar("Json")


@dataclass(frozen=True)
class CloudFolder:
    """Where the buckets are.

    Args:
        folder: holds a folder for each scheme, and that one for each bucket; absolute.
        elsewhere: `gs://` prefixes that lie in other folders, for instance data that are already on this machine.
    """

    folder: Path
    elsewhere: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for prefix, place in self.elsewhere.items():
            if not place.exists():
                raise BadInput(
                    f"{place} is not there, so that {prefix} cannot be in it",
                    where="--gs",
                    remedy="name a folder that holds what the bucket holds",
                )

    def local(self, value: Json) -> Json:
        """A JSON value with every `gs://` in its texts replaced by a local path."""
        changed: Json = in_texts(value, self._local_text)
        return changed

    def cloud(self, value: Json) -> Json:
        """A JSON value as the service would have seen it."""
        changed: Json = in_texts(value, self._cloud_text)
        return changed

    def holds(self, path: str) -> bool:
        """Whether a path of this machine stands for one in a bucket, or is an address of another kind."""
        return "://" in path or self.cloud(path) != path

    def _pairs(self) -> list[tuple[str, str]]:
        """The longest prefix first, so that it wins."""
        named = sorted(self.elsewhere.items(), key=lambda pair: -len(pair[0]))
        buckets = [(scheme, f"{self.folder}/{scheme.partition(':')[0]}/") for scheme in _SCHEMES]
        return [*((prefix.rstrip("/"), str(place.resolve())) for prefix, place in named), *buckets]

    def _local_text(self, text: str) -> str:
        if "://" in text:
            for prefix, place in self._pairs():
                text = _replace_prefix(text, prefix, place)
        return text

    def _cloud_text(self, text: str) -> str:
        for prefix, place in self._pairs():
            text = _replace_prefix(text, place, prefix)
        return text


def _replace_prefix(text: str, prefix: str, by: str) -> str:
    """Replaces a path's beginning wherever it occurs and is not itself the beginning of a longer name."""
    if prefix.endswith("/"):
        # A scheme alone stays as it is: a command may look for it, as ModelArchive's does, which knows /gcs.
        return re.sub(re.escape(prefix) + r"(?=[\w{$])", lambda _: by, text)
    pieces = text.split(prefix)
    result = pieces[0]
    for piece in pieces[1:]:
        longer = piece[:1].isalnum() or piece[:1] in ("-", "_", ".")
        result += (prefix if longer else by) + piece
    return result


def in_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with each of its texts changed, keys aside.

    Args:
        value: the JSON value.
        change: gives the text that takes another's place.
    """
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: in_texts(content, change) for key, content in value.items()}
    if isinstance(value, (list, tuple)):
        return [in_texts(content, change) for content in value]
    return value


def mapping(pairs: tuple[str, ...]) -> dict[str, Path]:
    """Reads `gs://PREFIX=FOLDER` texts.

    Raises:
        BadInput: a text is not of that form.
    """
    read = {}
    for pair in pairs:
        prefix, equals, place = pair.rpartition("=")
        if not equals or not prefix.startswith(SCHEME) or not place:
            raise BadInput(f"{pair} maps nothing", where="--gs", remedy="--gs gs://BUCKET/PATH=FOLDER")
        read[prefix] = Path(place).resolve()
    return read
