"""A table of BigQuery as the place of a result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from millrace.cloud.bigquery.client import BigQuery
from millrace.cloud.bigquery.columns import column_names
from millrace.cloud.bigquery.load import Existing, load, location_of
from millrace.cloud.bigquery.table_name import TableName
from millrace.prediction.progress import Progress


@dataclass(frozen=True)
class BigQueryTable:
    """The table; see `millrace.prediction.work_folder.Elsewhere`, and `bigquery_table` for what it is made of."""

    service: BigQuery
    name: TableName
    existing: Existing
    location: str
    names: Mapping[str, str]
    show: Callable[[Progress], None]

    @property
    def title(self) -> str:
        """The table, in messages."""
        return str(self.name)

    @property
    def identity(self) -> str:
        """The table, and what becomes of rows that it has."""
        return f"{self.name}, {self.existing}"

    def put(self, file: Path) -> None:
        """Loads a file, once."""
        load(
            self.service, file, self.name, self.existing, self.location, self.names,
            lambda doing: self.show(Progress(doing)),
        )  # fmt: skip


def bigquery_table(
    service: BigQuery,
    name: TableName,
    existing: Existing,
    columns: Sequence[str],
    file: Path,
    show: Callable[[Progress], None],
) -> BigQueryTable:
    """Looks whether a table can take a result.

    Args:
        service: that has it.
        name: of the table.
        existing: what becomes of rows that are there.
        columns: of the result.
        file: that will be loaded.
        show: is told how far that is.

    Raises:
        BadInput: it cannot.
        ServiceFailure: there is no such data set, or the service does not let us look.
    """
    names = column_names(columns)
    location = location_of(service, file, name, existing, names.values())
    return BigQueryTable(service, name, existing, location, names, show)
