"""Numbers as people write them, and NA values of one column: the text forms, and what ExampleGen makes of a file."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from pydantic import ValidationError

from millrace.base.errors import DataError
from millrace.tables.column_reading import plain_numbers, without_values
from millrace.tables.column_section import ColumnReading

POINT = [
    ("1,234.50", "", 1234.5), ("12,34,567", "", 1234567.0), ("1 234", "", 1234.0), ("1'000.5", "", 1000.5),
    ("1_000", "", 1000.0), ("(12)", "", -12.0), ("12-", "", -12.0), ("\u2212 3".replace(" ", ""), "", -3.0),
    ("1.5e3", "", 1500.0), (".5", "", 0.5), ("5.", "", 5.0), ("1\u202f234", "", 1234.0),
    ("$1,234.00", "$", 1234.0), ("-$5", "$", -5.0), ("$-5", "$", -5.0), ("12%", "%", 12.0), ("12 %", "%", 12.0),
    ("3 kg", "kg", 3.0), ("3", "kg", 3.0), ("($1,000)", "$", -1000.0), ("2.5 sq. ft", "sq. ft", 2.5),
]  # fmt: skip
COMMA = [("1.234,50", "", 1234.5), ("12,5", "", 12.5), ("1.234", "", 1234.0), ("-3,5 €", "€", -3.5), (",5", "", 0.5)]
NONE = ["", "abc", "1,23", "1,2,3", "2100 - 2850", "3 kg", "1.2.3", "$5", "12/5", "1e", "--5", "1 2"]


@pytest.mark.parametrize(("text", "unit", "number"), POINT)
def test_numbers_with_a_point(text, unit, number):
    assert float(plain_numbers(pa.array([text]), "point", unit)[0].as_py()) == number


@pytest.mark.parametrize(("text", "unit", "number"), COMMA)
def test_numbers_with_a_comma(text, unit, number):
    assert float(plain_numbers(pa.array([text]), "comma", unit)[0].as_py()) == number


def test_what_is_no_number_is_none():
    assert plain_numbers(pa.array(NONE), "point", "").to_pylist() == [None] * len(NONE)


def test_numbers_that_stand_for_no_value():
    assert without_values(pa.array([1, -999, 3]), ("-999", "n/a")).to_pylist() == [1, None, 3]
    assert without_values(pa.array([0.5, -200.0, None]), ("-200",)).to_pylist() == [0.5, None, None]
    assert without_values(pa.array([True, False]), ("0",)).to_pylist() == [True, False]


def test_a_unit_without_numbers_is_refused():
    with pytest.raises(ValidationError, match="say number: point"):
        ColumnReading(unit="kg")


READ = {
    "price": {"number": "comma", "unit": "€"},
    "size": {"number": "point", "others": "missing"},
    "heat": {"missing": ["-200"]},
}
ROWS = "price;size;heat\n1.234,50 €;2100;-200\n7 €;2100 - 2850;21\n;?;-20\n"


def features_of(splits) -> list[dict]:
    rows = []
    for record in (record for counted in splits.values() for record in counted):
        example = tf.train.Example.FromString(record)
        values = {
            name: [*one.int64_list.value, *one.float_list.value, *one.bytes_list.value]
            for name, one in example.features.feature.items()
        }
        rows.append(values)
    return sorted(rows, key=lambda row: row["price"])


EXPECTED = [
    {"price": [], "size": [], "heat": [-20]},
    {"price": [7.0], "size": [], "heat": [21]},
    {"price": [1234.5], "size": [2100], "heat": []},
]


def test_columns_of_a_csv_file_are_read_each_in_its_own_way(stages_of, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.csv").write_text(ROWS)
    options = {"delimiter": ";", "missing": ["?"], "columns": READ, "header": "csv", "values": "all"}
    assert features_of(stages_of(tmp_path / "in", tmp_path / "out", **options)) == EXPECTED


def test_columns_of_a_parquet_file_are_read_the_same(stages_of, tmp_path):
    (tmp_path / "in").mkdir()
    texts = {"price": ["1.234,50 €", "7 €", None], "size": ["2100", "2100 - 2850", "?"], "heat": [-200, 21, -20]}
    pq.write_table(pa.table(texts), tmp_path / "in" / "t.parquet")
    options = {"format": "parquet", "missing": ["?"], "columns": READ, "values": "all"}
    assert features_of(stages_of(tmp_path / "in", tmp_path / "out", **options)) == EXPECTED


def test_a_cell_that_should_be_a_number_is_named_with_its_line(stages_of, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.csv").write_text(ROWS.replace("7 €", "on request"))
    with pytest.raises(DataError, match="column 'price' should hold numbers, and this is none: 'on request'") as caught:
        stages_of(tmp_path / "in", tmp_path / "out", delimiter=";", columns=READ)
    assert str(caught.value.where).endswith("line 3") and "others: missing" in caught.value.remedy


def test_titles_stand_above_the_names(stages_of, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.csv").write_text(f'sep=;\n"Prices; all"\n\n{ROWS}')
    options = {"delimiter": ";", "missing": ["?"], "columns": READ, "header": "csv", "header_line": 4}
    assert features_of(stages_of(tmp_path / "in", tmp_path / "out", **options)) == EXPECTED


def test_a_file_without_names(stages_of, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.csv").write_bytes(b"\xef\xbb\xbf1,x\n2,y\n")
    [rows] = [stages_of(tmp_path / "in", tmp_path / "out", header="csv", header_line=0)]
    records = [tf.train.Example.FromString(one) for counted in rows.values() for one in counted]
    assert sorted(one.features.feature["column_1"].int64_list.value[0] for one in records) == [1, 2]
