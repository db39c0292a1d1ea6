"""What a person sees while a run goes on: lines in a pipe, a table on a terminal."""

import io

from rich.console import Console

from millrace.base.errors import Failure
from millrace.cli.board import Board, _closed, stage_table
from millrace.metadata.journal import Journal, State, progress


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


def test_a_terminal_gets_a_table_of_every_stage(tmp_path):
    journal = Journal(tmp_path)
    journal.record("DataGate", State.RUNNING)
    journal.record("DataGate", State.BLOCKED, failure=Failure("no", "", "", 3))
    rows = progress(["DataGate", "Transform"], journal.events())
    console = Console(file=io.StringIO(), width=80)
    console.print(stage_table(_closed(rows, final=True), now=0.0))
    text = console.file.getvalue()
    assert [line.split()[:2] for line in text.splitlines()] == [
        ["stage", "state"],
        ["DataGate", "blocked"],
        ["Transform", "skipped"],
    ]
