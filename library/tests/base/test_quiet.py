"""Where output goes during a run: to the log, whoever prints it, without secrets and without walls of text."""

import logging
import os
import subprocess
import sys

import pytest

from millrace.base.quiet import LONGEST_MESSAGE, output_to


def test_everything_goes_to_the_log_and_only_the_terminal_stream_to_the_person(tmp_path, capfd):
    log = tmp_path / "run.log"
    with output_to(log) as terminal:
        os.write(1, b"from python")
        subprocess.run([sys.executable, "-c", "import os; os.write(2, b'from a child')"], check=True)
        logging.getLogger("library").warning("x" * (LONGEST_MESSAGE + 1))
        terminal.write("for a person\n")
    os.write(1, b"afterwards\n")
    assert capfd.readouterr().out == "for a person\nafterwards\n"
    text = log.read_text()
    assert "from python" in text
    assert "from a child" in text
    assert f"... ({LONGEST_MESSAGE + 1} characters)" in text


def test_logging_is_as_it_was_afterwards(tmp_path):
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    with output_to(tmp_path / "run.log"):
        assert root.level == logging.INFO
    assert (root.level, list(root.handlers)) == before


def test_a_log_that_takes_no_more_leaves_the_streams_as_they_were():
    script = """
import os, sys
from pathlib import Path
from millrace.base.quiet import output_to
with output_to(Path("/dev/full")) as terminal:
    print("for the log")
    terminal.write("for a person; ")
os.write(2, b"afterwards")
os._exit(0)
"""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=buffered, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "for a person; ", "afterwards")


@pytest.mark.slow
def test_tensorflow_is_loaded_without_a_word():
    command = [
        sys.executable,
        "-c",
        "from millrace.base.quiet import load_tensorflow; load_tensorflow(); print('here')",
    ]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == ("here\n", "")
