"""Models: every run that trained one, and one model in full, perhaps beside another."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Optional, Union

from millrace.base.errors import BadInput
from millrace.base.outcomes import blessing
from millrace.components import stage_ids
from millrace.components.evaluator.prediction_summary import PredictionSummary, sentences
from millrace.config.config import Config
from millrace.console.charts import Interval, scale_of
from millrace.console.page import GoTo, Hit, NotFound, Page, PageRequest, RailEntry, Table, address
from millrace.console.pages.runs import named_run
from millrace.metadata.evaluations import MeasuredMetric, SliceMetric
from millrace.metadata.run_summaries import Runs, RunSummary, run_summaries
from millrace.project import default_configuration
from millrace.training.curves import Curve
from millrace.views.model import ModelView, model_of

_PAGE = 100
# Examples of a slice that the axis makes room for.
_ENOUGH = 100
_VALIDATION = "validation"


@dataclass(frozen=True)
class ModelRow:
    """One model as a row.

    Args:
        run: the run that trained it.
        verdict: blessed, not blessed, or empty where no judge came to a verdict.
        version: the number under which it was pushed; empty where it was not.
        why: the first line of why it was not pushed.
    """

    run: RunSummary
    verdict: str
    version: str
    why: str


@dataclass(frozen=True)
class ModelsPage:
    """All models.

    Args:
        rows: those in view, the newest first.
        metrics: the metrics that have a threshold, as columns.
        scales: the scale of each, over all models.
        history: each metric's values from the oldest to the newest.
        total: how many models there are.
        after: how many stand before the rows.
        next: the address of what follows; empty at the end.
        start: the command that makes one.
    """

    rows: tuple[ModelRow, ...]
    metrics: tuple[str, ...]
    scales: dict[str, Interval]
    history: dict[str, tuple[float, ...]]
    total: int
    after: int
    next: str
    start: str


@dataclass(frozen=True)
class CurveGroup:
    """One metric's curves.

    Args:
        metric: Keras's name.
        unit: of the steps.
        series: a name, and points of a step and a value.
    """

    metric: str
    unit: str
    series: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]


@dataclass(frozen=True)
class DrawnPredictions:
    """How the predictions of one output lie against its labels.

    Args:
        output: its name; empty for one alone.
        summary: what the evaluation left.
        classes: the names of its classes, in their order.
        calibration: mean prediction, mean label and examples of each bin.
        residuals: the share of the examples in each bar of the residuals; none for classes.
    """

    output: str
    summary: PredictionSummary
    classes: tuple[str, ...]
    calibration: tuple[tuple[float, float, int], ...]
    residuals: tuple[float, ...]


@dataclass(frozen=True)
class ModelPage:
    """One model.

    Args:
        model: all that is known of it.
        verdict: blessed, not blessed, or empty where no judge came to a verdict.
        headline: in a sentence, why it was or was not blessed, or why there is nothing to say.
        metric: the metric whose slices are shown; None where none was measured.
        slices: its slices in view, with those of the other model as their baseline where there is one.
        after: how many slices stand before those in view.
        more: the address of further slices; empty at the end.
        sort: the column that the slices are sorted by, with a minus before it from the largest to the smallest; empty
            for what failed and then the worst first.
        scale: of the slices.
        curves: a group a metric.
        others: the runs of other models, the newest first.
        against: the run of the model beside it; empty where the baseline is the latest blessed model of its evaluation.
        differs: the overall metrics of both, where there is another: name, this one's value, the other's.
        tensorboard: the command that opens its logs; empty where there are none.
        tune: the names of the hyperparameters that were searched over.
        predictions: of each output; none where the evaluation left none.
        said: what there is to say of probabilities and decisions, each with its title.
    """

    model: ModelView
    verdict: str
    headline: str
    metric: Optional[MeasuredMetric]
    slices: tuple[SliceMetric, ...]
    after: int
    more: str
    sort: str
    scale: Interval
    curves: tuple[CurveGroup, ...]
    others: tuple[str, ...]
    against: str
    differs: tuple[tuple[str, Optional[float], Optional[float]], ...]
    tensorboard: str
    tune: tuple[str, ...]
    predictions: tuple[DrawnPredictions, ...]
    said: tuple[tuple[str, str], ...]


def view(request: PageRequest) -> ModelsPage:
    """The models of all runs."""
    rows = _rows(request.config)
    metrics = tuple(dict.fromkeys(name for one in rows for name in one.run.judged))
    after = request.count("after", 0, len(rows))
    more = after + _PAGE < len(rows)
    return ModelsPage(
        rows=tuple(rows[after : after + _PAGE]),
        metrics=metrics,
        scales={name: scale_of(one.run.judged.get(name) for one in rows) for name in metrics},
        history={
            name: tuple(one.run.judged[name] for one in reversed(rows) if name in one.run.judged) for name in metrics
        },
        total=len(rows),
        after=after,
        next=address("models", after=after + _PAGE) if more else "",
        start=f"millrace run{default_configuration.option(request.config.file, request.config.environment)}",
    )


def model_page(request: PageRequest) -> Union[ModelPage, GoTo]:
    """One model in full; as commands do, by `last`, the beginning of the run's id or a pushed version, too."""
    config, rows = request.config, _rows(request.config)
    name = request.path["run"]
    meant = _run_of(config, rows, name)
    if meant != name:
        return GoTo(address("models", meant))
    against = _run_of(config, rows, request.query.get("against", ""))
    model = _model(config, name)
    other = _model(config, against) if against else None
    metric = request.query.get("metric", "")
    chosen = next((one for one in model.metrics if one.name == metric), next(iter(model.metrics), None))
    sort = request.query.get("sort", "")
    slices = _sorted(_beside(chosen.slices, other, chosen.measured_as), sort) if chosen is not None else ()
    after = request.count("after", 0, len(slices))
    more = after + _PAGE < len(slices)
    blessed = [verdict.blessed for verdict in model.verdicts]
    return ModelPage(
        model=model,
        verdict=blessing(False if False in blessed else True if True in blessed else None),
        headline=_headline(model),
        metric=chosen,
        slices=tuple(slices[after : after + _PAGE]),
        after=after,
        more=address("models", model.run_id, metric=metric, against=against, sort=sort, after=after + _PAGE)
        if more
        else "",
        sort=sort,
        scale=_scale(chosen, slices),
        curves=curve_groups(model.curves, other.curves if other else ()),
        others=tuple(one.run.run_id for one in rows if one.run.run_id != model.run_id),
        against=against,
        differs=_differs(model, other) if other is not None else (),
        tensorboard=f"tensorboard --logdir {model.log_folder}" if model.curves else "",
        tune=tuple(dict.fromkeys(key for trial in model.trials for key in trial.values)),
        predictions=tuple(_drawn(name, seen, config) for name, seen in model.predictions.items()),
        said=tuple(sentences(model.predictions, config.label)),
    )


