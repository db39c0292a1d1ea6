"""What is read from TFDV's statistics, beside what was in the table; and that whoever asks is told the same."""

import json

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from millrace.cli.data.schema_tables import feature_rows
from millrace.components.data_gate.findings import read_split
from millrace.statistics.columns import columns, columns_by_name, of_all_rows

NAN = float("nan")


def statistics(**table):
    """TFDV's own, of columns whose cells are lists: an empty one is there without a value, None is not there."""
    arrays = [pa.array(cells, pa.large_list(kind)) for kind, cells in table.values()]
    batch = pa.RecordBatch.from_arrays(arrays, list(table))
    return of_all_rows(stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions()))


def column(kind, cells):
    return columns_by_name(statistics(x=(kind, cells)))["x"]


@pytest.mark.parametrize(
    "kind, cells, present, filled, nans",
    [
        (pa.float32(), [[1.0]] * 6 + [[NAN]] * 4, 10, 6, 4),
        (pa.float32(), [[NAN]] * 10, 10, 0, 10),
        (pa.float32(), [[1.0]] * 7 + [[]] * 2 + [None], 9, 7, 0),
        (pa.int64(), [[1]] * 8 + [[]] * 2, 10, 8, 0),
        (pa.large_binary(), [[b"a"]] * 5 + [[]] * 3 + [None] * 2, 8, 5, 0),
        (pa.int64(), [[1, 2]] * 4 + [None] * 6, 4, 4, 0),
    ],
)
def test_rows_are_counted_once(kind, cells, present, filled, nans):
    found = column(kind, cells)
    assert (found.rows, found.present, found.filled, found.missing, found.nans) == (
        10,
        present,
        filled,
        10 - filled,
        nans,
    )


def test_data_gate_and_the_schema_commands_say_the_same_of_a_column_with_nan():
    found = statistics(x=(pa.float32(), [[1.0]] * 6 + [[NAN]] * 4))
    schema = schema_pb2.Schema(feature=[schema_pb2.Feature(name="x", type=schema_pb2.FLOAT)])
    [row] = feature_rows(schema, {"train": columns_by_name(found)})
    gated = read_split("train", found).column("x")
    assert row["seen"]["train"]["filled"] == gated.filled == 6
    assert json.loads(json.dumps(row))["seen"]["train"]["rows"] == gated.rows == 10


def test_numbers_have_a_range_and_quantiles():
    values = np.random.default_rng(3).exponential(2.0, 1000).astype(np.float32)
    found = column(pa.float32(), [[value] for value in values])
    assert found.range == (pytest.approx(values.min()), pytest.approx(values.max()))
    wanted = np.quantile(values, np.linspace(0, 1, len(found.quantiles)))
    assert len(found.quantiles) == 11
    assert np.searchsorted(np.sort(values), found.quantiles) == pytest.approx(
        np.searchsorted(np.sort(values), wanted), abs=20
    )


@pytest.mark.parametrize("kind, cells", [(pa.float32(), [[NAN]] * 3), (pa.large_binary(), [[b"a"]] * 3)])
def test_without_a_number_there_is_no_range(kind, cells):
    assert (column(kind, cells).range, column(kind, cells).quantiles) == (None, ())


def test_types_are_named_as_in_a_schema():
    found = columns_by_name(
        statistics(a=(pa.int64(), [[1]]), b=(pa.float32(), [[1.0]]), c=(pa.large_binary(), [[b"x"]]))
    )
    assert {name: column.type for name, column in found.items()} == {"a": "INT", "b": "FLOAT", "c": "BYTES"}


def test_slices_beside_all_rows_are_passed_over():
    named = statistics_pb2.DatasetFeatureStatistics
    both = [named(name="city_Zug", num_examples=3), named(name="All Examples", num_examples=9)]
    assert of_all_rows(statistics_pb2.DatasetFeatureStatisticsList(datasets=both)).num_examples == 9
    assert of_all_rows(statistics_pb2.DatasetFeatureStatisticsList()).num_examples == 0


def test_a_column_with_a_dot_is_not_a_step_of_a_path():
    dotted = statistics_pb2.FeatureNameStatistics(path={"step": ["a.b"]})
    nested = statistics_pb2.FeatureNameStatistics(path={"step": ["a", "b"]})
    found = columns(statistics_pb2.DatasetFeatureStatistics(features=[dotted, nested]))
    assert list(found) == [("a.b",), ("a", "b")]


def test_more_nan_than_rows_is_no_value_and_not_less_than_none():
    found = column(pa.float32(), [[NAN, NAN]] * 3)
    assert (found.rows, found.filled, found.missing) == (3, 0, 3)


def test_numbers_outside_of_a_range_are_bounded_by_the_finer_histogram():
    """Ten numbers of which one lies far out: the buckets of equal width put nine into one, the quantiles do not."""
    found = column(pa.float32(), [[float(value)] for value in [*range(9), 1000]])
    assert 1 <= found.outside(0, 8) <= 2
    assert found.outside(-1, 2000) == 0
