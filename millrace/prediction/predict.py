"""The prediction of a table: checked first, then scored by columns, part by part, and put in its place at the end."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import pyarrow as pa

from millrace.base.errors import BadInput, MillraceError, is_disk_full
from millrace.base.numbers import counted
from millrace.components.example_gen.section import Data
from millrace.model_server.about import About
from millrace.prediction.answers import answer_columns
from millrace.prediction.needed_columns import KEY
from millrace.prediction.progress import Progress
from millrace.prediction.scorer import in_this_process
from millrace.prediction.table_to_score import ROW, ROWS_AT_ONCE, TableToScore
from millrace.prediction.work_folder import Elsewhere, WorkFolder, identity_of_files

PART_ROWS = 100_000
"""Rows of a part: so many at most are scored again after an interruption."""

Engine = Callable[[TableToScore, int], Iterator[pa.RecordBatch]]
"""Scores a table but for so many rows at its beginning; gives the keys and the answers of the rest, in order."""


class Fetched(NamedTuple):
    """What a file was fetched from that stands for a table of another place.

    Attributes:
        title: that place, in messages.
        digest: of what was fetched: the same rows are scored once.
    """

    title: str
    digest: str


def predict(
    table: str,
    out: Path,
    folder: Path,
    about: About,
    data: Data,
    keys: Sequence[str],
    show: Callable[[Progress], None],
    engine: Optional[Engine] = None,
    part_rows: int = PART_ROWS,
    fetched: Optional[Fetched] = None,
    elsewhere: Optional[Elsewhere] = None,
) -> int:
    """Scores a table and writes its key columns and the predictions.

    Args:
        table: a file, or a folder of files.
        out: the result, `.parquet` or `.csv`.
        folder: the SavedModel.
        about: what it reads and predicts.
        data: how the training data is read.
        keys: columns that are handed through, each once.
        show: is told how far it is.
        engine: what scores it; by default this process.
        part_rows: rows that are written at once.
        fetched: where the file's rows are from; None where it is somebody's own.
        elsewhere: where the result goes in place of the file `out`, beside which it is made.

    Returns:
        How many rows there are.

    Raises:
        DataError: the table cannot be scored; nothing was scored.
        InputRefused: the model cannot score.
        BadInput: the result cannot be written.
        MillraceError: the disk is full; what was scored is kept.
    """
    work, keys = WorkFolder(out, elsewhere), tuple(dict.fromkeys(keys))
    require_other_names(keys, about)
    title = fetched.title if fetched else ""
    to_score = TableToScore(table, data, about.columns, keys, min(part_rows, ROWS_AT_ONCE), title)
    if out.resolve() in {file.resolve() for file in to_score.files}:
        raise BadInput("this is the table itself", str(out), "name another file with -o")
    identity: dict[str, Any] = {
        "table": list(fetched) if fetched else identity_of_files(to_score.files),
        "model": identity_of_files(sorted(file for file in folder.rglob("*") if file.is_file())),
        "reading": to_score.options.model_dump(mode="json"),
        "keys": list(keys),
        **({"elsewhere": elsewhere.identity} if elsewhere else {}),
    }
    rows = 0
    for rows in to_score.check():
        show(Progress("checking", rows))
    with work:
        done = work.begin(identity)
        scored = (engine or in_this_process(folder, about))(to_score, done)
        try:
            for part in _parts(scored, part_rows, lambda now: show(Progress("scoring", done + now, rows))):
                work.add(part)
            work.finish(rows)
        except OSError as error:
            if not is_disk_full(error):
                raise
            kept = work.begin(identity)
            raise MillraceError(
                f"there is no space left; {counted(kept, 'row')} of {rows:,} are scored and kept",
                str(work.folder),
                "make room, and give the same command: it goes on from there",
            ) from error
    return rows


def _parts(batches: Iterator[pa.RecordBatch], part_rows: int, show: Callable[[int], None]) -> Iterator[pa.Table]:
    """Scored rows in tables of about a size."""
    pending: list[pa.RecordBatch] = []
    seen = waiting = 0
    for batch in batches:
        pending.append(batch)
        seen, waiting = seen + batch.num_rows, waiting + batch.num_rows
        show(seen)
        if waiting >= part_rows:
            yield _joined(pending)
            pending, waiting = [], 0
    if pending:
        yield _joined(pending)


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    """One table; a key column that has no value in some batch has a type in the others."""
    schema = pa.unify_schemas([batch.schema for batch in batches])
    return pa.concat_tables([pa.Table.from_batches([batch]).cast(schema) for batch in batches])


def require_other_names(keys: Sequence[str], about: About) -> None:
    """Refuses keys that are called as a column of the answer.

    Args:
        keys: columns that are handed through.
        about: what the model predicts.

    Raises:
        BadInput: one is.
    """
    taken = {ROW, *answer_columns(about)}
    for key in keys:
        if key in taken:
            raise BadInput(
                f"{key} is a column of the answer, too", KEY, "leave it out, or rename the column in the table"
            )
