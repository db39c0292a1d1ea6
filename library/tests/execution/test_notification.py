"""The notice of a run's end never changes how it ended, whatever it finds or meets."""

import os

import pytest
from fake_webhook import webhook
from past_runs import refused_by_data
from recorded_runs import RecordedRuns, four_stages

from millrace.alerts import telling
from millrace.base.errors import Failure
from millrace.base.notice import RunNotice
from millrace.base.outcomes import State
from millrace.config.loading import load
from millrace.execution import notification
from millrace.execution.notification import notify, tell_unheard
from millrace.metadata import records
from millrace.metadata.run_folder import RunFolder, RunRequest, new_run


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


def test_what_the_data_gate_found_is_told_too(config, tmp_path):
    reason = told(config, RunFolder(tmp_path), 3, refused_by_data())["reason"]
    assert "ENUM_TYPE_UNEXPECTED_STRING_VALUES" in reason and "Warnings, which would" in reason
    assert max(map(len, reason.splitlines()[1:])) <= 72


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


def ended_run(folder, exit_code, why=None, tries=3, killed=False):
    """A run that has ended, and that nobody was told of."""
    request = RunRequest("conf/taxi.yaml", pipeline="taxi")
    with new_run(folder / "logs", request, untold={"webhook": tries}) as run:
        run.journal.record("Trainer", State.RUNNING)
        if not killed:
            run.finish(exit_code, why)
    return run


def test_a_killed_run_is_told_by_the_next_and_once(config, tmp_path):
    killed = ended_run(tmp_path, None, killed=True)
    with webhook() as hook, new_run(tmp_path / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as next_run:
        os.environ["SOME_HOOK"] = f"{hook.url}/ok"
        tell_unheard(config, next_run)
        tell_unheard(config, next_run)
        [message] = hook.messages
    assert (message["ending"], message["exit_code"], message["run"]) == ("killed", None, killed.run_id)
    assert (message["where"], message["next"]) == ("Trainer", "millrace run --resume")
    assert message["text"].startswith(f"taxi: run {killed.run_id} ended as killed. Trainer: its process is gone")
    assert killed.untold() == {}


def test_an_end_that_no_channel_delivered_is_told_by_the_next_runs_and_not_for_ever(config, tmp_path, monkeypatch):
    monkeypatch.setattr(telling, "_WAITS", ())
    run = ended_run(tmp_path, 3, Failure("AUC is low", "Evaluator", "train longer", 3))
    with webhook() as hook, new_run(tmp_path / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as next_run:
        os.environ["SOME_HOOK"] = f"{hook.url}/broken"
        assert notify(config, run, 3, run.failure()) == "the webhook answered 500"
        for _ in range(4):
            tell_unheard(config, next_run)
        messages = hook.messages
    assert [message["reason"] for message in messages] == ["AUC is low"] * 3
    assert run.untold() == {}


def test_only_the_channel_that_has_not_delivered_it_is_asked_again(config, tmp_path):
    run = ended_run(tmp_path, 0)
    run.tell([])
    another = ended_run(tmp_path, 0)
    with webhook() as hook, new_run(tmp_path / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as next_run:
        os.environ["SOME_HOOK"] = f"{hook.url}/ok"
        tell_unheard(config, next_run)
        assert [message["run"] for message in hook.messages] == [another.run_id]


def test_what_goes_on_what_is_anothers_and_what_asked_for_no_notice_is_not_told(config, tmp_path):
    logs = tmp_path / "logs"
    with webhook() as hook, new_run(logs, RunRequest("x", pipeline="taxi"), untold={"webhook": 3}) as going_on:
        os.environ["SOME_HOOK"] = f"{hook.url}/ok"
        with new_run(logs, RunRequest("x", pipeline="tips"), untold={"webhook": 3}):
            pass
        with new_run(logs, RunRequest("x", pipeline="taxi")) as next_run:
            tell_unheard(config, next_run)
        assert hook.messages == [] and going_on.untold() == {"webhook": 3}


def test_a_message_links_to_the_console_and_a_model_that_was_pushed_is_in_its_title(tmp_path):
    config = load(
        "conf/taxi.yaml", ["notify={webhook_env: SOME_HOOK, console: 'https://mill.test/'}", f"root={tmp_path}"]
    )
    message = told(config, ended_run(tmp_path, 3), 3, Failure("AUC is low", "Evaluator", "", 3))
    assert message["link"] == f"https://mill.test/runs/{message['run']}"
    assert message["next"] == f"millrace runs show {message['run']}"
    assert RunNotice("taxi", "1", 0, pushed_to="/serving/17").title == "taxi: run 1 pushed a model"
