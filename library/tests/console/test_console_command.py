"""`millrace console` as a person starts it: the address that it prints, a port that is taken, two at once, the end."""

import contextlib
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from click.testing import CliRunner

from millrace.base.errors import BadInput
from millrace.cli.main import millrace
from millrace.console.listening import FIRST_PORT, HOST, new_token, open_port

CHECKOUT = Path(__file__).resolve().parents[3]


def test_a_port_that_is_taken_is_refused_when_it_was_named_and_passed_over_when_not():
    with contextlib.closing(open_port()) as first, contextlib.closing(open_port()) as second:
        ports = [one.getsockname()[1] for one in (first, second)]
        assert ports[0] != ports[1] and min(ports) >= FIRST_PORT
        assert {one.getsockname()[0] for one in (first, second)} == {HOST}
        with pytest.raises(BadInput, match="is taken"):
            open_port(ports[0])


def test_the_command_says_that_a_named_port_is_taken(config):
    with contextlib.closing(open_port()) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(
            millrace,
            ["console", "-c", "conf/taxi.yaml", "--set", f"root={config.root}", "--port", port],
            standalone_mode=False,
        )
    assert isinstance(done.exception, BadInput) and "leave --port out" in done.exception.remedy


def test_a_token_is_new_each_time_and_long():
    tokens = {new_token() for _ in range(20)}
    assert len(tokens) == 20 and min(map(len, tokens)) >= 32


@contextlib.contextmanager
def started(root: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = [sys.executable, "-m", "millrace.cli.main", "console", "-c", "conf/taxi.yaml", "--set", f"root={root}"]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            printed = ""
            while "token=" not in printed:
                line = process.stdout.readline()
                assert line, printed
                printed += line
            yield process, re.search(r"http://\S+", printed)[0]
        finally:
            process.kill()


@pytest.mark.slow
def test_two_consoles_answer_at_once_and_a_signal_ends_each(tmp_path):
    with started(tmp_path / "a") as (first, one), started(tmp_path / "b") as (second, other):
        assert one.split("/?")[0] != other.split("/?")[0]
        for address in (one, other):
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
            answer = browser.open(address, timeout=20)
            assert "Nothing has run yet" in answer.read().decode() and "token" not in answer.url
        first.send_signal(signal.SIGINT)
        assert first.wait(20) == 0, "Ctrl-C is how a person ends it"
        second.send_signal(signal.SIGTERM)
        assert second.wait(20) != 1
        rest = first.stdout.read() + second.stdout.read()
        assert "Traceback" not in rest
    assert not (tmp_path / "a").exists(), "looking makes nothing"
