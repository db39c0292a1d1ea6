"""A server as a process: started with TensorFlow Serving's flags, measured with its children, and ended for sure.

A shell script stands for TensorFlow Serving's program: what is tried here is the process and not what it serves.
"""

import os
import socket
import sys
import threading
from contextlib import contextmanager

import psutil
import pytest

from millrace.model_server.server_process import ServerProcess

MIB = 1 << 20


@pytest.fixture
def running(tmp_path, monkeypatch):
    """Starts the program with a script for its body, in a scratch folder of its own."""
    binary = tmp_path / "bin" / "tensorflow_model_server"
    binary.parent.mkdir()
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("PATH", f"{binary.parent}{os.pathsep}{os.environ['PATH']}")

    @contextmanager
    def begin(script: str, memory_mib: int = 4096):
        binary.write_text(f"#!/bin/sh\n{script}\n")
        binary.chmod(0o755)
        with open(tmp_path / "log", "ab") as log, ServerProcess(
            "tensorflow_model_server", tmp_path / "models", "taxi", tmp_path / "scratch", log, memory_mib * MIB
        ) as server:  # fmt: skip
            yield server

    return begin


def eventually(condition, seconds: float = 20.0):
    for _ in range(int(seconds / 0.02)):
        if result := condition():
            return result
        threading.Event().wait(0.02)
    raise AssertionError("waited in vain")


def test_the_program_gets_its_model_and_two_free_ports_on_the_loopback_interface(running, tmp_path):
    with running("echo $PWD $@; exit 7") as server:
        assert eventually(lambda: server.exit_code() is not None) and server.exit_code() == 7
        ports = server.ports
        for port in (ports.grpc, ports.rest):
            with socket.socket() as one:
                one.bind(("127.0.0.1", port))
    assert ports.grpc != ports.rest
    assert (tmp_path / "log").read_text().split() == [
        str(tmp_path / "scratch"),
        "--model_name=taxi",
        f"--model_base_path={tmp_path / 'models'}",
        "--max_num_load_retries=0",
        f"--port={ports.grpc}",
        f"--rest_api_port={ports.rest}",
    ]


def test_a_server_that_runs_has_no_exit_code_and_is_asked_to_end_before_it_is_killed(running, tmp_path):
    with running("trap 'echo ended; exit 3' TERM; echo up; while :; do sleep 0.05; done") as server:
        eventually(lambda: "up" in (tmp_path / "log").read_text())
        assert (server.exit_code(), server.over_memory) == (None, False)
    assert (server.exit_code(), (tmp_path / "log").read_text().split()[-1]) == (3, "ended")


def test_the_peak_is_the_memory_of_the_server_and_of_what_it_starts(running, tmp_path):
    take = f"{sys.executable} -S -c 'x = bytearray({150 * MIB}); print(1, flush=True); input()'"
    with running(f"sleep 600 | {take}") as server:
        eventually(lambda: "1" in (tmp_path / "log").read_text())
        eventually(lambda: server.peak_mib > 150)
        assert server.peak_mib < 400
        assert (server.over_memory, server.exit_code()) == (False, None)


def test_a_server_over_its_memory_is_killed_and_one_below_is_not(running, tmp_path):
    take = f"exec {sys.executable} -S -c 'x = bytearray({150 * MIB}); import time; time.sleep(600)'"
    with running(take, memory_mib=100) as server:
        assert eventually(lambda: server.exit_code() is not None)
        assert (server.over_memory, server.exit_code()) == (True, 128 + 9)
        assert server.peak_mib > 100


def test_a_server_that_hears_nothing_is_gone_all_the_same(running, tmp_path, monkeypatch):
    """Its lifeline is stopped and cannot pass on what it is told."""
    monkeypatch.setattr("millrace.model_server.server_process._END_SECONDS", 0.2)
    with running("trap '' TERM; echo up; while :; do sleep 0.05; done") as server:
        eventually(lambda: "up" in (tmp_path / "log").read_text())
        lifeline = psutil.Process(server._lifeline.pid)
        family = [lifeline, *lifeline.children(recursive=True)]
        lifeline.suspend()
    assert [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
