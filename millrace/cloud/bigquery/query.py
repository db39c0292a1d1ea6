"""A query of BigQuery: described before it costs anything, then run once, and its rows fetched by pages."""

import contextlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
from google.cloud import bigquery

from millrace.base.errors import BadInput
from millrace.cloud.bigquery.client import BigQuery

_ASKED = "to run the query"


class Described(NamedTuple):
    """What a query would give.

    Attributes:
        columns: of its rows.
        location: where it runs.
    """

    columns: tuple[bigquery.SchemaField, ...]
    location: str


def describe(service: BigQuery, sql: str, where: str) -> Described:
    """Has a query checked, which is free.

    Args:
        service: that would run it.
        sql: the query.
        where: it is written, for a message.

    Raises:
        BadInput: it is no query, but a statement that changes something.
        ServiceFailure: the service refuses it: it has a mistake, or a table is not there or not to be read.
    """
    settings = bigquery.QueryJobConfig(dry_run=True)
    asked = f"to look at {where}"
    job = service.call(asked, service.client.query, sql, job_config=settings, retry=None, job_retry=None)
    if job.statement_type not in (None, "SELECT"):
        raise BadInput(
            f"this is a {job.statement_type} of BigQuery's, and no query that gives rows", where, "write one SELECT"
        )
    return Described(tuple(job.schema or ()), job.location)


def fetch(
    service: BigQuery, sql: str, columns: Sequence[bigquery.SchemaField], location: str, show: Callable[[str], None]
) -> Iterator[pa.RecordBatch]:
    """Runs a query; whoever is interrupted meanwhile has it cancelled.

    Args:
        service: that runs it.
        sql: the query.
        columns: those that are fetched.
        location: where it runs.
        show: is told how far it is.

    Yields:
        Rows, a batch a page, in the result's order.

    Raises:
        ServiceFailure: the query fails, or the service cannot be reached.
    """
    job_id = f"millrace-predict-{uuid.uuid4().hex}"
    ask = service.client.query
    job = service.start(
        _ASKED,
        job_id,
        location,
        lambda: ask(sql, job_id=job_id, location=location, retry=None, job_retry=None, timeout=service.seconds),
    )
    try:
        done = service.over(_ASKED, job, show)
    except KeyboardInterrupt:
        service.cancel(job)
        raise
    with service.failures("for the query's rows"):
        # By REST, since a gRPC stream does not go through every proxy.
        rows = service.client.list_rows(done.destination, selected_fields=list(columns), timeout=service.seconds)
        with contextlib.closing(rows.to_arrow_iterable()) as batches:
            yield from batches
