"""The standard streams and the width of a screen, as whatever prints takes them for granted."""

import fcntl
import os
import pty
import struct
import sys
import termios

import pytest

from millrace.base import streams


@pytest.fixture
def terminal():
    """A terminal of the columns asked for, by its descriptor."""
    controller, screen = pty.openpty()

    def of(columns: int) -> int:
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        return screen

    yield of
    os.close(controller)
    os.close(screen)


@pytest.mark.parametrize(("columns", "width"), [(0, 80), (1, 1), (132, 132)])
def test_a_terminal_that_does_not_say_its_width_has_80_columns(terminal, columns, width):
    assert streams.width(terminal(columns)) == width


@pytest.mark.parametrize(("columns", "left"), [("0", None), ("00", None), ("", None), ("10", "10"), ("x", "x")])
def test_a_width_of_nothing_is_forgotten(monkeypatch, columns, left):
    monkeypatch.setenv("COLUMNS", columns)
    streams.prepare()
    assert os.environ.get("COLUMNS") == left


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_where_a_stream_is_missing_what_is_printed_goes_nowhere(monkeypatch, name):
    monkeypatch.setattr(sys, name, None)
    streams.prepare()
    stream = getattr(sys, name)
    print("for nobody, \udcff", file=stream, flush=True)
    assert os.path.samestat(os.fstat(stream.fileno()), os.stat(os.devnull))
    os.close(stream.fileno())


def test_a_stream_that_is_open_stays_itself():
    before = sys.stdin, sys.stdout, sys.stderr
    streams.prepare()
    assert (sys.stdin, sys.stdout, sys.stderr) == before
