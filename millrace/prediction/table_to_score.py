"""A table that a model is to score: read as ExampleGen reads the training data, in the types that the model reads.

What the configuration says of cells (NA values, numbers as people write them, images) holds here too. What chooses rows
for training does not: every row of the table is scored.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tfx.proto import example_gen_pb2
from tfx_bsl.coders import example_coder

from millrace.base.cores import cores
from millrace.base.errors import DataError
from millrace.components.example_gen import (
    csv_columns,
    csv_source,
    image_folders,
    images,
    parquet_source,
    row_values,
    whole_files,
)
from millrace.components.example_gen.configured import reading_of
from millrace.components.example_gen.csv_source import ByteRange, RecordBlock
from millrace.components.example_gen.image_folders import ImageFiles
from millrace.components.example_gen.options import Options
from millrace.components.example_gen.parquet_source import RowGroups
from millrace.components.example_gen.plan import Work, make_plan
from millrace.components.example_gen.section import Data
from millrace.components.example_gen.stages import in_order
from millrace.components.example_gen.whole_files import WholeFile
from millrace.init.sources import Source, find_source
from millrace.model_server.about import ModelColumn
from millrace.prediction.column_types import as_model_reads, cells_as_model_reads
from millrace.prediction.needed_columns import KEY, require_columns
from millrace.tables import tfrecords
from millrace.tables.headers import decoded

ROW = "row"
"""The column with each row's number in the table, from 1."""

ROWS_AT_ONCE = 16_384

# An image has some hundred kilobytes.
_IMAGES_AT_ONCE = 256
_RECORDS_AT_ONCE = 4096
# One unit of work a file: rows are resumed by their number, and not by a file's parts.
_WHOLE_FILE = 1 << 62
# Small enough that several are scored side by side, and that progress is seen.
_BLOCK_BYTES = 2 << 20


class RowsToScore(NamedTuple):
    """Rows of a table that follow each other.

    Attributes:
        features: what the model reads, as `millrace.components.example_gen.examples` encodes it.
        keys: `ROW` and the key columns, one value a row: text or numbers, null where there is none.
    """

    features: pa.RecordBatch
    keys: pa.RecordBatch


