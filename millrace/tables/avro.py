"""Avro files as columns: the types of their fields, and batches of their records.

https://avro.apache.org/docs/1.11.1/specification/
"""

import contextlib
from collections.abc import Iterator
from typing import IO, Any

import fastavro
import pyarrow as pa

from millrace.base.errors import DataError

_PRIMITIVE = {
    "boolean": pa.bool_(), "int": pa.int64(), "long": pa.int64(), "float": pa.float64(), "double": pa.float64(),
    "bytes": pa.binary(), "string": pa.string(), "enum": pa.string(), "fixed": pa.binary(), "null": pa.null(),
}  # fmt: skip
_LOGICAL = {
    "date": pa.date32(), "timestamp-millis": pa.timestamp("ms", "UTC"), "timestamp-micros": pa.timestamp("us", "UTC"),
    "local-timestamp-millis": pa.timestamp("ms"), "local-timestamp-micros": pa.timestamp("us"),
    "time-millis": pa.time32("ms"), "time-micros": pa.time64("us"), "uuid": pa.string(),
}  # fmt: skip
_ADVICE = "write its parts as fields of their own, or write the table as Parquet"


def avro_schema(stream: IO[bytes], name: str) -> pa.Schema:
    """The types of the fields of a file's records.

    Args:
        stream: the file, at its beginning.
        name: what to call it in a message.

    Raises:
        DataError: the file is no Avro file, or a field has a type that no column has.
    """
    with _told(name):
        return _schema(fastavro.reader(stream).writer_schema, name)


def avro_batches(stream: IO[bytes], name: str, rows: int) -> Iterator[pa.RecordBatch]:
    """Reads the records of a file by columns.

    Args:
        stream: the file, at its beginning.
        name: what to call it in a message.
        rows: most rows of a batch.

    Yields:
        Batches with a column a field, in the file's order. A value that is null is null; zero, False and an empty text
        are values. The last batch may have no row.

    Raises:
        DataError: the file is no Avro file, is cut off, or has a field of a type that no column has.
    """
    with _told(name):
        reader = fastavro.reader(stream)
        schema = _schema(reader.writer_schema, name)
        records: list[Any] = []
        for record in reader:
            records.append(record)
            if len(records) == rows:
                yield _batch(records, schema)
                records = []
        yield _batch(records, schema)


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Says of which file it is what fastavro refuses."""
    try:
        yield
    except (ValueError, EOFError, IndexError, KeyError) as error:
        raise DataError(f"this is not a whole Avro file: {error}", where=name, remedy="write it again") from error


def _schema(written: Any, name: str) -> pa.Schema:
    if not isinstance(written, dict) or written.get("type") != "record":
        raise DataError("its values are no records", where=name, remedy="write a record a row")
    return pa.schema([(field["name"], _type(field["type"], field["name"], name)) for field in written["fields"]])


def _type(written: Any, field: str, name: str) -> pa.DataType:
    """A field's type as Arrow's; of a union, that of its one branch beside null."""
    if isinstance(written, list):
        branches = [branch for branch in written if branch != "null"]
        if len(branches) == 1:
            return _type(branches[0], field, name)
        if {"int", "long", "float", "double"} >= {branch for branch in branches if isinstance(branch, str)} != set():
            return pa.float64()
    elif isinstance(written, dict):
        logical = written.get("logicalType")
        if logical == "decimal":
            return pa.decimal128(min(written["precision"], 38), written.get("scale", 0))
        if logical in _LOGICAL:
            return _LOGICAL[logical]
        if written["type"] == "array":
            return pa.list_(_type(written["items"], field, name))
        return _type(written["type"], field, name)
    elif written in _PRIMITIVE:
        return _PRIMITIVE[written]
    raise DataError(f"the field {field!r} has type {written}, which no column has", where=name, remedy=_ADVICE)


def _batch(records: list[Any], schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.array([record[field.name] for record in records], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
