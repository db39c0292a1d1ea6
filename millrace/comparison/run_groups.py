"""Any number of runs beside each other: all that each has, in groups, with what differs apart from what does not."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional, Union

from millrace.base.outcomes import State
from millrace.base.plain_values import flat
from millrace.comparison.made_trials import why_made_trial, without_trial
from millrace.comparison.run_comparison import Interval, are_apart, place_of_slice
from millrace.config.trials import as_asked
from millrace.metadata import provenance
from millrace.metadata.evaluations import MeasuredMetric, SliceMetric
from millrace.metadata.run_details import RunDetail, StageDetail

_FEW = 5
# Of a commit, as git shortens it.
_DIGITS = 10
_SECONDS = "Seconds of each stage"
Value = Union[float, str, None]
METRICS, SLICES = "Metrics", "Slices"
"""Titles of groups."""


@dataclass(frozen=True)
class ComparedValue:
    """One thing of all compared runs.

    Args:
        name: what it is.
        values: one for each run; None where a run has none.
        differs: whether they are not all the same.
        change: the last number less the first one; None where they are no numbers.
        intervals: TFMA's 95 % confidence interval for each run; None where one has none, empty where no run has.
        unjudged: whether a gate had a threshold for it and did not judge it.
        examples: on how many a slice was measured in each run; None where they were not counted, empty of all else.
    """

    name: str
    values: tuple[Value, ...]
    differs: bool
    change: Optional[float]
    intervals: tuple[Optional[Interval], ...] = ()
    examples: tuple[Optional[int], ...] = ()
    unjudged: bool = False

    @property
    def is_apart(self) -> Optional[bool]:
        """Whether the first and the last run's intervals have nothing in common; None where one was not computed."""
        first, last = (self.intervals[0], self.intervals[-1]) if self.intervals else (None, None)
        return None if first is None or last is None else are_apart(first, last)


@dataclass(frozen=True)
class ComparedGroup:
    """Things of one kind.

    Args:
        title: which.
        numbers: whether its values are numbers.
        rows: those that differ.
        same: how many do not.
        lacking: the runs that have none of it, where only some have; then no row says more than that.
    """

    title: str
    numbers: bool
    rows: tuple[ComparedValue, ...]
    same: int
    lacking: tuple[str, ...] = ()


def compared_groups(runs: Sequence[RunDetail]) -> tuple[ComparedGroup, ...]:
    """What of several runs differs, and how much does not.

    Args:
        runs: in the order in which their values are to stand.

    Returns:
        The groups of which at least one of the runs has something.
    """
    any_trial = any(why_made_trial(one.provenance, one.request) for one in runs)
    sources: list[tuple[str, bool, Callable[[RunDetail], Mapping[str, Value]]]] = [
        ("Outcome", False, _outcome),
        ("Configuration", False, lambda one: _settings(one, any_trial)),
        ("Made from", False, _made_from),
        ("Code", False, lambda one: dict(one.provenance.code) if one.provenance else {}),
        ("Stack and machine", False, _stack),
        (METRICS, True, lambda one: dict(one.summary.metrics)),
        (SLICES, True, _slices),
        (_SECONDS, True, lambda one: {stage.stage: _took(stage) for stage in one.stages}),
    ]
    groups = (
        _group(
            title,
            numbers,
            {one.summary.run_id: values(one) for one in runs},
            [_intervals(title, one) for one in runs],
            [_examples(one) if title == SLICES else {} for one in runs],
            {name for one in runs for name in _unjudged(title, one)},
        )
        for title, numbers, values in sources
    )
    return tuple(one for one in groups if one.rows or one.same)


def _intervals(title: str, detail: RunDetail) -> dict[str, Interval]:
    """The intervals of what a group of a run's metrics or slices holds, by the names that it has there."""
    if title == SLICES:
        named = [(_of_slice(one, metric), one.interval) for metric in detail.metrics for one in metric.slices]
    else:
        named = [(metric.measured_as, metric.overall.interval) for metric in detail.metrics if title == METRICS]
    return {name: interval for name, interval in named if interval}


def _unjudged(title: str, detail: RunDetail) -> set[str]:
    """What of a group of a run's metrics or slices the gate left, by the names that it has there."""
    if title == SLICES:
        named = [(_of_slice(one, metric), one) for metric in detail.metrics for one in metric.slices]
    else:
        named = [(metric.measured_as, metric.overall) for metric in detail.metrics if title == METRICS]
    return {name for name, one in named if one.verdict == "not judged"}


