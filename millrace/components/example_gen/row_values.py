"""The one value that a row has in a column, for what looks at rows before they are written: conditions and splits."""

import hashlib

import numpy as np
import pyarrow as pa

from millrace.base.errors import DataError
from millrace.base.names import did_you_mean


def scalars(batch: pa.RecordBatch, name: str, asked_by: str) -> pa.Array:
    """A column of a batch of features, one value a row.

    Args:
        batch: columns as `examples` says.
        name: the column.
        asked_by: the key of the configuration that names it, for messages.

    Returns:
        int64, float32, large_binary or null array of the batch's length; null where a row has no value.

    Raises:
        DataError: there is no such column, or a row has several values in it.
    """
    place = batch.schema.get_field_index(name)
    if place < 0:
        near = did_you_mean(name, batch.schema.names)
        raise DataError(
            f"{name} is not a column of the data{near}", asked_by, f"name one of: {', '.join(batch.schema.names)}"
        )
    return one_value(batch.column(place), name, asked_by)


def one_value(column: pa.Array, name: str, asked_by: str) -> pa.Array:
    """As `scalars`, of a column by itself.

    Args:
        column: `large_list`, or nulls.
        name: its name, for messages.
        asked_by: what names it, for messages.

    Raises:
        DataError: a row has several values in it.
    """
    if pa.types.is_null(column.type):
        return column
    offsets = np.asarray(column.offsets)
    sizes = np.diff(offsets)
    if sizes.max(initial=0) > 1:
        raise DataError(
            f"rows of {name} have several values", asked_by, "name a column with one value a row, text or a number"
        )
    return column.values.take(pa.array(offsets[:-1], mask=sizes == 0))


def hashes(values: pa.Array) -> np.ndarray:
    """The first 64 bits of SHA-256 of each value that is there, uint64; each distinct value is hashed once."""
    encoded = values.drop_null().dictionary_encode()
    if pa.types.is_null(encoded.type) or not len(encoded):
        return np.zeros(0, np.uint64)
    of_distinct = [hashlib.sha256(_as_bytes(value)).digest()[:8] for value in encoded.dictionary.to_pylist()]
    return np.frombuffer(b"".join(of_distinct), ">u8").astype(np.uint64)[np.asarray(encoded.indices)]


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode()
