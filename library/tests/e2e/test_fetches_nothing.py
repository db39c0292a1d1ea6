"""No run fetches a program, or asks for anything: Beam's runner is named wherever a Beam pipeline is made.

Beam's default runner downloads another one, Prism, and starts it where there is a network. Where there is none it falls
back without a word, so that a test without network alone proves nothing.
"""

import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

WITHOUT_NETWORK = ("unshare", "--user", "--map-root-user", "--net")
CAN_DO_WITHOUT = (
    bool(shutil.which("unshare")) and subprocess.run([*WITHOUT_NETWORK, "true"], check=False).returncode == 0
)


class Recorder(socketserver.ThreadingTCPServer):
    """A proxy that writes down the first line of each request and lets none through."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.requests: list[str] = []


class _Request(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.server.requests.append(self.rfile.readline().decode(errors="replace").strip())
        self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def proxy() -> Iterator[Recorder]:
    with Recorder() as recorder:
        threading.Thread(target=recorder.serve_forever, daemon=True).start()
        yield recorder
        recorder.shutdown()


def asked_through(proxy: Recorder, home: Path) -> dict[str, str]:
    """The variables by which Python's clients, gRPC and curl find a proxy, and a home without earlier downloads."""
    address = f"http://127.0.0.1:{proxy.server_address[1]}"
    names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "grpc_proxy")
    return {
        "HOME": str(home),
        **dict.fromkeys(names, address),
        "no_proxy": "localhost,127.0.0.1",
        "NO_PROXY": "localhost,127.0.0.1",
    }


def test_the_recorder_sees_what_beams_own_choice_asks_for(fresh_project, proxy, tmp_path):
    """Without the runner's name there is a request: the other tests can fail."""
    script = "import apache_beam as beam\nwith beam.Pipeline() as p:\n    p | beam.Create([1])\n"
    (fresh_project.folder / "unnamed.py").write_text(script)
    finished = fresh_project.finish(fresh_project.start_python("unnamed.py", **asked_through(proxy, tmp_path)))
    assert finished.code == 0, finished.output
    assert any("github.com" in request for request in proxy.requests)


@pytest.mark.parametrize("runner", ["local", pytest.param("beam", marks=pytest.mark.thorough)])
def test_a_run_asks_for_nothing(fresh_project, proxy, tmp_path, runner):
    """ExampleGen is the one stage that works by Beam on one machine; on `beam` the graph itself does too."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    arguments = ("run", "--runner", runner, "--to", "SchemaGen")
    process = fresh_project.start(*arguments, TMPDIR=str(temporary), **asked_through(proxy, tmp_path))
    finished = fresh_project.finish(process)
    assert finished.code == 0, finished.output
    assert finished.stages["SchemaGen"] == "done"
    assert proxy.requests == []
    assert [path.name for path in temporary.iterdir() if "beam" in path.name] == []


@pytest.mark.skipif(not CAN_DO_WITHOUT, reason="a network namespace of its own cannot be had here")
def test_a_run_needs_no_network(fresh_project):
    process = fresh_project.start("run", "--to", "Transform", prefix=WITHOUT_NETWORK)
    finished = fresh_project.finish(process)
    assert finished.code == 0, finished.output
    assert finished.stages["Transform"] == "done"
