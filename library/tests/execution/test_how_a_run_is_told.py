"""How a run's end is told: from the judges' verdicts, from what a stage wrote down, and from ML Metadata's errors.

The graph is a function of each test, so that no pipeline is built; all around it is what `millrace run` does.
"""

import json
import os
import time

import pytest
from ml_metadata import errors
from recorded_runs import RecordedRuns

from millrace.base import commit
from millrace.base.errors import BadInput, Failure
from millrace.base.outcomes import State
from millrace.components.judges import JUDGES
from millrace.config.loading import load
from millrace.execution import run as running
from millrace.execution.run import Outcome, run
from millrace.metadata.run_folder import RunRequest, new_run


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """Runs with a function of the test in the graph's place."""
    monkeypatch.setenv(commit.VARIABLE, "")

    def end(work, *settings, to_stage="", overrides=()) -> Outcome:
        monkeypatch.setattr(running, "_run", lambda config, folder, started, runner: work(config, folder))
        config = load("conf/taxi.yaml", [f"root={tmp_path}", *settings])
        request = RunRequest("conf/taxi.yaml", overrides, pipeline="taxi", to_stage=to_stage)
        with new_run(tmp_path / "logs", request) as folder:
            outcome = run(config, folder, lambda stages: None)
        assert (folder.exit_code(), folder.failure()) == (outcome.exit_code, outcome.failure)
        return outcome

    return end


def raising(error, cause=None):
    def work(config, folder):
        raise error from cause

    return work


MALFORMED = errors.InternalError("INSERT INTO `Execution`: database disk image is malformed")


@pytest.mark.parametrize(
    ("work", "code", "words"),
    [
        (raising(MALFORMED), 2, "ML Metadata's file is damaged"),
        (raising(RuntimeError("a stage failed"), MALFORMED), 2, "ML Metadata's file is damaged"),
        (
            raising(errors.AbortedError("UPDATE `Artifact`: database is locked")),
            2,
            "ML Metadata's file is held by another process",
        ),
        # Of another file than ML Metadata's, and of ML Metadata without its file being at fault.
        (raising(RuntimeError("database is locked")), 1, "RuntimeError: database is locked"),
        (raising(errors.NotFoundError("no such type")), 1, "NotFoundError: no such type"),
    ],
)
def test_an_error_of_ml_metadata_is_told_as_what_is_wrong_with_its_file(ended, tmp_path, work, code, words):
    failure = ended(work).failure
    assert (failure.exit_code, failure.what) == (code, words)
    if code == 2:
        assert failure.where == str(tmp_path / "metadata.db") and failure.remedy


def test_of_a_database_server_its_own_words_are_told(ended, monkeypatch):
    monkeypatch.setenv("P", "secret")
    server = "metadata={backend: mysql, host: db, port: 3306, database: m, user: u, password_env: P}"
    failure = ended(
        raising(errors.InternalError("mysql_query failed: errno: 2013, error: Lost connection")), server
    ).failure
    assert failure.what.startswith("ML Metadata's database cannot be read: mysql_query failed: errno: 2013")
    assert (failure.where, failure.exit_code) == ("mysql://db:3306/m", 2)


def test_what_a_stage_wrote_down_is_told_where_its_exception_does_not_come_through(ended):
    refusal = Failure("the data may not pass", "DataGate", "look at it", 3)

    def on_beam(config, folder):
        folder.journal.record("ExampleGen", State.FAILED, failure=Failure("first", "", "", 1))
        folder.journal.record("DataGate", State.FAILED, failure=refusal)
        raise RuntimeError("Traceback of a worker")

    outcome = ended(on_beam)
    assert (outcome.exit_code, outcome.failure) == (3, refusal)


@pytest.fixture
def judged(ended, tmp_path):
    """The outcome of a run whose judges published these properties."""

    def of(**verdicts) -> Outcome:
        def work(config, folder):
            recorded = RecordedRuns(tmp_path)
            recorded.stage(folder.run_id, "ExampleGen", {}, {"examples": "Examples"})
            for judge in JUDGES:
                properties = verdicts.get(judge.stage)
                if properties is not None:
                    made = recorded.stage(folder.run_id, judge.stage, {}, {"blessing": judge.blessing})
                    recorded.note(made["blessing"], **properties)
            return running._verdict(config, folder)

        return ended(work)

    return of


