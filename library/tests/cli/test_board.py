"""What a person sees while a run goes on: lines in a pipe, a table on a terminal."""

import io
import re

from millrace.base.errors import Failure
from millrace.base.outcomes import State
from millrace.cli.running.board import Board
from millrace.metadata.journal import Journal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_one_plain_line_for_each_stage_that_ends(tmp_path):
    journal, stream = Journal(tmp_path), io.StringIO()
    with Board("taxi", journal, stream) as board:
        board.show(["ExampleGen", "Evaluator", "Pusher"])
        journal.record("ExampleGen", State.RUNNING)
        journal.record("ExampleGen", State.CACHED)
        journal.record("Evaluator", State.RUNNING)
        journal.record("Evaluator", State.DONE, note="not blessed")
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("taxi: starting")
    assert [line.split() for line in lines[1:]] == [
        ["ExampleGen", "cached", "0.0", "s"],
        ["Evaluator", "done", "0.0", "s", "not", "blessed"],
    ]
    assert "\x1b" not in stream.getvalue(), "no escape codes where nobody interprets them"


def test_a_terminal_gets_a_table_of_every_stage_and_at_the_end_nothing_waits(tmp_path):
    journal = Journal(tmp_path)
    journal.record("DataGate", State.RUNNING)
    journal.record("DataGate", State.BLOCKED, failure=Failure("no", "", "", 3))
    stream = Terminal()
    with Board("taxi", journal, stream) as board:
        board.show(["DataGate", "Transform"])
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).split("\n")
    at = max(place for place, line in enumerate(lines) if line.split()[:2] == ["stage", "state"])
    assert [line.split()[:2] for line in lines[at + 1 : at + 3]] == [["DataGate", "blocked"], ["Transform", "skipped"]]


def test_what_a_stage_notes_is_text_and_no_markup(tmp_path):
    journal, stream = Journal(tmp_path), io.StringIO()
    with Board("taxi", journal, stream):
        journal.record("Evaluator", State.DONE, note="AUC [0.91, 0.93] of [bold]x[/]\x1b[2J")
    assert stream.getvalue().splitlines()[1].endswith("AUC [0.91, 0.93] of [bold]x[/]\\x1b[2J")
