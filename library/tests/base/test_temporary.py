"""The temporary files of a command go with it, however it ends."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from millrace.base.temporary import temporary_folder


@pytest.fixture
def outer(tmp_path, monkeypatch) -> Path:
    """What a person's TMPDIR is."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_what_is_left_in_it_goes_with_it(outer):
    with temporary_folder():
        place = tempfile.mkdtemp()
        assert Path(place).parent == Path(os.environ["TMPDIR"])
        assert subprocess.check_output(["mktemp"], text=True).startswith(os.environ["TMPDIR"])
        assert Path(os.environ["TMPDIR"]).parent == outer
    assert (os.environ["TMPDIR"], list(outer.iterdir())) == (str(outer), [])
    assert Path(tempfile.mkdtemp()).parent == outer


def test_without_the_variable_there_is_none_afterwards(outer, monkeypatch):
    monkeypatch.delenv("TMPDIR")
    places = []

    def fails() -> None:
        with temporary_folder():
            places.append(Path(os.environ["TMPDIR"]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert "TMPDIR" not in os.environ and not places[0].exists()


def test_the_next_command_removes_what_a_killed_one_left_and_nothing_else(outer):
    script = textwrap.dedent("""
        import os, signal, tempfile
        from millrace.base.temporary import temporary_folder
        with temporary_folder():
            tempfile.mkstemp(prefix="__autograph_generated_file")
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    [left] = outer.iterdir()
    (outer / "mine").mkdir()
    (outer / "millrace-tmp-link").symlink_to(outer / "mine")
    with temporary_folder():
        living = Path(os.environ["TMPDIR"])
        with temporary_folder():
            assert Path(os.environ["TMPDIR"]).parent == living
        tempfile.tempdir = str(outer)
        with temporary_folder():
            assert living.is_dir() and not left.exists() and (outer / "mine").is_dir()


def test_where_there_is_no_room_everything_stays_as_it_is(outer, monkeypatch):
    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with temporary_folder():
        assert os.environ["TMPDIR"] == str(outer)
    assert tempfile.gettempdir() == str(outer)