def _examples(detail: RunDetail) -> dict[str, Optional[int]]:
    return {_of_slice(one, metric): one.examples for metric in detail.metrics for one in metric.slices}


def _of_slice(one: SliceMetric, metric: MeasuredMetric) -> str:
    return f"{one.slice}: {metric.measured_as}"


def _outcome(detail: RunDetail) -> dict[str, Value]:
    summary = detail.summary
    why = summary.reason.strip().split("\n", 1)[0]
    ends = {stage.stage: stage.state for stage in detail.stages}
    trial = why_made_trial(detail.provenance, detail.request) or None
    return {"state": summary.state, "result": summary.result, "a trial, since": trial, "why": why, **ends}


def _settings(detail: RunDetail, any_trial: bool) -> dict[str, Value]:
    if detail.provenance is None:
        return {}
    configuration = detail.provenance.configuration
    return dict(flat(without_trial(configuration) if any_trial else configuration))


def _slices(detail: RunDetail) -> dict[str, Value]:
    return {
        _of_slice(one, metric): one.value for metric in detail.metrics for one in metric.slices if one.value is not None
    }


def _made_from(detail: RunDetail) -> dict[str, Value]:
    made = detail.provenance
    if made is None:
        return {}
    return {
        "commit": provenance.commit_of(made, _DIGITS) or None,
        "schema": made.schema_digest or None,
        "data: digest": made.data.digest or None,
        "data: files": str(made.data.count),
        "data: bytes": str(made.data.bytes),
        "--set": " ".join(as_asked(made.overrides, detail.request.repeats if detail.request else "")) or None,
    }


def _stack(detail: RunDetail) -> dict[str, Value]:
    made = detail.provenance
    machine = {name: str(value) for name, value in made.machine.items() if name != "executable"} if made else {}
    return {**machine, **(made.versions if made else {})}


def _group(
    title: str,
    numbers: bool,
    by_run: Mapping[str, Mapping[str, Value]],
    intervals: Sequence[Mapping[str, Interval]],
    examples: Sequence[Mapping[str, Optional[int]]],
    unjudged: Collection[str],
) -> ComparedGroup:
    rows, sides = [], list(by_run.values())
    for name in dict.fromkeys(name for side in sides for name, value in side.items() if value is not None):
        values = tuple(side.get(name) for side in sides)
        first, last = values[0], values[-1]
        change = last - first if isinstance(first, (int, float)) and isinstance(last, (int, float)) else None
        known = tuple(of_run.get(name) for of_run in intervals)
        differs = not all(_is_alike(value, first) for value in values)
        counts = tuple(of_run.get(name) for of_run in examples)
        shown = (known if any(known) else (), counts if any(counts) else ())
        rows.append(ComparedValue(name, values, differs, change, *shown, unjudged=name in unjudged))
    differing = [one for one in rows if one.differs]
    if title == SLICES:
        differing.sort(key=lambda one: place_of_slice(one.is_apart, one.examples, one.change))
    elif numbers:
        # Seconds are of one kind; metrics are each on a scale of its own.
        scale = (lambda one: 1.0) if title == _SECONDS else (lambda one: _scale(one.values) or 1.0)
        differing.sort(key=lambda one: -abs(one.change or 0.0) / scale(one))
    lacking = tuple(run_id for run_id, side in by_run.items() if not side) if len(differing) > _FEW else ()
    return ComparedGroup(title, numbers, tuple(differing), len(rows) - len(differing), lacking)


def _took(stage: StageDetail) -> Value:
    """How long a stage ran: what the cache gave did not run, and is no stage that became faster."""
    if stage.state == State.CACHED:
        return State.CACHED.value
    return None if stage.seconds is None else round(stage.seconds, 1)


def _scale(values: Sequence[Value]) -> float:
    return max((abs(one) for one in values if isinstance(one, (int, float))), default=0.0)


def _is_alike(one: Value, other: Value) -> bool:
    """Whether two values say the same; what is no number in both, such as the metric of a slice of one class, does.

    So do a setting without a value and one that the other run's release did not have.
    """
    if one in (None, "") and other in (None, ""):
        return True
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return one == other
