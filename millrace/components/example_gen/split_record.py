"""How the rows of a table were divided, as `splits.json` beside the examples: what a person should know of it.

It is written where a split is by more than the rows' own hashes, or where a key is followed; TFX's components list
`URI/Split-*` only.
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
    """

    rows: dict[str, int]
    ends: dict[str, str] = field(default_factory=dict)
    key: str = ""
    keys: int = 0
    shared: int = 0

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
