"""`millrace runs diff`: what differs between two runs, what was asked for first."""

import math
import time
from collections.abc import Iterable
from itertools import islice
from typing import Optional

import click
from rich.console import Console

from millrace.base import printing
from millrace.base.errors import BadInput
from millrace.base.numbers import counted, rounded, seconds
from millrace.base.printing import TableColumn
from millrace.base.visible import visible
from millrace.cli import completing
from millrace.cli.options import config_options
from millrace.cli.output import echo_json
from millrace.comparison.run_comparison import (
    MetricChange,
    RunComparison,
    ValueChange,
    commits_between,
    compare,
    place_of_slice,
)
from millrace.config.loading import load
from millrace.metadata.run_details import run_detail
from millrace.metadata.run_names import named
from millrace.metadata.run_summaries import Runs

# Below it a column is where it was.
_MOVED = 0.01
_MOST_COLUMNS = 15
_MOST_METRICS = 20
_MOST_SLICES = 5
_MOST_FILES = 10


@click.command()
@click.argument("before", default="last~1", shell_complete=completing.run_ids)
@click.argument("after", default="last", shell_complete=completing.run_ids)
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def diff(before: str, after: str, config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Compare two runs: configuration, code, schema, data, metrics and slices, and time.

    BEFORE and AFTER: an id or the beginning of one, or last, last~1 and so on; the two newest when left out.
    """
    runs = Runs(load(config_file, overrides))
    if (before, after) == ("last~1", "last"):
        known = list(islice((run_id for run_id in runs.ids() if runs.summary(run_id)), 2))
        if len(known) == 1:
            raise BadInput(f"there is one run so far: {known[0]}", remedy="run again, then compare")
    names = [named(runs, name) for name in (before, after)]
    if names[0] == names[1]:
        raise BadInput(f"both are run {names[0]}", remedy="name two runs; millrace runs lists them")
    details = [detail for name in names if (detail := run_detail(runs, name, time.time()))]
    comparison = compare(*details)
    if as_json:
        echo_json(comparison)
    else:
        print_comparison(comparison, Console(highlight=False))


def print_comparison(comparison: RunComparison, console: Console) -> None:
    """Prints what differs, a section for each kind; what is the same is counted in one line at the end.

    Args:
        comparison: of two runs.
        console: where a person looks.
    """
    for sign, run in (("-", comparison.before), ("+", comparison.after)):
        printing.say(
            f"{sign} {run.run_id}  {run.state}{', ' if run.result else ''}{run.result}, {seconds(run.seconds)} s",
            console,
        )
    for sentence in comparison.trials:
        printing.say(visible(sentence), console)
    same = []
    for title, lines in _sections(comparison):
        if lines:
            printing.say(f"\n{title}", console)
            for line in lines:
                printing.say(visible(line), console, indent=2)
        else:
            same.append(title)
    if comparison.data and comparison.data.columns:
        _print_columns(comparison, console)
    if comparison.metrics:
        _print_metrics(comparison, console)
    elif comparison.compared("metrics"):
        same.append("metrics")
    for run in (comparison.before, comparison.after):
        only = [one for one in comparison.slices if one.run_id == run.run_id]
        if only:
            named = [f"{one.slice}{'' if one.examples is None else f' ({one.examples:,})'}" for one in only]
            more = f", and {len(only) - _MOST_SLICES} more" if len(only) > _MOST_SLICES else ""
            printing.say(visible(f"only {run.run_id} has: {', '.join(named[:_MOST_SLICES])}{more}"), console)
    if comparison.seconds:
        printing.say("\nseconds", console)
        rows = [(one.stage, _time(one.before), _time(one.after)) for one in comparison.seconds]
        columns = [TableColumn("stage"), *(TableColumn(head, right=True) for head in ("before", "after"))]
        printing.show(columns, rows, console)
    if same:
        printing.say(f"\nthe same: {', '.join(same)}", console)
    for one in comparison.unknown:
        printing.say(f"not compared: {one.why}", console)


def _sections(comparison: RunComparison) -> Iterable[tuple[str, list[str]]]:
    if comparison.compared("configuration"):
        yield "configuration", [_changed(one) for one in comparison.configuration]
        yield "code", _code(comparison)
        yield "stack", [_changed(one) for one in comparison.versions]
    if comparison.compared("schema"):
        yield "schema", list(comparison.schema)
    if comparison.compared("data"):
        yield "data", [_changed(one) for one in comparison.data.facts] if comparison.data else []


def _changed(one: ValueChange) -> str:
    return f"{one.key}: {one.before or 'nothing'} -> {one.after or 'nothing'}"


def _code(comparison: RunComparison) -> list[str]:
    code = comparison.code
    if code is None:
        return []
    lines = [f"commit {code.before[:12] or 'none'} -> {code.after[:12] or 'none'}"] if code.before != code.after else []
    lines += commits_between(code)
    if code.uncommitted:
        lines.append("with changes that are in no commit: millrace runs show --json has them")
    lines += code.files[:_MOST_FILES]
    more = len(code.files) - _MOST_FILES
    return [*lines, f"and {counted(more, 'file')} more"] if more > 0 else lines


def _print_columns(comparison: RunComparison, console: Console) -> None:
    assert comparison.data is not None, "it has columns"
    moved = [one for one in comparison.data.columns if one.distance >= _MOVED or one.only_in]
    printing.say(f"\ncolumns: {len(moved)} of {len(comparison.data.columns)} moved by {_MOVED} or more", console)
    rows = [
        (
            one.column,
            one.split,
            f"only {one.only_in}" if one.only_in else f"{rounded(one.distance, 3)} {one.measure}",
            "" if len(set(missing)) == 1 else " -> ".join(missing),
        )
        for one in moved[:_MOST_COLUMNS]
        for missing in [(f"{one.missing_before:.1%}", f"{one.missing_after:.1%}")]
    ]
    if rows:
        printing.show([TableColumn(head) for head in ("column", "split", "drift", "missing")], rows, console)
    if len(moved) > _MOST_COLUMNS:
        printing.say(f"and {counted(len(moved) - _MOST_COLUMNS, 'column')} more: --json has all", console)


def _print_metrics(comparison: RunComparison, console: Console) -> None:
    """The overall metrics first, then the slices that moved the most, those of a few examples last."""
    overall = [one for one in comparison.metrics if one.slice == "overall"]
    slices = [one for one in comparison.metrics if one.slice != "overall"]
    slices.sort(
        key=lambda one: place_of_slice(one.apart, (one.examples_before, one.examples_after), one.after - one.before)
    )
    counts = next(((one.examples_before, one.examples_after) for one in overall), (None, None))
    others = f", on other rows: {counts[0]:,} examples before, {counts[1]:,} after" if None not in counts else ""
    printing.say(f"\nmetrics{others if comparison.data else ''}", console)
    shown = [*overall, *slices][:_MOST_METRICS]
    rows = [
        (
            one.slice,
            one.metric,
            rounded(one.before, 4),
            rounded(one.after, 4),
            f"{one.after - one.before:+.2g}{'*' if one.apart else ''}{'~' if one.unjudged else ''}"
            if math.isfinite(one.after - one.before)
            else "",
            _fewest(one) if console.is_terminal else _examples(one),
        )
        for one in shown
    ]
    numbers = [TableColumn(head, right=True) for head in ("before", "after", "change")]
    columns = [
        TableColumn("slice", folds=True),
        TableColumn("metric", folds=True),
        *numbers,
        TableColumn("examples", right=True),
    ]
    printing.show(columns, rows, console)
    if any(one.apart is not None for one in comparison.metrics):
        printing.say("*: the 95 % intervals have nothing in common", console)
    else:
        printing.say("what of it is chance, evaluation.confidence_intervals would tell", console)
    if any(one.unjudged for one in shown):
        printing.say("~: the gate did not judge it, as where there are too few examples of a class", console)
    if console.is_terminal and any(one.examples_before != one.examples_after for one in [*overall, *slices]):
        printing.say("examples: of the two counts the lower one", console)
    more = len(overall) + len(slices) - len(rows)
    if more > 0:
        printing.say(f"and {more:,} more: --json has all", console)


def _examples(one: MetricChange) -> str:
    counts = dict.fromkeys("" if count is None else f"{count:,}" for count in (one.examples_before, one.examples_after))
    return " -> ".join(counts)


def _fewest(one: MetricChange) -> str:
    """On how many examples the change stands: both counts side by side take more than a terminal has."""
    counts = [count for count in (one.examples_before, one.examples_after) if count is not None]
    return f"{min(counts):,}" if counts else ""


def _time(value: Optional[float]) -> str:
    return "" if value is None else seconds(value)
