"""Who may ask the console for anything: this browser, at this address, with the token that the terminal printed.

- The Host header must name this server, so that no other site's name can be made to lead here (DNS rebinding).
- The token comes in the printed address, and moves from there into a cookie, so that it stands in no history and in no
  address that a person sends on. A program shows it as `Authorization: Bearer TOKEN`.
- What changes something is a POST whose Origin is this server. A cookie counts for all ports of a machine, an Origin
  for one.
- Nothing of another host may be loaded, no script may stand in a page, and no site may frame one.
"""

import secrets
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With no-referrer a browser would send `Origin: null` with forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
HTTP_PORT = 80
_READING = ("GET", "HEAD")
STATIC = "/static/"
"""Below it are this library's own files, which hold nothing of anyone's: a page that refuses wants its looks too."""


class Guard:
    """Lets through what may be asked, and refuses the rest.

    Args:
        app: the console.
        token: what must be shown.
        port: at which the console listens.
        refusal: makes the answer for a person: its status, what is wrong and what to do.
    """

    def __init__(
        self, app: ASGIApp, token: str, port: int, refusal: Callable[[int, str, str], Response] = lambda status, what,
        remedy: PlainTextResponse(f"{what}\n{remedy}\n", status)
    ) -> None:  # fmt: skip
        self._app, self._token, self._refusal = app, token, refusal
        self._cookie = f"millrace-{port}"
        names = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = {f"{name}:{port}" for name in names}
        if port == HTTP_PORT:
            # A browser leaves out the port that it would take by itself.
            self._hosts.update(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, as ASGI has it."""
        if scope["type"] == "websocket":
            # The console has none, whoever asks.
            await send({"type": "websocket.close", "code": 1008})
        if scope["type"] != "http":
            # uvicorn is told not to wait for a start.
            return
        await self._answer(scope)(scope, receive, _with_headers(send, scope["path"]))

    def _answer(self, scope: Scope) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        host = headers.get("host", "")
        if host.lower() not in self._hosts:
            return self._refusal(
                421, f"this console is not called {host or 'nothing'}", f"open it as {min(self._hosts)}"
            )
        if method not in _READING and headers.get("origin") != f"http://{host}":
            return self._refusal(
                403, "this was not sent from a page of this console", "open the page and send it there"
            )
        if method in _READING and path.startswith(STATIC):
            return self._app
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        shown = [value for name, value in query if name == "token"]
        if shown and method in _READING:
            if not self._is_token(shown[-1]):
                return self._refusal(
                    403,
                    "the token in this address is not this console's",
                    "take the address that its terminal printed; each start has a token of its own",
                )
            return self._into_cookie(path, [(name, value) for name, value in query if name != "token"])
        if not self._has_token(headers):
            return self._refusal(
                403, "this console wants its token", "open the whole address that its terminal printed"
            )
        return self._app

    def _has_token(self, headers: Headers) -> bool:
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._is_token(bearer.strip())
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        return self._cookie in cookies and self._is_token(cookies[self._cookie].value)

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode("utf-8", "replace"), self._token.encode())

    def _into_cookie(self, path: str, query: list[tuple[str, str]]) -> Response:
        # A second slash at its beginning would make the path another host's name.
        place = "/" + path.lstrip("/\\")
        response = RedirectResponse(f"{place}?{urlencode(query)}" if query else place, 303)
        # Not "strict": the printed address may be opened from another site, such as a terminal in a browser.
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="lax")
        return response


def _with_headers(send: Send, path: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers["Cache-Control"] = "max-age=3600" if path.startswith(STATIC) else "no-store"
        await send(message)

    return sending
