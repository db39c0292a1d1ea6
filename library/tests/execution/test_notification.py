"""The notice of a run's end never changes how it ended, whatever it finds or meets."""

import os

import pytest
from fake_webhook import webhook
from recorded_runs import RecordedRuns, four_stages

from millrace.base.errors import Failure
from millrace.base.notice import RunNotice
from millrace.base.outcomes import State
from millrace.config.loading import load
from millrace.execution import notification
from millrace.execution.notification import notify
from millrace.metadata import records
from millrace.metadata.run_folder import RunFolder


@pytest.fixture
def config(monkeypatch, tmp_path):
    monkeypatch.setitem(os.environ, "SOME_HOOK", "")
    return load("conf/taxi.yaml", ["notify.webhook_env=SOME_HOOK", f"root={tmp_path}"])


def test_the_stage_that_failed_is_named_where_its_failure_does_not(config, tmp_path):
    folder = RunFolder(tmp_path)
    folder.journal.record("Transform", State.DONE)
    folder.journal.record("Trainer", State.FAILED, failure=Failure("KeyError: x", "", "", 1))
    with webhook() as hook:
        os.environ["SOME_HOOK"] = f"{hook.url}/ok"
        assert notify(config, folder, 1, Failure("KeyError: x", "", "fix it", 1)) == ""
        [message] = hook.messages
    assert (message["where"], message["reason"], message["remedy"]) == ("Trainer", "KeyError: x", "fix it")
    assert message["run"] == tmp_path.name and message["model_blessed"] is None


def test_a_variable_that_is_not_set_and_a_webhook_that_is_none(config, tmp_path):
    assert notify(config, None, 0, None) == "the environment variable SOME_HOOK is not set"
    assert notify(load("conf/taxi.yaml"), None, 1, None) == "", "nobody is to be told"


def test_what_goes_wrong_on_the_way_is_a_sentence(config, tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> RunNotice:
        raise OSError("x")

    monkeypatch.setattr(notification, "_notice", fail)
    why = Failure("AUC is low", "Evaluator", "", 3)
    assert notify(config, RunFolder(tmp_path), 3, why) == "it could not be written (OSError)"


def test_without_the_verdicts_the_end_is_told_all_the_same(config, tmp_path):
    (tmp_path / "metadata.db").write_bytes(b"no database" * 1000)
    with webhook() as hook:
        os.environ["SOME_HOOK"] = f"{hook.url}/ok"
        assert notify(config, RunFolder(tmp_path), 3, Failure("AUC is low", "Evaluator", "", 3)) == ""
        [message] = hook.messages
    assert (message["ending"], message["reason"], message["model_blessed"]) == ("blocked", "AUC is low", None)


def told(config, folder, exit_code, failure=None) -> dict:
    with webhook() as hook:
        os.environ["SOME_HOOK"] = f"{hook.url}/ok"
        assert notify(config, folder, exit_code, failure) == ""
        [message] = hook.messages
    return message


@pytest.mark.parametrize("exit_code", [1, 2, 130])
def test_the_store_of_a_run_that_did_not_end_by_itself_is_not_asked(config, tmp_path, monkeypatch, exit_code):
    """A stage that goes on may hold it."""
    monkeypatch.setattr(records, "open_store", lambda _: pytest.fail("it was asked"))
    assert told(config, RunFolder(tmp_path), exit_code)["model_blessed"] is None
    assert told(config, None, 0)["run"] == ""


@pytest.mark.parametrize(("state", "newly"), [(State.DONE, True), (State.CACHED, False)])
def test_the_verdicts_of_a_run_are_told_and_whether_it_pushed_anew(config, tmp_path, state, newly):
    recorded = RecordedRuns(tmp_path)
    folder = recorded.begin("20310101-000001")
    made = four_stages(recorded, folder.name)
    recorded.note(made["Evaluator"]["blessing"], blessed=1, reason="All thresholds are met.")
    recorded.note(made["Pusher"]["pushed_model"], pushed=1, pushed_destination="/serving/17")
    RunFolder(folder).journal.record("Pusher", state)
    message = told(config, RunFolder(folder), 0)
    assert (message["model_blessed"], message["model_reason"]) == (True, "All thresholds are met.")
    assert (message["infra_blessed"], message["pushed_to"], message["newly_pushed"]) == (None, "/serving/17", newly)
    recorded.begin("20310101-000002")
    other = told(config, RunFolder(recorded.root / "logs" / "20310101-000002"), 0)
    assert (other["model_blessed"], other["pushed_to"]) == (None, ""), "another run's verdict is not its own"
