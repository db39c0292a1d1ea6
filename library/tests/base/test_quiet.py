"""Where output goes during a run: to the log, whoever prints it, without secrets and without walls of text."""

import logging
import os
import subprocess
import sys

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
