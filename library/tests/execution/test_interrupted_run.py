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
