"""A Parquet file that becomes a table of BigQuery, by a load job: all of it, or nothing."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
from google.cloud import bigquery

from millrace.base import files
from millrace.base.errors import BadInput
from millrace.cloud.bigquery.client import BigQuery
from millrace.cloud.bigquery.columns import fields
from millrace.cloud.bigquery.table_name import TableName

Existing = Literal["refuse", "replace", "append"]
"""What becomes of a table that has rows already."""

EXISTING = "--existing"
_DISPOSITIONS = {"refuse": "WRITE_EMPTY", "replace": "WRITE_TRUNCATE", "append": "WRITE_APPEND"}


def location_of(service: BigQuery, file: Path, name: TableName, existing: Existing, columns: Iterable[str]) -> str:
    """Looks whether a table can be written, before there is anything to write.

    Args:
        service: that loads it.
        file: that will be loaded; where a job of `load` has done that already, its rows are no objection.
        name: of the table.
        existing: what becomes of rows that are there.
        columns: that will be written, by their names there.

    Returns:
        The location of its data set.

    Raises:
        BadInput: it has rows and may not be changed, or it lacks a column.
        ServiceFailure: there is no such data set, or the service does not let us look.
    """
    dataset = service.call(
        f"for the data set {name.dataset}", service.client.get_dataset, f"{name.project}.{name.dataset}", retry=None
    )
    location = str(dataset.location)
    table = service.table(name.dotted)
    if table is not None and existing == "refuse" and table.num_rows and not _earlier(service, file, location):
        raise BadInput(
            f"there is a table already, with {table.num_rows:,} rows",
            str(name),
            f"name another with -o, or say what becomes of it: {EXISTING} replace, or {EXISTING} append",
        )
    if table is not None and existing != "replace":
        there = {field.name.lower() for field in table.schema}
        lacking = [column for column in columns if column.lower() not in there]
        if lacking and there:
            raise BadInput(
                f"the table that is there has no column {', '.join(lacking[:5])}",
                str(name),
                f"name another with -o, or {EXISTING} replace",
            )
    return location


def load(
    service: BigQuery,
    file: Path,
    name: TableName,
    existing: Existing,
    location: str,
    names: Mapping[str, str],
    show: Callable[[str], None],
) -> None:
    """Loads a file once, although this is called again after an interruption.

    The job's id stands beside the file, from before the job is made: who comes again asks what became of it.

    Args:
        service: that loads it.
        file: Parquet.
        name: of the table, which is made where it is not there.
        existing: what becomes of rows that are there.
        location: of its data set.
        names: of its columns, by what they are here.
        show: is told how far it is.

    Raises:
        ServiceFailure: the service says no, or says nothing; the table is as it was.
    """
    asked, kept = f"to load {name}", _kept(file)
    job = _earlier(service, file, location)
    if job is None:
        # An id that the service does not know is used again: its request may still be on the way.
        job_id = kept.read_text(encoding="utf-8") if kept.is_file() else ""
        if not job_id or service.job(job_id, location):
            job_id = f"millrace-predict-{uuid.uuid4().hex}"
            files.write(kept, job_id)
        settings = _settings(service, file, name, existing, names)

        def send() -> bigquery.LoadJob:
            with file.open("rb") as rows:
                return service.client.load_table_from_file(
                    rows, name.dotted, job_id=job_id, location=location, job_config=settings, timeout=service.seconds
                )

        show(f"sending the predictions for {name}")
        job = service.start(asked, job_id, location, send)
    service.over(asked, job, show)


def _kept(file: Path) -> Path:
    return file.with_name(f"{file.name}.job")


def _earlier(service: BigQuery, file: Path, location: str) -> Any:
    """The job that was made for a file and has not failed; None where there is none."""
    kept = _kept(file)
    job = service.job(kept.read_text(encoding="utf-8"), location) if kept.is_file() else None
    return None if job is None or job.error_result else job


def _settings(
    service: BigQuery, file: Path, name: TableName, existing: Existing, names: Mapping[str, str]
) -> bigquery.LoadJobConfig:
    parquet = bigquery.ParquetOptions()
    parquet.enable_list_inference = True
    settings = bigquery.LoadJobConfig(
        source_format="PARQUET", write_disposition=_DISPOSITIONS[existing], labels={"millrace": "predict"}
    )
    settings.parquet_options = parquet
    if existing == "replace" or service.table(name.dotted) is None:
        # A table that is kept says itself what its columns are.
        settings.schema = fields(pq.read_schema(file), names)
    return settings
