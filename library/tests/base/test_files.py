"""Files are seen whole or not at all, on this machine and through TFX's file systems."""

import importlib
import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from millrace.base import files
from millrace.base.errors import BadInput, ConfigError


def test_a_file_is_written_with_its_folders_and_nothing_is_left_beside_it(tmp_path):
    files.write(tmp_path / "a" / "b" / "report.txt", "größer\r\n")
    assert (tmp_path / "a" / "b" / "report.txt").read_bytes() == "größer\r\n".encode()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["report.txt"]


def test_what_was_there_stays_until_all_is_written_and_when_the_writer_fails(tmp_path):
    file = tmp_path / "report.txt"
    files.write(file, "before")
    with pytest.raises(KeyboardInterrupt), files.whole(file) as beside:  # noqa: PT012 (the block is what is tested)
        Path(beside).write_text("half")
        assert file.read_text() == "before"
        raise KeyboardInterrupt
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_of_files_that_belong_together_none_is_placed_before_all_are_written(tmp_path):
    with pytest.raises(OSError, match="full"), ExitStack() as stack:  # noqa: PT012 (the block is what is tested)
        for name in ("conf.yaml", "schema.pbtxt"):
            Path(stack.enter_context(files.whole(tmp_path / name))).write_text(name)
        raise OSError("full")
    assert list(tmp_path.iterdir()) == []


def test_a_file_keeps_its_permissions_and_a_new_one_gets_those_of_the_process(tmp_path):
    file = tmp_path / "report.txt"
    before = os.umask(0o027)
    try:
        files.write(file, "1")
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o640
    file.chmod(0o604)
    files.write(file, "2")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("2", 0o604)


def test_a_link_goes_on_pointing_to_its_file(tmp_path):
    file, link = tmp_path / "shared" / "schema.pbtxt", tmp_path / "schema.pbtxt"
    files.write(file, "before")
    link.symlink_to(file)
    files.write(link, "after")
    assert link.is_symlink()
    assert file.read_text() == "after"


def test_a_place_that_cannot_be_written_is_an_error_with_its_path(tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(OSError, match="taken"):
        files.write(tmp_path / "taken" / "report.txt", "x")


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    """Else a power cut leaves the new name with nothing in it, over the old file."""
    place, synced = tmp_path / "report.txt", []
    place.write_text("old")

    def fsync(descriptor):
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        synced.append((path == tmp_path, path.read_text() if path.is_file() else "", place.read_text()))

    monkeypatch.setattr(os, "fsync", fsync)
    files.write(place, "new")
    assert synced == [(False, "new", "old"), (True, "", "new")]


def test_a_uri_is_written_through_tfx(monkeypatch):
    stored: dict[str, bytes] = {}
    monkeypatch.setattr(importlib.import_module("tfx.dsl.io"), "fileio", _Bucket(stored), raising=False)
    files.write("mem://bucket/folder/report.txt", "whole")
    assert stored == {"mem://bucket/folder/report.txt": b"whole"}
    with pytest.raises(RuntimeError, match="stopped"), files.whole("mem://bucket/folder/report.txt") as beside:  # noqa: PT012 (the block is what is tested)
        stored[beside] = b"half"
        raise RuntimeError("stopped")
    assert stored == {"mem://bucket/folder/report.txt": b"whole"}


class _Bucket:
    """What `files` asks of TFX's fileio, over a dictionary."""

    def __init__(self, stored: dict[str, bytes]) -> None:
        self._stored = stored

    def makedirs(self, path: str) -> None:
        assert path == "mem://bucket/folder"

    def open(self, path: str, mode: str) -> "_Object":
        assert mode == "wb"
        return _Object(self._stored, path)

    def rename(self, source: str, target: str, overwrite: bool) -> None:
        assert overwrite
        self._stored[target] = self._stored.pop(source)

    def exists(self, path: str) -> bool:
        return path in self._stored

    def remove(self, path: str) -> None:
        del self._stored[path]


class _Object:
    def __init__(self, stored: dict[str, bytes], path: str) -> None:
        self._stored, self._path, self._content = stored, path, b""

    def __enter__(self) -> "_Object":
        return self

    def __exit__(self, *_: object) -> None:
        self._stored[self._path] = self._content

    def write(self, content: bytes) -> None:
        self._content += content


def test_what_no_person_has_written_is_not_read(tmp_path):
    file = tmp_path / "large.yaml"
    file.write_bytes(b"")
    os.truncate(file, files.LARGEST_TEXT)
    assert len(files.read_bytes(file)) == files.LARGEST_TEXT
    os.truncate(file, files.LARGEST_TEXT + 1)
    with pytest.raises(ConfigError, match="it is larger than 16 MiB") as refused:
        files.read_text(file, ConfigError, "another remedy")
    assert (refused.value.where, refused.value.remedy) == (str(file), "another remedy")
    with pytest.raises(BadInput, match="embedded null"):
        files.read_text(Path("a\0b"))
    with pytest.raises(FileNotFoundError):
        files.read_text(tmp_path / "nowhere")


def test_a_pipe_that_a_person_names_is_written_into_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write_named(pipe, "a report")
    assert os.read(reader, 100) == b"a report" and stat.S_ISFIFO(pipe.stat().st_mode)
    os.close(reader)
    with pytest.raises(OSError, match="a device or a pipe"):
        files.write(pipe, "never in its place")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_place_that_a_person_names_and_that_takes_nothing_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "below"):
        with pytest.raises(BadInput, match="cannot be written") as raised:
            files.write_named(place, "x", "name another")
        assert raised.value.where == str(place) and raised.value.remedy == "name another"
