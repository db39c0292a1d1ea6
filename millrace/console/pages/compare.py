"""Runs beside each other: a few with all that differs, or many with what was tried against what it scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from millrace.base.kept import KeptFiles
from millrace.base.plain_values import flat
from millrace.comparison.run_comparison import DataChange, compare
from millrace.comparison.run_groups import METRICS, SLICES, ComparedGroup, compared_groups
from millrace.console.page import GoTo, NotFound, Page, PageRequest, RailEntry, Table, address
from millrace.console.pages.runs import RunRow, named_run, row
from millrace.metadata import provenance
from millrace.metadata.run_details import run_detail
from millrace.metadata.run_summaries import Runs

_MOST = 6
_MANY = 200
_COLUMNS = 8
_SETTINGS: KeptFiles[dict[str, str]] = KeptFiles(2 * _MANY)


@dataclass(frozen=True)
class TriedRun:
    """One of many runs.

    Args:
        run: as a row.
        settings: the values of the settings that are columns.
    """

    run: RunRow
    settings: tuple[str, ...]


@dataclass(frozen=True)
class PlottedRun:
    """A run as a point.

    Args:
        run_id: its id.
        state: its state.
        x: where it stands.
        y: where it stands.
    """

    run_id: str
    state: str
    x: float
    y: float


@dataclass(frozen=True)
class CompareView:
    """What is shown of several runs.

    Args:
        runs: the compared ones, in the order that was asked for, or of their start where they were ticked; none when
            many are shown.
        groups: what differs among them, and how much does not.
        schema: what the last one's schema says otherwise than the first one's, in words.
        data: how the last one's data differs from the first one's; None where it does not, or cannot be told.
        unknown: what could not be compared, and why.
        many: the newest runs, sorted as was asked for; none when a few are compared.
        settings: the settings that differ among the many, which are columns.
        metrics: the metrics of the many that have a threshold.
        sort: the column by which the many are sorted.
        axes: what can be plotted.
        x: what is plotted to the right; empty where there is nothing to plot.
        y: what is plotted upwards.
        points: the runs that have both.
    """

    runs: tuple[RunRow, ...]
    groups: tuple[ComparedGroup, ...]
    schema: tuple[str, ...]
    data: Optional[DataChange]
    unknown: tuple[str, ...]
    many: tuple[TriedRun, ...]
    settings: tuple[str, ...]
    metrics: tuple[str, ...]
    sort: str
    axes: tuple[str, ...]
    x: str
    y: str
    points: tuple[PlottedRun, ...]

    @property
    def measured(self) -> bool:
        """Whether a metric differs among the compared runs."""
        return any(group.rows for group in self.groups if group.title in (METRICS, SLICES) and not group.lacking)

    @property
    def has_intervals(self) -> bool:
        """Whether any of these metrics was measured with an interval."""
        return any(one.intervals for group in self.groups for one in group.rows)

    @property
    def has_unjudged(self) -> bool:
        """Whether a gate left any of these metrics."""
        return any(one.unjudged for group in self.groups for one in group.rows)


def view(request: PageRequest) -> Union[CompareView, GoTo]:
    """The runs that the address names, or the newest ones where it names fewer than two."""
    named = request.query.get("runs", "")
    chosen = list(dict.fromkeys(part for part in named.replace("\n", ",").split(",") if part))[:_MOST]
    runs = Runs(request.config)
    if len(chosen) < 2:
        return _many(runs, request)
    ids = list(dict.fromkeys(name if runs.summary(name) else named_run(runs, name) for name in chosen))
    if "\n" in named:
        # Ticked in a list, whose newest stands first: a change is from the earlier to the later.
        places = {run_id: place for place, run_id in enumerate(runs.ids())}
        ids.sort(key=lambda run_id: -places.get(run_id, len(places)))
    if ids != chosen:
        return GoTo(address("compare", **{**request.query, "runs": ",".join(ids)}))
    return _few(runs, ids, request.now)


def _few(runs: Runs, ids: Sequence[str], now: float) -> CompareView:
    details = []
    for run_id in ids:
        detail = run_detail(runs, run_id, now)
        if detail is None:
            raise NotFound(
                f"no run of {runs.config.name} is called that", run_id, "choose runs in the list: g r, then x for each"
            )
        details.append(detail)
    between = compare(details[0], details[-1])
    return CompareView(
        runs=tuple(row(one.summary) for one in details),
        groups=compared_groups(details),
        schema=between.schema,
        data=between.data,
        unknown=tuple(one.why for one in between.unknown),
        many=(),
        settings=(),
        metrics=(),
        sort="",
        axes=(),
        x="",
        y="",
        points=(),
    )


def _many(runs: Runs, request: PageRequest) -> CompareView:
    summaries = []
    for run_id in runs.ids():
        summary = runs.summary(run_id)
        if summary and not summary.rehearsal:
            summaries.append(summary)
        if len(summaries) == _MANY:
            break
    settings = {one.run_id: _settings(runs, one.run_id) for one in summaries}
    columns = _differing([settings[one.run_id] for one in summaries])
    metrics = tuple(sorted({name for one in summaries for name in one.judged}))
    measures: dict[str, dict[str, float]] = {
        one.run_id: {**_numbers(settings[one.run_id], columns), **one.judged, "seconds": one.seconds}
        for one in summaries
    }
    # What is a number in one run alone gives one point.
    varied = [name for name in columns if len({one[name] for one in measures.values() if name in one}) > 1]
    axes = (*varied, *metrics, "seconds")
    y = request.choice("y", (*metrics, *axes))
    x = request.choice("x", axes)
    tried = [TriedRun(row(one), tuple(settings[one.run_id].get(name, "") for name in columns)) for one in summaries]
    sort = request.query.get("sort", "")
    if sort:
        name = sort.lstrip("-")
        known = [one for one in tried if name in measures[one.run.run.run_id]]
        rest = [one for one in tried if name not in measures[one.run.run.run_id]]
        tried = [
            *sorted(known, key=lambda one: measures[one.run.run.run_id][name], reverse=sort.startswith("-")),
            *rest,
        ]
    points = [
        PlottedRun(one.run_id, one.state, measures[one.run_id][x], measures[one.run_id][y])
        for one in summaries
        if all(name in measures[one.run_id] and _can_be_drawn(measures[one.run_id][name]) for name in (x, y))
    ]
    return CompareView((), (), (), None, (), tuple(tried), columns, metrics, sort, axes, x, y, tuple(points))


def _can_be_drawn(value: float) -> bool:
    """Whether a value has a place on an axis: a metric may be infinite, or at the end of what a float holds."""
    return value == 0 or 1e-200 < abs(value) < 1e200


def _settings(runs: Runs, run_id: str) -> dict[str, str]:
    folder = runs.folder(run_id)
    return _SETTINGS.get(folder.path / provenance.FILE, lambda: _settings_in(folder.path)) if folder else {}


def _settings_in(folder: Path) -> dict[str, str]:
    made = provenance.read(folder)
    return flat(made.configuration) if made else {}


def _differing(configurations: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """The settings that not all runs have the same, those that took the most values first."""
    known = [one for one in configurations if one]
    values: dict[str, set[Any]] = {}
    for one in known:
        for name, value in one.items():
            values.setdefault(name, set()).add(value)
    missing = {name for name in values if any(name not in one for one in known)}
    differing = [name for name, seen in values.items() if len(seen) + (name in missing) > 1]
    return tuple(sorted(differing, key=lambda name: -len(values[name]))[:_COLUMNS])


def _numbers(settings: Mapping[str, str], names: Sequence[str]) -> dict[str, float]:
    numbers = {}
    for name in names:
        try:
            numbers[name] = float(settings.get(name, ""))
        except ValueError:
            continue
    return numbers


def _rows(view: CompareView) -> Table:
    if view.runs:
        heads = ["group", "what", *(one.run.run_id for one in view.runs)]
        return Table(heads, [[group.title, one.name, *one.values] for group in view.groups for one in group.rows])
    heads = ["run", "state", "seconds", *view.settings, *view.metrics]
    return Table(
        heads,
        [
            [one.run.run.run_id, one.run.run.state, one.run.run.seconds, *one.settings]
            + [one.run.run.judged.get(name) for name in view.metrics]
            for one in view.many
        ],
    )


COMPARE = Page(
    address="/compare",
    title="Compare",
    template="pages/compare.html",
    view=view,
    rail=RailEntry("Compare", "c", "compare", address("compare")),
    rows=_rows,
)

PAGES = (COMPARE,)
