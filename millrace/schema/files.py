"""Schema files on disk: found by name, written whole or not at all, with a history to go back in.

The lock is held on the file's folder, so that nothing is left beside the file, and it goes with the process that held
it. The history is one JSON file an edit, in a folder of the caller's choice.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Optional

from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base import files
from millrace.base.errors import SchemaError
from millrace.textproto.schema_text import SchemaText, parse, read, read_text

LOCK_SECONDS = 10.0


def read_any(source: str) -> SchemaText:
    """A schema from a file, from a binary `.pb`, from a folder that holds one, or from git as REVISION:PATH.

    Args:
        source: for instance `schema/taxi/schema.pbtxt` or `HEAD~1:schema/taxi/schema.pbtxt`; a path in git is relative
            to the working directory.

    Raises:
        SchemaError: nothing there, or no schema.
    """
    path = Path(source)
    if path.is_dir():
        schemas = sorted([*path.glob("*.pbtxt"), *path.glob("*.pb")])
        if len(schemas) != 1:
            raise SchemaError(f"this folder holds {len(schemas)} schema files; expected one", where=source)
        path = schemas[0]
    if path.exists() or ":" not in source:
        return _read_binary(path) if path.suffix == ".pb" else read(path)
    return parse(_from_git(source), source)


def _read_binary(path: Path) -> SchemaText:
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError

    proto = schema_pb2.Schema()
    try:
        proto.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise SchemaError("not a binary Schema proto", where=str(path)) from error
    return SchemaText(str(path), text_format.MessageToString(proto, as_utf8=True), proto)


def _from_git(source: str) -> str:
    revision, _, path = source.partition(":")
    if not path.startswith(("./", "../", "/")):
        path = f"./{path}"
    if path.startswith("/"):
        path = f"./{os.path.relpath(path)}"
    if revision.startswith("-"):
        raise SchemaError("this is not a git revision", where=source)
    command = ["git", "show", "--no-textconv", f"{revision}:{path}"]
    try:
        shown = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise SchemaError("git is not installed, and there is no such file", where=source) from error
    if shown.returncode != 0:
        reason = shown.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        remedy = "name a file, or REVISION:PATH, for instance HEAD~1:schema/taxi/schema.pbtxt"
        raise SchemaError(f"neither a file nor known to git: {reason}", where=source, remedy=remedy)
    try:
        return shown.stdout.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SchemaError("not UTF-8 text", where=source) from error


@contextlib.contextmanager
def locked(path: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Holds the lock of a schema file, so that two edits at once follow each other.

    Args:
        path: the schema file.
        seconds: how long to wait for another process.

    Raises:
        SchemaError: another process holds the lock, or the folder is not there.
    """
    try:
        folder = os.open(path.resolve().parent, os.O_RDONLY)
    except OSError as error:
        raise SchemaError(f"the folder cannot be opened: {error.strerror}", where=str(path)) from error
    try:
        _wait_for(folder, path, time.monotonic() + seconds)
        yield
    finally:
        os.close(folder)


def _wait_for(folder: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                remedy = "wait until it is done, then try again"
                raise SchemaError("another command is changing this file", where=str(path), remedy=remedy) from error
            time.sleep(0.05)
        except OSError as error:
            remedy = "work on a copy on this machine's own disk"
            raise SchemaError(f"files cannot be locked here: {error.strerror}", str(path), remedy) from error
        else:
            return


def write(path: Path, text: str) -> None:
    """Puts a text in place of a file's content, whole or not at all; a link keeps pointing to the file.

    Args:
        path: the file, or a link to it.
        text: its whole content.

    Raises:
        SchemaError: the file cannot be written.
    """
    try:
        files.write(path, text)
    except OSError as error:
        raise SchemaError(f"cannot be written: {error.strerror}", where=str(path)) from error


def digest(text: str) -> str:
    """The SHA-256 of a text, by which a later edit by hand is noticed."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True)
class Edit:
    """One edit in the history.

    Args:
        number: its place, from 1.
        when: UTC, ISO 8601.
        why: the command that made it.
        words: what it changed.
        before: the whole text before.
        after: the whole text after.
        undone: whether it was taken back.
    """

    number: int
    when: str
    why: str
    words: tuple[str, ...]
    before: str
    after: str
    undone: bool = False


class History:
    """The edits that the workbench made to one file, oldest first.

    Args:
        folder: where histories are kept.
        path: the schema file.
    """

    def __init__(self, folder: Path, path: Path) -> None:
        self._path = path
        self._folder = folder / f"{path.resolve().parent.name}-{digest(str(path.resolve()))[:12]}"

    @property
    def draft(self) -> Path:
        """Where `schema edit` keeps what is being written, so that a crash loses nothing."""
        return self._folder / "draft.pbtxt"

    def edits(self) -> list[Edit]:
        """Every edit that is on record."""
        recorded = []
        for file in sorted(self._folder.glob("[0-9]*.json")):
            values = json.loads(file.read_text(encoding="utf-8"))
            recorded.append(Edit(**{**values, "words": tuple(values["words"])}))
        return recorded

    def change(self, before: str, after: str, why: str, words: tuple[str, ...]) -> Edit:
        """Writes an edit to the file, and on record; the lock must be held.

        Args:
            before: the text that the edit started from.
            after: the text to write.
            why: the command.
            words: what changes.

        Raises:
            SchemaError: the file is no longer `before`, or cannot be written.
        """
        if self._path.exists() and read_text(self._path) != before:
            remedy = "look at it again: someone else changed it in the meantime"
            raise SchemaError("the file changed since it was read", where=str(self._path), remedy=remedy)
        parse(after, str(self._path))
        number = len(self.edits()) + 1
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        edit = Edit(number, when, why, words, before, after)
        self._record(edit)  # first: an edit that is on record but not in the file is noticed by its digest
        write(self._path, after)
        return edit

    def last(self) -> Optional[Edit]:
        """The last edit that was not taken back."""
        return next((edit for edit in reversed(self.edits()) if not edit.undone), None)

    def undo(self, force: bool = False) -> Edit:
        """Takes the last edit back; the lock must be held.

        Args:
            force: also when the file was edited by hand since; that edit is put on record first.

        Returns:
            The edit that was taken back.

        Raises:
            SchemaError: there is nothing to take back, or the file was edited since.
        """
        now = read_text(self._path)
        newest = self.last()
        if newest is None:
            remedy = f"edits by hand are in git: git log -p {self._path}"
            raise SchemaError("no edit of the workbench to take back", where=str(self._path), remedy=remedy)
        if newest.after == now:
            write(self._path, newest.before)
            self._mark_undone(newest)
            return newest
        if newest.before == now:  # the process died between the record and the file: the edit was never made
            self._mark_undone(newest)
            return self.undo(force)
        if not force:
            raise SchemaError(
                f"the file was changed after the last edit ({newest.when}: {newest.why}), and undo would lose that",
                where=str(self._path),
                remedy="undo that change first, or add --force: what is lost can then be taken back with another undo",
            )
        self._mark_undone(newest)
        self.change(now, newest.before, "undo --force", (f"back to the text before: {newest.why}",))
        return newest

    def _mark_undone(self, edit: Edit) -> None:
        self._record(replace(edit, undone=True))

    def _record(self, edit: Edit) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SchemaError(f"the history cannot be kept: {error.strerror}", where=str(self._folder)) from error
        write(self._folder / f"{edit.number:06d}.json", json.dumps(asdict(edit), indent=1, ensure_ascii=False))
