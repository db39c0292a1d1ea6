"""The refusal of a table that cannot be turned into examples, as plain JSON between workers and the executor."""

import json

from millrace.base.errors import DataError


def to_json(refusal: DataError) -> str:
    """A refusal as one line of JSON, to be read back by `from_json`."""
    return json.dumps({"what": refusal.what, "where": refusal.where, "remedy": refusal.remedy}, sort_keys=True)


def from_json(text: str) -> DataError:
    """The refusal that `to_json` wrote."""
    return DataError(**json.loads(text))
