"""The schema: the contract beside what was seen, what its own check has to say, and the edits that can be taken back.

What is changed on these pages is changed by the functions of `millrace schema`: under the file's lock, with comments
kept, on record, and never over a text that somebody else wrote in the meantime. A page carries the digest of the text
that it shows, and a form brings it back.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Union

from millrace.base.errors import Failure, SchemaError, describe
from millrace.base.kept import Kept
from millrace.config.config import Config
from millrace.console.page import GoTo, Hit, Page, PageRequest, RailEntry, Table, address
from millrace.schema import files, words
from millrace.schema.lint import Issue, lint
from millrace.schema.workbench import Workbench
from millrace.textproto import schema_text
from millrace.textproto.schema_text import SchemaText
from millrace.views.data import DataView, FeatureView, data_view

_PAGE = 60
_LAST_EDITS = 5


@dataclass(frozen=True)
class ContractRow:
    """One feature of the schema.

    Args:
        feature: what the schema says of it, and what the latest run saw.
        asked: what the schema says, by aspect.
        issues: what the schema's own check has to say of it.
    """

    feature: FeatureView
    asked: dict[str, str]
    issues: tuple[Issue, ...]


@dataclass(frozen=True)
class PastEdit:
    """An edit of the workbench: when (UTC, ISO 8601), by which command, what it changed, whether it was taken back."""

    when: str
    why: str
    words: tuple[str, ...]
    undone: bool


@dataclass(frozen=True)
class SchemaPage:
    """The contract.

    Args:
        file: the schema file.
        digest: of its text.
        environments: that the schema names.
        run: the run whose data stands beside it; empty where nothing ran yet.
        splits: rows by split of that run.
        issues: what the schema's own check has to say, errors first.
        uncommitted: what differs from the last commit, in words; none where it is the same, or git does not know.
        edits: the last edits of the workbench, the newest first.
        total: how many features there are.
        matching: how many the filter lets through.
        rows: those in view.
        after: how many stand before them.
        next: the address of what follows; empty at the end.
        text: what is searched for.
        problem: why what was asked for was not done.
        force: whether it can be done all the same.
    """

    file: str
    digest: str
    environments: tuple[str, ...]
    run: str
    splits: dict[str, int]
    issues: tuple[Issue, ...]
    uncommitted: tuple[str, ...]
    edits: tuple[PastEdit, ...]
    total: int
    matching: int
    rows: tuple[ContractRow, ...]
    after: int
    next: str
    text: str
    problem: Optional[Failure] = None
    force: bool = False


@dataclass(frozen=True)
class NoSchemaPage:
    """The configuration names no schema file.

    Args:
        sentence: what that means.
        start: the command that writes a first one.
    """

    sentence: str
    start: str


def view(request: PageRequest) -> Union[SchemaPage, NoSchemaPage]:
    """The contract beside what the latest run saw."""
    bench = workbench(request)
    if not bench.config.schema_.file:
        file = f"schema/{bench.config.name}/schema.pbtxt"
        return NoSchemaPage(
            f"The configuration names no schema file, so runs are held to the schema that SchemaGen infers. Write one, "
            f"then set schema.file to {file}.",
            f"millrace schema infer{bench.option} -o {file}",
        )
    text_on_disk = schema_text.read_text(bench.path)
    source, data, issues = _KEPT.get(
        (text_on_disk, bench.shown_path, bench.latest, bench.uses), lambda: _read(bench, text_on_disk)
    )
    text = request.query.get("q", "").strip()
    wanted = text.lower().split()
    matching = [name for name in data.names if all(part in name.lower() for part in wanted)]
    after = request.count("after", 0, len(matching))
    features = [feature for name in matching[after : after + _PAGE] if (feature := data.feature(name)) is not None]
    return SchemaPage(
        file=bench.shown_path,
        digest=files.digest(source.text),
        environments=tuple(source.proto.default_environment),
        run=bench.latest.run_id if bench.latest else "",
        splits=dict(data.splits),
        issues=tuple(issues),
        uncommitted=_uncommitted(bench, source),
        edits=tuple(
            PastEdit(edit.when.replace("Z", "+00:00"), edit.why, edit.words, edit.undone)
            for edit in reversed(bench.history.edits()[-_LAST_EDITS:])
        ),
        total=len(data.names),
        matching=len(matching),
        rows=tuple(
            ContractRow(
                feature, dict(feature.contract), tuple(issue for issue in issues if issue.subject == feature.row.name)
            )
            for feature in features
        ),
        after=after,
        next=address("schema", q=text, after=after + _PAGE) if after + _PAGE < len(matching) else "",
        text=text,
    )


# A text of thousands of features takes a second to parse and to check.
_KEPT: Kept[tuple[SchemaText, DataView, list[Issue]]] = Kept(4)


def _read(bench: Workbench, text: str) -> tuple[SchemaText, DataView, list[Issue]]:
    """The schema, what the latest run saw, and what the schema's own check has to say, errors first."""
    source = schema_text.parse(text, bench.shown_path)
    issues = sorted(lint(source, bench.seen(), bench.uses), key=lambda issue: issue.severity != "error")
    return source, data_view(bench.latest, schema=source.proto), issues


