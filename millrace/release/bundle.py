"""A release's file: a tar archive with a manifest first, the same bytes for the same content wherever it is made."""

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from millrace.base.errors import BadInput
from millrace.base.section import Section

MANIFEST = "manifest.json"
JOB = "job.json"
REMEDY = "make one with: millrace release build"


class FileDigest(Section):
    """One file of a release."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


class Manifest(Section):
    """What a release is, and what is in it.

    Nothing in it depends on when and where the release was made.
    """

    format: Literal[1] = 1
    pipeline: str
    environment: str = ""
    overrides: tuple[str, ...] = Field(default=(), description="the --set values that the job was compiled with")
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40,64}$")]
    library: str = Field(description="the version of Millrace")
    images: tuple[str, ...] = Field(description="of the job's containers, each by its digest")
    files: dict[str, FileDigest]


@dataclass(frozen=True)
class Release:
    """A release in memory.

    Args:
        manifest: what it is.
        files: the content of each file but the manifest, by its name in the archive.
    """

    manifest: Manifest
    files: Mapping[str, bytes]

    def to_bytes(self) -> bytes:
        """The archive: POSIX ustar without times, owners and compression, the manifest first, then by name."""
        text = json.dumps(self.manifest.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name, content in [(MANIFEST, text.encode()), *sorted(self.files.items())]:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o644
                tar.addfile(entry, io.BytesIO(content))
        return archive.getvalue()

    @property
    def sha256(self) -> str:
        """The digest of its file: of the bytes that were read, which a whole release makes again."""
        return digest(self.to_bytes()).sha256


def digest(content: bytes) -> FileDigest:
    """The digest of a file's content."""
    return FileDigest(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def file_name(release: Release) -> str:
    """What a release's file is called: its pipeline, its environment, and the beginning of the file's own digest."""
    manifest = release.manifest
    stem = "-".join(filter(None, (manifest.pipeline, manifest.environment)))
    return f"{stem}-{release.sha256[:12]}.release.tar"


def read(data: bytes, where: str) -> Release:
    """Reads a release as it stands; whether it is whole is for `verify.faults` to say.

    Args:
        data: the archive.
        where: its file, for messages.

    Raises:
        BadInput: it is no archive of plain files by names that can be unpacked, with a manifest, or it is cut.
    """
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for entry in tar:
                if trouble := _trouble(entry, contents, len(data)):
                    raise BadInput(f"no release: {entry.name}: {trouble}", where=where, remedy=REMEDY)
                contents[entry.name] = data[entry.offset_data : entry.offset_data + entry.size]
                if len(contents[entry.name]) < entry.size:
                    raise BadInput(f"no release: {entry.name}: the archive is cut", where=where, remedy=REMEDY)
    # tarfile reads extended headers by recursion, one after the other.
    except (tarfile.TarError, OSError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise BadInput(f"no release: the archive cannot be read: {error}", where=where, remedy=REMEDY) from error
    if MANIFEST not in contents:
        raise BadInput(f"no release: there is no {MANIFEST} in it", where=where, remedy=REMEDY)
    try:
        manifest = Manifest.model_validate_json(contents.pop(MANIFEST))
    except ValidationError as error:
        first = error.errors()[0]
        what = f"no release: {MANIFEST}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise BadInput(what, where=where, remedy=REMEDY) from error
    return Release(manifest, contents)


def _trouble(entry: tarfile.TarInfo, before: Collection[str], length: int) -> str:
    """Why an archive with such an entry is no release, before anything is read of it; empty where it may be."""
    # A sparse file claims any size, and extended headers any name: neither is in what `Release.to_bytes` writes.
    extended = entry.pax_headers or entry.offset_data - entry.offset != tarfile.BLOCKSIZE
    if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or extended or entry.issparse():
        return "it is no plain file"
    if not 0 <= entry.size <= length:
        return "it is larger than the archive"
    name = PurePosixPath(entry.name)
    if not name.parts or str(name) != entry.name or name.is_absolute() or ".." in name.parts:
        return "a file cannot be unpacked by that name"
    folders = {str(parent) for parent in name.parents}
    if entry.name in before or folders & set(before) or any(one.startswith(f"{entry.name}/") for one in before):
        return "its name is another file's, or that one's folder"
    return ""