class TableToScore:
    """The files of one table, and how they are read.

    Args:
        given: a file, or a folder of files of one format; `package:NAME/PATH` for what a package brings.
        data: how the training data is read.
        columns: what the model reads.
        keys: columns that are handed through.
        rows_at_once: rows that are scored together at most.
        fetched: what the file was fetched from, as messages name it; empty where it is somebody's own.

    Raises:
        DataError: nothing is there, it is no table, or a column is not there.
    """

    def __init__(
        self,
        given: str,
        data: Data,
        columns: Sequence[ModelColumn],
        keys: Sequence[str],
        rows_at_once: int = ROWS_AT_ONCE,
        fetched: str = "",
    ) -> None:
        source, self._given, self._fetched = find_source([given]), fetched or given, fetched
        self.files = source.files
        self.options = _options(source, data, bool(fetched))
        self._columns, self._keys = tuple(columns), tuple(keys)
        self._images = [column.name for column in columns if column.image or column.name in self.options.images]
        self.rows_at_once = min(rows_at_once, _IMAGES_AT_ONCE) if self._images else rows_at_once
        self._wanted = list(dict.fromkeys([*(column.name for column in columns), *keys]))
        self._is_records = source.format == "tfrecord"
        self._work: tuple[Work, ...] = ()
        self._header: tuple[str, ...] = ()
        if not self._is_records:
            split = example_gen_pb2.Input.Split(name="table", pattern=source.pattern)
            one_split = example_gen_pb2.Input(splits=[split])
            plan = make_plan(str(source.folder), one_split, example_gen_pb2.Output(), self.options)
            self._work, self._header = plan.work, plan.columns[0] if plan.columns else ()
            for work in self._work:
                self._require(self._names(work), str(getattr(work, "path", source.folder)))

    def check(self) -> Iterator[int]:
        """Reads the whole table once, but for the contents of images, and scores nothing.

        Yields:
            How many rows have been read so far.

        Raises:
            DataError: a value is none that the model reads, told with its line or row; or there is no row.
        """
        rows = 0
        seen: set[str] = set()
        for batch, _ in self._batches():
            seen.update(batch.schema.names)
            self._typed(batch, rows + 1)
            rows += batch.num_rows
            yield rows
        if not rows:
            where = self._fetched or str(self.files[0])
            raise DataError("there is not one row of data", where, "give a table that has some")
        if self._is_records:
            self._require(seen, str(self.files[0]))

    def rows(self, skipped: int = 0) -> Iterator[RowsToScore]:
        """Reads the rows in the table's order, `rows_at_once` at most.

        Args:
            skipped: how many to leave out at the beginning.

        Raises:
            DataError: as `check`, or an image cannot be read.
        """
        first = 1
        for batch, path in self._batches(skipped):
            for start in range(0, batch.num_rows, self.rows_at_once):
                part = batch.slice(start, self.rows_at_once)
                yield self._typed(part, skipped + first, path)
                first += part.num_rows

    def _typed(self, batch: pa.RecordBatch, first: int, images_beside: str = "") -> RowsToScore:
        """Rows by the model's types; with a file named, images that are paths beside it have become their bytes."""

        def column_of(rows: pa.RecordBatch, name: str) -> pa.Array:
            place = rows.schema.get_field_index(name)
            return rows.column(place) if place >= 0 else pa.nulls(rows.num_rows)

        # A key is handed through as the table has it: the path, and not what lies there.
        keys = [_key(column_of(batch, name), name) for name in self._keys]
        if images_beside and self._images:
            batch = images.with_contents(batch, self._images, images_beside)
        read = [as_model_reads(column_of(batch, column.name), column, first, self._given) for column in self._columns]
        numbers = pa.array(np.arange(first, first + batch.num_rows))
        return RowsToScore(
            pa.RecordBatch.from_arrays(read, [column.name for column in self._columns]),
            pa.RecordBatch.from_arrays([numbers, *keys], [ROW, *self._keys]),
        )

    def _batches(self, skipped: int = 0) -> Iterator[tuple[pa.RecordBatch, str]]:
        """The rows, and the file beside which the paths of images lie; empty where the images are there already."""
        for batch, path in self._records() if self._is_records else self._of_work():
            left_out = min(skipped, batch.num_rows)
            skipped -= left_out
            if left_out < batch.num_rows:
                yield batch.slice(left_out), path

    def _of_work(self) -> Iterator[tuple[pa.RecordBatch, str]]:
        for work in self._work:
            path = "" if isinstance(work, ImageFiles) else work.path
            for batch in self._features(work):
                yield batch, path

    def _features(self, work: Work) -> Iterator[pa.RecordBatch]:
        if isinstance(work, RowGroups):
            return parquet_source.batches(work, self.options)
        if isinstance(work, ImageFiles):
            return image_folders.batches(work)
        if isinstance(work, WholeFile):
            return whole_files.batches(work, self.options)
        blocks = csv_source.blocks(work, False, False, self.options)
        return in_order(self._parser(work), blocks, cores())

    def _parser(self, work: ByteRange) -> Callable[[RecordBlock], pa.RecordBatch]:
        # Of columns of one name the last counts, as in ExampleGen.
        places = {name: place for place, name in enumerate(self._header)}
        columns = {column.name: column for column in self._columns}

        def parse(block: RecordBlock) -> pa.RecordBatch:
            cells = csv_columns.parse(block, work.path, self._header, self.options)
            read = [
                cells_as_model_reads(cells[places[name]], name, columns.get(name), block, work.path)
                for name in self._wanted
            ]
            return pa.RecordBatch.from_arrays(read, self._wanted)

        return parse

    def _records(self) -> Iterator[tuple[pa.RecordBatch, str]]:
        decode = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch
        for file in self.files:
            with csv_source.opened(str(file)) as stream:
                pending: list[bytes] = []
                for record in tfrecords.records(stream, str(file)):
                    pending.append(record)
                    if len(pending) == _RECORDS_AT_ONCE:
                        yield _decoded(decode, pending, file), ""
                        pending = []
                if pending:
                    yield _decoded(decode, pending, file), ""

    def _names(self, work: Work) -> Collection[str]:
        if isinstance(work, RowGroups):
            with csv_source.opened(work.path) as file:
                return list(pq.read_schema(file).names)
        if isinstance(work, WholeFile):
            return list(work.types.names)
        return image_folders.COLUMNS if isinstance(work, ImageFiles) else self._header

    def _require(self, names: Collection[str], where: str) -> None:
        require_columns(names, self._columns, self._keys, self._fetched or where)


def _options(source: Source, data: Data, is_fetched: bool) -> Options:
    """How the table is read: as the training data, as far as it is of the same format."""
    of_training = Options.model_validate(reading_of(data))
    changes = {
        "format": "csv" if source.format == "tfrecord" else source.format,
        "splits": None,
        "where": "",
        "leave_out": (),
        "key": "",
        "range_bytes": _WHOLE_FILE,
        "block_bytes": min(of_training.block_bytes, _BLOCK_BYTES),
    }
    if is_fetched or source.format != data.format:
        changes |= {"header": "csv", "header_line": 1, "values": "all"}
    return of_training.model_copy(update=changes)


def _key(column: pa.Array, name: str) -> pa.Array:
    values = row_values.one_value(column, name, KEY)
    if not pa.types.is_large_binary(values.type):
        return values
    try:
        return values.cast(pa.large_string()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if value is None else decoded(value) for value in values.to_pylist()], pa.string())


def _decoded(decode: Callable[[list[bytes]], pa.RecordBatch], records: list[bytes], file: Path) -> pa.RecordBatch:
    try:
        return decode(records)
    except (ValueError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"these are no tf.Examples of one kind each: {first}", str(file), "write them again") from error
