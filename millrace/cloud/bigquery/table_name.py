"""The name of a table of BigQuery, as Vertex AI writes it: bq://PROJECT.DATASET.TABLE."""

import re
from dataclasses import dataclass

from millrace.base.errors import BadInput

_SCHEME = "bq://"
# https://cloud.google.com/bigquery/docs/tables#table_naming; a project of a domain is called example.com:PROJECT.
_NAME = re.compile(r"((?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9])\.([A-Za-z0-9_]{1,1024})\.([^.`\s/]{1,1024})")


@dataclass(frozen=True)
class TableName:
    """A table.

    Attributes:
        project: in which its data set is.
        dataset: in which it is.
        table: its own name.
    """

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{_SCHEME}{self.dotted}"

    @property
    def dotted(self) -> str:
        """As SQL names it, within backticks."""
        return f"{self.project}.{self.dataset}.{self.table}"


def is_table_name(text: str) -> bool:
    """Whether a text means a table of BigQuery, and no file."""
    return text.startswith(_SCHEME)


def table_name(text: str) -> TableName:
    """Reads a name.

    Args:
        text: `bq://PROJECT.DATASET.TABLE`.

    Raises:
        BadInput: it is another text.
    """
    match = _NAME.fullmatch(text.removeprefix(_SCHEME))
    if not is_table_name(text) or not match:
        raise BadInput("this is no name of a table of BigQuery", text, "write bq://PROJECT.DATASET.TABLE")
    return TableName(*match.groups())
