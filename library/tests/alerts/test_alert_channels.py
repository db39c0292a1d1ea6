"""The channels, with a real mail server and a real web server on this machine: what arrives, and what does not."""

import json

import pytest
from fake_mail_server import PASSWORD, mail_server
from fake_webhook import webhook

from millrace.alerts.channels import AppriseChannel, EmailChannel, WebhookChannel, channels_of
from millrace.alerts.section import Email, Notify
from millrace.alerts.telling import tell
from millrace.base.notice import RunNotice

BLOCKED = RunNotice(
    "taxi", "20310101-000001", 3, "AUC is 0.9012; it must be 0.92", "Evaluator", "train longer",
    next="millrace runs show 20310101-000001", link="https://millrace.test/runs/20310101-000001",
)  # fmt: skip


def email(port: int, **settings: object) -> EmailChannel:
    return EmailChannel(
        Email(host="127.0.0.1", port=port, security="none", sender="m@test", to=("a@test", "b@test"), **settings)
    )


def test_a_mail_says_how_it_ended_why_what_next_and_where_to_look(monkeypatch):
    monkeypatch.setenv("MAIL_PW", PASSWORD)
    with mail_server() as server:
        assert tell([email(server.port, user="millrace", password_env="MAIL_PW")], BLOCKED) == {}
        [mail] = server.mails
    assert mail["Subject"] == "taxi: run 20310101-000001 blocked"
    assert (mail["From"], mail["To"], mail["Auto-Submitted"]) == ("m@test", "a@test, b@test", "auto-generated")
    assert mail.get_content().splitlines() == [
        "taxi: run 20310101-000001 ended as blocked. Evaluator: AUC is 0.9012; it must be 0.92",
        "remedy: train longer",
        "next: millrace runs show 20310101-000001",
        "https://millrace.test/runs/20310101-000001",
    ]


def test_the_sentence_of_a_refusal_is_one_and_a_mail_has_the_rest():
    reason = "DataGate: 1 finding stops this run: data that breaks its contract (fare).\n\nfare\n  split  train"
    blocked = RunNotice("taxi", "20310101-000001", 3, reason, "DataGate", "fix the data", next="millrace runs show")
    sentence = (
        "taxi: run 20310101-000001 ended as blocked. DataGate: 1 finding stops this run: "
        "data that breaks its contract (fare)."
    )
    assert blocked.text == json.loads(blocked.to_json())["text"] == sentence
    assert json.loads(blocked.to_json())["reason"] == reason
    assert blocked.body.splitlines() == [
        sentence, "", "fare", "  split  train", "remedy: fix the data", "next: millrace runs show",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("behaves", "trouble"),
    [
        ("no-mail", "the mail server answered 554"),
        ("not-you", "the mail server refuses b@test"),
        ("silent", "the mail server broke off, or did not answer in time"),
    ],
)
def test_why_a_mail_was_not_taken_is_said_without_what_the_server_answered(behaves, trouble):
    with mail_server(behaves) as server:
        assert email(server.port).send(BLOCKED, 0.3) == trouble
        assert len(server.mails) == (behaves == "not-you"), "the others have it"


def test_a_wrong_password_and_none_and_no_server(monkeypatch):
    monkeypatch.setenv("MAIL_PW", "wrong-one")
    with mail_server() as server:
        channel = email(server.port, user="millrace", password_env="MAIL_PW")
        assert channel.send(BLOCKED, 5) == "the mail server refuses the user or the password"
        starttls = EmailChannel(channel.settings.model_copy(update={"security": "starttls"}))
        assert "offers no STARTTLS" in (told := starttls.send(BLOCKED, 5)) and "starttls, tls (" in told
        port = server.port
    assert email(port).send(BLOCKED, 5) == "the mail server cannot be reached: connection refused"
    monkeypatch.delenv("MAIL_PW")
    assert tell([channel], BLOCKED) == {"email": "the environment variable MAIL_PW is not set"}