def _run_of(config: Config, rows: Sequence[ModelRow], name: str) -> str:
    """The run whose model is meant: by id, a version that it pushed, `last`, or the beginning of the id."""
    if not name or not rows:
        return name
    by_name = next((one.run.run_id for one in rows if name in (one.run.run_id, one.version)), None)
    return by_name or named_run(Runs(config), rows[0].run.run_id if name in ("last", "latest") else name)


def _drawn(output: str, seen: PredictionSummary, config: Config) -> DrawnPredictions:
    learned = config.label.by_output().get(output)  # another configuration may have other outputs than this run had
    return DrawnPredictions(
        output=output,
        summary=seen,
        classes=learned.class_names if learned else (),
        calibration=tuple((one.predicted, one.observed, one.examples) for one in seen.calibration),
        residuals=tuple(count / seen.examples for count in seen.residuals) if seen.examples else (),
    )


def _rows(config: Config) -> list[ModelRow]:
    """Every run that scored or pushed a model, the newest first."""
    return [
        ModelRow(
            run=run,
            verdict=blessing(None if run.blessed is None else run.blessed and run.infra_blessed is not False),
            version=PurePath(run.pushed_to).name if run.pushed_to else "",
            why=run.reason.strip().split("\n", 1)[0],
        )
        for run in reversed(run_summaries(config))
        if run.metrics or run.blessed is not None or run.pushed_to
    ]


def _model(config: Config, run_id: str) -> ModelView:
    try:
        return model_of(Runs(config), run_id)
    except BadInput as error:
        raise NotFound(error.what, error.where, f"all models are at /models; {error.remedy}") from error


def _headline(model: ModelView) -> str:
    """Why, in a sentence; of the judge that said no, where one did."""
    if model.evaluation_problem:
        return model.evaluation_problem
    reasons = [verdict.reason for verdict in sorted(model.verdicts, key=lambda one: one.blessed is not False)]
    if any(reasons):
        return next(filter(None, reasons))
    if model.metrics:
        return ""
    return "It was not evaluated." if model.model or model.curves else "This run trained no model."


def _beside(slices: Sequence[SliceMetric], other: Optional[ModelView], metric: str) -> tuple[SliceMetric, ...]:
    """The slices, each with the other model's value in place of its baseline."""
    if other is None:
        return tuple(slices)
    of_other = {one.slice: one.value for one in _slices_of(other, metric)}
    return tuple(replace(one, baseline=of_other.get(one.slice)) for one in slices)


def _sorted(slices: tuple[SliceMetric, ...], sort: str) -> tuple[SliceMetric, ...]:
    """The slices by a column; what has no number there comes last."""
    name, backwards = sort.lstrip("-"), sort.startswith("-")
    columns: dict[str, Callable[[SliceMetric], Any]] = {
        "slice": lambda one: one.slice.lower(),
        "examples": lambda one: one.examples,
        "value": lambda one: None if one.value is None or math.isnan(one.value) else one.value,
    }
    if name not in columns:
        return slices
    value = columns[name]
    known = [one for one in slices if value(one) is not None]
    return (*sorted(known, key=value, reverse=backwards), *(one for one in slices if value(one) is None))


