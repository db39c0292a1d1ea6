"""What a person sees of a training while it goes on: from the log's lines, on a terminal and in a pipe."""

import io
import logging
import math
import re

import pytest

from millrace.base.outcomes import State
from millrace.cli.running.board import Board
from millrace.cli.running.training_board import TrainingBoard, sparkline
from millrace.metadata.journal import Journal
from millrace.training.progress import EndedTrial, TrainingStep, tell_step, tell_trial

STEPS = [(200, 0.41), (400, 0.3), (600, 0.25), (800, 0.24)]


@pytest.fixture
def log(tmp_path):
    """A run's log, in the format of a run's log, to which the library's own loggers write."""
    handler = logging.FileHandler(tmp_path / "run.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("millrace.training.progress")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield tmp_path / "run.log"
    logger.removeHandler(handler)
    handler.close()


def train(step: int, loss: float) -> None:
    tell_step(TrainingStep(step, 1000, {"loss": 0.5, "val_auc": 0.9, "val_loss": loss}), 3.2)


def test_what_is_kept_is_shown_at_the_end_and_not_the_last_evaluation(log):
    board = TrainingBoard(log, draws=False)
    for step, loss in [*STEPS, (1000, 0.9)]:
        train(step, loss)
    tell_step(TrainingStep(800, 1000, {"val_loss": 0.24, "val_auc": 0.9}, kept=True), 4.0)
    board.look()
    assert board.notes() == {"Trainer": "kept step 800 of 1,000  val_loss 0.24  val_auc 0.9"}


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_the_step_the_curve_and_the_metrics_of_validation(tmp_path, log):
    journal, stream = Journal(tmp_path), Terminal()
    with Board("taxi", journal, stream, log=log) as board:
        board.show(["Trainer"])
        journal.record("Trainer", State.RUNNING)
        for step, loss in STEPS:
            train(step, loss)
        board._refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "step 800 of 1,000  █▃▁▁  val_loss 0.24  val_auc 0.9" in shown


def test_a_pipe_hears_of_it_at_intervals_and_at_the_end_without_a_curve(tmp_path, log):
    journal, stream, now = Journal(tmp_path), io.StringIO(), [100.0]
    board = Board("taxi", journal, stream, log=log, clock=lambda: now[0])
    board.show(["Trainer"])
    for step, loss in STEPS:
        train(step, loss)
        board._refresh()
        now[0] += 6.0
    journal.record("Trainer", State.RUNNING)
    journal.record("Trainer", State.DONE)
    board._refresh()
    lines = [line.split() for line in stream.getvalue().splitlines()]
    assert [line[2] for line in lines[:-1]] == ["200", "800"], "one each fifteen seconds"
    assert lines[-1][:2] == ["Trainer", "done"] and "val_loss" in lines[-1]
    assert stream.getvalue().isascii()


def test_the_tuners_trials_are_told_as_they_end_and_its_choice(tmp_path, log):
    journal, stream = Journal(tmp_path), io.StringIO()
    board = Board("taxi", journal, stream, log=log)
    board.show(["Tuner"])
    for trial, score in enumerate((0.5, 0.4, math.nan), start=1):
        tell_trial(EndedTrial(trial, 3, "val_loss", score, False, f"dropout 0.{trial}, hidden_units [64, 32]"))
        board._refresh()
    journal.record("Tuner", State.RUNNING)
    journal.record("Tuner", State.DONE)
    board._refresh()
    lines = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert lines[1] == "Tuner trial 2 of 3 val_loss 0.4 dropout 0.2, hidden_units [64, 32]"
    assert lines[2].startswith("Tuner trial 3 of 3 val_loss nan")
    assert lines[3].endswith("best: trial 2 of 3 val_loss 0.4 dropout 0.2, hidden_units [64, 32]")


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(tmp_path):
    log = tmp_path / "run.log"
    board = TrainingBoard(log, draws=True)
    assert board.look() == {} and board.notes() == {}
    line = "2031-01-01 00:00:00,1 INFO millrace.training.progress step 5/10 val_loss=0.5 (1.0 s)"
    log.write_text(line)
    assert board.look() == {}
    log.write_text(f"{line}\n")
    assert board.look() == {"Trainer": "step 5 of 10  val_loss 0.5"}


def test_a_curve_is_as_wide_as_there_is_room_and_a_gap_is_a_gap():
    assert sparkline([1.0, math.nan, 0.0]) == "█ ▁"
    assert len(sparkline([float(value) for value in range(500)])) == 24 and sparkline([2.0, 2.0]) == "▁▁"


def test_the_best_trial_is_the_one_that_the_search_goes_by(tmp_path, log):
    board = TrainingBoard(log, draws=False)
    for trial, score in enumerate((0.7, 0.9, 0.8), start=1):
        tell_trial(EndedTrial(trial, 3, "val_objective", score, True, f"dropout 0.{trial}"))
    board.look()
    assert board.choice() == "best: trial 2 of 3  val_objective 0.9  dropout 0.2"
