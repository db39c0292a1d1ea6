"""A run's model as plain values: how it was trained, what it scored and for whom, and what the gates said.

Everything here is read from files that the Trainer, the Tuner and the Evaluator left in their artifacts. What is not
there, because the run did not get that far or its files are gone, is empty.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Optional

from pydantic import ValidationError

from millrace.base.errors import BadInput
from millrace.catalog.metric_names import better_values, needs_every_class
from millrace.components import stage_ids
from millrace.components.evaluator import gate_report, prediction_summary
from millrace.components.evaluator.gate_report import EXAMPLE_COUNT, OVERALL, GateReport, MeasuredSlice, Row
from millrace.components.evaluator.prediction_summary import PredictionSummary
from millrace.metadata import records
from millrace.metadata.records import JudgeVerdict, RunRecord
from millrace.metadata.run_summaries import Runs
from millrace.training import curves, training_record, trials
from millrace.training.curves import Curve
from millrace.training.trials import TrialResult

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
        verdict: pass, fail or not judged; empty where no threshold names the slice.
        reason: why it failed, was not judged, or has no value.
    """

    slice: str
    examples: Optional[int]
    value: Optional[float]
    interval: Optional[tuple[float, float]] = None
    baseline: Optional[float] = None
    limits: tuple[Optional[float], Optional[float]] = (None, None)
    threshold: str = ""
    verdict: str = ""
    reason: str = ""


@dataclass(frozen=True)
class MetricView:
    """One metric on every slice.

    Args:
        name: as TFMA's class is named where a threshold names it, else as TFMA names the metric.
        better: which values are better; empty where a metric has no such direction.
        overall: on the whole data set.
        slices: what failed first, then the worst by value, then as measured.
        worst: the slices that are worse than the whole by more than their size explains, the worst first.
    """

    name: str
    better: Better
    overall: SliceMetric
    slices: tuple[SliceMetric, ...]
    worst: tuple[SliceMetric, ...]

    @property
    def failed(self) -> int:
        """How many thresholds on it were missed."""
        return sum(one.verdict == "fail" for one in (self.overall, *self.slices))


@dataclass(frozen=True)
class ModelView:
    """The model of one run.

    Args:
        run_id: the run that trained it, or took it from the cache.
        model: where it lies; empty where none was trained.
        pushed_to: the folder that it was pushed to, a trial's too; empty where it was not.
        verdicts: of the judges that came to one.
        curves: training and validation over the steps.
        log_folder: of TensorBoard's logs; empty where there are none.
        advice: what the Trainer said of how its training ended.
        trials: what the Tuner tried, the best first.
        metrics: every metric that was measured, those with a missed threshold first, then those with any.
        examples: that it was judged on.
        baseline: the model that it was compared with; empty where there was none.
        baseline_problem: why that could not be evaluated.
        suspicious: what is too good to be true.
        predictions: calibration, confusion or residuals, where the evaluation left them.
        evaluation_problem: why the evaluation cannot be shown; empty where it can, or there was none.
    """

    run_id: str
    model: str
    pushed_to: str
    verdicts: tuple[JudgeVerdict, ...]
    curves: tuple[Curve, ...]
    log_folder: str
    advice: str
    trials: tuple[TrialResult, ...]
    metrics: tuple[MetricView, ...]
    examples: Optional[int] = None
    baseline: str = ""
    baseline_problem: str = ""
    suspicious: tuple[str, ...] = ()
    predictions: Optional[PredictionSummary] = None
    evaluation_problem: str = ""

    def verdict(self, stage: str) -> Optional[JudgeVerdict]:
        """What one judge said; None when it came to no verdict."""
        return next((one for one in self.verdicts if one.stage == stage), None)

    @property
    def failed(self) -> tuple[tuple[str, SliceMetric], ...]:
        """Every threshold that was missed, with its metric's name."""
        return tuple(
            (metric.name, one)
            for metric in self.metrics
            for one in (metric.overall, *metric.slices)
            if one.verdict == "fail"
        )


def model_of(runs: Runs, run_id: str) -> ModelView:
    """The model of a run, by the run's id.

    Args:
        runs: those of its pipeline.
        run_id: its id.

    Raises:
        BadInput: there is no such run, or it ended before its first stage.
    """
    record = runs.record(run_id)
    if record is None:
        ended = runs.summary(run_id)
        what = f"it ended before its first stage: {ended.reason or ended.state}" if ended else "there is no such run"
        raise BadInput(
            what, where=run_id, remedy="millrace runs show says why" if ended else "millrace runs lists runs"
        )
    return model_view(record)


