"""A console that really listens, and a browser of few words that asks it."""

import contextlib
import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import pytest
from past_runs import PastRuns, four_runs

from millrace.config.config import Config
from millrace.config.loading import load
from millrace.console.listening import answering
from millrace.console.page import Page
from millrace.console.pages import PAGES

TOKEN = "a-token-of-the-tests"


@dataclass(frozen=True)
class Answer:
    """What the console said."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class RunningConsole:
    """A console on a port of this machine."""

    port: int
    faults: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(self, path: str, method: str = "GET", body: Optional[str] = None, **headers: Optional[str]) -> Answer:
        """Asks as a browser that has the cookie; a header that is None is not sent."""
        sent = {"Host": self.host, "Cookie": f"millrace-{self.port}={TOKEN}"}
        if body is not None:
            sent |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{self.host}"}
        sent.update({name.title(): value for name, value in headers.items()})
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body.encode() if body is not None else None)
            response = connection.getresponse()
            return Answer(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                response.read().decode(),
            )


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Taxi's configuration, with a root of its own that has had no run."""
    return load("conf/taxi.yaml", [f"root={tmp_path}/root"])


@pytest.fixture
def past(config: Config) -> PastRuns:
    """Four runs, for a test that changes something of them."""
    return four_runs(Path(config.root))


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The configuration of four runs that are only looked at."""
    root = tmp_path_factory.mktemp("four") / "root"
    four_runs(root)
    return load("conf/taxi.yaml", [f"root={root}"])


@pytest.fixture
def console() -> Iterator[Callable[..., RunningConsole]]:
    """Starts consoles, which end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda config, pages=PAGES: stack.enter_context(_running(config, pages))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven; for tests that are marked with `in_chromium.NEEDS_CHROMIUM`."""
    from in_chromium import CHROMIUM
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@contextlib.contextmanager
def _running(config: Config, pages: tuple[Page, ...]) -> Iterator[RunningConsole]:
    faults: list[str] = []
    with answering(config, TOKEN, pages, faults.append) as port:
        yield RunningConsole(port, faults)
