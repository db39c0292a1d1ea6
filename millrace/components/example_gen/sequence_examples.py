"""TFRecords of tf.train.SequenceExample, their checksums looked at, in batches of the types of a split."""

import itertools
from collections.abc import Iterator

import pyarrow as pa
import tensorflow as tf

from millrace.base.errors import DataError
from millrace.components.example_gen import csv_source
from millrace.tables.sequence_examples import no_sequence_examples, sequence_batch

_ROWS = 1024


def types(path: str) -> pa.Schema:
    """The types of a file's columns: lists of int64, float32 or binary.

    Raises:
        DataError: the file is no TFRecord, a record no SequenceExample, or two columns have one name.
    """
    found: dict[str, pa.DataType] = {}
    for batch in _decoded(path):
        for field in batch.schema:
            if found.get(field.name, pa.null()) in (field.type, pa.null()):
                found[field.name] = field.type
            elif not pa.types.is_null(field.type):
                raise DataError(
                    f"column {field.name!r} is {field.type} in some records, and {found[field.name]} in others",
                    path,
                    "give the feature one kind in all records",
                )
    if not found:
        raise DataError("the file has no record with a feature", path, "remove it, or put the data there")
    return pa.schema(list(found.items()))


def batches(path: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Reads a file with the types of its split; a column that it has not is null.

    Raises:
        DataError: as `types`.
    """
    for batch in _decoded(path):
        columns = []
        for field in schema:
            place = batch.schema.get_field_index(field.name)
            missing = place < 0 or pa.types.is_null(batch.column(place).type)
            columns.append(pa.nulls(batch.num_rows, field.type) if missing else batch.column(place))
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _decoded(path: str) -> Iterator[pa.RecordBatch]:
    compression = "GZIP" if csv_source.is_compressed(path) else ""
    records = tf.data.TFRecordDataset(path, compression_type=compression).batch(_ROWS).as_numpy_iterator()
    for first in itertools.count(1, _ROWS):
        where = f"{path}, records {first} to {first + _ROWS - 1}"
        try:
            serialized = next(records, None)
        except tf.errors.DataLossError as error:
            raise no_sequence_examples(error, where) from error
        if serialized is None:
            return
        yield sequence_batch(serialized.tolist(), where)
