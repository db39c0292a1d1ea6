"""What was decided about a column, and why."""

from dataclasses import dataclass
from typing import Literal, Optional

from millrace.features.description import Feature
from millrace.init.columns import Column

Use = Literal["label", "feature", "left out"]


@dataclass(frozen=True)
class Decision:
    """What becomes of a column.

    Attributes:
        column: the column.
        kind: what it is, in a word or two.
        use: what it is used for.
        feature: how it is a feature; for one that is left out, how it would be, where it could.
        reason: why, in a phrase.
        doubt: what a person should look at; empty when there is no doubt.
        limits: the smallest and the largest value that there can be, where the kind promises them.
        known_when_serving: false when it says what is to be predicted.
    """

    column: Column
    kind: str
    use: Use
    reason: str
    feature: Optional[Feature] = None
    doubt: str = ""
    limits: Optional[tuple[int, int]] = None
    known_when_serving: bool = True
