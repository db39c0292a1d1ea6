"""What a run was made from: all that is needed to explain it later, and to run it again.

One file in the run's folder, written whole when the run begins, so that a run that is refused before its graph has it
too. Nothing here imports TensorFlow or TFX. What the driver finds out (a span, a fingerprint) is in ML Metadata.
"""

import contextlib
import hashlib
import json
import os
import platform
import socket
import sys
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata as packages
from pathlib import Path
from typing import Any, Optional

import psutil
from pydantic import TypeAdapter, ValidationError

import millrace
from millrace.base import files
from millrace.base.cores import cores
from millrace.base.errors import MillraceError
from millrace.base.secrets import cut
from millrace.base.stack import MAIN_PACKAGES
from millrace.config.config import Config
from millrace.config.data_files import data_files
from millrace.metadata.revision import Revision, last_commit_of, revision
from millrace.project import project

FILE = "provenance.json"

_MOST_FILES = 100
# Read in a tenth of a second; a digest of more would hold up the start of a run.
_READ_WHOLE = 64 << 20


@dataclass(frozen=True)
class DataFiles:
    """The files of the data as they lay there when the run began.

    Args:
        digest: of the names, sizes and times of all of them; empty where the data is not on this machine.
        content: SHA-256 of the names and contents of all of them, 16 digits; empty of more than 64 MiB together, and
            where the data is not on this machine.
        count: how many.
        bytes: of all of them.
        files: the first hundred by path.
    """

    digest: str = ""
    count: int = 0
    bytes: int = 0
    files: tuple[str, ...] = ()
    content: str = ""

    def is_as(self, then: "DataFiles") -> Optional[bool]:
        """Whether the rows are those of then: the times of files that git puts back are others; None if unknown.

        Args:
            then: the same data as another run recorded it.
        """
        if not then.digest or self.digest == then.digest:
            return True
        if self.content and then.content:
            return self.content == then.content
        return None if (self.count, self.bytes) == (then.count, then.bytes) else False


@dataclass(frozen=True)
class Provenance:
    """What one run was made from.

    Args:
        configuration: the whole of it, as it was resolved, by the keys of the file.
        overrides: the `--set` values, in order.
        revision: git's; None where the project is in no repository, or there is no git.
        code: a digest of each Python file of the project, by its path within.
        schema_digest: SHA-256 of the curated schema's file, 16 digits; empty where there is none.
        schema_commit: the last commit that changed that file.
        data: the files of the data.
        versions: the stack, by distribution, with `python` and `millrace`.
        machine: `host`, `system`, `processor`, `cores`, `memory_bytes`.
    """

    configuration: dict[str, Any] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    revision: Optional[Revision] = None
    code: dict[str, str] = field(default_factory=dict)
    schema_digest: str = ""
    schema_commit: str = ""
    data: DataFiles = DataFiles()
    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)


def record(folder: Path, config: Config, overrides: tuple[str, ...]) -> Provenance:
    """Writes down what a run is made from; a disk that is full does not end the run.

    Args:
        folder: the run's folder.
        config: its configuration.
        overrides: its `--set` values.

    Returns:
        What was written, secrets still in it.
    """
    made_from = _provenance(config, overrides)
    with contextlib.suppress(OSError):
        files.write(folder / FILE, cut(json.dumps(asdict(made_from), indent=1)) + "\n")
    return made_from


def commit_of(made_from: Optional[Provenance], digits: Optional[int] = None) -> str:
    """The commit of a run, and whether something was not committed; empty where git knew none.

    Args:
        made_from: what the run was made from, as far as it wrote that down.
        digits: how many of the commit's are told; None for all.
    """
    if made_from is None or made_from.revision is None or not made_from.revision.commit:
        return ""
    return made_from.revision.commit[:digits] + ("" if made_from.revision.clean else " with uncommitted changes")


def read(folder: Path) -> Optional[Provenance]:
    """What a run was made from; None where it did not write that down, as before 0.2.0.

    Args:
        folder: the run's folder.
    """
    try:
        return _reader().validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return None


@cache
def _reader() -> TypeAdapter[Provenance]:
    return TypeAdapter(Provenance)


def _provenance(config: Config, overrides: tuple[str, ...]) -> Provenance:
    here = project.find(Path(config.file or os.curdir).resolve().parent)
    configuration = config.model_dump(mode="json", by_alias=True)
    if here and here.stands_for:
        # A worktree is taken away, and what lay in it lies in the project.
        configuration = moved(configuration, here.root, here.stands_for)
    schema = Path(config.schema_.file) if config.schema_.file else None
    return Provenance(
        configuration=configuration,
        overrides=overrides,
        revision=revision(here.root) if here else None,
        code=code_of(here) if here else {},
        schema_digest=file_digest(schema) if schema else "",
        schema_commit=last_commit_of(schema) if schema else "",
        data=data_of(config),
        versions=stack_versions(),
        machine=_machine(),
    )


def moved(values: Any, before: Path, after: Path) -> Any:
    """Plain values in which each path within a folder is the same place within another.

    Args:
        values: such as a configuration's.
        before: the folder.
        after: the other one.
    """
    if isinstance(values, dict):
        return {key: moved(value, before, after) for key, value in values.items()}
    if isinstance(values, list):
        return [moved(value, before, after) for value in values]
    if isinstance(values, str) and values.startswith(f"{before}/"):
        return f"{after}{values[len(str(before)) :]}"
    return values


def file_digest(file: Path) -> str:
    """SHA-256 of a file's content, 16 digits; empty where it cannot be read, or would never end."""
    try:
        return hashlib.sha256(files.read_bytes(file)).hexdigest()[:16]
    except (OSError, MillraceError):
        return ""


def code_of(here: project.Project) -> dict[str, str]:
    """A digest of each Python file that a project ships, by its path within.

    Args:
        here: the project.
    """
    try:
        shipped = sorted(here.shipped)
    except MillraceError:
        # The run says so itself.
        return {}
    sources = [file for package in shipped for file in sorted((here.root / package).rglob("*.py"))]
    return {file.relative_to(here.root).as_posix(): file_digest(file) for file in sources}


def data_of(config: Config) -> DataFiles:
    """The files of a configuration's data as they lie now; none where they are elsewhere, or cannot be told.

    Args:
        config: the configuration.
    """
    try:
        found = [(file, file.stat()) for file in sorted(data_files(config.data))]
    except (MillraceError, OSError):
        return DataFiles()
    digest = hashlib.sha256()
    for file, status in found:
        digest.update(f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="surrogateescape"))
    size = sum(status.st_size for _, status in found)
    names = tuple(str(file) for file, _ in found[:_MOST_FILES])
    content = _content_of([file for file, _ in found]) if found and size <= _READ_WHOLE else ""
    return DataFiles(digest.hexdigest()[:16] if found else "", len(found), size, names, content)


def _content_of(found: list[Path]) -> str:
    digest = hashlib.sha256()
    try:
        for file in found:
            digest.update(
                f"{file.name}\0".encode(errors="surrogateescape") + hashlib.sha256(file.read_bytes()).digest()
            )
    except OSError:
        return ""
    return digest.hexdigest()[:16]


def stack_versions() -> dict[str, str]:
    """The versions of what is installed here, by distribution, with `python` and `millrace`."""
    versions = {"python": platform.python_version(), "millrace": millrace.__version__}
    for name in MAIN_PACKAGES:
        with contextlib.suppress(packages.PackageNotFoundError):
            versions[name] = packages.version(name)
    return versions


def _machine() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.machine(),
        "cores": cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "executable": sys.executable,
    }
