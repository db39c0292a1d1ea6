"""Whether the baseline does far worse on this data than when it was blessed: then the data means something else.

A candidate that learned from labels which were exchanged is judged on such labels too and looks as good as ever, and so
much better than the baseline. No statistic of a column shows it where the classes are equally frequent. The baseline
does: it learned what the label meant before.
"""

import math
import os
from typing import Optional

from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact

from millrace.base import files
from millrace.components.evaluator.gate_report import JSON_NAME, GateReport, number

# What a model that knows nothing scores at best, by TFMA's names; of several classes it is called 0.
_KNOWS_NOTHING = {
    "auc": 0.5,
    "balanced_accuracy": 0.5,
    "binary_accuracy": 0.5,
    "categorical_accuracy": 0.0,
    "matthews_correlation_coefficient": 0.0,
    "sparse_categorical_accuracy": 0.0,
}
_LOST = 0.5  # the share of what it knew
_STANDARD_ERRORS = 3.0
_REMEDY = (
    "compare the label's values with what they meant before; if the world has changed and this data is right, "
    "evaluation.baseline_fall=warn for one run, with --push: once blessed, this model is the new baseline"
)


def keep(blessing: Artifact, report: GateReport) -> None:
    """Writes a blessed model's report into its blessing, where the evaluation that it is a baseline of finds it.

    Args:
        blessing: a ModelBlessing of a model that was blessed.
        report: its verdict.
    """
    files.write(os.path.join(blessing.uri, JSON_NAME), report.model_dump_json(indent=2) + "\n")


def kept(blessing: Artifact) -> Optional[GateReport]:
    """The report by which a model was blessed; None where its blessing is of a release that kept none."""
    file = os.path.join(blessing.uri, JSON_NAME)
    if not fileio.exists(file):
        return None
    with fileio.open(file, "rb") as stream:
        return GateReport.model_validate_json(stream.read())


def judged(report: GateReport, blessed: Optional[GateReport], blocks: bool) -> GateReport:
    """The report with what is to be said of the baseline's fall.

    It fell when it lost more than half of what a metric had above knowing nothing (of AUC, half of the way from 0.5 to
    what it was blessed with), and more than three standard errors of a share.

    Args:
        report: of the candidate, with what the baseline scores on the same examples.
        blessed: the report by which the baseline was blessed, where that is known.
        blocks: whether a candidate is not blessed then.
    """
    fallen = _fallen(report, blessed) if blessed else []
    if not fallen:
        return report
    said = (
        f"The latest blessed model does far worse on this data than when it was blessed: {', '.join(fallen)}. The "
        "label or a feature means something else than it did, and a model that learned this looks good all the same."
    )
    if not (blocks and report.blessed):
        return report.model_copy(update={"baseline_fall": said})
    return report.model_copy(update={"baseline_fall": said, "blessed": False, "reason": said, "remedy": _REMEDY})


def _fallen(report: GateReport, blessed: GateReport) -> list[str]:
    if not report.examples or not blessed.examples:
        return []
    # The variance of a share is at most a quarter.
    noise = _STANDARD_ERRORS * math.sqrt(0.25 / report.examples + 0.25 / blessed.examples)
    fallen = []
    for name, value in report.baseline_metrics.items():
        was, nothing = blessed.metrics.get(name), _KNOWS_NOTHING.get(name.partition(" (")[0])
        if was is not None and nothing is not None and was - value > max(_LOST * (was - nothing), noise):
            fallen.append(f"{name} is {number(value)} and was {number(was)}")
    return fallen
