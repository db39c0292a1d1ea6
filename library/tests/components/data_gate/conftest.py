"""Splits with real TFDV statistics and anomalies, from tables that a test writes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional, Union

import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from millrace.components.data_gate.findings import CheckedSplit, read_split
from millrace.statistics.columns import of_all_rows

Table = Mapping[str, Sequence[Any]]


def _array(values: Union[Sequence[Any], pa.Array]) -> pa.Array:
    """A column as tfx_bsl decodes it: lists, an empty one for a cell without a value; an Arrow array stays as it is."""
    if isinstance(values, pa.Array):
        return values
    first = next((value for value in values if value is not None), None)
    kinds = {int: pa.int64(), float: pa.float32()}
    kind = kinds.get(type(first), pa.large_binary())
    return pa.array([[] if value is None else [value] for value in values], type=pa.large_list(kind))


def statistics_of(table: Table) -> statistics_pb2.DatasetFeatureStatisticsList:
    """TFDV's own statistics of a table."""
    batch = pa.RecordBatch.from_arrays([_array(values) for values in table.values()], list(table))
    return stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())


def schema_of(text: str) -> schema_pb2.Schema:
    """A schema from its text format."""
    return text_format.Parse(text, schema_pb2.Schema())


@pytest.fixture
def make_statistics() -> Callable[[Table], statistics_pb2.DatasetFeatureStatisticsList]:
    """Computes a table's statistics by TFDV."""
    return statistics_of


@pytest.fixture
def make_split() -> Callable[..., CheckedSplit]:
    """Makes a split: statistics and anomalies, both by TFDV; `before` is the data that it may have drifted from."""

    def make(name: str, table: Table, schema: schema_pb2.Schema, before: Optional[Table] = None) -> CheckedSplit:
        statistics = statistics_of(table)
        previous = statistics_of(before) if before else None
        anomalies = tfdv.validate_statistics(statistics, schema, previous_statistics=previous)
        return read_split(name, of_all_rows(statistics), anomalies)

    return make


@pytest.fixture
def make_schema() -> Callable[[str], schema_pb2.Schema]:
    """Parses a schema's text."""
    return schema_of