def test_a_channel_that_is_down_is_tried_again_and_one_that_works_does_not_wait(monkeypatch):
    slept = []
    with mail_server("busy") as server, webhook() as hook:
        monkeypatch.setenv("HOOK", f"{hook.url}/ok")
        channels = [email(server.port), WebhookChannel("HOOK")]
        assert tell(channels, BLOCKED, sleep=slept.append) == {}
        assert (len(server.mails), server.sessions, slept) == (1, 3, [0.5, 2.0])
        [message] = hook.messages
    assert (message["next"], message["link"], message["ending"]) == (BLOCKED.next, BLOCKED.link, "blocked")


def test_no_channel_is_tried_more_than_three_times_or_for_longer_than_is_said(monkeypatch):
    with webhook() as hook:
        monkeypatch.setenv("HOOK", f"{hook.url}/broken")
        told = tell([WebhookChannel("HOOK")], BLOCKED, sleep=lambda _: None)
        assert (told, len(hook.requests)) == ({"webhook": "the webhook answered 500"}, 3)
        times = iter([0.0, 0.0, 0.0, 9.8])
        assert tell([WebhookChannel("HOOK")], BLOCKED, clock=lambda: next(times, 9.8), sleep=lambda _: None) == told
        assert len(hook.requests) == 4, "two tenths of a second are left: no time for a wait and a try"


def test_a_channel_that_hangs_is_left_behind():
    with mail_server("silent") as server:
        assert tell([email(server.port)], BLOCKED, seconds=0.2) in (
            {"email": "it did not answer in time"},
            {"email": "the mail server broke off, or did not answer in time"},
        )


def test_a_channel_that_is_at_fault_ends_nothing():
    class Broken:
        name = "broken"

        def lacks(self) -> str:
            raise RuntimeError("x")

        def send(self, notice: object, seconds: float) -> str:
            return ""

    assert tell([Broken()], BLOCKED) == {"broken": "it failed (RuntimeError)"}


def test_the_channels_of_a_configuration():
    settings = Notify(
        webhook_env="HOOK", apprise_env="CHATS", email={"host": "h", "sender": "m@test", "to": ["a@test"]}
    )
    assert [one.name for one in channels_of(settings)] == ["webhook", "email", "apprise"]
    assert channels_of(None) == []


def test_apprise_tells_what_its_urls_name(monkeypatch):
    pytest.importorskip("apprise", reason="Apprise is in the lock: make setup")
    with webhook() as hook:
        monkeypatch.setenv("CHATS", f"{hook.url.replace('http', 'json')}/ok {hook.url.replace('http', 'json')}/ok/two")
        assert tell([AppriseChannel("CHATS")], BLOCKED) == {}
        titles = {json.loads(body)["title"] for _, _, body in hook.requests}
        assert (len(hook.requests), titles) == (2, {BLOCKED.title})
        monkeypatch.setenv("CHATS", f"{hook.url.replace('http', 'json')}/broken")
        told = tell([AppriseChannel("CHATS")], BLOCKED, sleep=lambda _: None)
    assert told == {"apprise": "Apprise did not reach every service"}
    monkeypatch.setenv("CHATS", "SECRET-none")
    assert AppriseChannel("CHATS").send(BLOCKED, 5) == "Apprise knows none of a service by a URL in CHATS"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "nobody would be told"),
        ({"email": {"host": "h", "sender": "nobody", "to": ["a@test"]}}, "sender"),
        ({"email": {"host": "h", "sender": "m@test", "to": []}}, "to"),
        ({"email": {"host": "h", "sender": "m@test", "to": ["a@test"], "user": "u"}}, "go together"),
        (
            {
                "email": {
                    "host": "h", "sender": "m@test", "to": ["a@test"], "user": "u", "password_env": "P",
                    "security": "none",
                }
            },
            "in the clear",
        ),
        ({"webhook_env": "HOOK", "console": "millrace.test"}, "console"),
    ],
)  # fmt: skip
def test_settings_that_would_tell_nobody_or_give_a_password_away(values, problem):
    with pytest.raises(ValueError, match=problem):
        Notify(**values)
