"""Files that are one unit of work each: Avro, JSON lines, and TFRecords of SequenceExamples, as features.

Types are known before any row is written, so that all files of a split have the same: `planned` reads each file for
them. A zero or False is the value that it is, as under `rules: table`; an empty text or list is no value.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Optional

import pyarrow as pa

from millrace.base.errors import DataError
from millrace.components.example_gen import avro_files, json_lines, sequence_examples
from millrace.components.example_gen.options import Options
from millrace.components.example_gen.parquet_source import feature_of


class FileReader(NamedTuple):
    """How a format is read: the types of a file's columns, and its rows in batches of given types."""

    types: Callable[[str], pa.Schema]
    batches: Callable[[str, pa.Schema], Iterator[pa.RecordBatch]]


READERS: Mapping[str, FileReader] = {
    "avro": FileReader(avro_files.types, avro_files.batches),
    "jsonl": FileReader(json_lines.types, json_lines.batches),
    "sequence_example": FileReader(sequence_examples.types, sequence_examples.batches),
}


@dataclasses.dataclass(frozen=True)
class WholeFile:
    """A unit of work: one file; `group` and `index` as in `csv_source.ByteRange`, `types` those of its whole split."""

    group: int
    index: int
    path: str
    types: pa.Schema


def planned(group: int, index: int, paths: list[str], options: Options) -> list[WholeFile]:
    """Makes each file of a split a unit of work.

    Args:
        group: index of the split.
        index: of the first unit.
        paths: the files.
        options: how to read.

    Raises:
        DataError: a file is not of the format, or a column has types in two files that have nothing in common.
    """
    reader = READERS[options.format]
    types = pa.schema([])
    for path in paths:
        types = _unified(types, reader.types(path), path)
    return [WholeFile(group, index + place, path, types) for place, path in enumerate(paths)]


def batches(work: WholeFile, options: Options) -> Iterator[pa.RecordBatch]:
    """Reads a file as features.

    Yields:
        Batches of `large_list` columns (see `examples`), with every column of the split.

    Raises:
        DataError: a column has a type, or a value, that an example cannot hold.
    """
    names, options = work.types.names, options.model_copy(update={"values": "all"})
    for batch in READERS[options.format].batches(work.path, work.types):
        columns = [feature_of(batch.column(name), name, work.path, options) for name in names]
        yield pa.RecordBatch.from_arrays(columns, names=names)


def _unified(one: pa.Schema, other: pa.Schema, path: str) -> pa.Schema:
    """Both files' columns: an integer that is a float elsewhere is a float, and a null anything."""
    fields = {field.name: field.type for field in one}
    for field in other:
        kind = _common(fields.get(field.name, pa.null()), field.type)
        if kind is None:
            raise DataError(
                f"column {field.name!r} is {field.type} here, and {fields[field.name]} in another file of the split",
                path,
                "give the column one type in all files",
            )
        fields[field.name] = kind
    return pa.schema(list(fields.items()))


def _common(one: pa.DataType, other: pa.DataType) -> Optional[pa.DataType]:
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if pa.types.is_list(one) and pa.types.is_list(other):
        inside = _common(one.value_type, other.value_type)
        return None if inside is None else pa.list_(inside)
    numbers = pa.types.is_integer(one) or pa.types.is_floating(one)
    if numbers and (pa.types.is_integer(other) or pa.types.is_floating(other)):
        return pa.float64()
    return None
