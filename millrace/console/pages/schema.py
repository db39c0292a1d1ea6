"""The schema: the contract beside what was seen, the edits that a run's anomalies ask for, and the text itself.

What is changed here is changed by the functions of `millrace schema`: under the file's lock, with comments kept, on
record, and never over a text that somebody else wrote in the meantime. A page carries the digest of the text that it
shows, and a form brings it back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Union

from millrace.base import files as whole_files
from millrace.base.errors import Failure, SchemaError, describe
from millrace.config.config import Config
from millrace.console.page import GoTo, Hit, Page, PageRequest, RailEntry, Table, address
from millrace.project import default_configuration
from millrace.schema import edits, files, words
from millrace.schema.edits import EditReview
from millrace.schema.evidence import Evidence
from millrace.schema.lint import Issue, lint
from millrace.schema.proposals import Proposal
from millrace.schema.workbench import Workbench
from millrace.textproto import schema_text
from millrace.textproto.schema_text import SchemaText
from millrace.views.data import FeatureView, data_view

_PAGE = 60
_LAST_RUNS = 10
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


@dataclass(frozen=True)
class ProposalRow:
    """One proposal.

    Args:
        number: what it is called.
        feature: that it is about; empty for the data as a whole.
        reason: the anomaly's reason code.
        splits: that have the anomaly.
        rows: how many rows it concerns, in words; empty where that is not known.
        described: what was expected and seen.
        words: the edit in words; none where the file says so already, or there is no edit.
        gives_up: what data would be held to no longer, or less.
        note: what to think of before.
        patch: the edit as a unified diff.
        alternative: whether another edit for the same anomaly stands before it.
        can_be_made: whether there is an edit that is not made yet.
        chosen: whether a person has chosen it.
    """

    number: str
    feature: str
    reason: str
    splits: tuple[str, ...]
    rows: str
    described: str
    words: tuple[str, ...]
    gives_up: tuple[str, ...]
    note: str
    patch: str
    alternative: bool
    can_be_made: bool
    chosen: bool


@dataclass(frozen=True)
class ProposalsPage:
    """What a run's anomalies ask for.

    Args:
        file: the schema file.
        digest: of its text.
        run: whose anomalies; empty where nothing ran yet.
        state: how that run ended.
        proposals: in the order of the anomalies.
        review: what the chosen ones together say and do; None where none are chosen.
        start: the command that runs the pipeline.
        problem: why what was asked for was not done.
    """

    file: str
    digest: str
    run: str
    state: str
    proposals: tuple[ProposalRow, ...]
    review: Optional[EditReview]
    start: str
    problem: Optional[Failure] = None


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


# -- the contract ------------------------------------------------------------------------------------------------------
def view(request: PageRequest) -> Union[SchemaPage, NoSchemaPage]:
    """The contract beside what the latest run saw."""
    bench = _bench(request)
    if not bench.config.schema_.file:
        file = f"schema/{bench.config.name}/schema.pbtxt"
        return NoSchemaPage(
            f"The configuration names no schema file, so runs are held to the schema that SchemaGen infers. Write one, "
            f"then set schema.file to {file}.",
            f"millrace schema infer{bench.option} -o {file}",
        )
    source = bench.read()
    data = data_view(bench.latest, schema=source.proto)
    issues = sorted(lint(source, bench.seen(), bench.uses), key=lambda issue: issue.severity != "error")
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


def undo(request: PageRequest) -> Union[GoTo, SchemaPage, NoSchemaPage]:
    """Takes the workbench's last edit back."""
    bench = _bench(request)
    try:
        with files.locked(bench.path):
            _require_unchanged(bench, request.form.get("digest", ""))
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


# -- proposals ---------------------------------------------------------------------------------------------------------
def proposals_view(request: PageRequest) -> ProposalsPage:
    """The edits that the latest run's anomalies ask for."""
    bench = _bench(request)
    return _proposals(bench, bench.read(), bench.latest, ())


