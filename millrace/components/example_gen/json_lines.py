"""JSON lines: a file with one JSON object a line, whose keys are columns and whose lists are lists (jsonlines.org)."""

import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.json

from millrace.base.errors import DataError
from millrace.components.example_gen import csv_source

_BLOCK_BYTES = 16 << 20
_ROWS_AT_ONCE = 4096
_ADVICE = 'give one JSON object a line, such as {"fare": 12.5, "tags": ["a", "b"]}'
_NO_ROW_ADVICE = "remove it, or put the data there"


def types(path: str) -> pa.Schema:
    """The types of a file's columns; a text that looks like a time is a text.

    Raises:
        DataError: a line is no JSON object, or a column's values have types that have nothing in common.
    """
    schema = _read(path, None).schema
    if not schema.names:
        raise DataError("the file has no row", path, _NO_ROW_ADVICE)
    return pa.schema([(field.name, _plain(field.type)) for field in schema])


def batches(path: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Reads a file with the types of its split; a column that it has not is null.

    Raises:
        DataError: as `types`.
    """
    yield from _read(path, schema).select(schema.names).to_batches(max_chunksize=_ROWS_AT_ONCE)


def _read(path: str, schema: pa.Schema) -> pa.Table:
    parsing = pyarrow.json.ParseOptions(explicit_schema=schema)
    reading = pyarrow.json.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES)
    try:
        with csv_source.opened(path) as stream:
            return pyarrow.json.read_json(stream, reading, parsing)
    except pa.ArrowInvalid as error:
        raise _refusal(path, error) from error


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.string()
    return pa.list_(_plain(kind.value_type)) if pa.types.is_list(kind) else kind


def _refusal(path: str, error: pa.ArrowInvalid) -> DataError:
    """Names the line, which Arrow counts from the beginning of a block."""
    kinds: dict[str, tuple[str, int]] = {}
    with csv_source.opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            if len(line) >= _BLOCK_BYTES:
                what = f"a line has more than {_BLOCK_BYTES >> 20} MiB"
                return DataError(what, f"{path}, line {number}", "leave large columns out of it")
            try:
                row = json.loads(line) if line.strip() else {}
            except ValueError as reason:
                return DataError(
                    f"this is no JSON: {getattr(reason, 'msg', reason)}", f"{path}, line {number}", _ADVICE
                )
            if not isinstance(row, dict):
                return DataError("this is no JSON object", f"{path}, line {number}", _ADVICE)
            for column, value in row.items():
                kind = _kind(value)
                before, first = kinds.setdefault(column, (kind, number)) if kind else ("", 0)
                if kind and (before != kind or " and " in kind):
                    elsewhere = f", and {before} in line {first}" if before != kind else ""
                    return DataError(
                        f"column {column!r} is {kind} here{elsewhere}",
                        f"{path}, line {number}",
                        "give the column one type in all lines",
                    )
    if not kinds:
        return DataError("the file has no row", path, _NO_ROW_ADVICE)
    return DataError(f"this cannot be read as JSON lines: {error}", path, _ADVICE)


def _kind(value: object) -> str:
    if isinstance(value, list):
        inside = {kind for kind in map(_kind, value) if kind}
        return f"a list of {' and '.join(sorted(inside))}" if inside else ""
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text", dict: "an object"}
    return kinds.get(type(value), "")
