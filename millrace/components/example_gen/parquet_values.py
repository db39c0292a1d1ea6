"""Parquet columns of types that an example has no room for, as the nearest that it has."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_SECONDS = "%Y-%m-%dT%H:%M:%S"


def prepared(column: pa.Array) -> pa.Array:
    """Makes a column of text, numbers or lists of it.

    Args:
        column: any Parquet column.

    Returns:
        Dates as text `2031-12-24`, times as `2031-12-24T18:30:00` (in UTC), a time of day as `18:30:00`, decimals as
        float64, dictionaries as their values, lists of a fixed size as plain ones; other columns as they are.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return prepared(column.dictionary_decode())
    if pa.types.is_fixed_size_list(kind):
        return plain_lists(column)
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64(), safe=False)
    if pa.types.is_date(kind):
        return pc.strftime(column.cast(pa.timestamp("s"), safe=False), format="%Y-%m-%d")
    if pa.types.is_timestamp(kind):
        return pc.strftime(_in_utc(column).cast(pa.timestamp("s"), safe=False), format=_SECONDS)
    if pa.types.is_time(kind):
        in_seconds = column.cast(pa.time64("us")).cast(pa.int64())
        return pc.strftime(pc.divide(in_seconds, 1_000_000).cast(pa.timestamp("s")), format="%H:%M:%S")
    if pa.types.is_duration(kind):
        return column.cast(pa.duration("us"), safe=False).cast(pa.int64())
    if pa.types.is_fixed_size_binary(kind) or pa.types.is_binary(kind):
        return column.cast(pa.binary()).cast(pa.large_binary())
    return column


def plain_lists(column: pa.Array) -> pa.Array:
    """Lists of a fixed size as plain ones, which every reader takes; Arrow 10 cannot cast them."""
    sizes = np.where(np.asarray(column.is_valid()), column.type.list_size, 0)
    values = column.flatten()
    if len(values) > sizes.sum():  # the values below a null are there, before Arrow 12
        values = values.filter(pa.array(np.repeat(sizes > 0, column.type.list_size)))
    return pa.ListArray.from_arrays(pa.array(np.concatenate(([0], np.cumsum(sizes))), pa.int32()), values)


def _in_utc(column: pa.Array) -> pa.Array:
    """A time with a zone is stored in UTC already: only the zone's name is dropped."""
    return column.view(pa.timestamp(column.type.unit)) if column.type.tz else column
