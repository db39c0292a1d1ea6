"""Row groups of a Parquet table as columns: all of them, or some that lie evenly in it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from millrace.base.errors import DataError
from millrace.components.example_gen.parquet_values import prepared
from millrace.init.sources import Source

_ROWS = 65_536


def parquet_names(source: Source) -> tuple[str, ...]:
    """The column names.

    Raises:
        DataError: a name stands twice, a column cannot be an example's, or the files have different columns.
    """
    schemas = [_file(file).schema_arrow for file in source.files]
    names = schemas[0].names
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"two columns are named {twice[0]!r}",
            where=str(source.files[0]),
            remedy="give each column a name of its own",
        )
    for file, schema in zip(source.files, schemas, strict=True):
        if schema.names != names or schema.types != schemas[0].types:
            raise DataError(
                f"its columns are not those of {source.files[0].name}: {_difference(schemas[0], schema)}",
                where=str(file),
                remedy="write all files with the same columns and types, or leave this one out",
            )
    return tuple(names)


def _difference(wanted: pa.Schema, seen: pa.Schema) -> str:
    lacks = [name for name in wanted.names if name not in seen.names]
    adds = [name for name in seen.names if name not in wanted.names]
    other = [
        f"{name} is {seen.field(name).type}, not {wanted.field(name).type}"
        for name in wanted.names
        if name in seen.names and seen.field(name).type != wanted.field(name).type
    ]
    parts = other[:3]
    if adds:
        parts.insert(0, f"it adds {', '.join(adds[:5])}")
    if lacks:
        parts.insert(0, f"it lacks {', '.join(lacks[:5])}")
    return " and ".join(parts) or "it has them in another order"


def parquet_rows(source: Source) -> tuple[int, int]:
    """Bytes of all columns, uncompressed, and rows."""
    metadata = [_file(file).metadata for file in source.files]
    size = sum(one.row_group(place).total_byte_size for one in metadata for place in range(one.num_row_groups))
    return max(size, 1), sum(one.num_rows for one in metadata)


def parquet_blocks(source: Source, size: int, whole_bytes: int) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Reads blocks.

    Args:
        source: the files.
        size: bytes of all columns.
        whole_bytes: the most that is read; of what is larger, row groups at even distances.

    Yields:
        Batches as ExampleGen prepares them, and the bytes that each stands for.
    """
    groups = [(file, place) for file in source.files for place in range(_file(file).metadata.num_row_groups)]
    wanted = max(int(len(groups) * min(whole_bytes / size, 1.0)), 1)
    for index in np.unique(np.linspace(0, len(groups) - 1, wanted).astype(int)) if groups else ():
        file, place = groups[index]
        parquet = _file(file)
        group = parquet.metadata.row_group(place)
        for batch in parquet.iter_batches(_ROWS, row_groups=[place]):
            named = zip(batch.schema.names, batch.columns, strict=True)
            columns = [_prepared(column, name, file) for name, column in named]
            share = group.total_byte_size * batch.num_rows // max(group.num_rows, 1)
            yield pa.RecordBatch.from_arrays(columns, names=[str(at) for at in range(len(columns))]), share


def _prepared(column: pa.Array, name: str, file: Path) -> pa.Array:
    values = prepared(column)
    if pa.types.is_struct(values.type) or pa.types.is_map(values.type):
        # ExampleGen would refuse it as well; a person has to take the column apart.
        raise DataError(
            f"the column {name!r} has type {values.type}, which an example cannot hold",
            where=str(file),
            remedy="write its parts as columns of their own, or leave it out",
        )
    return values


def _file(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"not a Parquet file: {error}", where=str(file), remedy="write it again") from error