YES, NO = {"blessed": 1}, {"blessed": 0, "reason": "AUC is 0.5", "remedy": "train for longer"}


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ({}, None),
        ({"Evaluator": YES}, None),
        ({"Evaluator": YES, "InfraValidator": YES}, None),
        ({"Evaluator": NO}, ("Evaluator", "AUC is 0.5", "train for longer")),
        ({"Evaluator": NO, "InfraValidator": NO}, ("Evaluator", "AUC is 0.5", "train for longer")),
        ({"Evaluator": YES, "InfraValidator": NO}, ("InfraValidator", "AUC is 0.5", "train for longer")),
        ({"InfraValidator": {"blessed": 0}}, ("InfraValidator", "the model is not blessed", JUDGES[1].remedy)),
    ],
)
def test_a_judge_that_said_no_is_the_runs_refusal(judged, verdicts, told):
    outcome = judged(**verdicts)
    if told is None:
        assert (outcome.exit_code, outcome.failure) == (0, None)
        return
    stage, reason, remedy = told
    assert (outcome.exit_code, outcome.failure) == (3, Failure(reason, stage, remedy, 3))


def test_a_push_that_would_not_be_served_is_refused_unless_nothing_is_pushed(ended, tmp_path):
    ahead = tmp_path / "serving" / str(int(time.time()) + 9999)
    ahead.mkdir(parents=True)
    given = f"push.directory={tmp_path / 'serving'}"
    refused = ended(lambda config, folder: Outcome(0), given)
    assert refused.exit_code == 2 and str(ahead) in refused.failure.remedy
    assert ended(lambda config, folder: Outcome(0), given, to_stage="Pusher").exit_code == 2
    assert ended(lambda config, folder: Outcome(0), given, to_stage="Trainer").exit_code == 0


def test_an_interrupt_in_the_run_itself_is_one(ended):
    def interrupted(config, folder):
        journals.append(folder.journal)
        folder.journal.record("ExampleGen", State.RUNNING)
        folder.journal.record("ExampleGen", State.DONE)
        folder.journal.record("Trainer", State.RUNNING)
        raise KeyboardInterrupt

    journals = []
    outcome = ended(interrupted)
    assert (outcome.exit_code, outcome.failure.what, outcome.goes_on) == (130, "interrupted", False)
    states = {event.stage: event.state for event in journals[0].events()}
    assert states == {"ExampleGen": State.DONE, "Trainer": State.INTERRUPTED}


def test_an_interrupted_run_that_cannot_be_put_in_order_is_interrupted_all_the_same(ended, monkeypatch, caplog):
    def interrupted(config, folder):
        folder.journal.record("Trainer", State.RUNNING)
        raise KeyboardInterrupt

    def full(config, folder, ended):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(running, "put_in_order", full)
    assert ended(interrupted).exit_code == 130
    assert "The interrupted run could not be put in order." in caplog.text


def test_what_exits_in_the_run_is_a_fault_and_not_a_success(ended):
    assert ended(raising(SystemExit(0))).exit_code == 1


def test_bad_input_keeps_its_exit_code_and_its_remedy(ended):
    failure = ended(raising(BadInput("there is no column fare", where="features", remedy="take it out"))).failure
    assert failure == Failure("there is no column fare", "features", "take it out", 2)


def test_what_it_was_made_from_names_what_was_set(ended, tmp_path):
    ended(lambda config, folder: Outcome(0), overrides=("training.epochs=1",))
    [made_from] = (tmp_path / "logs").glob("*/provenance.json")
    assert json.loads(made_from.read_text())["overrides"] == ["training.epochs=1"]


def test_stages_see_the_commit_that_the_run_was_made_from(ended, monkeypatch):
    seen = []
    monkeypatch.setattr(running.provenance, "commit_of", lambda made_from: "627b1578")
    ended(lambda config, folder: seen.append(os.environ[commit.VARIABLE]) or Outcome(0))
    assert seen == ["627b1578"]
