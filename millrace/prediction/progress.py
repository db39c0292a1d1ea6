"""How far a prediction is, as plain values: whoever shows it needs nothing of what predicts."""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Progress:
    """How far a prediction is.

    Attributes:
        doing: `checking` the table, then `scoring` it; or what is waited for.
        rows: that are done; None where none are counted.
        of: all rows; None as long as they are not counted.
    """

    doing: str
    rows: Optional[int] = None
    of: Optional[int] = None
