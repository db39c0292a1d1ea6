"""The message about a run, and its delivery to a real HTTP server on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from custom_components.notifier.message import Verdicts, compose, deliver


def verdicts(**changed) -> Verdicts:
    values = {
        "pipeline": "taxi",
        "model_blessed": True,
        "model_reason": "",
        "infra_blessed": True,
        "infra_reason": "",
        "pushed_to": "/serving/taxi/1",
    }
    return Verdicts(**{**values, **changed})


@pytest.fixture
def webhook():
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_message_arrives_with_the_verdicts(webhook):
    url, received = webhook
    assert deliver(compose(verdicts()), f"{url}/hook") == ""
    [(path, body)] = received
    assert path == "/hook"
    assert json.loads(body)["text"] == "taxi: a new model was pushed to /serving/taxi/1"
    assert json.loads(body)["infra_blessed"] is True


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"pushed_to": "", "model_blessed": False, "model_reason": "AUC is low"}, "Evaluator: AUC is low"),
        ({"pushed_to": "", "infra_blessed": False, "infra_reason": "it hangs"}, "InfraValidator: it hangs"),
        ({"pushed_to": ""}, "the model was blessed, and not pushed"),
    ],
)
def test_a_message_says_who_said_no_and_why(changed, words):
    assert words in json.loads(compose(verdicts(**changed)))["text"]


def test_a_lost_message_is_told_and_the_url_is_not(webhook):
    url, _ = webhook
    assert deliver("{}", f"{url}/broken") == "the webhook answered 500"
    assert "cannot be reached" in deliver("{}", "http://127.0.0.1:9/secret-token")
    assert "secret-token" not in deliver("{}", "http://127.0.0.1:9/secret-token")
    assert deliver("{}", "secret-token") == "the webhook's URL is not a URL"
