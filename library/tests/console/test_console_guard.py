"""Who may ask the console: the token, the host, the origin, and what no address can reach."""

import asyncio
from dataclasses import dataclass
from typing import Optional

import pytest
from starlette.responses import PlainTextResponse

from millrace.console.guard import Guard
from millrace.console.page import GoTo, Page, PageRequest, address

TOKEN = "a-token-of-the-tests"


@dataclass(frozen=True)
class NoteView:
    """A page that can be changed, for the rules of changing."""

    text: str
    problem: Optional[str] = None


@pytest.fixture
def note(config, console):
    """A console with one page more, and what was written there."""
    written: list[str] = []

    def act(request: PageRequest) -> object:
        if not request.form.get("text"):
            return NoteView(request.form.get("text", ""), "a note is not empty")
        written.append(request.form["text"])
        return GoTo(address("note"))

    page = Page("/note", "Note", "problem.html", lambda request: NoteView(",".join(written)), act=act)
    return console(config, (page,)), written


def test_the_printed_address_gives_a_cookie_and_goes_on_without_the_token(config, console):
    running = console(config)
    first = running.ask(f"/runs?token={TOKEN}&q=a%26b", cookie=None)
    assert (first.status, first.headers["location"]) == (303, "/runs?q=a%26b")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Domain" not in cookie
    assert running.ask("/runs?q=a%26b", cookie=cookie.split(";")[0]).status == 200


@pytest.mark.parametrize(
    "path, headers",
    [
        ("/", {"cookie": None}),
        ("/?token=", {"cookie": None}),
        ("/?token=another", {}),
        ("/?token=%C3%A4%F0", {}),
        ("/", {"cookie": "millrace-1=a-token-of-the-tests"}),
        ("/", {"cookie": "a=b; ;;=,"}),
        ("/", {"cookie": None, "authorization": "Bearer a-token-of-the-test"}),
        ("/nothing?format=json", {"cookie": None}),
    ],
)
def test_without_the_token_nothing_is_told(config, console, path, headers):
    answer = console(config).ask(path, **headers)
    assert answer.status == 403 and "terminal" in answer.text
    assert config.name not in answer.text and str(config.root) not in answer.text


def test_a_program_shows_the_token_in_a_header(config, console):
    answer = console(config).ask("/runs?format=json", cookie=None, authorization=f"Bearer {TOKEN}")
    assert answer.status == 200 and answer.json["total"] == 0


def test_another_sites_name_does_not_lead_here(config, console):
    running = console(config)
    for host in ("evil.example", f"evil.example:{running.port}", "127.0.0.1", f"127.0.0.1:{running.port + 1}", ""):
        assert running.ask("/", host=host).status == 421, host
    for host in (f"localhost:{running.port}", f"LOCALHOST:{running.port}", f"[::1]:{running.port}"):
        assert running.ask("/", host=host).status == 200, host


def test_what_changes_something_is_sent_from_a_page_of_this_console(note):
    running, written = note
    other = f"http://127.0.0.1:{running.port + 1}"
    for origin in (
        None,
        "null",
        other,
        "https://" + running.host,
        "http://evil.example",
        f"http://localhost:{running.port}",
    ):
        assert running.ask("/note", "POST", "text=no", origin=origin).status == 403, origin
    assert running.ask("/note", "POST", "text=no", cookie=None).status == 403
    assert running.ask(f"/note?token={TOKEN}", "POST", "text=no", cookie=None).status == 403
    assert written == []
    answer = running.ask("/note", "POST", "text=yes%3C")
    assert (answer.status, answer.headers["location"], written) == (303, "/note", ["yes<"])


def test_a_form_with_a_mistake_is_shown_again(note):
    running, written = note
    assert running.ask("/note?format=json", "POST", "text=").status == 422 and written == []


def test_reading_changes_nothing_and_other_methods_are_refused(note):
    running, written = note
    assert running.ask("/note?text=x&format=json").status == 200
    for method in ("PUT", "DELETE", "PATCH"):
        assert running.ask("/note", method, "text=x").status == 405
    assert written == []


def test_a_page_without_a_form_takes_none(config, console):
    assert console(config).ask("/runs", "POST", "q=x").status == 405


def test_a_form_has_an_end(note):
    running, written = note
    refused = running.ask("/note", "POST", "text=" + "x" * (9 << 20))
    assert refused.status == 413 and written == []
    assert "more than a form of this console holds" in refused.text and "way back has what was typed" in refused.text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/static/%2fetc/passwd",
        "/static//etc/passwd",
        "/static/vendor/..%5c..%5cserver.py",
        "/static/",
    ],
)
def test_beside_the_static_files_nothing_is_read(config, console, path):
    answer = console(config).ask(path)
    assert answer.status == 404 and "import" not in answer.text and "root:" not in answer.text


def test_every_answer_forbids_what_is_not_its_own(config, console):
    running = console(config)
    for path in ("/", "/nothing", "/?token=wrong", "/static/console.js", "/static/nothing"):
        headers = running.ask(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert running.ask("/runs").headers["cache-control"] == "no-store"


def test_an_address_that_begins_with_two_slashes_leads_to_no_other_host(config, console):
    answer = console(config).ask(f"//evil.example/?token={TOKEN}", cookie=None)
    assert answer.headers["location"].startswith("/evil.example")


def test_a_page_that_fails_says_so_and_the_terminal_says_where(config, console):
    def view(request: PageRequest) -> object:
        raise RuntimeError("no <b>such</b> thing")

    running = console(config, (Page("/", "Broken", "problem.html", view),))
    answer = running.ask("/")
    assert (
        answer.status == 500
        and "no &lt;b&gt;such&lt;/b&gt; thing" in answer.text
        and "fault of Millrace" in answer.text
    )
    assert "Traceback" not in answer.text and "RuntimeError" in running.faults[0]


def test_at_the_port_that_a_browser_leaves_out_the_bare_name_is_this_console():
    app = Guard(PlainTextResponse("shown"), TOKEN, 80)
    with_token = {"host": "127.0.0.1", "authorization": f"Bearer {TOKEN}"}
    assert asked_of(app, with_token) == 200
    assert asked_of(Guard(PlainTextResponse("shown"), TOKEN, 81), with_token) == 421


def asked_of(app: Guard, headers: dict[str, str]) -> int:
    sent: list[dict] = []
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": pairs}

    async def receive() -> dict:
        return {"type": "http.request", "body": b""}

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"]


def test_a_websocket_is_refused_and_no_fault(config, console):
    running = console(config)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"}
    answer = running.ask("/", cookie=None, **headers)
    assert answer.status in (403, 426) and running.faults == []
