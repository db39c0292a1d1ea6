"""Data: every feature of a run in the order of what is odd, and one feature in full, over the data before it."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Optional

from millrace.base.errors import SchemaError
from millrace.base.names import did_you_mean
from millrace.base.numbers import counted
from millrace.components.data_gate.findings import Finding
from millrace.config.config import Config
from millrace.console.page import GoTo, Hit, NotFound, Page, PageRequest, RailEntry, Table, address
from millrace.schema.evidence import Evidence
from millrace.schema.workbench import Workbench
from millrace.views.chosen_data import MOST_SOURCES, chosen_data, data_of
from millrace.views.data import DataView, FeatureRow, FeatureView
from millrace.views.slices import SliceSummary, slice_summaries

_PAGE = 40
_MOST_HITS = 20
_MOST_SLICES = 50
_NEARLY_ALL = 0.99
_ODDEST = "-odd"


@dataclass(frozen=True)
class DataSource:
    """A run whose data can be looked at: its id, how it ended, and the span that it read where that is recorded."""

    run_id: str
    state: str
    span: Optional[int]


@dataclass(frozen=True)
class DataPage:
    """What is shown of a run's data.

    Args:
        headline: what matters most, in a sentence.
        source: the run.
        sources: the others that it can be compared with, the newest first.
        splits: rows by split.
        compared_with: the run whose data lies behind it; empty where the splits are compared with each other.
        validated: whether the data was held to a schema.
        findings: what DataGate says of the data as a whole.
        states: how many features are blocked, warned, moved and fine.
        total: how many features there are.
        matching: how many of them the filters let through.
        rows: those in view, in full.
        after: how many stand before them.
        next: the address of what follows; empty at the end.
        text: what is searched for.
        state: which state is shown; empty for all.
        sort: the column that they are sorted by, with a minus before it from the largest to the smallest.
        against: what was asked for to be compared with.
        slice: TFDV's name of the slice that is shown, over all rows; empty for the data as a whole.
        behind: what follows a split's name where what it is compared with is meant.
        slices: those that there are statistics of, the largest first.
        propose: the command that proposes edits of the schema.
    """

    headline: str
    source: DataSource
    sources: tuple[DataSource, ...]
    splits: dict[str, int]
    compared_with: str
    validated: bool
    findings: tuple[Finding, ...]
    states: dict[str, int]
    total: int
    matching: int
    rows: tuple[FeatureView, ...]
    after: int
    next: str
    text: str
    state: str
    sort: str
    against: str
    slice: str
    behind: str
    slices: tuple[SliceSummary, ...]
    propose: str


@dataclass(frozen=True)
class FeaturePage:
    """One feature.

    Args:
        source: the run.
        reference: what the data is compared with, in words.
        against: what was asked for to be compared with.
        slice: TFDV's name of the slice that is shown, over all rows; empty for the data as a whole.
        feature: all of it.
        before: the name of the feature before it in the order of what is odd; empty for the first.
        after: of the next one; empty for the last.
        place: its place in that order, from 1.
        total: how many there are.
    """

    source: DataSource
    reference: str
    against: str
    slice: str
    feature: FeatureView
    before: str
    after: str
    place: int
    total: int


@dataclass(frozen=True)
class NoDataPage:
    """There is nothing to look at yet, or not any more.

    Args:
        sentence: why.
        start: the command that makes some.
    """

    sentence: str
    start: str


def view(request: PageRequest) -> object:
    """The features that the filters let through."""
    bench = Workbench(request.config, request.config.file)
    if request.path["span"] == "latest" and bench.latest is None:
        return _nothing(bench)
    run, data = _chosen(bench, request)
    text, state = request.query.get("q", "").strip(), request.query.get("state", "")
    sort = request.query.get("sort", _ODDEST)
    matching = _sorted([row for row in data.rows if state in ("", row.state) and _matches(row, text)], sort)
    after = request.count("after", 0, len(matching))
    against = request.query.get("against", "")
    more = after + _PAGE < len(matching)
    asked = {
        "q": text,
        "state": state,
        "against": against,
        "slice": data.slice,
        "sort": "" if sort == _ODDEST else sort,
    }
    following = address("data", request.path["span"], **asked, after=after + _PAGE)
    return DataPage(
        headline=_headline(data),
        source=_source(run),
        sources=tuple(_source(one) for one in _recent(bench) if one.run_id != run.run_id),
        splits=dict(data.splits),
        compared_with=data.compared_with,
        validated=data.schema is not None,
        findings=data.findings,
        states={word: count for word, count in data.counts().items() if count},
        total=len(data.rows),
        matching=len(matching),
        rows=tuple(_full(data, row) for row in matching[after : after + _PAGE]),
        after=after,
        next=following if more else "",
        text=text,
        state=state,
        sort=sort,
        against=against,
        slice=data.slice,
        behind=data.behind,
        slices=slice_summaries(run, _MOST_SLICES),
        propose=f"millrace schema propose{bench.option}",
    )


def feature_view(request: PageRequest) -> FeaturePage:
    """One feature in full."""
    bench = Workbench(request.config, request.config.file)
    run, data = _chosen(bench, request)
    name = request.path["feature"]
    full = data.feature(name)
    names = [row.name for row in data.rows]
    if full is None:
        raise NotFound(
            f"the data has no such feature, and the schema describes none{did_you_mean(name, names)}",
            where=name,
            remedy=f"all features of run {run.run_id} are at {address('data', run.run_id)}",
        )
    at = names.index(name)
    return FeaturePage(
        source=_source(run),
        reference=_reference(data),
        against=request.query.get("against", ""),
        slice=data.slice,
        feature=full,
        before=names[at - 1] if at else "",
        after=names[at + 1] if at + 1 < len(names) else "",
        place=at + 1,
        total=len(names),
    )


def _reference(data: DataView) -> str:
    if data.slice:
        return "all rows"
    return f"run {data.compared_with}" if data.compared_with else "the first split"


def _sorted(rows: list[FeatureRow], sort: str) -> list[FeatureRow]:
    """The rows, which come with the oddest first, by a column; what has no value there comes last."""
    name, backwards = sort.lstrip("-"), sort.startswith("-")
    columns: dict[str, Callable[[FeatureRow], Any]] = {
        "name": lambda row: row.name.lower(),
        "missing": lambda row: row.missing,
        "moved": lambda row: row.distance.value if row.distance is not None else None,
    }
    if name not in columns:
        return rows if sort == _ODDEST else rows[::-1]
    value = columns[name]
    known = [row for row in rows if value(row) is not None]
    return [*sorted(known, key=value, reverse=backwards), *(row for row in rows if value(row) is None)]


def _headline(data: DataView) -> str:
    if data.slice:
        rows, apart = sum(data.splits.values()), data.counts()["moved"]
        verb = "lies" if apart == 1 else "lie"
        features = counted(len(data.rows), "feature")
        return f"In the {counted(rows, 'row')} of this slice {apart:,} of {features} {verb} apart by more than chance."
    counts, total = data.counts(), f"of {counted(len(data.rows), 'feature')}"
    whole = [finding for finding in data.findings if finding.action == "block"]
    if counts["blocked"] or whole:
        return f"{counts['blocked']:,} {total} would stop a run." if counts["blocked"] else "The data would stop a run."
    if counts["warned"]:
        return f"Nothing stops a run; {counts['warned']:,} {total} are warned of."
    if counts["moved"]:
        return f"{counts['moved']:,} {total} moved by more than chance.{_nearly_empty(data)}"
    return f"Nothing is odd about the {counted(len(data.rows), 'feature')}.{_nearly_empty(data)}"


def _nearly_empty(data: DataView) -> str:
    """What no limit forbids, and a person should know all the same."""
    empty = [row.name for row in data.rows if row.is_in_data and row.missing > _NEARLY_ALL and not row.findings]
    if not empty:
        return ""
    names = ", ".join(empty[:3]) + (", ..." if len(empty) > 3 else "")
    return f" Nearly every row lacks {names}{', which the schema allows' if data.schema is not None else ''}."


def _nothing(bench: Workbench) -> NoDataPage:
    return NoDataPage(f"{bench.lacks.capitalize()}.", f"millrace run{bench.option}")


def _chosen(bench: Workbench, request: PageRequest) -> tuple[Evidence, DataView]:
    try:
        return chosen_data(
            bench, request.path["span"], request.query.get("against", ""), request.query.get("slice", "")
        )
    except SchemaError as error:
        raise NotFound(error.what, error.where, error.remedy) from error


def _recent(bench: Workbench) -> list[Evidence]:
    """The runs that a person may choose from: of thousands, the newest. Any other has its own address."""
    return [run for run in itertools.islice(bench.newest(), MOST_SOURCES) if run.readable]


def _full(data: DataView, row: FeatureRow) -> FeatureView:
    full = data.feature(row.name)
    assert full is not None, row.name
    return full


def _source(run: Evidence) -> DataSource:
    return DataSource(run.run_id, run.state, run.span)


def _matches(row: FeatureRow, text: str) -> bool:
    words = " ".join((row.name, row.kind, row.state, *(finding.reason for finding in row.findings))).lower()
    return all(part in words for part in text.lower().split())


def _table(page: object) -> Table:
    heads = ["feature", "kind", "state", "missing", "moved", "findings"]
    rows = page.rows if isinstance(page, DataPage) else ()
    return Table(heads, _cells(rows))


def _cells(rows: tuple[FeatureView, ...]) -> Iterator[list[object]]:
    for full in rows:
        row = full.row
        distance = row.distance.value if row.distance is not None else None
        reasons = ", ".join(finding.reason for finding in row.findings)
        yield [row.name, row.kind, row.state, row.missing, distance, reasons]


def _search(config: Config, text: str) -> list[Hit]:
    bench = Workbench(config, config.file)
    if bench.latest is None:
        return []
    data = data_of(bench, bench.latest, None)
    matching = [row for row in data.rows if all(part in row.name.lower() for part in text.lower().split())]
    return [
        Hit("feature", row.name, address("data", bench.latest.run_id, row.name), f"{row.kind}, {row.state}")
        for row in matching[:_MOST_HITS]
    ]


def _section(config: Config, run_id: str) -> Optional[dict[str, str]]:
    try:
        run = Workbench(config, config.file).run(run_id)
    except SchemaError:
        return None
    return {"span": run_id} if run.readable else None


FEATURE = Page(
    address="/data/{span}/{feature:path}",
    title="{feature}",
    template="pages/feature.html",
    view=feature_view,
)

DATA = Page(
    address="/data/{span}",
    title="Data of {span}",
    template="pages/data.html",
    view=view,
    rail=RailEntry("Data", "d", "data", "/data/latest"),
    section=_section,
    rows=_table,
    search=_search,
)

PAGES = (
    Page(
        address="/data",
        title="Data",
        template="pages/data.html",
        view=lambda request: GoTo(address("data", "latest")),
    ),
    DATA,
    FEATURE,
)
