"""The rows of a query of BigQuery, fetched into a file for as long as they are scored."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

import pyarrow as pa
import pyarrow.parquet as pq

from millrace.base.errors import BadInput, DataError
from millrace.cloud.bigquery.table_name import TableName
from millrace.model_server.about import ModelColumn
from millrace.prediction.needed_columns import require_columns
from millrace.prediction.predict import Fetched
from millrace.prediction.progress import Progress

if TYPE_CHECKING:
    from google.cloud.bigquery import SchemaField

    from millrace.cloud.bigquery.client import BigQuery

# What TFX's BigQueryExampleGen takes, by the names of BigQuery's API and of its SQL.
_TYPES = frozenset({"INTEGER", "INT64", "FLOAT", "FLOAT64", "BOOLEAN", "BOOL", "STRING"})
_SCRATCH = ".millrace-rows-"
_RECORDS = frozenset({"RECORD", "STRUCT"})


class AskedRows(NamedTuple):
    """Rows of BigQuery.

    Attributes:
        query: that gives them.
        title: where it is written, or the table, in messages.
        table: whose columns may be chosen; None where the query is somebody's own.
    """

    query: str
    title: str
    table: Optional[TableName] = None


@contextlib.contextmanager
def fetched_rows(
    service: "BigQuery",
    asked: AskedRows,
    columns: Sequence[ModelColumn],
    keys: Sequence[str],
    folder: Path,
    show: Callable[[Progress], None],
) -> Iterator[tuple[str, Fetched]]:
    """Runs a query, once it is known that its rows can be scored.

    Args:
        service: that runs it.
        asked: the query.
        columns: what the model reads.
        keys: columns that are handed through.
        folder: in which there is room for the rows; it is made.
        show: is told how far it is.

    Yields:
        A Parquet file of the columns that are needed, and what it is of.

    Raises:
        DataError: a column is not there, or of a type that no example can hold; or there is no row.
        BadInput: it is no query; or nothing can be written.
        ServiceFailure: BigQuery says no, or says nothing.
    """
    from millrace.cloud.bigquery.query import describe, fetch

    described = describe(service, asked.query, asked.title)
    needed = _needed(described.columns, columns, keys, asked.title)
    query = asked.query
    if asked.table:
        query = f"SELECT {', '.join(f'`{column.name}`' for column in needed)} FROM `{asked.table.dotted}`"
    with _scratch(folder) as scratch:
        file = scratch / "rows.parquet"
        batches = fetch(service, query, needed, described.location, lambda doing: show(Progress(doing)))
        _write(file, batches, show)
        if not file.exists():
            raise DataError("there is not one row of data", asked.title, "ask for some that are there")
        yield str(file), Fetched(asked.title, _digest(file))


def _needed(
    there: Sequence["SchemaField"], columns: Sequence[ModelColumn], keys: Sequence[str], where: str
) -> list["SchemaField"]:
    """The columns that are fetched."""
    require_columns([column.name for column in there], columns, keys, where)
    wanted = {*(column.name for column in columns), *keys}
    needed = [column for column in there if column.name in wanted]
    for column in needed:
        if column.field_type not in _TYPES:
            name = column.name
            cast = f"SELECT {name}.FIELD AS {name}" if column.field_type in _RECORDS else f"CAST({name} AS STRING)"
            raise DataError(
                f"{name} is of type {column.field_type}, which no example can hold",
                where,
                f"ask by a query that makes a number or a text of it, such as {cast}",
            )
    return needed


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder for rows, which is locked; what a killed process has left of its own goes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{_SCRATCH}*"):
            with _locked(left) as is_left:
                if is_left:
                    shutil.rmtree(left, ignore_errors=True)
        made = tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=folder)
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", str(folder), "name another place with -o") from error
    with made as scratch, _locked(Path(scratch)):
        yield Path(scratch)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether a folder is there and nobody else's; nobody else has it for as long."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:  # whose it was has removed it
        yield False
        return
    try:
        yield _is_free(lock)
    finally:
        os.close(lock)


def _is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(file: Path, batches: Iterator[pa.RecordBatch], show: Callable[[Progress], None]) -> None:
    """Writes a row group a batch; no file where there is no row."""
    rows = 0
    with contextlib.ExitStack() as stack:
        writer: Optional[pq.ParquetWriter] = None
        for batch in batches:
            if not batch.num_rows:
                continue
            writer = writer or stack.enter_context(pq.ParquetWriter(file, batch.schema))
            writer.write_table(pa.Table.from_batches([batch]))
            rows += batch.num_rows
            show(Progress("fetching", rows))


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
