"""The verdict: thresholds in words, each judged on each slice that it names, and the one reason for the whole.

Pure functions on plain data. A threshold is met here exactly when TFMA's `metrics_validator.validate_metrics` says so
(NaN meets none); what is added is which slices are judged at all, and the words.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Optional, Union

from millrace.base.numbers import counted, rounded
from millrace.catalog.metric_names import AVERAGED_OVER_PRESENT
from millrace.components.evaluator import chance
from millrace.components.evaluator.gate_report import OVERALL, GateReport, MeasuredSlice, Row, Verdict, number


@dataclass(frozen=True)
class ValueBound:
    """A metric's value must lie between `lower` and `upper`, inclusive; None leaves a side open."""

    lower: Optional[float] = None
    upper: Optional[float] = None

    def words(self) -> str:
        """The bound as the report says it."""
        parts = []
        if self.lower is not None:
            parts.append(f"at least {_plain(self.lower)}")
        if self.upper is not None:
            parts.append(f"at most {_plain(self.upper)}")
        return " and ".join(parts) or "a number"

    def limits(self, baseline: Optional[float]) -> tuple[Optional[float], Optional[float]]:
        """The least and the greatest value that meet it."""
        return self.lower, self.upper


@dataclass(frozen=True)
class ChangeBound:
    """The difference to the baseline must reach `absolute`, and its ratio to the baseline `relative`.

    With `higher_is_better`, the difference must be at least that; otherwise at most. None leaves one of them out; a
    `higher_is_better` of None is a direction that was not configured, which nothing meets.
    """

    higher_is_better: Optional[bool] = True
    absolute: Optional[float] = None
    relative: Optional[float] = None

    def words(self) -> str:
        """The bound as the report says it."""
        sign = -1.0 if self.higher_is_better else 1.0
        parts = [] if self.absolute is None else [_change_words(sign * self.absolute, _plain)]
        if self.relative is not None:
            parts.append(_change_words(sign * self.relative, lambda share: f"{_plain(100 * share)}%"))
        return " and ".join(parts) or "comparable with the baseline"

    def limits(self, baseline: Optional[float]) -> tuple[Optional[float], Optional[float]]:
        """The least and the greatest value that meet it beside a baseline's value; None for no limit."""
        if baseline is None or self.higher_is_better is None:
            return None, None
        changes = [self.absolute, None if self.relative is None else self.relative * abs(baseline)]
        values = [baseline + change for change in changes if change is not None]
        if not values:
            return None, None
        return (max(values), None) if self.higher_is_better else (None, min(values))


Bound = Union[ValueBound, ChangeBound]


@dataclass(frozen=True)
class Measured:
    """One metric on one slice. `difference` is TFMA's: the candidate's value less the baseline's."""

    value: float
    interval: Optional[tuple[float, float]] = None
    baseline: Optional[float] = None
    difference: Optional[float] = None


@dataclass(frozen=True)
class ThresholdCheck:
    """One threshold on one slice that it names.

    `measured` is None when the metric was not computed there, `in_data` is False when no example was in the slice.
    `classes` counts the slice's examples by class id, where the metric needs every class and they were counted.
    `measured_as` is TFMA's name of the metric, under which the whole data set and the slices have it.
    """

    metric: str
    slice: str
    bound: Bound
    measured: Optional[Measured] = None
    examples: Optional[int] = None
    in_data: bool = True
    classes: Optional[tuple[int, ...]] = None
    measured_as: str = ""


@dataclass(frozen=True)
class Baseline:
    """The latest blessed model: `uri` is empty when there is none, `problem` says why it cannot be evaluated."""

    uri: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Overall:
    """What the report says of the whole evaluation beside its rows."""

    model: str = ""
    examples: Optional[int] = None
    metrics: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    baseline_metrics: dict[str, float] = field(default_factory=dict)
    slices: tuple[MeasuredSlice, ...] = ()