def _slices_of(model: ModelView, metric: str) -> tuple[SliceMetric, ...]:
    found = next((one for one in model.metrics if one.measured_as == metric), None)
    return (found.overall, *found.slices) if found is not None else ()


def _scale(metric: Optional[MeasuredMetric], slices: Sequence[SliceMetric]) -> Interval:
    """Of the limits and of slices that are not of a handful of rows; what lies beyond is drawn at its end."""
    if metric is None:
        return 0.0, 1.0
    large = [one for one in slices if (one.examples or 0) >= _ENOUGH or one.verdict in ("pass", "fail")]
    if len(large) * 2 < len(slices):
        # Of few rows every slice is small, and on the scale of one most would lie beyond: then the larger half.
        large += sorted(slices, key=lambda one: -(one.examples or 0))[: math.ceil(len(slices) / 2)]
    shown = [metric.overall, *large]
    numbers = [number for one in shown for number in (one.value, one.baseline, *one.limits, *(one.interval or ()))]
    low, high = scale_of(numbers)
    measured = [one.value for one in shown if one.value is not None]
    # No share lies outside 0 and 1, so an axis of shares does not either.
    shares = bool(measured) and all(0.0 <= value <= 1.0 for value in measured)
    return (max(low, -0.02), min(high, 1.02)) if shares else (low, high)


def curve_groups(of_model: Sequence[Curve], of_other_model: Sequence[Curve] = ()) -> tuple[CurveGroup, ...]:
    """The curves of a training by metric.

    Args:
        of_model: all of them.
        of_other_model: those of another training, of which validation is drawn beside.
    """
    groups: dict[str, list[Curve]] = {}
    for curve in of_model:
        groups.setdefault(curve.metric, []).append(curve)
    of_other = {curve.metric: curve for curve in of_other_model if curve.split == _VALIDATION}
    return tuple(
        CurveGroup(
            metric=metric,
            unit=curves[0].unit,
            series=(
                *((curve.split, _points(curve)) for curve in sorted(curves, key=lambda one: one.split != _VALIDATION)),
                *([(f"{_VALIDATION}, other", _points(of_other[metric]))] if metric in of_other else []),
            ),
        )
        for metric, curves in groups.items()
    )


def _points(curve: Curve) -> tuple[tuple[float, float], ...]:
    return tuple(zip(map(float, curve.steps), curve.values, strict=True))


def _differs(model: ModelView, other: ModelView) -> tuple[tuple[str, Optional[float], Optional[float]], ...]:
    # By TFMA's name: the other model's metric is the same with a threshold and without.
    of_this: Mapping[str, MeasuredMetric] = {one.measured_as: one for one in model.metrics}
    of_other: Mapping[str, MeasuredMetric] = {one.measured_as: one for one in other.metrics}
    names = dict.fromkeys([*of_this, *of_other])
    return tuple(
        (
            (of_this.get(name) or of_other[name]).name,
            of_this[name].overall.value if name in of_this else None,
            of_other[name].overall.value if name in of_other else None,
        )
        for name in names
    )


def _models_table(page: ModelsPage) -> Table:
    heads = ["run", "verdict", "version", *page.metrics, "why"]
    return Table(
        heads,
        [
            [one.run.run_id, one.verdict, one.version, *(one.run.judged.get(name) for name in page.metrics), one.why]
            for one in page.rows
        ],
    )


def _slices_table(page: ModelPage) -> Table:
    heads = [
        "metric",
        "slice",
        "examples",
        "value",
        "interval_low",
        "interval_high",
        "baseline",
        "threshold",
        "verdict",
    ]
    whole = [page.metric.overall] if page.metric else []
    return Table(
        heads,
        [
            [
                page.metric.name if page.metric else "", one.slice, one.examples, one.value,
                *(one.interval or (None, None)), one.baseline, one.threshold, one.verdict,
            ]
            for one in (*whole, *page.slices)
        ],
    )  # fmt: skip


def _search(config: Config, text: str) -> list[Hit]:
    return [
        Hit(
            "model",
            one.version or one.run.run_id,
            address("models", one.run.run_id),
            f"{one.verdict} {one.why}".strip(),
        )
        for one in _rows(config)
        if one.version and all(part in f"{one.version} {one.run.run_id}" for part in text.lower().split())
    ]


def _section(config: Config, run_id: str) -> Optional[dict[str, str]]:
    runs = Runs(config)
    run = runs.summary(run_id)
    record = runs.record(run_id) if run is not None else None
    if run is None or record is None:
        return None
    trained = record.artifact(stage_ids.TRAINER, "model") is not None
    return {"run": run_id} if run.metrics or run.blessed is not None or trained else None


MODEL = Page(
    address="/models/{run}",
    title="Model of {run}",
    template="pages/model.html",
    view=model_page,
    section=_section,
    rows=_slices_table,
)

PAGES = (
    Page(
        address="/models",
        title="Models",
        template="pages/models.html",
        view=view,
        rail=RailEntry("Models", "m", "models", "/models"),
        rows=_models_table,
        search=_search,
    ),
    MODEL,
)
