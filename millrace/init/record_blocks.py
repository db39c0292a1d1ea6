"""Avro, TFRecord and JSON lines tables as columns: all of a table's records, or its beginning where it is large."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from millrace.base.errors import DataError
from millrace.components.example_gen.parquet_values import prepared
from millrace.init.sources import Source
from millrace.tables.avro import avro_batches
from millrace.tables.files import opened
from millrace.tables.sequence_examples import sequence_batch
from millrace.tables.tfrecords import is_sequence_example, records

_ROWS = 16_384
_MOST_BYTES = 128 << 20
_PROBED = 1_000


def read_records(source: Source, whole_bytes: int) -> tuple[pa.Table, bool]:
    """Reads a table, of a large one its beginning.

    Args:
        source: the files.
        whole_bytes: most bytes of columns that are read; never more than fit into memory.

    Returns:
        A table with a row a record, single values as columns of them and several as lists; and whether it is whole.

    Raises:
        DataError: a file is damaged, holds no record, or has fields that no column has.
    """
    if source.format == "image_folders":
        return _image_paths(source), True
    batches: list[pa.Table] = []
    size = 0
    for file in source.files:
        with opened(file) as stream:
            for batch in _batches(stream, file, source.format):
                batches.append(pa.Table.from_batches([batch]))
                size += batch.nbytes
                if size >= min(whole_bytes, _MOST_BYTES):
                    return _together(batches, source), False
            # Columns take less than lines of JSON that name them each time: they may be few, and the file not whole.
            if stream.read(1):
                return _together(batches, source), False
    return _together(batches, source), True


def _image_paths(source: Source) -> pa.Table:
    """The columns that ExampleGen makes of a folder for each class, with the path in the place of the image."""
    paths = [file.relative_to(source.folder).as_posix() for file in source.files]
    return pa.table({"image": paths, "class": [file.parent.name for file in source.files], "path": paths})


def _together(batches: list[pa.Table], source: Source) -> pa.Table:
    try:
        schema = pa.unify_schemas([table.schema for table in batches])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"a feature has values of different types: {error}",
            where=str(source.files[0]),
            remedy="write each feature with one type",
        ) from error
    table = pa.concat_tables([_with_all(table, schema) for table in batches]).combine_chunks()
    columns = [_single(column.chunk(0) if column.num_chunks else pa.nulls(0)) for column in table.columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _with_all(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with every column of a schema; one that it lacks, or has no value of, is null."""
    columns = [
        table[field.name]
        if field.name in table.column_names and not pa.types.is_null(table.schema.field(field.name).type)
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _batches(stream: IO[bytes], file: Path, format: str) -> Iterator[pa.RecordBatch]:
    if format == "avro":
        for batch in avro_batches(stream, str(file), _ROWS):
            yield pa.RecordBatch.from_arrays([prepared(column) for column in batch.columns], batch.schema.names)
        return
    if format == "jsonl":
        yield from _json_lines(stream, file)
        return
    pending: list[bytes] = []
    decode: Optional[Callable[[list[bytes]], pa.RecordBatch]] = None
    for record in records(stream, str(file)):
        pending.append(record)
        if len(pending) == _ROWS:
            decode = decode or _decoder(pending, file)
            yield decode(pending)
            pending = []
    if pending:
        yield (decode or _decoder(pending, file))(pending)


def _json_lines(stream: IO[bytes], file: Path) -> Iterator[pa.RecordBatch]:
    """What a line lacks is null; of a large file its beginning, since Arrow reads JSON as a whole."""
    start = stream.read(_MOST_BYTES)
    text = start if len(start) < _MOST_BYTES else start[: start.rfind(b"\n") + 1]
    reading = pyarrow.json.ReadOptions(use_threads=False, block_size=max(len(text) + 1, 1 << 16))
    try:
        table = pyarrow.json.read_json(pa.BufferReader(text), reading)
        times = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
        if times:  # a text that looks like a time is a text, written as it is
            parsing = pyarrow.json.ParseOptions(explicit_schema=pa.schema([(name, pa.string()) for name in times]))
            table = pyarrow.json.read_json(pa.BufferReader(text), reading, parsing)
    except pa.ArrowInvalid as error:
        remedy = "give one JSON object a line, and each key one type"
        raise DataError(f"this cannot be read as JSON lines: {error}", where=str(file), remedy=remedy) from error
    _require_values(table, file)
    yield from table.to_batches()


def _require_values(table: pa.Table, file: Path) -> None:
    """Refuses what ExampleGen would refuse: objects in objects, and lists with a null."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_struct(column.type):
            raise DataError(
                f"{name!r} holds objects, which an example cannot hold",
                where=str(file),
                remedy="write their parts as keys of their own, or leave the key out",
            )
        if pa.types.is_list(column.type) and any(lists.values.null_count for lists in column.chunks):
            raise DataError(
                f"{name!r} has lists with nulls inside",
                where=str(file),
                remedy="fill the nulls, or leave them out",
            )


def _decoder(some: list[bytes], file: Path) -> Callable[[list[bytes]], pa.RecordBatch]:
    """The decoder for what the records are; it says itself where they are no examples."""
    if any(map(is_sequence_example, some[:_PROBED])):
        return lambda serialized: sequence_batch(serialized, str(file))
    # It is compiled, and of use for this format alone.
    from tfx_bsl.coders import example_coder

    decode: Callable[[list[bytes]], pa.RecordBatch] = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch
    return decode


def _single(column: pa.Array) -> pa.Array:
    """A column of lists of at most one value as a column of these values, missing where there is none."""
    if not pa.types.is_large_list(column.type):
        return column
    lengths = np.asarray(pc.fill_null(pc.list_value_length(column), 0))
    if lengths.max(initial=0) > 1:
        return column
    places = np.where(lengths > 0, np.cumsum(lengths) - 1, 0)
    values = column.flatten()
    if not len(values):
        return pa.nulls(len(column))
    values = values.take(pa.array(places, mask=lengths == 0))
    return values.cast(pa.large_string()) if pa.types.is_large_binary(values.type) and _is_text(values) else values


def _is_text(values: pa.Array) -> bool:
    try:
        values.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True
