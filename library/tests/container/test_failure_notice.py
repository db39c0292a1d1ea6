"""The task that tells of a failed job: which task failed and why, to the webhook; nothing of a job that did well."""

import json
from dataclasses import dataclass, field

import pytest
from fake_mail_server import mail_server
from fake_service import FakeService
from small_job import small_job, step_of

from millrace.base.errors import BadInput
from millrace.config.loading import load
from millrace.container import failure_notice
from millrace.jobspec.failure_notice import FAILURE_NOTICE, add_failure_notice
from millrace.jobspec.rules.container_variables import variables

JOB = "projects/1/locations/us-central1/pipelineJobs/taxi-7"


@dataclass
class Webhook(FakeService):
    """Takes messages."""

    messages: list[dict] = field(default_factory=list)

    def routes(self):
        return {("POST", r"/hook"): lambda request: self.messages.append(request.body) or {}}

    def error(self, status, message):
        return {"error": message}


@pytest.fixture
def hook(monkeypatch):
    with Webhook() as service:
        monkeypatch.setenv("HOOK", f"{service.url}/hook")
        yield service


def state(task, message=""):
    error = {"error": {"code": 9, "message": message}} if message else {}
    return {
        "state": "FAILED" if message else "SUCCEEDED",
        "pipelineJobResourceName": JOB,
        "pipelineTaskName": task,
        **error,
    }


def ended(**messages):
    """The arguments of the task after others have ended: each with why it failed, or empty."""
    values = {task: json.dumps(state(task, message)) for task, message in messages.items()}
    values |= {"webhook_env": "HOOK", "pipeline_name": "taxi"}
    return [json.dumps({"inputs": {"parameterValues": values}})]


def test_a_failure_is_told_with_its_task_and_reason(hook):
    failure_notice.main(ended(ExampleGen="", Trainer="The replica exited with a non-zero status of 1."))
    [message] = hook.messages
    assert (message["pipeline"], message["run"], message["where"], message["exit_code"]) == (
        "taxi",
        "taxi-7",
        "Trainer",
        1,
    )
    assert message["reason"].startswith("The replica exited") and "Trainer" in message["text"]


def test_a_gate_that_said_no_is_told_as_that(hook):
    failure_notice.main(ended(ExampleGen="", DataGate="The replica exited with a non-zero status of 3."))
    assert hook.messages[0]["exit_code"] == 3


def test_several_failures_are_told_in_one_message(hook):
    failure_notice.main(ended(Evaluator="status of 1", InfraValidator="status of 1"))
    [message] = hook.messages
    assert message["where"] == "Evaluator, InfraValidator"


def test_a_state_may_come_as_a_value_and_with_its_type(hook):
    values = {"Trainer": state("Trainer", "broke"), "webhook_env": "HOOK", "pipeline_name": "taxi"}
    failure_notice.main([json.dumps({"inputs": {"parameterValues": values}})])
    typed = {
        name: {"stringValue": value if isinstance(value, str) else json.dumps(value)} for name, value in values.items()
    }
    failure_notice.main([json.dumps({"inputs": {"parameters": typed}})])
    assert [message["reason"] for message in hook.messages] == ["broke", "broke"]


def test_of_a_job_that_ended_well_nothing_is_told(hook):
    failure_notice.main(ended(ExampleGen="", Trainer=""))
    assert hook.requests == []


@pytest.mark.parametrize("status", [500, 403])
def test_a_lost_message_fails_nothing_and_is_in_the_log_without_the_address(hook, caplog, status):
    hook.fail("POST", "hook", status, times=9)
    failure_notice.main(ended(Trainer="broke"))
    assert "was not delivered" in caplog.text and hook.url not in caplog.text


def test_without_the_variable_the_log_names_it(monkeypatch, caplog):
    monkeypatch.delenv("HOOK", raising=False)
    failure_notice.main(ended(Trainer="broke"))
    assert "the environment variable HOOK is not set" in caplog.text


def test_a_secret_that_cannot_be_read_is_in_the_log_and_fails_nothing(hook, monkeypatch, caplog):
    """The variable may be there another way."""

    def refuse(asked):
        assert asked == ["HOOK=projects/p/secrets/hook/versions/3"]
        raise BadInput("the secret may not be read", remedy="grant it")

    monkeypatch.setattr(failure_notice.secrets, "read_into_environment", refuse)
    failure_notice.main(["--secret", "HOOK=projects/p/secrets/hook/versions/3", *ended(Trainer="broke")])
    assert "the secret may not be read" in caplog.text
    assert [message["reason"] for message in hook.messages] == ["broke"]


def test_a_mail_is_sent_too_with_a_password_that_secret_manager_holds(hook, monkeypatch):
    # Set by monkeypatch, which takes it back: a secret that stays would be cut from what later tests write.
    monkeypatch.setattr(failure_notice.secrets, "read_into_environment", lambda _: monkeypatch.setenv("PASS", "open"))
    monkeypatch.delenv("PASS", raising=False)
    with mail_server() as server:
        email = {"host": "127.0.0.1", "port": server.port, "security": "none", "sender": "m@test", "to": ["a@test"]}
        config = load("conf/taxi.yaml", [f"notify={json.dumps({'webhook_env': 'HOOK', 'email': email})}"])
        job = small_job()
        add_failure_notice(job, config, "image")
        notice = step_of(job, FAILURE_NOTICE)
        given = {name: job.value(notice, name) for name in ("webhook_env", "notify", "pipeline_name")}
        values = {"Trainer": json.dumps(state("Trainer", "broke")), **given}
        failure_notice.main(["--secret", "PASS=x", json.dumps({"inputs": {"parameterValues": values}})])
        [mail] = server.mails
    assert mail["Subject"] == "taxi: run taxi-7 failed"
    assert [message["next"] for message in hook.messages] == ["millrace jobs show taxi-7"]


def test_every_variable_that_the_task_reads_is_asked_for_before_a_job_is_sent():
    email = {"host": "h", "user": "u", "password_env": "PASS", "sender": "m@test", "to": ["a@test"]}
    config = load("conf/taxi.yaml", [f"notify={json.dumps({'apprise_env': 'CHATS', 'email': email})}"])
    job = small_job()
    add_failure_notice(job, config, "image")
    assert [one.what.split()[6].strip(",") for one in variables(job, config)] == ["CHATS", "PASS"]


def test_of_a_job_that_ended_well_no_secret_is_asked_for(monkeypatch):
    monkeypatch.setattr(failure_notice.secrets, "read_into_environment", lambda asked: pytest.fail("asked"))
    failure_notice.main(["--secret", "HOOK=projects/p/secrets/hook/versions/3", *ended(Trainer="")])


@pytest.mark.parametrize(
    ("reason", "code"), [("a status of 2.", 2), ("a status of 3.", 3), ("a status of 124.", 1), ("status 3", 1)]
)
def test_only_what_is_bad_input_or_a_gates_no_is_told_as_that(hook, reason, code):
    failure_notice.main(ended(Trainer=f"The replica exited with {reason}"))
    assert hook.messages[0]["exit_code"] == code
