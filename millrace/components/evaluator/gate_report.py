"""The gate report: what a model was measured against, and the one reason why it is or is not blessed.

Plain data, without TFMA or TensorFlow: `gate_report.json` is read again long after the run, by commands that must
answer in well under a second.
"""

import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Optional, Union

from pydantic import BaseModel, ConfigDict

from millrace.base import printing
from millrace.base.numbers import counted, rounded, seconds
from millrace.base.printing import TableColumn
from millrace.catalog.metric_names import needs_every_class

JSON_NAME = "gate_report.json"
TEXT_NAME = "gate_report.txt"
OVERALL = "overall"
EXAMPLE_COUNT = "example_count"
"""TFMA's name of the count, which the report shows as `examples`."""
# What lies beyond two standard errors, rounded up.
_SELDOM = 0.03

Verdict = Literal["pass", "fail", "not judged"]


class _Described(BaseModel):
    """Base of the report's parts: immutable; NaN and infinities are strings in JSON, which has no such numbers."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


class Folds(_Described):
    """What a metric is of models that were trained as this one was, on parts of train and eval (`evaluation.folds`).

    `value` is that of the predictions of `count` of them together, and `interval` its 95% interval; where none holds
    `no_interval` says why. `inside` says that `threshold`, which is in words, lies in it, so that so few rows do not
    settle whether such models meet it. Each learned from `learned_rows`, and all are scored on `rows` that they did not
    see. `seconds` is what the trainings took.
    """

    count: int
    value: float
    interval: Optional[tuple[float, float]]
    no_interval: str = ""
    threshold: str
    inside: bool
    learned_rows: int
    rows: int
    seconds: float

    def origin(self) -> str:
        """Where the numbers come from, in a sentence without its stop."""
        return (
            f"{self.count} models that were trained as this one, each on {self.learned_rows} rows, are scored on the "
            f"{self.rows} rows of train and eval that they did not see ({seconds(self.seconds)} s)"
        )

    def words(self) -> str:
        """The value with its interval, and what that means for the threshold."""
        if self.interval is None:
            return f"{number(self.value)}, no interval: {self.no_interval}; {self.threshold}"
        low, high = map(number, self.interval)
        settled = "lies inside, which so few rows do not settle" if self.inside else "lies outside"
        return f"{number(self.value)} [{low}, {high}]; {self.threshold} {settled}"


class Row(_Described):
    """One threshold on one slice.

    `metric` is named as in the configuration. `interval` is TFMA's 95% confidence interval, where it computed one.
    `baseline` is the latest blessed model's value. `threshold` is in words, `limits` are the least and the greatest
    value that meet it. `reason` says why it failed or was not judged, and is empty for a pass. `classes` counts the
    slice's examples by class id, where the metric needs every class. `chance` is what two equally good models differ by
    on so many examples (two standard errors), for a threshold against the baseline. `measured_as` is TFMA's name of the
    metric. `folds` says what other models that are trained so score; it decides nothing.
    """

    metric: str
    slice: str
    examples: Optional[int] = None
    classes: Optional[tuple[int, ...]] = None
    value: Optional[float] = None
    interval: Optional[tuple[float, float]] = None
    baseline: Optional[float] = None
    threshold: str
    limits: tuple[Optional[float], Optional[float]] = (None, None)
    chance: Optional[float] = None
    verdict: Verdict
    reason: str = ""
    measured_as: str = ""
    folds: Optional[Folds] = None


class MeasuredSlice(_Described):
    """All metrics of one slice, by TFMA's names, whether a threshold names it or not.

    `classes` counts its examples by class id, where a metric needs every class, and `output_classes` those of several
    outputs by their names. `intervals` are TFMA's 95% confidence
    intervals of the metrics, where it computed them; `baseline_metrics` the latest blessed model's values.
    """

    slice: str
    examples: Optional[int] = None
    classes: Optional[tuple[int, ...]] = None
    output_classes: dict[str, tuple[int, ...]] = {}
    metrics: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    baseline_metrics: dict[str, float] = {}

    def classes_of(self, metric: str) -> Optional[tuple[int, ...]]:
        """The examples of each class of the output that a metric is of, by its name such as `auc (tipped, red)`."""
        details = metric.partition(" (")[2].removesuffix(")").split(", ")
        return next((self.output_classes[one] for one in details if one in self.output_classes), self.classes)

    def is_undefined(self, metric: str) -> bool:
        """Whether a metric needs every class and all the examples are of one: what is computed then means nothing."""
        classes = self.classes_of(metric)
        return needs_every_class(metric) and classes is not None and sum(count > 0 for count in classes) < 2


class GateReport(_Described):
    """A whole verdict.

    `reason` is one sentence; `remedy`, where there is one to give, another. `rubber_stamped` says that there was no
    baseline, so that thresholds against it did not apply. `baseline_problem` is set when there is a baseline that
    cannot be evaluated. `metrics`, `intervals` and `baseline_metrics` are the overall values, by TFMA's metric names.
    `suspicious` names what is too good to be true, a sentence each; it decides nothing. `baseline_fall` says how the
    baseline does far worse on this data than when it was blessed. `slices` are all that were measured.
    """

    version: Literal[1] = 1
    blessed: bool
    reason: str
    remedy: str = ""
    rubber_stamped: bool = False
    model: str = ""
    baseline: str = ""
    baseline_problem: str = ""
    examples: Optional[int] = None
    metrics: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    baseline_metrics: dict[str, float] = {}
    suspicious: tuple[str, ...] = ()
    baseline_fall: str = ""
    rows: tuple[Row, ...] = ()
    slices: tuple[MeasuredSlice, ...] = ()

    def without_threshold(self) -> tuple[MeasuredSlice, ...]:
        """The slices that were measured and that no threshold names."""
        judged = {row.slice for row in self.rows}
        return tuple(measured for measured in self.slices if measured.slice not in judged)

    def to_text(self, every_slice: bool = True) -> str:
        """The report as plain tables: the verdict and its reason first, then what failed, then the rest.

        Args:
            every_slice: also list the slices without a threshold; they are counted otherwise.
        """
        lines = [f"{'BLESSED' if self.blessed else 'NOT BLESSED'}: {self.reason}"]
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        lines += [f"suspicious: {sentence}" for sentence in self.suspicious]
        if self.baseline_fall and self.baseline_fall != self.reason:
            lines.append(f"warning: {self.baseline_fall}")
        rows = sorted(self.rows, key=lambda row: row.verdict != "fail")
        lines += ["", *_table(rows), *_notes(rows)]
        others = self.without_threshold()
        if others:
            lines += ["", f"{counted(len(others), 'slice')} without a threshold"]
            lines[-1] += ":" if every_slice else f"; {TEXT_NAME} lists what was measured there"
            lines += _slice_table(others) if every_slice else []
        return "\n".join(lines).rstrip() + "\n"


def load(path: Union[str, "os.PathLike[str]"]) -> GateReport:
    """Reads a report.

    Args:
        path: `gate_report.json`, or the folder of the ModelEvaluation artifact that holds it.

    Raises:
        FileNotFoundError: there is no report.
        pydantic.ValidationError: the file is not a report.
    """
    file = Path(path)
    return GateReport.model_validate_json((file / JSON_NAME if file.is_dir() else file).read_bytes())


def number(value: Optional[float]) -> str:
    """A number as the report writes it: to four significant digits, and a dash where there is none."""
    return "-" if value is None else rounded(value, 4)


COLUMNS = (
    TableColumn("metric"),
    TableColumn("slice"),
    TableColumn("examples", right=True),
    TableColumn("value", right=True),
    TableColumn("baseline", right=True),
    TableColumn("threshold"),
    TableColumn("verdict"),
)


def _table(rows: Sequence[Row]) -> list[str]:
    heads, *rest = printing.lines(COLUMNS, map(cells, rows))
    return [heads, "-" * max(map(len, (heads, *rest))), *rest]


def cells(row: Row) -> tuple[str, ...]:
    """A row of the verdict's table, under `COLUMNS`."""
    value = number(row.value)
    if row.interval is not None:
        value += f" [{number(row.interval[0])}, {number(row.interval[1])}]"
    examples = "-" if row.examples is None else str(row.examples)
    return row.metric, row.slice, examples, value, number(row.baseline), row.threshold, row.verdict


