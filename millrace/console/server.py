"""The console's server: which address is answered by which page, as a page, as JSON or as CSV."""

import csv
import dataclasses
import io
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Optional
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from millrace.base.errors import Failure, MillraceError, describe, not_permitted
from millrace.base.plain_values import plain
from millrace.base.secrets import cut
from millrace.config.config import Config
from millrace.console.guard import Guard
from millrace.console.page import GoTo, NotFound, Page, PageRequest, Table
from millrace.console.pages import PAGES
from millrace.console.render import FOLDER, PageFrame, page_text, refusal_text

# The text of a schema with ten thousand features is a megabyte.
_LARGEST_FORM = 8 << 20
_TOO_LARGE = "this is more than a form of this console holds"
_HEADINGS = {404: "Not there", 413: "Not taken"}
FORMATS = ("html", "json", "csv")


def application(
    config: Config,
    token: str,
    port: int,
    pages: Sequence[Page] = PAGES,
    now: Callable[[], float] = time.time,
    report_fault: Callable[[str], None] = lambda text: None,
) -> ASGIApp:
    """The console of one pipeline.

    Args:
        config: the pipeline's configuration.
        token: without which nothing is shown.
        port: at which it listens, on the loopback interface.
        pages: what it can show.
        now: the clock, in seconds since the epoch.
        report_fault: takes the traceback of an error that is nobody's input.
    """
    answers = _Answers(config, pages, now, report_fault)
    routes = [
        Route(page.address, answers.endpoint(page), methods=["GET", "POST"] if page.act else ["GET"]) for page in pages
    ]
    static = Mount("/static", StaticFiles(directory=FOLDER / "static"))
    app = Starlette(
        routes=[static, *routes], exception_handlers={HTTPException: answers.refused, Exception: answers.failed}
    )
    return Guard(app, token, port, lambda status, what, remedy: HTMLResponse(refusal_text(what, remedy), status))


class _Answers:
    """Asks views, and makes answers of what they give."""

    def __init__(
        self, config: Config, pages: Sequence[Page], now: Callable[[], float], report_fault: Callable[[str], None]
    ) -> None:
        self._config, self._pages, self._now, self._report_fault = config, pages, now, report_fault

    def endpoint(self, page: Page) -> Callable[[Request], Any]:
        """What Starlette calls for a page."""

        async def answer(request: Request) -> Response:
            form = await _form(request)
            return await run_in_threadpool(self._answer, page, request, form)

        return answer

    def _answer(self, page: Page, request: Request, form: dict[str, str]) -> Response:
        asked = PageRequest(self._config, self._now(), dict(request.path_params), _query(request), form)
        try:
            changes = request.method == "POST" and page.act is not None
            result = page.act(asked) if changes and page.act else page.view(asked)
            if isinstance(result, GoTo):
                # What was asked for by another name is shown as it was asked for.
                kept = (
                    f"?{request.url.query}" if request.url.query and not changes and "?" not in result.address else ""
                )
                return RedirectResponse(f"{result.address}{kept}", 303)
            # Rendered here, so that what a template meets is told as what a view meets.
            return self._shown(page, asked, result)
        except Exception as error:
            return self._problem(error, asked, request.url.path)

    def _shown(self, page: Page, asked: PageRequest, view: Any) -> Response:
        kind = asked.choice("format", FORMATS)
        status = 422 if getattr(view, "problem", None) else 200
        if kind == "json":
            return JSONResponse(plain(view), status)
        if kind == "csv":
            if page.rows is None:
                raise NotFound("this page has no table to copy", page.title, "ask it for format=json")
            return Response(_csv(page.rows(view)), media_type="text/csv; charset=utf-8")
        return HTMLResponse(page_text(self._frame(asked), page, view, asked), status)

    def _frame(self, asked: PageRequest) -> PageFrame:
        return PageFrame(self._config, self._pages, asked)

    def _problem(self, error: Exception, asked: PageRequest, place: str) -> Response:
        """The page that says what is wrong; the frame around it stays, so that a person can go elsewhere."""
        error = not_permitted(error) if isinstance(error, PermissionError) else error
        is_known = isinstance(error, MillraceError)
        status = 404 if isinstance(error, NotFound) else 503 if is_known else 500
        if not is_known:
            self._report_fault(cut(f"{place}\n{''.join(traceback.format_exception(error))}"))
        failure = describe(error)
        if not is_known and not failure.remedy:
            remedy = "this is a fault of Millrace; the console's terminal shows where"
            failure = dataclasses.replace(failure, remedy=remedy)
        return self._told(failure, status, asked)

    def _told(self, failure: Failure, status: int, asked: PageRequest) -> Response:
        if asked.query.get("format") == "json":
            return JSONResponse({"error": dataclasses.asdict(failure)}, status)
        heading = _HEADINGS.get(status, "Not shown")
        return HTMLResponse(page_text(self._frame(asked), None, failure, asked, heading), status)

    async def refused(self, request: Request, error: Exception) -> Response:
        """The answer for an address that no page has, and for a method that its page has not."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        what = {404: "there is no such page", 405: "this page changes nothing", 413: _TOO_LARGE}.get(status, str(error))
        asked = PageRequest(self._config, self._now(), {}, _query(request))
        remedy = "take one of the pages in the rail, or search"
        if status == 413:
            remedy = "nothing was changed, and the browser's way back has what was typed; edit the file itself"
        failure = Failure(what, request.url.path, remedy, 2)
        return await run_in_threadpool(self._told, failure, status, asked)

    async def failed(self, request: Request, error: Exception) -> Response:
        """The answer when the frame itself fails."""
        self._report_fault(cut("".join(traceback.format_exception(error))))
        return HTMLResponse(refusal_text("the console failed", "its terminal shows where"), 500)


def _query(request: Request) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        values.setdefault(name, []).append(value)
    return {name: "\n".join(of_name) for name, of_name in values.items()}


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, in the one encoding that a browser uses for a form without files."""
    if request.method != "POST":
        return {}
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            raise HTTPException(413)
    fields = parse_qs(bytes(body).decode("utf-8", "replace"), keep_blank_values=True)
    return {name: "\n".join(values) for name, values in fields.items()}


def _csv(table: Table) -> str:
    """A table as RFC 4180 has it. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.heads)
    for row in table.rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: Optional[Any]) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
