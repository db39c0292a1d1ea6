"""The message about a run: a sentence for a chat, and every field for a program."""

import json

import pytest

from millrace.base import secrets
from millrace.base.notice import RunNotice
from millrace.base.outcomes import ending


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"pushed_to": "/serving/taxi/1"}, "a new model was pushed to /serving/taxi/1"),
        (
            {"pushed_to": "/s/1", "newly_pushed": False},
            "run r is done, and nothing is new; the pushed model is /s/1",
        ),
        ({}, "run r is done; no model was pushed"),
        ({"model_blessed": False, "model_reason": "AUC is low"}, "no model was pushed. Evaluator: AUC is low"),
        ({"infra_blessed": False, "model_blessed": True}, "no model was pushed. InfraValidator: not blessed"),
        (
            {"exit_code": 3, "where": "DataGate", "reason": "2 anomalies"},
            "run r ended as blocked. DataGate: 2 anomalies",
        ),
        ({"exit_code": 1, "where": "Trainer", "reason": "KeyError"}, "run r ended as failed. Trainer: KeyError"),
        ({"exit_code": 1}, "run r ended as failed. see its log"),
        ({"exit_code": 130, "reason": "by a signal"}, "run r ended as interrupted. by a signal"),
        ({"exit_code": 2, "run": "", "reason": "no such file"}, "the run ended as bad input. no such file"),
    ],
)
def test_the_sentence(fields, text):
    message = json.loads(RunNotice(**{"pipeline": "taxi", "run": "r", **fields}).to_json())
    assert message["text"] == f"taxi: {text}"
    assert message["ending"] == ending(fields.get("exit_code", 0))
    assert set(message) == {
        *("text", "ending", "pipeline", "run", "exit_code", "reason", "where", "remedy", "pushed_to", "newly_pushed"),
        *("model_blessed", "model_reason", "infra_blessed", "infra_reason", "next", "link"),
    }


def know(monkeypatch, secret):
    monkeypatch.setenv("SOME_HOOK", secret)
    monkeypatch.setattr(secrets, "_names", set())
    monkeypatch.setenv(secrets.NAMES_VARIABLE, "")
    secrets.know(["SOME_HOOK"])


def test_a_notice_has_no_secret(monkeypatch):
    know(monkeypatch, 'pass"word 77')
    text = RunNotice("taxi", reason='cannot post to pass"word 77').to_json()
    assert "word" not in text and json.loads(text)["reason"] == "cannot post to ***"


@pytest.mark.parametrize("secret", ["0", '"', "exit_code", "null"])
def test_a_secret_that_json_is_made_of_leaves_it_json(monkeypatch, secret):
    know(monkeypatch, secret)
    message = json.loads(RunNotice("taxi", reason=f"cannot post to {secret}").to_json())
    assert (message["exit_code"], message["reason"], message["model_blessed"]) == (0, "cannot post to ***", None)