def _slice_table(slices: Sequence[MeasuredSlice]) -> list[str]:
    names = list(dict.fromkeys(name for measured in slices for name in measured.metrics if name != EXAMPLE_COUNT))
    columns = [TableColumn("slice"), *(TableColumn(head, right=True) for head in ("examples", *names))]
    rows = [
        (
            measured.slice,
            "-" if measured.examples is None else str(measured.examples),
            *(number(None if measured.is_undefined(name) else measured.metrics.get(name)) for name in names),
        )
        for measured in slices
    ]
    heads, *rest = printing.lines(columns, rows)
    return [heads, "-" * max(map(len, (heads, *rest))), *rest]


def _notes(rows: Sequence[Row]) -> list[str]:
    """The reasons below the table, each said once, with the rows that it concerns when there are more of them."""
    reasons: dict[str, int] = {}
    for row in rows:
        if row.reason:
            note = f"{row.verdict}: {row.reason}"
            reasons[note] = reasons.get(note, 0) + 1
    notes = [f"{note} ({count} rows)" if count > 1 else note for note, count in reasons.items()]
    notes += _left_out(rows)
    notes += [_by_chance(row) for row in rows if row.chance and row.baseline is not None]
    return ["", *notes, *_of_folds(rows)]


def _left_out(rows: Sequence[Row]) -> list[str]:
    """The classes that a mean over several leaves out, since there is no example of them."""
    notes = [
        f"left out of {row.metric} {row.slice}: class {', '.join(absent)} (counted from 0), which has no example"
        for row in rows
        if row.verdict != "not judged"
        and (absent := [str(number) for number, count in enumerate(row.classes or ()) if not count])
    ]
    return list(dict.fromkeys(notes))


def _by_chance(row: Row) -> str:
    """How often a threshold against the baseline refuses a model that is as good."""
    assert row.chance is not None and row.baseline is not None
    note = (
        f"chance: {row.metric} {row.slice} of two equally good models differs by up to {rounded(row.chance, 2)} on "
        f"{row.examples} examples"
    )
    [limit] = [limit for limit in row.limits if limit is not None][:1] or [row.baseline]
    allowed = (row.baseline - limit) * (1.0 if row.limits[0] is not None else -1.0)
    refused = statistics.NormalDist(0.0, row.chance / 2.0).cdf(-allowed)
    if refused < _SELDOM:
        return note
    return f"{note}; this threshold refuses one that is as good in some {refused:.0%} of evaluations"


def _of_folds(rows: Sequence[Row]) -> list[str]:
    """What the folds are, and what they say of each threshold."""
    of_rows = [(row, row.folds) for row in rows if row.folds]
    said = [f"  {row.metric} {row.slice}: {folds.words()}" for row, folds in of_rows]
    return [f"folds: {of_rows[0][1].origin()}", *dict.fromkeys(said)] if of_rows else []
