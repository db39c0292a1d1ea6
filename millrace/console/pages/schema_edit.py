"""The schema as text: what an edit of it says and does before it is made, where a mistake is, and what others wrote."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Union

from millrace.base import files as whole_files
from millrace.base.errors import Failure, SchemaError, describe
from millrace.console.page import GoTo, Page, PageRequest, address
from millrace.console.pages.proposals import LAST_RUNS
from millrace.console.pages.schema import workbench
from millrace.schema import edits, files
from millrace.schema.edits import EditReview
from millrace.schema.workbench import Workbench
from millrace.textproto import schema_text


@dataclass(frozen=True)
class EditPage:
    """The text itself.

    Args:
        file: the schema file.
        digest: of the text on disk that the edit starts from.
        text: as it stands in the field.
        interrupted: whether it is a draft that was not kept.
        review: what the edit says and does; None before it was looked at.
        line: where the text is no schema, from 1; 0 where it is one.
        lines: the lines around that, each with its number.
        since: what somebody else changed on disk in the meantime, from there to this text, as a unified diff.
        problem: why the edit was not made.
        draft: the digest of the text that is kept for who goes on; empty where none is.
    """

    file: str
    digest: str
    text: str
    interrupted: bool = False
    review: Optional[EditReview] = None
    line: int = 0
    lines: tuple[tuple[int, str], ...] = ()
    since: str = ""
    problem: Optional[Failure] = None
    draft: str = ""


def view(request: PageRequest) -> EditPage:
    """The text, or the draft of an edit that was interrupted."""
    bench = workbench(request)
    text = _editable(bench)
    draft = bench.history.draft
    if draft.exists() and (kept := schema_text.read_text(draft)) != text:
        return EditPage(bench.shown_path, files.digest(text), kept, interrupted=True, draft=files.digest(kept))
    return EditPage(bench.shown_path, files.digest(text), text)


def act(request: PageRequest) -> Union[GoTo, EditPage]:
    """Looks at an edit of the text, keeps it, or lets it go.

    What was typed is kept as the draft that `millrace schema edit` goes on with, until it is kept or let go.
    """
    bench = workbench(request)
    on_disk = _editable(bench)
    draft = bench.history.draft
    if request.form.get("do") == "revert":
        # Another page may have left its own in the meantime.
        if _digest_of(draft) == request.form.get("draft"):
            draft.unlink(missing_ok=True)
        return GoTo(address("schema", "edit"))
    if "text" not in request.form:
        raise SchemaError("the form was sent without a text", where=bench.shown_path, remedy="open the page again")
    text = _as_on_disk(request.form["text"], on_disk)
    draft.parent.mkdir(parents=True, exist_ok=True)
    whole_files.write(draft, text)
    shown = EditPage(bench.shown_path, files.digest(on_disk), text, draft=files.digest(text))
    try:
        review = edits.review(bench, on_disk, text, LAST_RUNS)
    except SchemaError as error:
        line = _line_of(error)
        # The lines around the mistake are shown by themselves.
        problem = Failure(error.what.split("\n", 1)[0], error.where, "fix that line, and look at it again", 2)
        return replace(shown, line=line, lines=_around(text, line), problem=problem)
    if request.form.get("digest") != shown.digest:
        remedy = "below is what your text would make of the file as it is now; take over what you want to keep of it"
        changed = Failure("the file changed since you began, and yours is not written", bench.shown_path, remedy, 2)
        return replace(shown, review=review, since=review.patch, problem=changed)
    if request.form.get("do") != "keep":
        return replace(shown, review=review)
    try:
        edits.keep(bench, on_disk, text, review.words)
    except SchemaError as error:
        return replace(shown, review=review, problem=describe(error))
    draft.unlink(missing_ok=True)
    return GoTo(address("schema"))


def _digest_of(draft: Path) -> str:
    return files.digest(schema_text.read_text(draft)) if draft.exists() else ""


def _editable(bench: Workbench) -> str:
    """The file's text, whose line ends a browser's field can hold: it has one kind only."""
    text = schema_text.read_text(bench.path)
    if "\r" in text.replace("\r\n", "") or ("\r\n" in text and "\n" in text.replace("\r\n", "")):
        raise SchemaError(
            "its lines end in more than one way, which a browser would change",
            where=bench.shown_path,
            remedy=f"millrace schema edit{bench.option} opens it in an editor",
        )
    return text


def _as_on_disk(text: str, on_disk: str) -> str:
    """What a browser sent, whose lines all end in CR LF, with the line ends of the file."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return plain.replace("\n", "\r\n") if "\r\n" in on_disk else plain


def _line_of(error: SchemaError) -> int:
    """The line in `file:line:column`."""
    parts = error.where.rsplit(":", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() else 0


def _around(text: str, line: int) -> tuple[tuple[int, str], ...]:
    lines = text.split("\n")
    first = max(line - 3, 0)
    return tuple((first + at + 1, one) for at, one in enumerate(lines[first : line + 2])) if line else ()


PAGES = (
    Page(
        address="/schema/edit",
        title="Edit the schema",
        template="pages/schema_edit.html",
        view=view,
        act=act,
    ),
)
