"""Statistics by slice: TFDV's own numbers of the same rows, whatever the batches."""

from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from close_numbers import assert_close
from google.protobuf import json_format
from tensorflow_metadata.proto.v0 import statistics_pb2

from millrace.base.errors import DataError
from millrace.components.statistics_gen import in_process
from millrace.components.statistics_gen.section import MOST_SLICES
from millrace.statistics.columns import of_all_rows, of_slices

TEXT, INT, FLOAT = pa.large_list(pa.large_binary()), pa.large_list(pa.int64()), pa.large_list(pa.float64())


def sliced_options(slices: list[list[str]]) -> tfdv.StatsOptions:
    return tfdv.StatsOptions(slicing_config=in_process.slicing_config(slices))


def table(rows: int = 240) -> pa.RecordBatch:
    """A text with gaps, a whole number, a list, and numbers that differ by the text."""
    places = range(rows)
    columns = {
        "pay": pa.array([[[b"Cash"], [b"Card"], [], None, [b"Scheck"]][place % 5] for place in places], TEXT),
        "hour": pa.array([[place % 3] for place in places], INT),
        "tags": pa.array([[b"a", b"b", b"a"][: place % 4] for place in places], TEXT),
        "fare": pa.array([[float(place % 5 * 100 + place)] for place in places], FLOAT),
        "rare": pa.array([[1.0] if place % 5 == 1 else None for place in places], FLOAT),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def by_beam(
    rows: pa.RecordBatch, options: tfdv.StatsOptions, file: Path
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """What `tfdv.GenerateStatistics` gives."""
    with beam.Pipeline(runner="BundleBasedDirectRunner") as pipeline:
        seen = pipeline | beam.Create([rows]) | tfdv.GenerateStatistics(options)
        seen | tfdv.WriteStatisticsToBinaryFile(str(file))
    return statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())


def by_name(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> dict:
    """Features by the dataset's name and their own."""
    result = {}
    for dataset in statistics.datasets:
        features = {one.path.step[0]: json_format.MessageToDict(one) for one in dataset.features}
        result[dataset.name] = {"rows": dataset.num_examples, **features}
    return result


@pytest.mark.parametrize("size", [240, 7])
def test_slices_have_the_statistics_that_tfdv_gives_them(size, tmp_path):
    rows, options = table(), sliced_options([["pay"], ["hour"], ["tags"], ["hour", "pay"]])
    parts = [rows.slice(start, size) for start in range(0, rows.num_rows, size)]
    seen = by_name(in_process.generate(parts, options))
    expected = by_name(by_beam(rows, options, tmp_path / "stats.pb"))
    assert seen.keys() == expected.keys() and len(seen) == 1 + 3 + 3 + 2 + 9
    for name, features in expected.items():
        assert_close(seen[name], features, name)


def test_slices_stand_beside_all_rows_and_are_read_apart():
    statistics = in_process.generate([table()], sliced_options([["pay"]]))
    assert of_all_rows(statistics).num_examples == 240
    assert {name: one.num_examples for name, one in of_slices(statistics).items()} == {
        "pay_Card": 48,
        "pay_Cash": 48,
        "pay_Scheck": 48,
    }
    [alone] = in_process.generate([table()], tfdv.StatsOptions()).datasets
    assert alone.name == "" and not of_slices(in_process.generate([table()], tfdv.StatsOptions()))


def test_a_column_without_a_value_is_in_every_slice_and_ends_no_process():
    rows = table(60)
    # As a CSV file has them, with empty cells alone; as Parquet has them; and without a type.
    empty = {"cells": pa.array([[]] * 60, INT), "none": pa.nulls(60, FLOAT), "never": pa.nulls(60)}
    wide = pa.RecordBatch.from_arrays([*empty.values(), *rows.columns], [*empty, *rows.schema.names])
    statistics = in_process.generate(
        [wide], sliced_options([["pay"], ["never"], ["cells"], ["hour", "none"], ["gone"]])
    )
    cash = of_slices(statistics)["pay_Cash"]
    assert {one.path.step[0] for one in cash.features} == set(wide.schema.names) and cash.num_examples == 12
    assert {name.split("_")[0] for name in of_slices(statistics)} == {"pay"}, "no row has a value of the others"


def test_rows_of_slices_wait_until_there_are_enough_and_none_is_lost(monkeypatch):
    expected = by_name(in_process.generate([table()], sliced_options([["pay"]])))
    monkeypatch.setattr(in_process, "_MOST_WAITING", 1)
    rows = table()
    parts = [rows.slice(start, 9) for start in range(0, rows.num_rows, 9)]
    assert_close(by_name(in_process.generate(parts, sliced_options([["pay"]]))), expected)


def test_a_column_of_too_many_values_is_refused_by_its_name():
    many = pa.array([[place] for place in range(MOST_SLICES + 1)], INT)
    few = pa.array([[place % 2] for place in range(MOST_SLICES + 1)], INT)
    rows = pa.RecordBatch.from_arrays([many, few], ["id", "few"])
    with pytest.raises(DataError, match=f"more than {MOST_SLICES} slices of id") as no:
        in_process.generate([rows], sliced_options([["few"], ["id"]]))
    assert no.value.where == "statistics.slices"
    in_process.generate([rows.slice(0, MOST_SLICES)], sliced_options([["few"], ["id"]]))


def test_slices_by_sql_are_beams():
    assert in_process.supports(sliced_options([["pay"]]))
    by_sql = sliced_options([["pay"]])
    by_sql.slicing_config.slicing_specs[0].slice_keys_sql = "SELECT 'a' AS slice_key"
    assert not in_process.supports(by_sql)
