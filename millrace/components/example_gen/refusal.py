"""The refusal of a table that cannot be turned into examples, as an exception and as plain JSON between workers."""

import json


class UnreadableTable(Exception):
    """The input cannot be read as a table.

    Args:
        what: one sentence, what is wrong.
        where: the file, and the line where one is known.
        remedy: what to do about it.
    """

    exit_code = 2

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"\n  remedy: {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{advice}"

    def to_json(self) -> str:
        """The refusal as one line of JSON, to be read back by `from_json`."""
        return json.dumps({"what": self.what, "where": self.where, "remedy": self.remedy}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "UnreadableTable":
        """The refusal that `to_json` wrote."""
        return cls(**json.loads(text))
