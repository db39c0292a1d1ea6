"""Avro and TFRecord tables as columns: all of a table's records, or its beginning where it is large."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.base.errors import DataError
from millrace.components.example_gen.parquet_values import prepared
from millrace.init.sources import Source
from millrace.tables.avro import avro_batches
from millrace.tables.files import opened
from millrace.tables.tfrecords import records

_ROWS = 16_384
_MOST_BYTES = 128 << 20
_SEQUENCES = "##SEQUENCE##"
_FEATURE_LISTS = 2  # the field's number in tf.train.SequenceExample


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
    batches: list[pa.Table] = []
    size = 0
    for file in source.files:
        for batch in _batches(file, source.format):
            batches.append(pa.Table.from_batches([batch]))
            size += batch.nbytes
            if size >= min(whole_bytes, _MOST_BYTES):
                return _together(batches, source), False
    return _together(batches, source), True


def _together(batches: list[pa.Table], source: Source) -> pa.Table:
    try:
        table = pa.concat_tables(batches, promote=True).combine_chunks()
    except pa.ArrowInvalid as error:
        raise DataError(
            f"a feature has values of different types: {error}",
            where=str(source.files[0]),
            remedy="write each feature with one type",
        ) from error
    columns = [_single(column.chunk(0) if column.num_chunks else pa.nulls(0)) for column in table.columns]
    names = [name if isinstance(name, str) else name.decode() for name in table.column_names]
    return pa.Table.from_arrays(columns, names=names)


def _batches(file: Path, format: str) -> Iterator[pa.RecordBatch]:
    with opened(file) as stream:
        if format == "avro":
            for batch in avro_batches(stream, str(file), _ROWS):
                yield pa.RecordBatch.from_arrays([prepared(column) for column in batch.columns], batch.schema.names)
            return
        pending: list[bytes] = []
        decode: Optional[Any] = None
        for record in records(stream, str(file)):
            pending.append(record)
            if len(pending) == _ROWS:
                decode = decode or _decoder(pending)
                yield decode(pending)
                pending = []
        if pending:
            yield (decode or _decoder(pending))(pending)


def _decoder(some: list[bytes]) -> Any:
    """tfx_bsl's decoder for what the records are; it says itself where they are no examples."""
    # It is compiled, and of use for this format alone.
    from tfx_bsl.coders import example_coder, sequence_example_coder

    if not any(_has_field(record, _FEATURE_LISTS) for record in some[:1_000]):
        return example_coder.ExamplesToRecordBatchDecoder().DecodeBatch
    decoder = sequence_example_coder.SequenceExamplesToRecordBatchDecoder(_SEQUENCES)
    return lambda serialized: _flat(decoder.DecodeBatch(serialized))


def _has_field(record: bytes, number: int) -> bool:
    """Whether a protocol buffer has a field at its top, which holds a message."""
    position = 0
    while position < len(record):
        key, position = _varint(record, position)
        if key >> 3 == number:
            return True
        if key & 7 != 2:  # no message: these are no examples, which the decoder says
            return False
        length, position = _varint(record, position)
        position += length
    return False


def _varint(record: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(record):
        byte = record[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            break
        shift += 7
    return value, position


def _flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Context features beside feature lists, of each of which the steps' values stand one behind the other."""
    columns, names = [], []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name != _SEQUENCES:
            columns.append(column)
            names.append(name)
            continue
        for place in range(column.type.num_fields):
            lists = column.field(place)
            names.append(column.type[place].name)
            columns.append(_joined(lists) if not pa.types.is_null(lists.type) else lists)
    return pa.RecordBatch.from_arrays(columns, names)


def _joined(lists: pa.Array) -> pa.Array:
    """Lists of lists as lists of all their values."""
    if not (pa.types.is_large_list(lists.type.value_type) or pa.types.is_list(lists.type.value_type)):
        return lists
    inner = lists.values
    ends = np.asarray(inner.offsets).astype(np.int64)[np.asarray(lists.offsets)]
    return pa.LargeListArray.from_arrays(pa.array(ends), inner.values)


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
