"""How a run ends that a signal asked to end, whatever its stages do."""

import os
import signal
import threading

import pytest

from millrace.base.errors import BadInput, GateRefused
from millrace.base.outcomes import State
from millrace.config.loading import load
from millrace.execution.run import LocalRun, Outcome, run
from millrace.metadata.journal import progress
from millrace.metadata.run_folder import RunRequest, new_run

pytestmark = pytest.mark.slow


@pytest.fixture
def ended(tmp_path):
    """Runs a pipeline whose graph is a function of the test; gives the outcome and the states in the journal."""

    def end(execute, **settings) -> tuple[Outcome, dict[str, State]]:
        config = load("conf/taxi.yaml", [f"root={tmp_path}"])
        with new_run(tmp_path / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as folder:
            outcome = run(config, folder, lambda stages: None, runner=LocalRun(execute), **settings)
        assert (folder.exit_code(), folder.failure()) == (outcome.exit_code, outcome.failure)
        states = {stage.stage: stage.state for stage in progress([], folder.journal.events())}
        return outcome, {stage: state for stage, state in states.items() if state is not State.WAITING}

    return end


def asked_to_end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_stage_that_does_not_look_is_left(ended):
    released = threading.Event()

    def in_c(graph, folder) -> None:
        folder.journal.record("Transform", State.RUNNING)
        asked_to_end()
        released.wait()

    outcome, states = ended(in_c, grace=0.0)
    released.set()
    assert (outcome.exit_code, outcome.goes_on) == (130, True)
    assert states == {"Transform": State.INTERRUPTED}
    assert outcome.failure.remedy == "millrace run --resume goes on where it stopped"


def test_a_stage_that_looks_ends_its_run(ended):
    from millrace.base.interrupts import stop_if_interrupted

    def looks(graph, folder) -> None:
        folder.journal.record("Trainer", State.RUNNING)
        asked_to_end()
        while True:
            stop_if_interrupted()

    outcome, states = ended(looks, grace=1e9)
    assert (outcome.exit_code, outcome.goes_on, states) == (130, False, {"Trainer": State.INTERRUPTED})


@pytest.mark.parametrize(
    "error, code",
    [
        (RuntimeError("its server was told to end, too"), 130),
        (GateRefused("the data may not pass"), 3),
        (BadInput("there is no column fare"), 2),
    ],
)
def test_a_fault_after_a_signal_came_of_it_and_a_verdict_did_not(ended, error, code):
    def fails(graph, folder) -> None:
        asked_to_end()
        raise error

    assert ended(fails)[0].exit_code == code


def test_without_a_signal_a_fault_is_one(ended):
    def fails(graph, folder) -> None:
        raise RuntimeError("it broke")

    assert ended(fails)[0].exit_code == 1


def test_a_run_that_is_over_is_recorded_as_over_before_anybody_is_told(tmp_path, monkeypatch):
    """The webhook took the message and never answered; a signal made a run that had pushed one that was killed."""
    recorded = []

    def taken_and_not_answered(config, folder, exit_code, failure) -> str:
        recorded.append((folder.exit_code(), folder.seconds is not None))
        asked_to_end()
        threading.Event().wait()
        return ""

    monkeypatch.setattr("millrace.execution.run.notify", taken_and_not_answered)
    monkeypatch.setattr("millrace.execution.run._verdict", lambda config, folder: Outcome(0))
    config = load("conf/taxi.yaml", [f"root={tmp_path}"])
    with new_run(tmp_path / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as folder:
        outcome = run(config, folder, lambda stages: None, runner=LocalRun(lambda graph, folder: None))
    assert recorded == [(0, True)]
    assert (outcome.exit_code, outcome.failure, outcome.undelivered) == (0, None, "it was interrupted")
    assert (folder.exit_code(), folder.is_settled()) == (0, True)


def test_the_notice_of_an_interrupted_run_is_waited_for(ended, monkeypatch):
    """The signal that ended the run is not one that ends the notice."""
    told = []

    def in_its_time(config, folder, exit_code, failure) -> str:
        threading.Event().wait(0.3)
        told.append(exit_code)
        return "the webhook answered 500"

    def fails(graph, folder) -> None:
        asked_to_end()
        raise RuntimeError("its server was told to end, too")

    monkeypatch.setattr("millrace.execution.run.notify", in_its_time)
    assert (ended(fails)[0].undelivered, told) == ("the webhook answered 500", [130])
