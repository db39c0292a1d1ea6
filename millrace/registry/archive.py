"""A version in one file: the SavedModel with what the registry knows of it, checked by checksums when it is taken in.

A tar with `version.json` first and the model's files below `model/`. The checksums are those of the registration, so
that an archive holds what was judged and nothing else.
"""

import contextlib
import io
import json
import os
import shutil
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Optional

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from millrace.base import files
from millrace.base.errors import BadInput
from millrace.base.plain_values import plain
from millrace.registry import pushed_model
from millrace.registry.events import Event, EventKind
from millrace.registry.registry import Registry
from millrace.registry.version import Version, VersionFacts

_FORMAT = 1
_ABOUT, _MODEL = "version.json", "model"
_LARGEST_ABOUT = 16 << 20


class _Archived(BaseModel):
    """What stands in `version.json`."""

    model_config = ConfigDict(extra="ignore")

    format: int = Field(le=_FORMAT)
    model: str
    number: int = Field(ge=1, lt=2**63)
    run: str
    exported_from: str
    facts: VersionFacts
    events: list[dict[str, Any]] = []


@dataclass(frozen=True)
class Imported:
    """What an archive brought.

    Args:
        version: as it is registered now.
        restored: whether the registry knew it, and only its files were gone.
    """

    version: Version
    restored: bool


def export(registry: Registry, version: Version, file: Path) -> int:
    """Writes a version to an archive.

    Args:
        registry: of the pipeline; the export becomes an event.
        version: one whose files are as they were registered.
        file: the archive; one that is there is replaced.

    Returns:
        How large the archive is, in bytes.

    Raises:
        BadInput: files of the version are gone or changed, or the archive cannot be written.
    """
    pack(version, registry.events(version.number), file)
    registry.record(EventKind.EXPORTED.value, version, f"to {file}", {"file": str(file), "checksum": version.checksum})
    return file.stat().st_size


def pack(version: Version, events: Sequence[Event], file: Path) -> None:
    """Writes a version to an archive, and tells no registry.

    Args:
        version: one whose files are as they were registered.
        events: those of the version, which go with it.
        file: the archive; one that is there is replaced.

    Raises:
        BadInput: as of `export`.
    """
    lacking = pushed_model.damage(version)
    if lacking:
        raise BadInput(
            f"version {version.number} is not whole: {lacking}", remedy="put it back as it was, then export it"
        )
    about = {
        "format": _FORMAT,
        "model": version.model,
        "number": version.number,
        "run": version.run,
        "exported_from": str(version.folder),
        "facts": version.facts.to_details(),
        "events": [plain(one) for one in events],
    }
    try:
        with files.whole(file) as beside, tarfile.open(beside, _writing(file)) as archive:
            text = json.dumps(about, indent=1, ensure_ascii=False).encode()
            entry = tarfile.TarInfo(_ABOUT)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
            for name in version.facts.files:
                archive.add(version.folder / name, f"{_MODEL}/{name}", recursive=False, filter=_nobody)
    except OSError as error:
        raise BadInput(
            f"cannot be written: {error.strerror or error}", where=str(file), remedy="name another file with -o"
        ) from error