def undo(request: PageRequest) -> Union[GoTo, SchemaPage, NoSchemaPage]:
    """Takes the workbench's last edit back."""
    bench = workbench(request)
    try:
        with files.locked(bench.path):
            require_unchanged(bench, request.form.get("digest", ""))
            bench.history.undo(force=request.form.get("force") == "yes")
    except SchemaError as error:
        shown = view(request)
        if isinstance(shown, NoSchemaPage):
            return shown
        by_hand = bench.history.last() is not None and request.form.get("digest") == shown.digest
        return replace(shown, problem=describe(error), force=by_hand)
    return GoTo(address("schema"))


def _uncommitted(bench: Workbench, source: SchemaText) -> tuple[str, ...]:
    try:
        committed = bench.source(f"HEAD:{bench.path}")
    except SchemaError:
        return ()
    return tuple(str(change) for change in words.changes(committed.proto, source.proto))


def require_unchanged(bench: Workbench, digest: str) -> None:
    """That the file is as it was when the page was shown.

    Args:
        bench: the schema's workbench.
        digest: of the text that the page showed.

    Raises:
        SchemaError: it is not.
    """
    if files.digest(schema_text.read_text(bench.path)) != digest:
        remedy = "look at it again: this page shows it as it is now"
        raise SchemaError("the file changed since this page was shown", where=bench.shown_path, remedy=remedy)


def workbench(request: PageRequest) -> Workbench:
    """The workbench of the pipeline that is looked at."""
    return Workbench(request.config, request.config.file)


def _table(page: Union[SchemaPage, NoSchemaPage]) -> Table:
    aspects = ["type", "presence", "domain", "values per row", "environments", "drift limit", "skew limit", "stage"]
    rows = page.rows if isinstance(page, SchemaPage) else ()
    return Table(
        ["feature", *aspects, "issues"],
        [
            [
                one.feature.row.name,
                *(one.asked.get(aspect, "") for aspect in aspects),
                "; ".join(issue.what for issue in one.issues),
            ]
            for one in rows
        ],
    )


def _search(config: Config, text: str) -> list[Hit]:
    file = config.schema_.file
    found = file and all(part in f"schema {file}".lower() for part in text.lower().split())
    return [Hit("schema", Path(file).name, address("schema"), file)] if found and file else []


SCHEMA = Page(
    address="/schema",
    title="Schema",
    template="pages/schema.html",
    view=view,
    rail=RailEntry("Schema", "s", "schema", "/schema"),
    act=undo,
    rows=_table,
    search=_search,
)

PAGES = (SCHEMA,)
