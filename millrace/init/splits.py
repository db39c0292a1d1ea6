"""What a person should decide about the way rows come to train, eval and test."""

import math
from collections.abc import Sequence

from millrace.features.description import Datetime
from millrace.init.decisions import Decision
from millrace.init.defaults import SPLITS

# Below so many rows to judge on, two standard errors of an accuracy are more than .05.
_FEW_ROWS = 400


def splits_doubts(decisions: Sequence[Decision], rows: int) -> list[str]:
    """The questions.

    Args:
        decisions: one per column, in the files' order.
        rows: of the whole table.

    Returns:
        None where test has enough rows and rows have no date.
    """
    return [doubt for doubt in (_few(rows), _dated(decisions)) if doubt]


def _few(rows: int) -> str:
    judging = rows * SPLITS["test"] // sum(SPLITS.values())
    if judging >= _FEW_ROWS:
        return ""
    # The least known share is one half: p(1-p)/n at its greatest, two standard errors.
    luck = 1.0 / math.sqrt(max(judging, 1))
    return (
        f"test has some {judging} rows, on which an accuracy is only known to within {min(luck, 1.0):.2f}; "
        "{train: 2, eval: 1} judges on twice as many, which also pick the best step and so flatter the model"
    )


def _dated(decisions: Sequence[Decision]) -> str:
    """Of rows with a date in each: whether they are of the times that a model is asked about one after the other."""
    for decision in decisions:
        date = decision.feature
        if decision.use == "feature" and isinstance(date, Datetime) and "trend" in date.parts:
            if decision.column.missing:
                continue
            column = decision.column.name
            shares = ", ".join(f"{split}: {parts}" for split, parts in SPLITS.items())
            return (
                f"rows have a date, {column}: is the model asked about later ones? Then judge on the newest, "
                f"{{by: time, column: {column}, format: '{date.format}', shares: {{{shares}}}}}"
            )
    return ""
