"""What the commands print fits its screen, is whole and plain in a pipe, and says failures first."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

import pytest
from terminal_cases import CASES, ESCAPES, GOLDEN, WIDTHS, Pipe, Terminal, golden, printed

ROOT = Path(__file__).resolve().parents[3]
COLOURS = re.compile(r"\x1b\[[0-9;]*(?:3[0-9]|4[0-9]|9[0-7]|10[0-7])[0-9;]*m")


@pytest.mark.parametrize("case", CASES)
def test_it_looks_like_its_golden_file(case: str) -> None:
    assert golden(case) == (GOLDEN / f"{case}.txt").read_text(encoding="utf-8"), "make golden, and read the difference"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_it_fits_and_breaks_no_word(case: str, width: int) -> None:
    lines = ESCAPES.sub("", printed(case, width, Terminal())).splitlines()
    # A line may be longer only for one word, which must be whole, and for a patch, which is the file's text.
    assert [line for line in lines if len(line.rstrip()) > width and len(line.split()) > 1] == []
    words = set(ESCAPES.sub("", printed(case, 1000, Terminal())).split())
    if case != "run":  # its pipe is another display
        words |= set(printed(case, width, Pipe()).replace(";", " ").split())
        shown = {word for line in lines for word in line.replace(";", " ").split()}
        # A bar is as long as there is room for.
        assert {word for word in shown if word.strip("█|")} <= {w.strip(";") for w in words}


@pytest.mark.parametrize("case", CASES)
def test_a_pipe_is_plain_whatever_is_said_of_its_width(case: str) -> None:
    narrow, wide = (printed(case, width, Pipe()) for width in (20, 200))
    assert narrow == wide, "nothing is folded or cut"
    assert "\x1b" not in narrow


@pytest.mark.parametrize("case", CASES)
def test_colours_are_left_out_where_nobody_wants_them(case: str) -> None:
    assert not COLOURS.search(printed(case, 80, Terminal(), NO_COLOR="1"))


def test_there_are_colours_otherwise() -> None:
    assert COLOURS.search(printed("doctor", 80, Terminal()))


@pytest.mark.parametrize("case", CASES)
def test_what_is_ascii_stays_ascii(case: str) -> None:
    terminal = Terminal()
    terminal.encoding = "ascii"
    printed(case, 80, terminal).encode("ascii")
    if case != "explain":  # which has bars
        golden(case).encode("ascii")


@pytest.mark.parametrize("case, first, then", [
    ("doctor", "broken", "yes"),
    ("check", "error", "warning"),
    ("schema-check", "error", "warning"),
])  # fmt: skip
def test_failures_come_first(case: str, first: str, then: str) -> None:
    words = printed(case, 120, Pipe()).split()
    assert words.index(first) < words.index(then)


@pytest.mark.slow
@pytest.mark.parametrize("width", [50, 80, 140])
def test_the_width_is_that_of_the_terminal(width: int) -> None:
    """A terminal of its own, which is asked: no variable says how wide it is."""
    lines = on_a_terminal(width, 0, "config", "keys", "training")
    assert max(map(len, lines)) <= width
    assert max(map(len, lines)) > width - 30, "the room that there is is used"
    assert any("training.mixed_precision" in line for line in lines)


@pytest.mark.slow
def test_a_mistake_is_folded_between_words_too() -> None:
    lines = on_a_terminal(60, 2, "config", "keys", "trainign")
    assert max(map(len, lines)) <= 60
    assert "did you mean training?" in " ".join(lines) and lines[-1].endswith("vertex")


def on_a_terminal(width: int, code: int, *arguments: str) -> list[str]:
    """The lines that a command shows on a terminal, which must end with that exit code."""
    process, terminal = pty.fork()
    if process == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        command = [sys.executable, "-W", "ignore", "-m", "millrace.cli.main", *arguments]
        os.execve(sys.executable, command, {**kept, "TERM": "xterm", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)})
    seen = b""
    try:
        while chunk := os.read(terminal, 65536):
            seen += chunk
    except OSError:
        pass  # Linux ends a terminal whose program is gone with an error.
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == code, seen
    return [ESCAPES.sub("", line).rstrip() for line in seen.decode().splitlines()]
