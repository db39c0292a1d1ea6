"""Rows on their way to another machine: tf.Examples with their row's number, and answers put back in their order."""

import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tfx.dsl.io import fileio

from millrace.base.errors import MillraceError
from millrace.components.example_gen import examples
from millrace.components.example_gen.shards import Packer
from millrace.prediction.scorer import beside_keys
from millrace.prediction.table_to_score import TableToScore

# No column of the data is called so; a model passes over what it does not read.
_ROW = "##ROW##"
_FILE_BYTES = 64 << 20


def write_examples(table: TableToScore, skipped: int, folder: str, show: Callable[[str, int], None]) -> int:
    """Writes gzipped TFRecords, `*.gz`, each of some 64 MiB before it was compressed.

    Args:
        table: what is scored.
        skipped: rows at its beginning that are left out.
        folder: a path or a URI; it is made.
        show: is told what is done, and of how many rows.

    Returns:
        How many rows were written.
    """
    fileio.makedirs(folder)
    count = number = size = 0
    packer = Packer()

    def finish() -> None:
        with fileio.open(os.path.join(folder, f"data_tfrecord-{number:05d}.gz"), "wb") as file:
            file.write(packer.finish())

    for rows in table.rows(skipped):
        numbers = rows.keys.column(0)
        each = pa.LargeListArray.from_arrays(pa.array(np.arange(len(numbers) + 1)), numbers)
        names = [*rows.features.schema.names, _ROW]
        for _, framed in examples.encode(pa.RecordBatch.from_arrays([*rows.features.columns, each], names)):
            packer.add(framed.rows)
            size += framed.rows.nbytes
        count += len(numbers)
        show("writing", count)
        if size >= _FILE_BYTES:
            finish()
            packer, number, size = Packer(), number + 1, 0
    if size:
        finish()
    return count


def row_numbers(records: Sequence[bytes]) -> np.ndarray:
    """The numbers of rows, int64, from the examples that `write_examples` wrote."""
    return tf.io.parse_example(list(records), {_ROW: tf.io.FixedLenFeature([], tf.int64)})[_ROW].numpy()


def in_the_rows_order(
    table: TableToScore, skipped: int, numbers: Sequence[np.ndarray], answered: Sequence[pa.RecordBatch], where: str
) -> Iterator[pa.RecordBatch]:
    """Puts answers behind the keys of their rows.

    Args:
        table: what is scored.
        skipped: rows at its beginning that were left out.
        numbers: of the rows that were answered, in parts.
        answered: the answers, in the same parts.
        where: they come from, for a message.

    Raises:
        MillraceError: a row has no answer, or two.
    """
    together = np.concatenate([np.zeros(0, np.int64), *numbers])
    order = np.argsort(together)
    sorted_answers = pa.Table.from_batches(answered).take(pa.array(order)) if answered else None
    start = 0
    for rows in table.rows(skipped):
        asked = np.asarray(rows.keys.column(0))
        if sorted_answers is None or not np.array_equal(together[order[start : start + len(asked)]], asked):
            raise MillraceError(
                f"there are {len(order):,} answers, and rows from {asked[0]:,} to {asked[-1]:,} have not one each",
                where,
                "give the same command again",
            )
        of_rows = sorted_answers.slice(start, len(asked)).combine_chunks()
        start += len(asked)
        yield beside_keys(rows, of_rows.to_batches()[0])