def import_version(
    registry: Registry,
    file: Path,
    because: str,
    now: Optional[float] = None,
    origin: str = "",
    gate_report: str = "",
    vertex: Optional[str] = None,
) -> Imported:
    """Takes in a version from an archive: registered, and neither approved nor served.

    Args:
        registry: of the pipeline that is to serve it.
        file: the archive.
        because: why.
        now: seconds since the epoch; None for the time on the clock.
        origin: what the event names in place of a file that only carried the version; empty for the file.
        gate_report: the folder to which the Evaluator's report was brought; empty where it was not.
        vertex: the version's resource name in Vertex AI where it is imported, empty where it is not there; None for the
            one where it was exported.

    Returns:
        The version.

    Raises:
        BadInput: the archive is none, is damaged, is of another model, or has a number that no push of today has; or
            another version has its number, or something else lies in its folder.
    """
    with _opened(file) as archive:
        about = _about(archive, file)
        if about.model != registry.model:
            raise BadInput(
                f"it holds a version of {about.model}, and this is the registry of {registry.model}",
                where=str(file),
                remedy=f"name the configuration of {about.model} with -c",
            )
        if about.number > (time.time() if now is None else now):
            # A push is numbered by its time, and none is made that a server of the newest number would not serve.
            raise BadInput(
                f"its number, {about.number}, is later than now, and each push of today would have a lower one",
                where=str(file),
                remedy="export it again from where it has the number of its push; nothing has changed here",
            )
        known = next((one for one in registry.versions() if one.number == about.number), None)
        target = known.folder if known else Path(registry.serving) / str(about.number)
        if known and known.checksum != about.facts.checksum:
            raise BadInput(
                f"another version {about.number} is registered, with other files",
                where=str(known.folder),
                remedy="nothing has changed; millrace models show tells what it is",
            )
        if known and not pushed_model.damage(known):
            raise BadInput(f"version {about.number} is registered, and is whole", where=str(known.folder))
        _place(archive, about, target, file)
    details = {"file": origin or str(file), "checksum": about.facts.checksum, "exported_from": about.exported_from}
    facts = replace(
        about.facts,
        folder=str(target),
        trial=False,
        artifact=0,
        gate_report=gate_report,
        vertex=about.facts.vertex if vertex is None else vertex,
        imported_from=about.exported_from,
    )
    if known is None:
        registry.take_in_imported(about.number, about.run, facts, because, details)
    else:
        registry.record(EventKind.IMPORTED.value, known, because, details)
        registry.write_served_file()
    return Imported(registry.version(str(about.number)), known is not None)


def _nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """A file without its owner and its time: two exports of one version hold the same."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o644
    return entry


def _writing(file: Path) -> Literal["w", "w:gz"]:
    return "w:gz" if file.name.endswith((".tar.gz", ".tgz")) else "w"


def _is_compressed(file: Path) -> bool:
    """Whether the file is gzip's (RFC 1952), whatever it was renamed to."""
    with open(file, "rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:gz" if _is_compressed(file) else "r:") as archive:
            yield archive
    except FileNotFoundError as error:
        raise BadInput("there is no such file", where=str(file)) from error
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BadInput(f"cannot be read as an archive: {error}", where=str(file), remedy=_AGAIN) from error


_AGAIN = "export it again; nothing has changed here"


def _about(archive: tarfile.TarFile, file: Path) -> _Archived:
    entry = archive.next()
    content = archive.extractfile(entry) if entry and entry.name == _ABOUT and entry.isreg() else None
    if content is None or entry is None or entry.size > _LARGEST_ABOUT:
        raise BadInput(f"is no export of a version: it does not begin with {_ABOUT}", where=str(file), remedy=_AGAIN)
    try:
        return _Archived.model_validate_json(content.read())
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"{_ABOUT} is damaged, or of a later Millrace: {key}: {first['msg']}", where=str(file)
        ) from error


def _place(archive: tarfile.TarFile, about: _Archived, target: Path, file: Path) -> None:
    """Puts the model's files where servers look, whole or not at all; a folder that holds just these stays."""
    wanted = about.facts.files
    if pushed_model.checksum(wanted) != about.facts.checksum or not all(map(_is_within, wanted)):
        raise BadInput(f"{_ABOUT} contradicts itself: the checksum is not that of its files", where=str(file))
    there = pushed_model.file_checksums(target) if target.exists() else {}
    if there == wanted:
        return
    other = [name for name in there if name not in wanted]
    if other:
        raise BadInput(
            f"the folder of version {about.number} holds what is none of its files: {other[0]}",
            where=str(target),
            remedy="move it away, then import again; nothing has changed",
        )
    beside = target.with_name(files.name_beside(target.name))
    try:
        for entry in archive:
            name = entry.name.removeprefix(f"{_MODEL}/")
            if entry.name == _ABOUT:
                continue
            content = archive.extractfile(entry) if entry.isreg() and name in wanted else None
            if content is None:
                raise BadInput(f"{entry.name} is none of the version's files", where=str(file), remedy=_AGAIN)
            place = beside / name
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as written:
                shutil.copyfileobj(content, written)
        found = pushed_model.file_checksums(beside)
        for name, digest in wanted.items():
            if found.get(name) != digest:
                what = "is not in it" if name not in found else "has another checksum than when it was registered"
                raise BadInput(f"{_MODEL}/{name} {what}", where=str(file), remedy=_AGAIN)
        if target.exists():
            # What is left of a version that lost files.
            os.rename(target, beside.with_suffix(".old"))
        os.rename(beside, target)
        shutil.rmtree(beside.with_suffix(".old"), ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _is_within(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and bool(path.parts)