def judge(
    checks: Iterable[ThresholdCheck],
    min_slice_size: int = 1,
    baseline: Baseline = Baseline(),
    overall: Overall = Overall(),
    min_class_size: int = 1,
) -> GateReport:
    """Judges a model.

    A slice of fewer than `min_slice_size` examples is shown, not judged, and so is a metric that needs every class on a
    slice with fewer than `min_class_size` examples of one. The whole data set is always judged, but by such a metric
    only where it has a value: with an example of each class, or for a mean of AUCs, of two. A threshold against a
    baseline that cannot be evaluated refuses; one against a baseline that does not exist yet does not.

    Args:
        checks: each threshold on each slice, in the order in which the report shows them.
        min_slice_size: examples.
        baseline: the latest blessed model.
        overall: what is said of the whole, and all slices that were measured.
        min_class_size: examples of each class.

    Returns:
        The report, its rows in the order of `checks`.
    """
    checks = list(checks)
    rows = [_row(check, _verdict(check, min_slice_size, min_class_size, baseline)) for check in checks]
    blessed, reason, remedy = _decide(checks, rows, baseline)
    return GateReport(
        blessed=blessed,
        reason=reason,
        remedy=remedy,
        rubber_stamped=not baseline.uri,
        model=overall.model,
        baseline=baseline.uri,
        baseline_problem=baseline.problem,
        examples=overall.examples,
        metrics=overall.metrics,
        intervals=overall.intervals,
        baseline_metrics=overall.baseline_metrics,
        suspicious=_suspicious(overall),
        rows=tuple(rows),
        slices=overall.slices,
    )


def refuse(problem: str, remedy: str = "", baseline: Baseline = Baseline(), model: str = "") -> GateReport:
    """The report on a candidate that could not be evaluated at all.

    Args:
        problem: why it could not be evaluated, in a sentence.
        remedy: what to do about it.
        baseline: the model that it would have been compared with.
        model: the candidate's URI.
    """
    return GateReport(
        blessed=False, reason=f"The model cannot be evaluated: {problem}.", remedy=remedy, model=model,
        baseline=baseline.uri, baseline_problem=baseline.problem,
    )  # fmt: skip


_NO_BASELINE = "there is no baseline, as no model but trials was blessed yet"


# What a metric is when nothing is predicted wrongly, by TFMA's names.
_PERFECT = {
    **dict.fromkeys(
        (
            "accuracy", "auc", "auc_precision_recall", "balanced_accuracy", "binary_accuracy", "categorical_accuracy",
            "f1_score", "matthews_correlation_coefficient", "r2_score", "sparse_categorical_accuracy",
            "squared_pearson_correlation",
        ),
        1.0,
    ),
    **dict.fromkeys(("mean_absolute_error", "mean_squared_error", "root_mean_squared_error"), 0.0),
}  # fmt: skip
# What four digits show as 1, so that nobody reads a perfect number without its mark.
_SHOWN_AS_ONE = 0.99995


def _suspicious(overall: Overall) -> tuple[str, ...]:
    """What is too good to be true of the whole data set, in a sentence; nothing when nothing is."""
    perfect = [
        f"{name} is {number(value)}"
        for name, value in overall.metrics.items()
        if (best := _PERFECT.get(name.partition(" (")[0])) is not None
        and (_SHOWN_AS_ONE <= value <= 1.0 if best else value == 0.0)
    ]
    if not perfect:
        return ()
    examples = "" if overall.examples is None else f" on {overall.examples} examples"
    return (
        f"{', '.join(perfect)}{examples}. Look for a feature that gives the label away: one that is computed from it, "
        "or known only after it. Take the likeliest out of `features`; a value that falls names the leak.",
    )


def _row(check: ThresholdCheck, judged: tuple[Verdict, str]) -> Row:
    verdict, reason = judged
    measured = check.measured
    return Row(
        metric=check.metric,
        slice=check.slice,
        examples=check.examples,
        classes=check.classes,
        value=measured.value if measured else None,
        interval=measured.interval if measured else None,
        baseline=measured.baseline if measured else None,
        threshold=check.bound.words(),
        limits=check.bound.limits(measured.baseline if measured else None),
        chance=_chance(check),
        measured_as=check.measured_as,
        verdict=verdict,
        reason=reason,
    )


def _chance(check: ThresholdCheck) -> Optional[float]:
    """What two equally good models differ by on the examples of a threshold against the baseline."""
    if not isinstance(check.bound, ChangeBound) or check.measured is None or check.measured.baseline is None:
        return None
    return chance.difference(check.metric, check.measured.baseline, check.examples or 0, check.classes)


