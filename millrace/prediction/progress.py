"""How far a prediction is, as plain values: whoever shows it needs nothing of what predicts."""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Progress:
    """How far a prediction is.

    Attributes:
        doing: `checking` the table, then `scoring` it.
        rows: that are done.
        of: all rows; None as long as they are not counted.
    """

    doing: str
    rows: int
    of: Optional[int] = None
