"""tf.train.SequenceExample as columns: what is in `context`, and each feature list as a column of lists.

The values of a feature list's steps stand one after the other in the row's list; a step may have any number of them.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.base.errors import DataError

# What tfx_bsl calls the column in which it puts the feature lists; no column of the data is called so.
_LISTS = "##SEQUENCE##"
_ADVICE = "give TFRecords of tf.train.SequenceExample, or of tf.Example with the format tfrecord"


def sequence_batch(serialized: list[bytes], where: str) -> pa.RecordBatch:
    """Decodes records.

    Args:
        serialized: SequenceExamples.
        where: the file, and which of its records these are, for a message.

    Returns:
        Columns of lists of int64, float32 or binary, or of no type where no record has a value.

    Raises:
        DataError: a record is no SequenceExample, or a name is both in the context and a feature list.
    """
    # It is compiled, and of use for this format alone.
    from tfx_bsl.coders import sequence_example_coder

    decoder = sequence_example_coder.SequenceExamplesToRecordBatchDecoder(_LISTS)
    try:
        batch = decoder.DecodeBatch(serialized)
    except (ValueError, RuntimeError) as error:
        raise no_sequence_examples(error, where) from error
    columns = {name: column for name, column in zip(batch.schema.names, batch.columns, strict=True) if name != _LISTS}
    if _LISTS in batch.schema.names:
        lists = batch.column(batch.schema.get_field_index(_LISTS))
        for place in range(lists.type.num_fields):
            name = lists.type[place].name
            if name in columns:
                raise DataError(f"{name!r} is both in the context and a feature list", where, "rename one of them")
            columns[name] = _joined_steps(lists.field(place))
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def no_sequence_examples(error: Exception, where: str) -> DataError:
    """What is said of a file that does not hold them."""
    return DataError(f"this is no TFRecord of SequenceExamples: {error}", where, _ADVICE)


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
