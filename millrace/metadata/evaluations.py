"""What a run's evaluation measured: every metric on every slice, with its interval, its baseline and its verdict.

The one reader of the Evaluator's gate report for what is shown, compared and tracked of a run.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Optional

from pydantic import ValidationError

from millrace.catalog.metric_names import better_values, needs_every_class
from millrace.components import stage_ids
from millrace.components.evaluator import gate_report
from millrace.components.evaluator.gate_report import EXAMPLE_COUNT, OVERALL, Folds, GateReport, MeasuredSlice, Row
from millrace.metadata.records import RunRecord

Better = Literal["higher", "lower", ""]

# Of slices that are not judged, those that stand out are named: so many, if they are this far from chance.
_MOST_WORST = 5
_STANDARD_ERRORS = 3.0
_LEAST, _LEAST_OF_CLASS = 30, 10
_ONE_CLASS = "all its examples are of one class, of which this metric says nothing"
_MUCH_WORSE, _ENOUGH = 0.5, 100


@dataclass(frozen=True)
class SliceMetric:
    """One metric on one slice.

    Args:
        slice: as people write it, `payment_type=Cash`; `overall` for the whole data set.
        examples: in the slice; None where they were not counted.
        value: what was measured; None where the metric was not.
        interval: TFMA's 95 % confidence interval, where it computed one.
        baseline: the latest blessed model's value, where there was one.
        limits: what thresholds ask of it, the least and the greatest value; None for no limit.
        threshold: the same in words; empty where no threshold names the slice.
        missed: those of them that it missed.
        verdict: pass, fail or not judged; empty where no threshold names the slice.
        reason: why it failed, was not judged, or has no value.
        folds: what models score that were trained so on parts of the rows, where there are folds.
    """

    slice: str
    examples: Optional[int]
    value: Optional[float]
    interval: Optional[tuple[float, float]] = None
    baseline: Optional[float] = None
    limits: tuple[Optional[float], Optional[float]] = (None, None)
    threshold: str = ""
    missed: tuple[str, ...] = ()
    verdict: str = ""
    reason: str = ""
    folds: Optional[Folds] = None


@dataclass(frozen=True)
class MeasuredMetric:
    """One metric on every slice.

    Args:
        name: as TFMA's class is named where a threshold names it, else as TFMA names the metric.
        measured_as: TFMA's name of it, by which two runs have it in common whatever their thresholds are.
        better: which values are better; empty where a metric has no such direction.
        overall: on the whole data set.
        slices: what failed first, then the worst by value, then as measured.
        worst: the slices that are worse than the whole by more than their size explains, the worst first.
    """

    name: str
    measured_as: str
    better: Better
    overall: SliceMetric
    slices: tuple[SliceMetric, ...]
    worst: tuple[SliceMetric, ...]

    @property
    def failed(self) -> int:
        """How many thresholds on it were missed."""
        return sum(one.verdict == "fail" for one in (self.overall, *self.slices))


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a run's model.

    Args:
        folder: of its artifact; empty where the run did not get that far.
        report: the gate report; None where there is none to read.
        metrics: every metric that was measured, those with a missed threshold first, then those with any.
        problem: why the report cannot be read; empty where it can, or there was no evaluation.
    """

    folder: str = ""
    report: Optional[GateReport] = None
    metrics: tuple[MeasuredMetric, ...] = ()
    problem: str = ""


def evaluation(run: RunRecord) -> Evaluation:
    """The evaluation of a run's model; nothing is raised for files that are gone or damaged.

    Args:
        run: as ML Metadata remembers it.
    """
    artifact = run.artifact(stage_ids.EVALUATOR, "evaluation")
    return evaluation_in(artifact.uri) if artifact else Evaluation()


def evaluation_in(folder: str) -> Evaluation:
    """The evaluation that lies in a folder; nothing is raised for files that are gone or damaged.

    Args:
        folder: of the artifact, or to which its report was brought.
    """
    try:
        report = gate_report.load(folder)
    except FileNotFoundError:
        what = "lie in a bucket, which is not asked:" if "://" in folder else "are gone from"
        return Evaluation(folder, problem=f"the files of the evaluation {what} {folder}")
    except (OSError, ValidationError) as error:
        what = f"{folder}/{gate_report.JSON_NAME} cannot be read: {str(error).splitlines()[0]}"
        return Evaluation(folder, problem=what)
    return Evaluation(folder, report, metrics_of(report))


def by_slice(metrics: Sequence[MeasuredMetric]) -> dict[str, dict[str, SliceMetric]]:
    """The same by slice, and then by the metric's name.

    Args:
        metrics: of one evaluation.

    Returns:
        `overall` first, then the slices that missed a threshold, then the others as they were measured.
    """
    slices: dict[str, dict[str, SliceMetric]] = {}
    for metric in metrics:
        for one in (metric.overall, *metric.slices):
            slices.setdefault(one.slice, {})[metric.name] = one
    missed = {name for name, values in slices.items() if any(one.verdict == "fail" for one in values.values())}
    return {name: slices[name] for name in sorted(slices, key=lambda name: (name != OVERALL, name not in missed))}


