"""Running other programs: the log, the sign of life, and what is not handed on."""

import sys
from pathlib import Path

import pytest

from bootstrap import commands
from bootstrap.commands import Runner, own_environment
from bootstrap.errors import SetupError


def test_what_points_python_elsewhere_is_not_handed_on() -> None:
    kept = own_environment(
        {"PATH": "/bin", "PYTHONPATH": "/x", "VIRTUAL_ENV": "/y", "PIP_TARGET": "/z", "PIP_USER": "1"}
    )
    assert kept == {"PATH": "/bin", "PIP_USER": "0"}


def test_a_long_program_gives_signs_of_life(tmp_path: Path, make_tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "HEARTBEAT_SECONDS", 0.05)
    # It ends when it has been reported as still running: no time is waited for in vain.
    fifo = tmp_path / "go"
    told: list = []

    def tell(line: str) -> None:
        told.append(line)
        fifo.touch()

    tool = make_tool(tmp_path / "tool", f"until [ -e {fifo} ]; do :; done\n")
    Runner(tmp_path / "log", {}, tell).run([str(tool)], "waiting")
    assert told and told[0].startswith("    still waiting, ")


def test_all_output_is_in_the_log(tmp_path: Path, make_tool) -> None:
    runner = Runner(tmp_path / "deep/log", {}, lambda line: None)
    runner.run([str(make_tool(tmp_path / "one", "echo out; echo err >&2\n"))], "one")
    assert runner.answer([str(make_tool(tmp_path / "two", "echo answer; echo more >&2\n"))]) == "answer"
    assert runner.log.read_text().splitlines()[1:] == ["out", "err", "more"]
    assert runner.answer([str(make_tool(tmp_path / "three", "echo no; exit 1\n"))]) == ""


def test_a_program_that_does_not_start_is_reported(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "log", {}, lambda line: None)
    with pytest.raises(SetupError, match="nowhere does not start"):
        runner.run([str(tmp_path / "nowhere")], "starting")
    assert runner.answer([str(tmp_path / "nowhere")]) == ""


def test_an_interrupted_set_up_leaves_no_program_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "HEARTBEAT_SECONDS", 0.05)
    started = tmp_path / "pid"
    code = f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    def interrupt(line: str) -> None:
        if started.exists() and started.read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runner(tmp_path / "log", {}, interrupt).run([sys.executable, "-c", code], "sleeping")
    assert not Path("/proc", started.read_text()).exists()
