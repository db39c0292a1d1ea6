"""The reader's rules for tables that nobody prepared: NA values, stray spaces and bytes, dates."""

import datetime
import decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.utils import proto_utils

from millrace.components.example_gen import csv_cells
from millrace.components.example_gen.options import Options, from_custom_config, to_custom_config

TABLE = {"header": "csv", "values": "all", "strip_spaces": True, "missing": ("?", "NA")}


def rows_of(found) -> list[dict]:
    """Each example as a mapping from a column to its only value, or None."""
    rows = []
    for record in (found["train"] + found["eval"]).elements():
        features = tf.train.Example.FromString(record).features.feature
        values = {name: getattr(feature, feature.WhichOneof("kind")).value if feature.WhichOneof("kind") else []
                  for name, feature in features.items()}  # fmt: skip
        rows.append({name: value[0] if value else None for name, value in values.items()})
    return sorted(rows, key=lambda row: row["id"])


def test_cells_are_stripped_and_na_values_are_missing(stages_of, tmp_path):
    base = tmp_path / "in"
    base.mkdir()
    (base / "a.csv").write_bytes(b"id, age ,city\n1, 7 , Bonn \n2, ? ,?\n3,NA,K\xf6ln\n4,8,NAB\n")
    rows = rows_of(stages_of(base, tmp_path / "out", **TABLE))
    assert rows == [
        {"id": 1, "age": 7, "city": b"Bonn"},
        {"id": 2, "age": None, "city": None},
        {"id": 3, "age": None, "city": "Köln".encode()},
        {"id": 4, "age": 8, "city": b"NAB"},
    ]


def test_without_the_rules_the_same_cells_are_what_tfx_makes_of_them(stages_of, tmp_path):
    base = tmp_path / "in"
    base.mkdir()
    (base / "a.csv").write_bytes(b"id, age \n1, 7 \n2, ? \n")
    rows = rows_of(stages_of(base, tmp_path / "out"))
    assert rows == [{"id": 1, " age": b" 7 "}, {"id": 2, " age": b" ? "}]


def test_an_unnamed_column_is_named_by_its_place(stages_of, tmp_path):
    base = tmp_path / "in"
    base.mkdir()
    (base / "a.csv").write_text("\ufeff,id\n5,1\n")
    assert rows_of(stages_of(base, tmp_path / "out", **TABLE)) == [{"column_1": 5, "id": 1}]


def parquet_rows(stages_of, tmp_path, **options):
    base = tmp_path / "in"
    base.mkdir(exist_ok=True)
    table = pa.table(
        {
            "id": [1, 2],
            "zero": [0, None],
            "flag": [False, True],
            "share": [0.0, 0.5],
            "word": [" ? ", " a "],
            "day": [datetime.date(2031, 12, 24), None],
            "moment": pa.array([datetime.datetime(2031, 12, 24, 18, 30, 1, 5), None], pa.timestamp("us", "UTC")),
            "clock": [datetime.time(7, 5), None],
            "price": [decimal.Decimal("1.50"), None],
            "kind": pa.array(["x", "y"]).dictionary_encode(),
        }
    )
    pq.write_table(table, base / "a.parquet")
    return rows_of(stages_of(base, tmp_path / "out", format="parquet", **options))


def test_parquet_zeros_are_values_and_dates_are_text(stages_of, tmp_path):
    first, second = parquet_rows(stages_of, tmp_path, **TABLE)
    assert first == {
        "id": 1, "zero": 0, "flag": 0, "share": 0.0, "word": None, "day": b"2031-12-24",
        "moment": b"2031-12-24T18:30:01", "clock": b"07:05:00", "price": 1.5, "kind": b"x",
    }  # fmt: skip
    assert second["zero"] is second["day"] is second["moment"] is second["clock"] is second["price"] is None
    assert (second["flag"], second["share"], second["word"], second["kind"]) == (1, 0.5, b"a", b"y")


def test_without_the_rules_parquet_dates_are_refused_as_tfx_refuses_them(stages_of, tmp_path):
    with pytest.raises(Exception, match=r"day.*which an example cannot hold"):
        parquet_rows(stages_of, tmp_path)


def test_options_travel_and_are_checked():
    told = Options(**TABLE)
    packed = to_custom_config(told, "digest")
    assert from_custom_config(proto_utils.proto_to_json(packed)) == told
    with pytest.raises(ValueError, match="Input should be 'tfx' or 'all'"):
        Options(values="some")


def test_cleaning_without_rules_changes_nothing():
    cells = pa.array([b" a", b"\xff", b""], pa.binary())
    assert csv_cells.cleaned(cells, False, (), False) is cells


def test_a_block_of_missing_cells_only_is_empty():
    cells = csv_cells.cleaned(pa.array([b" ?", b"NA"], pa.binary()), True, ("?", "NA"), True)
    assert cells.to_pylist() == [b"", b""]
