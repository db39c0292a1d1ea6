"""A version's own server: what it is told to serve, and that no request is sent before it answers for that version."""

import http.server
import json
import threading

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from millrace.model_server.server_process import Ports
from millrace.serving import version_server
from millrace.serving.envoy_config import Upstream
from millrace.serving.version_server import VersionServer


class Process:
    """In the place of the server's process: what it was started with, and what it says."""

    def __init__(self, *arguments):
        [self.flags] = [one for one in arguments if isinstance(one, list)]
        self.ports, self.code, self.stopped = None, None, False

    def exit_code(self):
        return self.code

    def stop(self):
        self.stopped = True


class Status(http.server.BaseHTTPRequestHandler):
    """Answers what a version's state is."""

    def do_GET(self):
        self.server.asked.append(self.path)
        body = self.server.body
        self.send_response(200 if body else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def started(tmp_path, monkeypatch):
    """A version's server whose process stands in for a real one, and the little HTTP server behind its port."""
    monkeypatch.setattr(version_server, "ServerProcess", Process)
    http_server = http.server.HTTPServer(("127.0.0.1", 0), Status)
    http_server.asked, http_server.body = [], b""
    threading.Thread(target=http_server.serve_forever, args=(0.02,), daemon=True).start()
    folder = tmp_path / "serving" / "taxi" / "12"
    yield VersionServer("taxi", 12, folder, tmp_path / "servers" / "12", tmp_path / "requests"), http_server
    http_server.shutdown()
    http_server.server_close()


def state_of(*states):
    return json.dumps({"model_version_status": [{"version": "12", "state": state} for state in states]}).encode()


def test_it_serves_that_version_alone_as_champion_and_logs_every_request(started, tmp_path):
    server, _ = started
    [file] = [flag.partition("=")[2] for flag in server._process.flags if flag.startswith("--model_config_file=")]
    with open(file) as served:
        [entry] = text_format.Parse(served.read(), ModelServerConfig()).model_config_list.config
    assert (entry.name, entry.base_path) == ("taxi", str(tmp_path / "serving" / "taxi"))
    assert list(entry.model_version_policy.specific.versions) == [12]
    assert dict(entry.version_labels) == {"champion": 12}
    assert "--reload_config=false" in server._process.flags, "it names any folder, and whoever finds the port may ask"
    assert entry.logging_config.sampling_config.sampling_rate == 1.0
    assert entry.logging_config.log_collector_config.filename_prefix == str(tmp_path / "requests" / "requests")
    assert (tmp_path / "requests").is_dir()


def test_it_is_no_upstream_before_its_version_is_available_and_none_after_its_end(started):
    server, behind = started
    assert server.upstream is None and behind.asked == [], "it listens nowhere yet"
    server._process.ports = Ports(rest=behind.server_port, grpc=7)
    for body in (b"", b"no json", b"{}", state_of(), state_of("LOADING"), state_of("END")):
        behind.body = body
        assert server.upstream is None, body
    behind.body = state_of("UNLOADING", "AVAILABLE")
    assert server.upstream == Upstream(12, behind.server_port, 7)
    assert set(behind.asked) == {"/v1/models/taxi/versions/12"}
    asked, behind.body = len(behind.asked), b""
    assert server.upstream and len(behind.asked) == asked, "once is enough"
    server._process.code = 137
    assert server.ended and server.upstream is None
    server.stop()
    assert server._process.stopped


def test_a_version_that_does_not_load_counts_as_a_server_that_has_ended(started):
    server, behind = started
    server._process.ports = Ports(rest=behind.server_port, grpc=7)
    damaged = {"version": "12", "state": "END", "status": {"error_code": "DATA_LOSS", "error_message": "damaged"}}
    assert not server.ended
    behind.body = json.dumps({"model_version_status": [damaged]}).encode()
    assert server.upstream is None and server.ended


def test_a_port_that_nobody_listens_at_is_no_upstream(started):
    server, _ = started
    server._process.ports = Ports(rest=1, grpc=2)
    assert server.upstream is None
