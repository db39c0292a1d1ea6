"""How the rows of a table were divided, as `splits.json` beside the examples: what a person should know of it.

It is written where a split is by more than the rows' own hashes, a key is followed, or a condition chooses rows; TFX's
components list `URI/Split-*` only.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Optional

from millrace.base import files
from millrace.base.numbers import counted

FILE = "splits.json"


@dataclass(frozen=True)
class SplitRecord:
    """How rows were divided.

    Args:
        rows: rows of each split.
        ends: when each split but the newest ends, in UTC; empty where they are not divided by time.
        key: the column whose values are followed; empty for none.
        keys: how many values it has.
        shared: how many of these are in more than one split.
        where: the condition of `data.where`; empty for none.
        left_out: rows that do not meet it, and are in no split.
    """

    rows: dict[str, int]
    ends: dict[str, str] = field(default_factory=dict)
    key: str = ""
    keys: int = 0
    shared: int = 0
    where: str = ""
    left_out: int = 0

    @property
    def condition(self) -> str:
        """A sentence on what the condition took; empty where there is none."""
        if not self.where:
            return ""
        rows = sum(self.rows.values()) + self.left_out
        return f"{self.left_out:,} of {counted(rows, 'row')} do not meet data.where, and are left out: {self.where}"

    @property
    def leak(self) -> str:
        """A sentence on the values that are in several splits; empty where none is."""
        if not self.shared:
            return ""
        verb = "is" if self.shared == 1 else "are"
        return (
            f"{self.shared:,} of {counted(self.keys, 'value')} of {self.key} {verb} in more than one split, so that "
            f"the model is judged on what it has seen; data.splits: {{by: group, column: {self.key}}} keeps each in one"
        )


def write(uri: str, record: SplitRecord) -> None:
    """Writes the record beside the examples at `uri`."""
    files.write(os.path.join(uri, FILE), json.dumps(asdict(record), indent=2) + "\n")


def read(uri: str) -> Optional[SplitRecord]:
    """The record of the examples at a path; None where there is none, or it is damaged."""
    try:
        with open(os.path.join(uri, FILE), encoding="utf-8") as file:
            return SplitRecord(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None
