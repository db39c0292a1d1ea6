"""Labelled answers of a window, measured by the Evaluator's own code on the slices and with the thresholds it has."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
from scipy.stats import norm

from millrace.base.numbers import counted, rounded
from millrace.components.data_gate.findings import CHANCE
from millrace.components.evaluator import array_evaluation, chance
from millrace.components.evaluator.gate_report import OVERALL, Row
from millrace.components.evaluator.judging import judge
from millrace.components.evaluator.section import Evaluation
from millrace.features.label import AnyLabel, Label
from millrace.monitoring.findings import LiveMetric, MonitorFinding, Unmeasured
from millrace.monitoring.window import Window
from millrace.serving.labels import Labelled

_PASSED = {"pass": True, "fail": False, "not judged": None}


def of_labels(
    labelled: Mapping[str, Labelled],
    inputs: Mapping[str, Mapping[str, Any]],
    label: AnyLabel,
    evaluation: Evaluation,
    version: int,
    window: Window,
) -> tuple[list[LiveMetric], list[MonitorFinding]]:
    """Measures labelled answers.

    Args:
        labelled: the answers of one version in one window, by request; those without a class and probabilities, as of
            a reward, are left out.
        inputs: of each of these requests the values of the columns that the Evaluator slices on.
        label: what is predicted.
        evaluation: metrics, slices and thresholds; those against another model are left out, since no other model
            answered the same requests.
        version: which.
        window: which.

    Returns:
        A metric for each threshold and slice, and what misses one by more than chance explains.
    """
    if not isinstance(label, Label):
        return [], []
    known = {name: one for name, one in labelled.items() if one.class_id is not None and one.scores}
    absolute = [one for one in evaluation.thresholds if one.at_least is not None or one.at_most is not None]
    if not known or not absolute:
        return [], []
    measured = evaluation.model_copy(
        update={
            "thresholds": tuple(one.model_copy(update={"worse_by_at_most": None}) for one in absolute),
            "confidence_intervals": False,
        }
    )
    labels = np.array([one.class_id for one in known.values()], np.float32)
    scores = np.array([one.scores for one in known.values()], np.float32)
    names = {name for columns in inputs.values() for name in columns}
    columns = {name: [inputs.get(request, {}).get(name, ()) for request in known] for name in sorted(names)}
    checks = array_evaluation.checks_of(label, measured, labels, scores, columns)
    rows = judge(checks, measured.min_slice_size, min_class_size=measured.min_slice_class_size).rows
    metrics = [
        LiveMetric(
            row.metric,
            row.slice,
            row.value,
            row.examples or 0,
            row.threshold,
            None if row.value is None else _PASSED[row.verdict],
        )
        for row in rows
    ]
    return metrics, [found for row in rows if (found := _missed(row, version, window)) is not None]


def unjudged(metrics: Sequence[LiveMetric]) -> list[Unmeasured]:
    """The thresholds of slices that have too few labels.

    Args:
        metrics: of a window.
    """
    return [
        Unmeasured("metric", "too few labels", "" if one.slice == OVERALL else one.slice, one.metric)
        for one in metrics
        if one.passed is None
    ]


def _missed(row: Row, version: int, window: Window) -> Optional[MonitorFinding]:
    if row.verdict != "fail" or row.value is None:
        return None
    low, high = row.limits
    limit = low if low is not None and row.value < low else high
    miss = abs(row.value - limit) if limit is not None else 0.0
    explained = _explained(row, limit)
    by_chance = explained is not None and miss <= explained
    where = "" if row.slice == OVERALL else f" on {row.slice}"
    words = f"{row.metric}{where} is {rounded(row.value, 4)} on {counted(row.examples or 0, 'label')}, {row.threshold}"
    note = f"; chance explains {rounded(explained, 3)}" if by_chance and explained is not None else ""
    return MonitorFinding(
        "metric",
        row.metric,
        row.slice if where else "",
        row.value,
        limit,
        words + note,
        version,
        window,
        not by_chance,
        "millrace run on newer data, or millrace models rollback",
    )


def _explained(row: Row, limit: Optional[float]) -> Optional[float]:
    """By how much a value misses a limit in one window of a thousand; None where that is not known.

    A model that is at its limit is the question, and a value far below may have the smaller error: 0 of 10 has none.
    """
    at = [one for one in (row.value, limit) if one is not None]
    known = [chance.difference(row.metric, one, row.examples or 0, row.classes) for one in at]
    errors = [one for one in known if one is not None]
    # Two standard errors, which fall short in one window of forty; each slice of each window is looked at.
    return max(errors) * float(norm.isf(CHANCE)) / 2.0 if errors else None
