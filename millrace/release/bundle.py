"""A release's file: a tar archive with a manifest first, the same bytes for the same content wherever it is made."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Annotated, Literal, Optional

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


def _plain(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> Optional[IO[bytes]]:
    return tar.extractfile(entry) if entry.isfile() else None


def read(data: bytes, where: str) -> Release:
    """Reads a release as it stands; whether it is whole is for `verify.faults` to say.

    Args:
        data: the archive.
        where: its file, for messages.

    Raises:
        BadInput: it is no archive with a manifest, or the archive is cut.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            # A link or a device has no content of its own, and may lead nowhere.
            contents = {entry.name: (file.read() if (file := _plain(tar, entry)) else b"") for entry in tar}
    except (tarfile.TarError, OSError, ValueError, UnicodeDecodeError) as error:
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
