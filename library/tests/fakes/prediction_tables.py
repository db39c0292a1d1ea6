"""A table that `exported_models.Digits` scores, in every format that can be given."""

import json
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import tensorflow as tf


def rows(count: int) -> list[dict[str, Any]]:
    """Rows that lack something now and then; `id` is no column of the model's."""
    made = []
    for number in range(count):
        row: dict[str, Any] = {
            "id": f"{number:05d}",
            "seats": number % 4,
            "fare": None if number % 11 == 5 else number / 4,
            "miles": None if number % 7 == 6 else number / 8,
            "tolls": None if number % 5 == 4 else number % 3,
            "company": None if number % 3 == 2 else f"Firm {number % 13}",
            "place": [number / 2, 1.0],
            "route taken": [float(at) for at in range(number % 4)],
        }
        made.append(row)
    return made


def write_table(file: Path, table: list[dict[str, Any]]) -> Path:
    """Writes rows in the format that the file's name says; CSV has no lists, so those columns are left out."""
    kind = file.suffix
    if kind == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in table))
    elif kind == ".tfrecord":
        with tf.io.TFRecordWriter(str(file)) as writer:
            for row in table:
                writer.write(_example(row))
    elif kind == ".avro":
        fields = [{"name": name, "type": _avro_type(name)} for name in table[0]]
        with file.open("wb") as stream:
            fastavro.writer(stream, {"type": "record", "name": "row", "fields": fields}, table)
    elif kind == ".parquet":
        pq.write_table(pa.Table.from_pylist(table), file, row_group_size=40)
    else:
        flat = [{name: value for name, value in row.items() if not isinstance(value, list)} for row in table]
        pa.csv.write_csv(pa.Table.from_pylist(flat), file)
    return file


def _avro_type(name: str) -> Any:
    if name in ("place", "route taken"):
        return {"type": "array", "items": "double"}
    return ["null", {"id": "string", "company": "string", "seats": "long", "tolls": "long"}.get(name, "double")]


def _example(row: dict[str, Any]) -> bytes:
    example = tf.train.Example()
    for name, value in row.items():
        values = value if isinstance(value, list) else [] if value is None else [value]
        feature = example.features.feature[name]
        if name in ("id", "company"):
            feature.bytes_list.value.extend(one.encode() for one in values)
        elif name in ("seats", "tolls"):
            feature.int64_list.value.extend(values)
        else:
            feature.float_list.value.extend(values)
    return example.SerializeToString()
