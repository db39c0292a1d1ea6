"""What is measured of which output, and of which of its classes: the metrics and thresholds beside the label."""

from dataclasses import dataclass, replace
from typing import Optional

from millrace.base.names import did_you_mean
from millrace.catalog.metric_section import Metric, OfOutput
from millrace.catalog.metric_tasks import suits
from millrace.components.evaluator.section import Evaluation, Threshold
from millrace.features.expression import Misfit
from millrace.features.label import AnyLabel

COUNT = "ExampleCount"
"""The one metric that is of no output: rows are counted, whatever is predicted of them."""


@dataclass(frozen=True)
class Measurement:
    """One metric of one output.

    Attributes:
        metric: what is measured.
        output: the output's name in `by_output`.
        class_id: the one class that it is of, by its place among the output's; None for all.
        thresholds: what it must reach.
    """

    metric: Metric
    output: str
    class_id: Optional[int] = None
    thresholds: tuple[Threshold, ...] = ()


def measurements(label: AnyLabel, evaluation: Evaluation) -> tuple[Measurement, ...]:
    """Everything that is measured, in the order of the configuration.

    Args:
        label: what is predicted.
        evaluation: what is measured and needed.

    Returns:
        Each metric on the output that it names, or on each that it suits; and on each class that a threshold names.

    Raises:
        Misfit: an output or a class is none of the label's, a metric is of no output, or a threshold is of several.
    """
    outputs = label.by_output()
    measured: list[Measurement] = []
    for place, metric in enumerate(evaluation.measured()):
        where = ("evaluation", "metrics", str(place))
        names = _outputs(metric, where, label)
        if len(outputs) > 1 and metric.output is None:
            names = [name for name in names if metric.module or suits(metric.class_name, outputs[name].task)]
        if not names:
            raise Misfit(where, f"{metric.label} fits none of the outputs {', '.join(outputs)}")
        if metric.metric == COUNT:
            names = [""]
        measured += [Measurement(metric, name, _class_id(metric, label, name)) for name in names]
    for place, threshold in enumerate(evaluation.thresholds):
        _add(threshold, ("evaluation", "thresholds", str(place)), label, measured)
    return tuple(measured)


def _add(threshold: Threshold, where: tuple[str, ...], label: AnyLabel, measured: list[Measurement]) -> None:
    """Gives a threshold to what it is for; of a class that no metric is of, the metric is measured besides."""
    # A threshold may name the class of a metric, unless another metric is called so.
    called = {one.metric.label for one in measured}
    named = [
        one
        for one in measured
        if threshold.metric == one.metric.label
        or (threshold.metric == one.metric.metric and threshold.metric not in called)
    ]
    possible = _outputs(threshold, where, label)
    meant = [one for one in named if one.output in possible or one.metric.metric == COUNT]
    of = list(dict.fromkeys(one.output for one in meant))
    if not of:
        raise Misfit(where, f"{threshold.metric} is not measured of {' or '.join(possible)}")
    if len(of) > 1:
        raise Misfit(
            where, f"{threshold.metric} is measured of several outputs; say which with output: {' or '.join(of)}"
        )
    class_id = _class_id(threshold, label, of[0])
    for at, one in enumerate(measured):
        if one in meant and one.class_id == class_id:
            measured[at] = replace(one, thresholds=(*one.thresholds, threshold))
    if all(one.class_id != class_id for one in meant):
        if class_id is None:
            raise Misfit(where, f"{threshold.metric} is measured of single classes; say which with class")
        metric = meant[0].metric.model_copy(update={"class_": threshold.class_})
        measured.append(Measurement(metric, of[0], class_id, (threshold,)))


def _outputs(chosen: OfOutput, where: tuple[str, ...], label: AnyLabel) -> list[str]:
    """The outputs that may be meant: the one that is named, and of them those that have the class that is named."""
    outputs = label.by_output()
    if chosen.output is not None and "" in outputs:
        raise Misfit((*where, "output"), "the label has one output; leave this out")
    if chosen.output is not None and chosen.output not in outputs:
        near = did_you_mean(chosen.output, outputs) or f"; it has: {', '.join(outputs)}"
        raise Misfit((*where, "output"), f"{chosen.output} is no output of the label{near}")
    names = list(outputs) if chosen.output is None else [chosen.output]
    if chosen.class_ is None:
        return names
    classes = {name: list(map(str, outputs[name].classes)) for name in names if outputs[name].has_class_scores}
    if not classes:
        raise Misfit((*where, "class"), "only a multiclass or multilabel output has metrics of single classes")
    having = [name for name, known in classes.items() if str(chosen.class_) in known]
    if not having:
        known = [one for of_output in classes.values() for one in of_output]
        near = did_you_mean(str(chosen.class_), known) or f"; it has: {', '.join(known[:10])}"
        raise Misfit((*where, "class"), f"{chosen.class_} is no class of the label{near}")
    return having


def _class_id(chosen: OfOutput, label: AnyLabel, output: str) -> Optional[int]:
    if chosen.class_ is None:
        return None
    return [str(one) for one in label.by_output()[output].classes].index(str(chosen.class_))