def metrics_of(report: GateReport) -> tuple[MeasuredMetric, ...]:
    """Every metric of an evaluation on every slice, what failed first.

    Args:
        report: the Evaluator's.
    """
    counted = report.metrics.get(EXAMPLE_COUNT)
    whole = MeasuredSlice(
        slice=OVERALL,
        examples=report.examples if report.examples is not None or counted is None else round(counted),
        metrics=report.metrics,
        intervals=report.intervals,
        baseline_metrics=report.baseline_metrics,
    )
    judged: dict[str, list[Row]] = {}
    for row in report.rows:
        judged.setdefault(_tfma_name(row, report.metrics), []).append(row)
    of_slices = (name for one in report.slices for name in one.metrics)
    names = dict.fromkeys([*judged, *report.metrics, *of_slices])
    views = [_metric(name, judged.get(name, ()), whole, report.slices) for name in names if name != EXAMPLE_COUNT]
    order = sorted(range(len(views)), key=lambda at: (-views[at].failed, at))
    return tuple(views[at] for at in order)


def _metric(name: str, rows: Sequence[Row], whole: MeasuredSlice, slices: Sequence[MeasuredSlice]) -> MeasuredMetric:
    by_slice: dict[str, list[Row]] = {}
    for row in rows:
        by_slice.setdefault(row.slice, []).append(row)
    better = better_values(rows[0].metric if rows else name)
    classes = {one.slice: counts for one in slices if (counts := one.classes_of(name))}
    overall = _slice_metric(name, whole, by_slice.pop(OVERALL, ()))
    measured = [_slice_metric(name, one, by_slice.pop(one.slice, ())) for one in slices]
    # A threshold on a slice that is not in the data.
    measured += [_slice_metric(name, MeasuredSlice(slice=key), left) for key, left in by_slice.items()]
    known = [one for one in measured if one.value is not None or one.verdict or one.reason]
    return MeasuredMetric(
        name=rows[0].metric if rows else name,
        measured_as=name,
        better=better,
        overall=overall,
        slices=tuple(sorted(known, key=lambda one: (one.verdict != "fail", _badness(one, better)))),
        worst=_worst(name, overall, known, classes, better),
    )


def _slice_metric(name: str, measured: MeasuredSlice, rows: Sequence[Row]) -> SliceMetric:
    worst = next((row for row in rows if row.verdict == "fail"), rows[0] if rows else None)
    value = measured.metrics.get(name)
    value = value if value is not None or worst is None else worst.value
    undefined = value is not None and measured.is_undefined(name)
    return SliceMetric(
        slice=measured.slice,
        examples=measured.examples if measured.examples is not None or worst is None else worst.examples,
        value=None if undefined else value,
        interval=measured.intervals.get(name) or (worst.interval if worst else None),
        baseline=measured.baseline_metrics.get(name, worst.baseline if worst else None),
        limits=_limits(rows),
        threshold=", ".join(dict.fromkeys(row.threshold for row in rows)),
        missed=tuple(dict.fromkeys(row.threshold for row in rows if row.verdict == "fail")),
        verdict=worst.verdict if worst else "",
        reason=(worst.reason if worst else "") or (_ONE_CLASS if undefined else ""),
        folds=next((row.folds for row in rows if row.folds), None),
    )


def _badness(one: SliceMetric, better: Better) -> float:
    """What sorts before is worse; what has no value comes last."""
    if one.value is None or math.isnan(one.value) or not better:
        return math.inf
    return one.value if better == "higher" else -one.value


def _worst(
    name: str,
    overall: SliceMetric,
    slices: Sequence[SliceMetric],
    classes: Mapping[str, tuple[int, ...]],
    better: Better,
) -> tuple[SliceMetric, ...]:
    """Slices that are worse than the whole by more than their interval, or else their size, lets chance explain."""
    if not better or overall.value is None or not math.isfinite(overall.value):
        return ()
    sign = 1.0 if better == "higher" else -1.0
    worse = []
    for one in slices:
        examples = one.examples or 0
        if one.value is None or not math.isfinite(one.value) or examples < _LEAST:
            continue
        of_class = min(classes.get(one.slice, ()), default=examples)
        # A ranking of rows of one class alone has a value, an interval even, and means nothing.
        if needs_every_class(name) and of_class < _LEAST_OF_CLASS:
            continue
        behind = sign * (overall.value - one.value)
        if one.interval is not None and all(map(math.isfinite, one.interval)):
            chance = sign * ((one.interval[1] if better == "higher" else one.interval[0]) - one.value)
        elif 0.0 <= overall.value <= 1.0 and better == "higher":
            # No mean of values from 0 to 1 varies more than a share does; a ranking by what there is fewer of.
            rows = of_class if needs_every_class(name) else examples
            chance = _STANDARD_ERRORS * math.sqrt(max(overall.value * (1.0 - overall.value), 0.01) / rows)
        else:
            # Of a loss's spread nothing is known without intervals.
            chance = _MUCH_WORSE * abs(overall.value) if examples >= _ENOUGH else math.inf
        if behind > chance:
            worse.append((behind, one))
    worse.sort(key=lambda pair: -pair[0])
    return tuple(one for _, one in worse[:_MOST_WORST])


def _limits(rows: Sequence[Row]) -> tuple[Optional[float], Optional[float]]:
    """The strictest of several thresholds on one metric of one slice."""
    lower = [row.limits[0] for row in rows if row.limits[0] is not None]
    upper = [row.limits[1] for row in rows if row.limits[1] is not None]
    return max(lower, default=None), min(upper, default=None)


def _tfma_name(row: Row, measured: Mapping[str, float]) -> str:
    """TFMA's name of a row's metric; an earlier release did not write it down, so it is found by its spelling."""
    if row.measured_as:
        return row.measured_as
    spelled = row.metric.replace("_", "").lower()
    return next((name for name in measured if name.replace("_", "").lower() == spelled), row.metric)