def _verdict(
    check: ThresholdCheck, min_slice_size: int, min_class_size: int, baseline: Baseline
) -> tuple[Verdict, str]:
    if not check.in_data:
        return "fail", f"no example of the evaluated data is in slice {check.slice}"
    if check.slice != OVERALL and check.examples is not None and check.examples < min_slice_size:
        examples = "1 example" if check.examples == 1 else f"{check.examples} examples"
        return "not judged", f"slice of {examples} is smaller than {min_slice_size}"
    if check.slice != OVERALL and check.classes and min(_told_apart(check)) < min_class_size:
        return "not judged", f"slice with {_in_words(check)}; {check.metric} needs {min_class_size} of each"
    if check.classes and not _has_value(check):
        return "not judged", f"{check.slice} with {_in_words(check)}; {check.metric} needs an example of each"
    if isinstance(check.bound, ChangeBound) and baseline.problem:
        return "not judged", f"the latest blessed model cannot be evaluated: {baseline.problem}"
    if isinstance(check.bound, ChangeBound) and not baseline.uri:
        return "not judged", _NO_BASELINE
    problem = _problem(check)
    return ("fail", problem) if problem else ("pass", "")


def _told_apart(check: ThresholdCheck) -> list[int]:
    """Of each class, the examples that have it or those that have not, whichever are fewer."""
    assert check.classes is not None
    examples = sum(check.classes) if check.examples is None else check.examples
    return [min(count, examples - count) for count in check.classes]


def _has_value(check: ThresholdCheck) -> bool:
    rarer = _told_apart(check)
    present = sum(count > 0 for count in rarer)
    averaged = check.metric.partition(" (")[0] in AVERAGED_OVER_PRESENT
    return present == len(rarer) or (present > 1 and averaged)


def _in_words(check: ThresholdCheck) -> str:
    assert check.classes is not None
    examples = sum(check.classes) if check.examples is None else check.examples
    if len(check.classes) == 2 and sum(check.classes) <= examples:  # some may have no label
        negatives, positives = check.classes
        return f"{counted(positives, 'positive')} and {counted(negatives, 'negative')}"
    rarer = _told_apart(check)
    if min(rarer):
        return f"{min(rarer)} of a class among {examples} examples"
    absent = [str(number) for number, count in enumerate(check.classes) if not count]
    if absent:
        return f"no example of class {', '.join(absent)} (counted from 0) among {examples}"
    return f"no example without class {rarer.index(0)} (counted from 0) among {examples}"


def _problem(check: ThresholdCheck) -> str:
    """Why a threshold is not met, or an empty string."""
    name = f"{check.metric} {OVERALL if check.slice == OVERALL else f'on {check.slice}'}"
    if check.measured is None:
        return f"{name} was not computed"
    if math.isnan(check.measured.value):
        return f"{name} is not a number"
    if isinstance(check.bound, ValueBound):
        met = (check.bound.lower is None or check.measured.value >= check.bound.lower) and (
            check.bound.upper is None or check.measured.value <= check.bound.upper
        )
        return "" if met else f"{name} is {_close(check)}; it must be {check.bound.words()}"
    return _change_problem(name, check, check.bound)


def _change_problem(name: str, check: ThresholdCheck, bound: ChangeBound) -> str:
    measured = check.measured
    assert measured is not None
    if measured.difference is None or measured.baseline is None or math.isnan(measured.difference):
        return f"{name} cannot be compared: the baseline's value is not a number"
    if bound.higher_is_better is None:
        return f"{name} cannot be compared: the threshold does not say whether higher or lower is better"
    if bound.relative is not None and math.isclose(measured.baseline, 0.0):
        return f"{name} cannot be compared by a ratio: the baseline's value is 0"
    limits = [] if bound.absolute is None else [(measured.difference, bound.absolute)]
    if bound.relative is not None:
        limits.append((measured.difference / measured.baseline, bound.relative))
    if all(change >= limit if bound.higher_is_better else change <= limit for change, limit in limits):
        return ""
    return f"{name} is {_close(check)} and the baseline's is {number(measured.baseline)}; it must be {bound.words()}"


