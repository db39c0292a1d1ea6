"""The gate report: what a model was measured against, and the one reason why it is or is not blessed.

Plain data, without TFMA or TensorFlow: `gate_report.json` is read again long after the run, by commands that must
answer in well under a second.
"""

import os
from pathlib import Path
from typing import Literal, Optional, Union

from pydantic import BaseModel, ConfigDict

from millrace.base import printing
from millrace.base.numbers import rounded
from millrace.base.printing import TableColumn

JSON_NAME = "gate_report.json"
TEXT_NAME = "gate_report.txt"
OVERALL = "overall"

Verdict = Literal["pass", "fail", "not judged"]


class _Described(BaseModel):
    """Base of the report's parts: immutable; NaN and infinities are strings in JSON, which has no such numbers."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


class Row(_Described):
    """One threshold on one slice.

    `metric` is named as in the configuration. `interval` is TFMA's 95% confidence interval, where it computed one.
    `baseline` is the latest blessed model's value. `threshold` is in words. `reason` says why it failed or was not
    judged, and is empty for a pass.
    """

    metric: str
    slice: str
    examples: Optional[int] = None
    value: Optional[float] = None
    interval: Optional[tuple[float, float]] = None
    baseline: Optional[float] = None
    threshold: str
    verdict: Verdict
    reason: str = ""


class GateReport(_Described):
    """A whole verdict.

    `reason` is one sentence; `remedy`, where there is one to give, another. `rubber_stamped` says that there was no
    baseline, so that thresholds against it did not apply. `baseline_problem` is set when there is a baseline that
    cannot be evaluated. `metrics` and `baseline_metrics` are the overall values, by TFMA's metric names.
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
    baseline_metrics: dict[str, float] = {}
    rows: tuple[Row, ...] = ()

    def to_text(self) -> str:
        """The report as a plain table, the verdict and its reason first."""
        lines = [f"{'BLESSED' if self.blessed else 'NOT BLESSED'}: {self.reason}"]
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join([*lines, "", *_table(self.rows), *_notes(self.rows)]).rstrip() + "\n"


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


_COLUMNS = (
    TableColumn("metric"),
    TableColumn("slice"),
    TableColumn("examples", right=True),
    TableColumn("value", right=True),
    TableColumn("baseline", right=True),
    TableColumn("threshold"),
    TableColumn("verdict"),
)


def _table(rows: tuple[Row, ...]) -> list[str]:
    heads, *rest = printing.lines(_COLUMNS, map(_cells, rows))
    return [heads, "-" * max(map(len, (heads, *rest))), *rest]


def _cells(row: Row) -> tuple[str, ...]:
    value = number(row.value)
    if row.interval is not None:
        value += f" [{number(row.interval[0])}, {number(row.interval[1])}]"
    examples = "-" if row.examples is None else str(row.examples)
    return row.metric, row.slice, examples, value, number(row.baseline), row.threshold, row.verdict


def _notes(rows: tuple[Row, ...]) -> list[str]:
    """The reasons below the table, each said once, with the rows that it concerns when there are more of them."""
    reasons: dict[str, int] = {}
    for row in rows:
        if row.reason:
            note = f"{row.verdict}: {row.reason}"
            reasons[note] = reasons.get(note, 0) + 1
    return ["", *(f"{note} ({count} rows)" if count > 1 else note for note, count in reasons.items())]
