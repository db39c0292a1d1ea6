"""The refusal of a table that cannot be turned into examples, as an exception and as plain JSON between workers."""

import json

from millrace.base.errors import DataError


class UnreadableTable(DataError):
    """The input cannot be read as a table; a worker writes it down as JSON, and the executor raises it."""

    def to_json(self) -> str:
        """The refusal as one line of JSON, to be read back by `from_json`."""
        return json.dumps({"what": self.what, "where": self.where, "remedy": self.remedy}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "UnreadableTable":
        """The refusal that `to_json` wrote."""
        return cls(**json.loads(text))
