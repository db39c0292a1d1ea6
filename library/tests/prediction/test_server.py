"""Where a server of the model listens, and the command that starts it."""

import json
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from millrace.base.errors import BadInput, MillraceError
from millrace.prediction.server import ServedModel, Server, ServerPlace, choose_place, command

MODEL = ServedModel("my taxi", Path("/runs/serving/taxi.config"), Path("/runs/serving/taxi"), "labels/champion")
HOST = "127.0.0.1"


def test_a_port_that_is_taken_is_told_when_it_was_named():
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"the port {port} is taken, .*\n  remedy: name a free one with --port"):
            choose_place(HOST, port, 0)
        place = choose_place(HOST, None, 0)
    assert place.grpc == 0
    assert place.rest >= 8501


def test_an_interface_that_is_not_there_is_told():
    with pytest.raises(BadInput, match="there is no interface"):
        choose_place("no.such.interface.invalid", None, 0)


def test_the_address_of_a_version():
    assert MODEL.path == "/v1/models/my%20taxi/labels/champion"
    assert ServerPlace("::1", 8501, 0).address == "http://[::1]:8501"


def test_millraces_server_follows_the_file_on_the_loopback_interface():
    words = command("millrace", MODEL, ServerPlace(HOST, 8501, 8500), "")
    assert words[1:3] == ["-m", "millrace.model_server"]
    assert "--model_config_file=/runs/serving/taxi.config" in words
    assert {"--rest_api_port=8501", "--port=8500", f"--host={HOST}"} <= set(words)


def test_a_program_that_is_not_installed_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="there is no tensorflow_model_server on this machine"):
        command("tensorflow_model_server", MODEL, ServerPlace(HOST, 8501, 8500), "")
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\n")
    docker.chmod(0o755)
    words = command("docker", MODEL, ServerPlace(HOST, 8501, 8500), "tensorflow/serving:2.16.1")
    assert words[:4] == ["docker", "run", "--rm", "--init"]
    assert {f"--publish={HOST}:8501:8501", "--volume=/runs/serving/taxi:/runs/serving/taxi:ro"} <= set(words)


def test_a_version_that_does_not_load_is_told_and_not_waited_for(tmp_path):
    states = iter(["LOADING", "LOADING", "END", "END"])

    class Serving(BaseHTTPRequestHandler):
        def do_GET(self):
            status = {"error_code": "DATA_LOSS", "error_message": "saved_model.pb is damaged"}
            found = self.path == "/v1/models/my%20taxi"
            self.send_response(200 if found else 404)
            self.end_headers()
            if found:
                one = {"version": "7", "state": next(states), "status": status}
                self.wfile.write(json.dumps({"model_version_status": [one]}).encode())

        def log_message(self, *_):
            pass

    with HTTPServer((HOST, 0), Serving) as serving, subprocess.Popen(["sleep", "60"]) as process:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        server = Server(process, tmp_path / "log", MODEL, ServerPlace(HOST, serving.server_port, 0))
        with pytest.raises(MillraceError, match=r"it does not load: saved_model\.pb is damaged"):
            server.wait_until_it_answers(sleep=lambda _: None)
        process.kill()
        serving.shutdown()
    assert next(states, None) is None