def _decide(checks: Sequence[ThresholdCheck], rows: Sequence[Row], baseline: Baseline) -> tuple[bool, str, str]:
    """Whether the model is blessed, why, and what to do about it."""
    failed = [(check, row) for check, row in zip(checks, rows, strict=True) if row.verdict == "fail"]
    passed = [row for row in rows if row.verdict == "pass"]
    if failed:
        return False, *_worst(failed)
    if baseline.problem and any(isinstance(check.bound, ChangeBound) for check in checks):
        return (
            False,
            f"The latest blessed model cannot be evaluated, so that nothing says whether this one is as good: "
            f"{baseline.problem}.",
            "if the change is meant, take the thresholds against the baseline out for one run; once blessed, this "
            "model is the new baseline",
        )
    if passed:
        return True, _passed(rows, len(passed)), ""
    if rows and all(row.reason == _NO_BASELINE for row in rows):
        return True, "The first model: every threshold is against a baseline, and there is none yet.", ""
    if rows:
        return (
            False,
            "No threshold could be judged: every slice that they name has too few examples.",
            "lower the minimum slice size, evaluate more data, or set a threshold without a slice",
        )
    return False, "No threshold is configured, so that nothing says whether the model is good.", "configure one"


def _passed(rows: Sequence[Row], count: int) -> str:
    left_out = [row for row in rows if row.verdict == "not judged"]
    no_baseline = sum(row.reason == _NO_BASELINE for row in left_out)
    small = len(left_out) - no_baseline
    text = (
        f"{'The one threshold' if count == 1 else f'All {count} thresholds'} judged {'is' if count == 1 else 'are'} met"
    )
    extra = []
    if no_baseline:
        extra.append(f"{no_baseline} against a baseline did not apply, since {_NO_BASELINE}")
    if small:
        extra.append(f"{small} with too few examples {'was' if small == 1 else 'were'} not judged")
    return "; ".join([text, *extra]) + "."


def _worst(failed: Sequence[tuple[ThresholdCheck, Row]]) -> tuple[str, str]:
    """The sentence and the remedy of the worst failure: the largest shortfall relative to what was asked."""
    check, row = max(failed, key=lambda pair: (pair[0].slice == OVERALL, _shortfall(pair[0])))
    more = len(failed) - 1
    others = f" ({more} more threshold{'s' if more > 1 else ''} failed)" if more else ""
    remedy = ""
    if not check.in_data:
        remedy = "compare the slice's feature and value with the data, or take the threshold out"
    return f"{row.reason[0].upper()}{row.reason[1:]}{others}.", remedy


def _shortfall(check: ThresholdCheck) -> float:
    """How far a failed threshold was missed, as a share of its scale; infinite where nothing was measured."""
    measured = check.measured
    if measured is None or math.isnan(measured.value):
        return math.inf
    bound = check.bound
    if isinstance(bound, ValueBound):
        missed = max(
            math.nan if limit is None else sign * (limit - measured.value)
            for limit, sign in ((bound.lower, 1.0), (bound.upper, -1.0))
            if limit is not None
        )
        scale = bound.lower if bound.lower is not None and measured.value < bound.lower else bound.upper
        return missed / (abs(scale or 0.0) or 1.0)
    if measured.difference is None or measured.baseline is None or math.isnan(measured.difference):
        return math.inf
    return abs(measured.difference) / (abs(measured.baseline) or 1.0)


def _close(check: ThresholdCheck) -> str:
    """The value with as many digits as it takes to see that it misses its bound."""
    measured, bound = check.measured, check.bound
    assert measured is not None
    limits = (bound.lower, bound.upper) if isinstance(bound, ValueBound) else (measured.baseline,)
    for digits in range(4, 17):
        text = f"{measured.value:.{digits}g}"
        if all(limit is None or float(text) != limit or measured.value == limit for limit in limits):
            return number(measured.value) if digits == 4 else text
    return repr(measured.value)


def _plain(value: float) -> str:
    return rounded(value, 12)


def _change_words(allowed: float, write: Callable[[float], str]) -> str:
    """What a change may be, `allowed` being how much worse than the baseline it may get."""
    if allowed == 0:
        return "not worse than the baseline"
    if allowed < 0:
        return f"better than the baseline by at least {write(-allowed)}"
    return f"not worse than the baseline by more than {write(allowed)}"
