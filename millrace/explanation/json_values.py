"""Decoded examples as rows of JSON, which every signature of raw columns takes."""

import base64
import math
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from millrace.explanation.explainer import Row
from millrace.model_server.about import ModelColumn


def of_batch(batch: pa.RecordBatch, columns: Sequence[ModelColumn]) -> Iterator[Row]:
    """Decoded examples as JSON has them; a column that is not there is missing.

    Args:
        batch: `large_list` columns.
        columns: what the model reads.
    """
    there = set(batch.schema.names)
    lists = {
        column.name: batch.column(batch.schema.get_field_index(column.name)).to_pylist()
        for column in columns
        if column.name in there
    }
    for at in range(batch.num_rows):
        yield {
            column.name: _value(lists[column.name][at], column) if column.name in there else None for column in columns
        }


def _value(values: Any, column: ModelColumn) -> Any:
    plain = [_plain(value) for value in values or ()]
    if column.values == 1:
        return plain[0] if plain else None
    return plain if any(value is not None for value in plain) else None


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode() or None
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