def take_proposals(request: PageRequest) -> Union[GoTo, ProposalsPage]:
    """Shows what the chosen edits together say and do, or makes them."""
    bench = _bench(request)
    numbers = request.form.get("number", "").split()
    run = bench.latest
    try:
        if run is None or request.form.get("run") != run.run_id:
            remedy = "look at them again: their numbers are those of the latest run"
            raise SchemaError("another run has ended since these were shown", request.form.get("run", ""), remedy)
        _require_unchanged(bench, request.form.get("digest", ""))
        if not numbers:
            raise SchemaError("none was chosen", remedy="tick one or more")
        if request.form.get("do") == "accept":
            edits.accept(bench, run, numbers)
            return GoTo(address("schema"))
        source = bench.read()
        chosen = edits.choose(edits.proposals(bench, source, run), numbers)
        review = edits.review(bench, source.text, edits.accepted_text(source, chosen, run), _LAST_RUNS)
    except SchemaError as error:
        return replace(_proposals(bench, bench.read(), run, numbers), problem=describe(error))
    return replace(_proposals(bench, source, run, numbers), review=review)


def _proposals(bench: Workbench, source: SchemaText, run: Optional[Evidence], chosen: Sequence[str]) -> ProposalsPage:
    offered = edits.proposals(bench, source, run) if run is not None else []
    return ProposalsPage(
        file=bench.shown_path,
        digest=files.digest(source.text),
        run=run.run_id if run is not None else "",
        state=run.state if run is not None else "",
        proposals=tuple(_proposal(one, one.number in chosen) for one in offered),
        review=None,
        start=f"millrace run{default_configuration.option(bench.config_file)}",
    )


def _proposal(proposal: Proposal, chosen: bool) -> ProposalRow:
    anomaly = proposal.anomaly
    count = "" if anomaly.rows is None else f"{'' if anomaly.exact else 'at most '}{anomaly.rows:,} rows"
    return ProposalRow(
        number=proposal.number,
        feature=anomaly.feature,
        reason=anomaly.reason,
        splits=anomaly.splits,
        rows=count,
        described=anomaly.words,
        words=proposal.words,
        gives_up=proposal.gives_up,
        note="the file says so already" if proposal.done else proposal.note,
        patch=proposal.patch,
        alternative=not proposal.preferred,
        can_be_made=bool(proposal.words),
        chosen=chosen,
    )


# -- the text ----------------------------------------------------------------------------------------------------------
def edit_view(request: PageRequest) -> EditPage:
    """The text, or the draft of an edit that was interrupted."""
    bench = _bench(request)
    text = _editable(bench)
    draft = bench.history.draft
    if draft.exists() and (kept := schema_text.read_text(draft)) != text:
        return EditPage(bench.shown_path, files.digest(text), kept, interrupted=True)
    return EditPage(bench.shown_path, files.digest(text), text)


def edit(request: PageRequest) -> Union[GoTo, EditPage]:
    """Looks at an edit of the text, keeps it, or lets it go.

    What was typed is kept as the draft that `millrace schema edit` goes on with, until it is kept or let go.
    """
    bench = _bench(request)
    on_disk = _editable(bench)
    text = _as_on_disk(request.form.get("text", ""), on_disk)
    draft = bench.history.draft
    if request.form.get("do") == "revert":
        draft.unlink(missing_ok=True)
        return GoTo(address("schema", "edit"))
    draft.parent.mkdir(parents=True, exist_ok=True)
    whole_files.write(draft, text)
    shown = EditPage(bench.shown_path, files.digest(on_disk), text)
    try:
        review = edits.review(bench, on_disk, text, _LAST_RUNS)
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


def _require_unchanged(bench: Workbench, digest: str) -> None:
    """That the file is as it was when the page was shown."""
    if files.digest(schema_text.read_text(bench.path)) != digest:
        remedy = "look at it again: this page shows it as it is now"
        raise SchemaError("the file changed since this page was shown", where=bench.shown_path, remedy=remedy)


def _bench(request: PageRequest) -> Workbench:
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


PAGES = (
    Page(
        address="/schema",
        title="Schema",
        template="pages/schema.html",
        view=view,
        rail=RailEntry("Schema", "s", "schema", "/schema"),
        act=undo,
        rows=_table,
        search=_search,
    ),
    Page(
        address="/schema/proposals",
        title="Proposed edits",
        template="pages/proposals.html",
        view=proposals_view,
        act=take_proposals,
    ),
    Page(
        address="/schema/edit",
        title="Edit the schema",
        template="pages/schema_edit.html",
        view=edit_view,
        act=edit,
    ),
)
