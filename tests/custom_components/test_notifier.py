"""The Notifier's function, called as its executor calls it, with a real server on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

pytestmark = pytest.mark.slow  # imports TFX


@pytest.fixture
def notify(monkeypatch, tmp_path):
    """Calls the function with the verdicts of a run; gives what was recorded."""
    from tfx.types.standard_artifacts import InfraBlessing, ModelBlessing, PushedModel, String

    from custom_components.notifier.component import Notifier

    def call(blessed: bool, pushed_to: str, url: str):
        monkeypatch.setenv("SOME_HOOK", url)
        model_blessing, infra_blessing, pushed_model, message = (
            ModelBlessing(),
            InfraBlessing(),
            PushedModel(),
            String(),
        )
        message.uri = str(tmp_path / "message")
        model_blessing.set_int_custom_property("blessed", int(blessed))
        model_blessing.set_string_custom_property("reason", "" if blessed else "AUC is low")
        infra_blessing.set_int_custom_property("blessed", 1)
        pushed_model.set_string_custom_property("pushed_destination", pushed_to)
        Notifier.EXECUTOR_SPEC.executor_class._FUNCTION(
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            pushed_model=pushed_model,
            message=message,
            pipeline_name="taxi",
            webhook_env="SOME_HOOK",
            code_digest="",
        )
        return message

    return call


def test_the_verdicts_are_posted_and_recorded(notify):
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        message = notify(True, "/serving/taxi/1", f"http://127.0.0.1:{server.server_port}/T0K3N")
        refused = notify(False, "", f"http://127.0.0.1:{server.server_port}/T0K3N")
        server.shutdown()
        thread.join()
    assert [one["text"] for one in received] == [
        "taxi: a new model was pushed to /serving/taxi/1",
        "taxi: no model was pushed. Evaluator: AUC is low",
    ]
    assert json.loads(refused.value) == received[1]
    assert message.get_string_custom_property("undelivered") == ""


def test_a_message_that_is_lost_is_recorded_without_the_address(notify):
    message = notify(True, "/serving/taxi/1", "http://127.0.0.1:9/T0K3N x")
    undelivered = message.get_string_custom_property("undelivered")
    assert undelivered.startswith("the webhook's address has a space") and "T0K3N" not in undelivered
    assert notify(True, "", "").get_string_custom_property("undelivered") == (
        "the environment variable SOME_HOOK is not set"
    )
