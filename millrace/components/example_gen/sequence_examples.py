"""TFRecords of tf.train.SequenceExample: what is in `context` as columns, and each feature list as a column of lists.

The values of a feature list's steps stand one after the other in the row's list; a step may have any number of them.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
from tfx_bsl.coders import sequence_example_coder

from millrace.base.errors import DataError
from millrace.components.example_gen import csv_source

_ROWS = 1024
# What tfx_bsl calls the column in which it puts the feature lists; no column of the data is called so.
_LISTS = "##SEQUENCE##"
_ADVICE = "give TFRecords of tf.train.SequenceExample, or of tf.Example with the format tfrecord"


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
    decoder = sequence_example_coder.SequenceExamplesToRecordBatchDecoder(_LISTS)
    compression = "GZIP" if csv_source.is_compressed(path) else ""
    records = tf.data.TFRecordDataset(path, compression_type=compression).batch(_ROWS)
    rows = 0
    try:
        for serialized in records.as_numpy_iterator():
            yield _flat(decoder.DecodeBatch(serialized.tolist()), path)
            rows += len(serialized)
    except (ValueError, RuntimeError, tf.errors.DataLossError) as error:
        where = f"{path}, records {rows + 1} to {rows + _ROWS}"
        raise DataError(f"this is no TFRecord of SequenceExamples: {error}", where, _ADVICE) from error


def _flat(batch: pa.RecordBatch, path: str) -> pa.RecordBatch:
    """The feature lists as columns beside those of the context."""
    columns = {name: column for name, column in zip(batch.schema.names, batch.columns, strict=True) if name != _LISTS}
    if _LISTS in batch.schema.names:
        lists = batch.column(batch.schema.get_field_index(_LISTS))
        for place in range(lists.type.num_fields):
            name = lists.type[place].name
            if name in columns:
                raise DataError(f"{name!r} is both in the context and a feature list", path, "rename one of them")
            columns[name] = _joined_steps(lists.field(place))
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _joined_steps(steps: pa.Array) -> pa.Array:
    """A list of lists a row as one list a row."""
    if not (pa.types.is_list(steps.type) or pa.types.is_large_list(steps.type)):
        return steps
    inner = steps.flatten()
    if not (pa.types.is_list(inner.type) or pa.types.is_large_list(inner.type)):
        return pa.nulls(len(steps))
    rows = np.asarray(pc.list_parent_indices(steps).take(pc.list_parent_indices(inner)))
    offsets = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=len(steps)))))
    return pa.LargeListArray.from_arrays(pa.array(offsets.astype(np.int64)), inner.flatten())
