"""Whole files: written beside their place and renamed, so that nobody ever reads half of one; read without hanging.

A place is a path on this machine, or a URI that TFX's file systems know (`gs://bucket/file`). TFX is imported for a URI
alone: the schema commands and the model server start without it.
"""

import contextlib
import errno
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union

from millrace.base.errors import BadInput, is_disk_full

Place = Union[str, Path]

_OPEN_FILES = ("/dev/fd/", "/dev/stdout", "/dev/stderr", "/proc/")
# What a person writes has kilobytes. A device such as /dev/zero has no end.
LARGEST_TEXT = 16 * 2**20
# What `name_beside` gives, and what an archive's replacement leaves.
_BESIDE = re.compile(r"\..+\.[0-9a-f]{12}\.(?:part|old)")
# No write takes a day: what is older belongs to nobody.
_WRITTEN_WITHIN = 24 * 3600.0


def read_text(path: Path, kind: type[BadInput] = BadInput, remedy: str = "") -> str:
    """Reads a text that a person wrote.

    Args:
        path: a file of this machine.
        kind: the class of the error when it cannot be read.
        remedy: what to do then, for the error.

    Returns:
        Its text, without a byte order mark.

    Raises:
        FileNotFoundError: there is no such file.
        BadInput: of the given kind: as for `read_bytes`, or it is not UTF-8.
    """
    try:
        return read_bytes(path, kind, remedy).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte {error.object[error.start]:#04x} at {error.start}"
        raise kind(f"cannot be read: it is not UTF-8 ({byte})", str(path), remedy or "save it as UTF-8") from error


def read_bytes(path: Path, kind: type[BadInput] = BadInput, remedy: str = "") -> bytes:
    """Reads a file that a person named, which may be anything.

    Args:
        path: a file of this machine.
        kind: the class of the error when it cannot be read.
        remedy: what to do then, for the error.

    Returns:
        Its content.

    Raises:
        FileNotFoundError: there is no such file.
        BadInput: of the given kind: it is a folder, a device or a pipe, is larger than any text that a person writes,
            or may not be read.
    """
    try:
        # Opening a pipe waits for its writer, so it is looked at first.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            thing = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
            raise kind(f"cannot be read: it is {thing} and no file", str(path), remedy)
        if status.st_size > LARGEST_TEXT:
            raise kind(f"cannot be read: it is larger than {LARGEST_TEXT >> 20} MiB", str(path), remedy)
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise kind(f"cannot be read: {what}", str(path), remedy) from error


def write(place: Place, content: Union[str, bytes]) -> None:
    """Writes a file, whole or not at all.

    Args:
        place: a path or a URI; folders that are not there are made.
        content: bytes, or text that is written in UTF-8 with its line ends as they are.

    Raises:
        OSError: a path cannot be written; what was there before is still there.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with whole(place) as beside, _open(beside) as file:
        file.write(data)


def write_named(place: Place, content: Union[str, bytes], remedy: str = "name another file with -o") -> None:
    """Writes a file that a person named, which may be a device or a pipe: that is written into and stays what it is.

    Args:
        place: a path or a URI; folders that are not there are made.
        content: as of `write`.
        remedy: what to do when it cannot be written.

    Raises:
        BadInput: nothing can be written there; what was there before is still there.
        OSError: the disk is full.
    """
    try:
        if not _is_uri(place) and _is_no_file(place):
            with open(place, "wb") as file:
                file.write(content.encode("utf-8") if isinstance(content, str) else content)
        else:
            write(place, content)
    except BrokenPipeError:
        raise
    except OSError as error:
        if is_disk_full(error):
            raise
        raise BadInput(f"cannot be written: {error.strerror}", where=str(place), remedy=remedy) from error


def _is_no_file(place: Place) -> bool:
    """Whether something is there that a renamed file must not replace: a folder, a device, a pipe, an open file."""
    try:
        return not stat.S_ISREG(os.stat(place).st_mode) or os.path.abspath(place).startswith(_OPEN_FILES)
    except OSError:
        return False


@contextlib.contextmanager
def whole(place: Place) -> Iterator[str]:
    """Gives the place beside a file at which to write it, for a writer that takes a path and no bytes.

    At the end of the block the file is put in place, over what was there. A block that ends in an exception leaves what
    was there, and nothing beside it. Files that belong together are written in one block, each with a `whole` of its
    own: none is put in place before all of them are written.

    Args:
        place: a path or a URI; folders that are not there are made. A link goes on pointing to its file, and a file
            keeps its permissions.

    Yields:
        The place to write to, in the same folder.

    Raises:
        OSError: a path cannot be written.
    """
    if _is_uri(place):
        with _whole_at_uri(str(place)) as beside:
            yield beside
    else:
        with _whole_on_this_machine(Path(os.path.realpath(place))) as beside:
            yield beside


@contextlib.contextmanager
def _whole_on_this_machine(path: Path) -> Iterator[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if _is_no_file(path):
        raise FileExistsError(errno.EEXIST, "it is a folder, a device or a pipe and no file", str(path))
    beside = path.with_name(name_beside(path.name))
    try:
        yield str(beside)
        if path.exists():
            beside.chmod(path.stat().st_mode & 0o7777)
        _to_disk(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    # The new name, too, must outlive a power cut; not every file system can be asked for it.
    with contextlib.suppress(OSError):
        _to_disk(path.parent)


@contextlib.contextmanager
def _whole_at_uri(uri: str) -> Iterator[str]:
    from tfx.dsl.io import fileio

    folder, _, name = uri.rpartition("/")
    fileio.makedirs(folder)
    beside = f"{folder}/{name_beside(name)}"
    try:
        yield beside
        fileio.rename(beside, uri, overwrite=True)
    except BaseException:
        if fileio.exists(beside):
            fileio.remove(beside)
        raise


def sweep(folder: Path, now: float) -> None:
    """Deletes what processes that were killed within a write have left in a folder; what may be written still stays.

    Args:
        folder: of this machine; one that is not there, or may not be changed, is left alone.
        now: seconds since the epoch.
    """
    with contextlib.suppress(OSError):
        for one in folder.iterdir():
            if _BESIDE.fullmatch(one.name) and now - one.lstat().st_ctime > _WRITTEN_WITHIN:
                shutil.rmtree(one) if one.is_dir() else one.unlink()


def _open(place: str) -> Any:
    if _is_uri(place):
        from tfx.dsl.io import fileio

        return fileio.open(place, "wb")
    return open(place, "wb")


def _is_uri(place: Place) -> bool:
    return "://" in str(place)


def name_beside(name: str) -> str:
    """The name under which something is written before it is put in its place: hidden, as TFX and TFDV skip such files.

    Args:
        name: of the place; each call gives another one.
    """
    return f".{name}.{uuid.uuid4().hex[:12]}.part"


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