def model_view(run: RunRecord) -> ModelView:
    """The model of a run.

    Args:
        run: as ML Metadata remembers it.
    """
    logs = _place(run, stage_ids.TRAINER, "model_run")
    training = training_record.read(logs) if logs else None
    report, problem = _report(run)
    evaluation = _place(run, stage_ids.EVALUATOR, "evaluation")
    tuned = _place(run, stage_ids.TUNER, "tuner_results")
    return ModelView(
        run_id=run.run_id,
        model=_place(run, stage_ids.TRAINER, "model"),
        pushed_to=records.pushed_to(run),
        verdicts=records.verdicts(run),
        curves=curves.read(logs) if logs else (),
        log_folder=logs,
        advice=training.advice if training else "",
        trials=trials.read(tuned) if tuned else (),
        metrics=metrics_of(report) if report else (),
        examples=report.examples if report else None,
        baseline=report.baseline if report else "",
        baseline_problem=report.baseline_problem if report else "",
        suspicious=report.suspicious if report else (),
        predictions=prediction_summary.load(evaluation) if evaluation else None,
        evaluation_problem=problem,
    )


def metrics_of(report: GateReport) -> tuple[MetricView, ...]:
    """Every metric of an evaluation on every slice, what failed first.

    Args:
        report: the Evaluator's.
    """
    whole = MeasuredSlice(
        slice=OVERALL,
        examples=report.examples,
        metrics=report.metrics,
        intervals=report.intervals,
        baseline_metrics=report.baseline_metrics,
    )
    judged: dict[str, list[Row]] = {}
    for row in report.rows:
        judged.setdefault(_tfma_name(row, report.metrics), []).append(row)
    names = dict.fromkeys([*judged, *report.metrics])
    views = [_metric(name, judged.get(name, ()), whole, report.slices) for name in names if name != EXAMPLE_COUNT]
    order = sorted(range(len(views)), key=lambda at: (-views[at].failed, at))
    return tuple(views[at] for at in order)


def _metric(name: str, rows: Sequence[Row], whole: MeasuredSlice, slices: Sequence[MeasuredSlice]) -> MetricView:
    by_slice: dict[str, list[Row]] = {}
    for row in rows:
        by_slice.setdefault(row.slice, []).append(row)
    better = better_values(rows[0].metric if rows else name)
    classes = {one.slice: one.classes for one in slices if one.classes}
    overall = _slice_metric(name, whole, by_slice.pop(OVERALL, ()))
    measured = [_slice_metric(name, one, by_slice.pop(one.slice, ())) for one in slices]
    # A threshold on a slice that is not in the data.
    measured += [_slice_metric(name, MeasuredSlice(slice=key), left) for key, left in by_slice.items()]
    known = [one for one in measured if one.value is not None or one.verdict or one.reason]
    return MetricView(
        name=rows[0].metric if rows else name,
        better=better,
        overall=overall,
        slices=tuple(sorted(known, key=lambda one: (one.verdict != "fail", _badness(one, better)))),
        worst=_worst(name, overall, known, classes, better),
    )


def _slice_metric(name: str, measured: MeasuredSlice, rows: Sequence[Row]) -> SliceMetric:
    worst = next((row for row in rows if row.verdict == "fail"), rows[0] if rows else None)
    value = measured.metrics.get(name)
    value = value if value is not None or worst is None else worst.value
    undefined = value is not None and needs_every_class(name) and _is_of_one_class(measured.classes)
    return SliceMetric(
        slice=measured.slice,
        examples=measured.examples if measured.examples is not None or worst is None else worst.examples,
        value=None if undefined else value,
        interval=measured.intervals.get(name) or (worst.interval if worst else None),
        baseline=measured.baseline_metrics.get(name, worst.baseline if worst else None),
        limits=_limits(rows),
        threshold=", ".join(dict.fromkeys(row.threshold for row in rows)),
        verdict=worst.verdict if worst else "",
        reason=(worst.reason if worst else "") or (_ONE_CLASS if undefined else ""),
    )


def _is_of_one_class(classes: Optional[tuple[int, ...]]) -> bool:
    return classes is not None and sum(count > 0 for count in classes) < 2


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


def _report(run: RunRecord) -> tuple[Optional[GateReport], str]:
    """The gate report, or why there is none to show."""
    folder = _place(run, stage_ids.EVALUATOR, "evaluation")
    if not folder:
        return None, ""
    try:
        return gate_report.load(folder), ""
    except FileNotFoundError:
        return None, f"the files of the evaluation are gone from {folder}"
    except (OSError, ValidationError) as error:
        return None, f"{folder}/{gate_report.JSON_NAME} cannot be read: {str(error).splitlines()[0]}"


def _place(run: RunRecord, stage: str, key: str) -> str:
    """Where an artifact lies; empty where there is none, or it lies in a bucket."""
    artifact = run.artifact(stage, key)
    return artifact.uri if artifact is not None and "://" not in artifact.uri else ""
