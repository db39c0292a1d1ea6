"""What an error of ML Metadata, or of SQLite below it, says of the store: with a way forward, and without SQL."""

import re
from pathlib import Path
from typing import Optional

from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2

from millrace.base.errors import BadInput, causes, machine_fault

_DAMAGED = re.compile(r"database disk image is malformed|file is not a database", re.IGNORECASE)
_NOT_READ = re.compile(r"disk I/O error", re.IGNORECASE)
_LOCKED = re.compile(r"database (table )?is locked", re.IGNORECASE)
_NOT_WRITABLE = re.compile(r"attempt to write a readonly database|unable to open database file", re.IGNORECASE)
# ML Metadata puts the query before and after what SQLite said of it.
_OF_A_QUERY = re.compile(r"(?:.*Error when executing query: )?(.*?)(?: query: .*)?")
# What ML Metadata raises over rows that do not fit together, and over a database that does not answer.
_OF_ITS_TABLES = (errors.InternalError, errors.DataLossError)


def place_of(connection: metadata_store_pb2.ConnectionConfig) -> str:
    """Where a store is: the path of its SQLite file, or its server as a URL, without user and password.

    Args:
        connection: as of `connections.metadata_connection`.
    """
    kind = connection.WhichOneof("config")
    if kind == "sqlite":
        return str(connection.sqlite.filename_uri)
    server = getattr(connection, kind)
    return f"{kind}://{server.host}:{server.port}/{server.dbname if kind == 'postgresql' else server.database}"


def file_problem(error: BaseException, place: str) -> Optional[BadInput]:
    """What an error, or what caused it, says of a SQLite file; None where it says nothing of one.

    Args:
        error: any exception, as caught.
        place: as of `place_of`.
    """
    if _is_server(place):
        return None
    for cause in map(str, causes(error)):
        if _LOCKED.search(cause):
            return BadInput(
                "ML Metadata's file is held by another process",
                where=place,
                remedy=f"wait until that has ended and run again; fuser {place} names it",
            )
        if _DAMAGED.search(cause):
            return unusable_file(place, "is damaged")
        if _NOT_READ.search(cause):
            remedy = f"look at the disk, and at what lies beside the file: ls -la {place}*"
            return BadInput("ML Metadata's file cannot be read: disk I/O error", where=place, remedy=remedy)
        if _NOT_WRITABLE.search(cause):
            remedy = f"see that you may write it and its folder: ls -ld {place} {Path(place).parent}"
            return BadInput("ML Metadata's file cannot be written", where=place, remedy=remedy)
    return None


def store_problem(error: BaseException, place: str) -> Optional[BadInput]:
    """What an error of an open store, or what caused it, says of the store; None when it is about something else.

    Args:
        error: any exception, as caught.
        place: as of `place_of`.
    """
    of_file = file_problem(error, place)
    if of_file:
        return of_file
    for cause in causes(error):
        if isinstance(cause, _OF_ITS_TABLES) and not machine_fault(cause):
            problem = f"cannot be read: {without_sql(cause)}"
            return _unusable_server(place, problem) if _is_server(place) else unusable_file(place, problem)
    return None


def is_locked(error: BaseException) -> bool:
    """Whether an error of SQLite says that another process holds the file."""
    return _LOCKED.search(str(error)) is not None


def without_sql(error: BaseException) -> str:
    """The first line of what ML Metadata says, without the query over which it says it.

    Args:
        error: one of ML Metadata's.
    """
    words = _OF_A_QUERY.fullmatch((str(error).splitlines() or [""])[0])
    return (words[1] if words else "") or type(error).__name__


def unusable_file(file: str, problem: str, is_whole: bool = False) -> BadInput:
    """The error to raise over a SQLite file with which nothing can be done.

    Args:
        file: its path.
        problem: what is wrong with it, as the end of a sentence about it.
        is_whole: whether nothing of it is lost, so that it is kept.
    """
    if is_whole:
        remedy = "use the stack that wrote it, with which all of it can be read; or name another root in the "
        return BadInput(
            f"ML Metadata's file {problem}", where=file, remedy=f"{remedy}configuration, where its history begins anew"
        )
    return BadInput(
        f"ML Metadata's file {problem}",
        where=file,
        remedy=f"put back a backup of it; or set it aside and run again: mv {file} {file}.damaged. The folders of runs "
        "and the pushed models stay as they are. The new history begins empty: everything is computed once, and there "
        "is no champion to compare with",
    )


def unreadable_file(file: Path, error: OSError) -> BadInput:
    """The error to raise over a file that may not be read, or to which a link does not lead.

    Args:
        file: its path.
        error: what the system said.
    """
    return BadInput(
        f"ML Metadata's file cannot be read: {error.strerror}",
        where=str(file),
        remedy=f"see that you may read and write it and its folder: ls -ld {file} {file.parent}",
    )


def _is_server(place: str) -> bool:
    return "://" in place


def _unusable_server(place: str, problem: str) -> BadInput:
    return BadInput(
        f"ML Metadata's database {problem}",
        where=place,
        remedy="see that it can be reached; where rows of its tables are gone put back a backup, or name an empty "
        "database in the metadata section of the configuration, whose history begins anew",
    )
