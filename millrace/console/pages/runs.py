"""All runs as a table: sorted, filtered and searched by what stands in the address."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from millrace.base.errors import BadInput
from millrace.base.outcomes import State
from millrace.config.config import Config
from millrace.config.environments import as_options
from millrace.config.paths import serving_directory
from millrace.config.trials import as_asked
from millrace.console.page import Hit, NotFound, Page, PageRequest, RailEntry, Table, address
from millrace.metadata import run_names
from millrace.metadata.run_folder import RunRequest
from millrace.metadata.run_summaries import Runs, RunSummary, run_summaries
from millrace.project import default_configuration

_ROWS = 100
BAD_ENDS = (State.FAILED, State.BLOCKED, State.BAD_INPUT, State.KILLED, State.INTERRUPTED)
"""The states of a run that did not come to its end, whoever's doing it was."""


@dataclass(frozen=True)
class RunRow:
    """One run as a row.

    Args:
        run: its summary.
        verdict: what became of its model, in a few words.
        why: the first line of why it pushed none.
    """

    run: RunSummary
    verdict: str
    why: str


@dataclass(frozen=True)
class RunsView:
    """What is shown of all runs.

    Args:
        rows: those that are shown, in the order that was asked for.
        metrics: the names of the metrics that have a threshold, as columns.
        total: how many runs there are.
        matching: how many of them the filters let through.
        states: how many there are of each state, the bad ends first.
        after: how many matching ones stand before the rows.
        next: the address of what follows; empty at the end.
        sort: the column that they are sorted by, with a minus before it from the last to the first.
        text: what is searched for.
        state: which state is shown; empty for all.
        live: whether one of them runs.
    """

    rows: tuple[RunRow, ...]
    metrics: tuple[str, ...]
    total: int
    matching: int
    states: dict[str, int]
    after: int
    next: str
    sort: str
    text: str
    state: str
    live: bool


def view(request: PageRequest) -> RunsView:
    """Every run that the filters let through."""
    rows = [row(run) for run in reversed(run_summaries(request.config))]
    metrics = tuple(sorted({name for one in rows for name in one.run.judged}))
    text, state = request.query.get("q", "").strip(), request.query.get("state", "")
    sort = request.query.get("sort", "-started")
    matching = _sorted([one for one in rows if _matches(one, text, state)], sort)
    after, size = request.count("after", 0, len(matching)), max(1, request.count("rows", _ROWS, 1000))
    more = after + size < len(matching)
    order = [*BAD_ENDS, *(state for state in State if state not in BAD_ENDS)]
    counts = {word: sum(one.run.state == word for one in rows) for word in order}
    return RunsView(
        rows=tuple(matching[after : after + size]),
        metrics=metrics,
        total=len(rows),
        matching=len(matching),
        states={word: count for word, count in counts.items() if count},
        after=after,
        next=address("runs", q=text, state=state, sort=sort, rows=size, after=after + size) if more else "",
        sort=sort,
        text=text,
        state=state,
        live=bool(counts[State.RUNNING]) and not after,
    )


def is_for_serving(run: RunSummary, config: Config) -> bool:
    """Whether a run pushed its model to where models are served from, and not to a trial's place beside that."""
    return run.pushed_to.startswith(f"{serving_directory(config).rstrip('/')}/")


def named_run(runs: Runs, name: str) -> str:
    """The id of the run that a person calls so.

    Raises:
        NotFound: there is none, or several begin so.
    """
    try:
        return run_names.named(runs, name)
    except BadInput as error:
        remedy = f"{error.remedy}; millrace runs clean may have taken it away"
        raise NotFound(error.what, name, remedy) from error


def asked_again(config: Config, request: Optional[RunRequest]) -> str:
    """The command that asks for the same once more, of the code and the schema of now.

    Args:
        config: the pipeline's configuration.
        request: what was asked for; None where that is not known.
    """
    values = as_options(as_asked(request.overrides, request.repeats)) if request else ()
    words = "".join(f" --set {shlex.quote(value)}" for option, value in values if option == "--set")
    return f"millrace run{default_configuration.option(config.file, config.environment)}{words}"


def row(run: RunSummary) -> RunRow:
    """A run as a row."""
    return RunRow(run, run.result, run.reason.strip().split("\n", 1)[0])


def _matches(one: RunRow, text: str, state: str) -> bool:
    words = " ".join((one.run.run_id, one.run.state, one.verdict, one.run.reason)).lower()
    return state in ("", one.run.state) and all(part in words for part in text.lower().split())


def _sorted(rows: Sequence[RunRow], sort: str) -> list[RunRow]:
    """The rows by a column; what has no value there comes last whichever way it is sorted."""
    name, backwards = sort.lstrip("-"), sort.startswith("-")
    if name == "started":
        # They come with the newest first: by their order, and not by a clock.
        return list(rows) if backwards else list(reversed(rows))
    columns: dict[str, Callable[[RunRow], Any]] = {
        "run": lambda one: one.run.run_id,
        "state": lambda one: one.run.state,
        "seconds": lambda one: one.run.seconds,
        "result": lambda one: one.verdict or None,
    }
    value = columns.get(name, lambda one: one.run.judged.get(name.removeprefix("metric.")))
    known = [one for one in rows if value(one) is not None]
    return [*sorted(known, key=value, reverse=backwards), *(one for one in rows if value(one) is None)]


def _table(view: RunsView) -> Table:
    heads = ["run", "state", "started", "seconds", *view.metrics, "result", "why"]
    return Table(
        heads,
        [
            [one.run.run_id, one.run.state, one.run.started, one.run.seconds]
            + [one.run.judged.get(name) for name in view.metrics]
            + [one.verdict, one.why]
            for one in view.rows
        ],
    )


def _search(config: Config, text: str) -> list[Hit]:
    return [
        Hit("run", one.run.run_id, address("runs", one.run.run_id), f"{one.run.state}; {one.why or one.verdict}")
        for one in (row(run) for run in reversed(run_summaries(config)))
        if _matches(one, text, "")
    ]


RUNS = Page(
    address="/runs",
    title="Runs",
    template="pages/runs.html",
    view=view,
    rail=RailEntry("Runs", "r", "runs", "/runs"),
    rows=_table,
    search=_search,
)

PAGES = (RUNS,)
