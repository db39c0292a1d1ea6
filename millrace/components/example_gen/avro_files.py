"""Avro files by columns, where a zero, False or an empty text is a value: TFX's executor takes them for missing."""

from collections.abc import Iterator

import pyarrow as pa

from millrace.components.example_gen import csv_source
from millrace.tables.avro import avro_batches, avro_schema

_ROWS = 16_384


def types(path: str) -> pa.Schema:
    """The types of a file's columns.

    Raises:
        DataError: the file is no Avro file, or a field has a type that no column has.
    """
    with csv_source.opened(path) as stream:
        return avro_schema(stream, path)


def batches(path: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Reads a file with the types of its split; a column that it has not is null.

    Raises:
        DataError: as `types`, or the file is cut off.
    """
    with csv_source.opened(path) as stream:
        for batch in avro_batches(stream, path, _ROWS):
            columns = []
            for field in schema:
                place = batch.schema.get_field_index(field.name)
                columns.append(
                    batch.column(place).cast(field.type) if place >= 0 else pa.nulls(batch.num_rows, field.type)
                )
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
