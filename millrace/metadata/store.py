"""Opens ML Metadata: its file is looked at first, and what its calls raise says what a person can do about it."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_metadata import MetadataStore, errors
from ml_metadata.proto import metadata_store_pb2

from millrace.base.errors import BadInput, is_disk_full, no_space_left
from millrace.metadata.store_errors import file_problem, place_of, store_problem, unusable_file, without_sql
from millrace.metadata.store_file import require_usable


def open_connection(connection: metadata_store_pb2.ConnectionConfig, has_run: Callable[[], bool]) -> MetadataStore:
    """Opens a store, and makes its tables when they are not there yet.

    Args:
        connection: as of `connections.metadata_connection`.
        has_run: says whether stages have run with this store, so that an empty file is a loss.

    Raises:
        BadInput: the store does not answer, or refuses, or its file is damaged, half of a store, or held by another
            process. What is asked of the open store raises it too.
        OSError: there is no space left.
    """
    place = place_of(connection)
    logging.getLogger("absl").addFilter(_said_by_its_error)
    if connection.HasField("sqlite"):
        require_usable(Path(place), has_run)
    try:
        return _ExplainedStore(connection, enable_upgrade_migration=True)
    except (errors.StatusError, RuntimeError) as error:
        if is_disk_full(error):
            raise no_space_left(place) from error
        raise file_problem(error, place) or _not_opened(error, place, connection.HasField("sqlite")) from error


def _not_opened(error: BaseException, place: str, is_file: bool) -> BadInput:
    words = without_sql(error)
    if is_file:
        return unusable_file(place, f"cannot be opened: {words}")
    return BadInput(
        f"ML Metadata cannot be opened: {words}",
        where=place,
        remedy="check the metadata section of the configuration, and that the database can be reached",
    )


def _said_by_its_error(record: logging.LogRecord) -> bool:
    """Whether a line of a log is none of those that its client writes before it raises the same, with the query."""
    return not record.getMessage().startswith("mlmd client ") or "Error: " not in record.getMessage()


class _ExplainedStore(MetadataStore):
    """Every call of ML Metadata's client goes through one method; so does every error."""

    def _call(self, *arguments: Any, **named: Any) -> None:
        try:
            super()._call(*arguments, **named)
        except errors.StatusError as error:
            problem = store_problem(error, place_of(self._config))
            if problem is None:
                raise
            raise problem from error
