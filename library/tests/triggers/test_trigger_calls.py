"""Calls over HTTP: only who shows the token is heard, each call asks once, and the answer says what is decided."""

import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from millrace.base.errors import BadInput
from millrace.config.loading import load
from millrace.config.trigger_section import Listen
from millrace.triggers import calls
from millrace.triggers.calls import taking_calls, token_of
from millrace.triggers.starting import RunStarter, open_triggers

TOKEN = "s3cret-and-long-enough"
LISTEN = Listen(port=0, token_env="CALL_TOKEN")
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": "load-1"}
BODY = {"because": "the load is done", "who": "warehouse"}


@pytest.fixture
def config(tmp_path):
    return load("conf/taxi.yaml", [f"root={tmp_path}", "triggers.listen.token_env=CALL_TOKEN"])


@contextmanager
def listening(config):
    def ask(call):
        with open_triggers(config) as log:
            return RunStarter(config, (), log).asked_by(call, time.time())

    with taking_calls(LISTEN, TOKEN, ask) as port:
        yield port


def call(port, body=BODY, method="POST", headers=HEADERS):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, "/", json.dumps(body) if not isinstance(body, bytes) else body, headers)
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, json.loads(text) if text else {}, answer.headers


def test_a_call_asks_once_for_a_run_and_hears_the_decision(config):
    with listening(config) as port:
        status, told, _ = call(port)
        assert (status, told["start"], told["state"]) == (202, True, "waiting")
        assert told["why"] == "warehouse by HTTP asked for it: the load is done"
        again = call(port)
        assert (again[0], again[1]["id"], again[1]["state"]) == (200, told["id"], "waiting")
        other = call(port, {"because": "another reason"})
        assert (other[0], "another call had this" in other[1]["error"]) == (409, True)
        same = (port, BODY, "POST", {**HEADERS, "Idempotency-Key": "2"})
        threads = [threading.Thread(target=call, args=same) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with open_triggers(config) as log:
        asked = log.recorded(time.time()).asked
        assert [(one.who, one.because) for one in asked] == [("warehouse by HTTP", "the load is done")] * 2
        decision = RunStarter(config, (), log).decision(time.time())
        with log.change():
            log.started(decision, (1, 0.0), 0, asked[0].event, 1_900_000_000.0)
    with listening(config) as port:
        status, told, _ = call(port)
    assert (status, told["state"], told["started"]) == (200, "started", "2030-03-17T17:46:40Z")


@pytest.mark.parametrize("token", ["", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"])
def test_without_the_token_nothing_is_read_and_nothing_asked(config, token):
    with listening(config) as port:
        given = {**HEADERS, "Authorization": token.encode("latin-1")} if token else {"Idempotency-Key": "1"}
        status, told, headers = call(port, headers=given)
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert TOKEN not in json.dumps(told)
    with open_triggers(config) as log:
        assert not log.recorded(time.time()).asked


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"{" * 5000, {}, 413, "more than 4,096 bytes"),
        (b"no json", {}, 400, "no JSON"),
        ([1], {}, 400, '"because" and perhaps "who"'),
        ({"because": "x", "set": "root=/"}, {}, 400, "nothing else"),
        ({"because": " "}, {}, 400, '"because" is missing'),
        ({"because": "x" * 501}, {}, 400, "at most 500"),
        (BODY, {"Idempotency-Key": ""}, 400, "Idempotency-Key is missing"),
        (BODY, {"Content-Length": "two"}, 411, "length is missing"),
    ],
)
def test_what_is_no_call_is_refused_with_its_reason(config, body, headers, status, words):
    with listening(config) as port:
        given, told, _ = call(port, body, headers={**HEADERS, **headers})
    assert (given, words in told["error"]) == (status, True), told


def test_a_call_is_a_post_and_a_silent_connection_is_closed(config, monkeypatch):
    monkeypatch.setattr(calls._CallHandler, "timeout", 0.2)
    with listening(config) as port:
        for method in ("GET", "PUT", "OPTIONS", "HEAD"):
            status, _, headers = call(port, method=method)
            assert (status, headers["Allow"]) == (405, "POST")
        with socket.create_connection(("127.0.0.1", port), timeout=20) as silent:
            assert silent.recv(1) == b""
        assert call(port)[0] == 202


def test_a_token_that_is_none_and_a_port_that_is_taken_are_refused_at_the_start(monkeypatch):
    monkeypatch.delenv("CALL_TOKEN", raising=False)
    for value, words in ((None, "is not set"), ("short", "can be guessed")):
        if value:
            monkeypatch.setenv("CALL_TOKEN", value)
        with pytest.raises(BadInput, match=words) as refused:
            token_of(LISTEN)
        assert "short" not in str(refused.value).replace("shorter", "")
    monkeypatch.setenv("CALL_TOKEN", TOKEN)
    assert token_of(LISTEN) == TOKEN
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(BadInput, match=f"cannot listen on 127.0.0.1:{port}"),
            taking_calls(Listen(port=port, token_env="CALL_TOKEN"), TOKEN, lambda call: None),
        ):
            pass
