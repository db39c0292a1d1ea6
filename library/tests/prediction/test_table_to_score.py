"""A table is read in the types that the model reads, whatever its format; what does not fit is told before."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from prediction_tables import rows, write_table

from millrace.base.errors import DataError
from millrace.components.example_gen.section import Data
from millrace.model_server.about import ModelColumn
from millrace.prediction import table_to_score
from millrace.prediction.table_to_score import TableToScore

SEATS = ModelColumn("seats", "seats", "INT", required=True)
FARE = ModelColumn("fare", "fare", "FLOAT", required=True)
MILES = ModelColumn("miles", "miles", "FLOAT")
TOLLS = ModelColumn("tolls", "tolls", "INT")
COMPANY = ModelColumn("company", "company", "BYTES")
PLACE = ModelColumn("place", "place", "FLOAT", values=2, required=True)
ROUTE = ModelColumn("route taken", "route", "FLOAT", values="many")
SINGLE = (SEATS, FARE, MILES, TOLLS, COMPANY)


def read(file, data, columns=SINGLE, keys=()):
    table = TableToScore(str(file), data, columns, keys)
    counted = list(table.check())[-1]
    batches = list(table.rows())
    assert sum(batch.features.num_rows for batch in batches) == counted
    features = pa.Table.from_batches([batch.features for batch in batches]).to_pydict()
    return features, pa.Table.from_batches([batch.keys for batch in batches]).to_pydict()


def expected(count):
    """What the model reads of `rows`: lists, NaN for a missing float that the schema promises."""

    def each(name, value):
        if value is None:
            return "nan" if name == "fare" else []
        return value if isinstance(value, list) else [value.encode() if isinstance(value, str) else value]

    return {
        name: [each(name, row[name]) for row in rows(count)]
        for name in ("seats", "fare", "miles", "tolls", "company", "place", "route taken")
    }


def plain(features):
    return {
        name: ["nan" if value and value[0] != value[0] else value or [] for value in values]
        for name, values in features.items()
    }


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "tfrecord", "avro"])
def test_every_format_with_lists_is_read_alike(kind, tmp_path, data):
    file = write_table(tmp_path / f"table.{kind}", rows(100))
    features, keys = read(file, data, (*SINGLE, PLACE, ROUTE), ("id",))
    assert plain(features) == expected(100)
    assert keys == {"row": list(range(1, 101)), "id": [f"{number:05d}" for number in range(100)]}


def test_a_csv_file_is_read_by_the_models_types_and_a_key_stays_text(tmp_path, data):
    features, keys = read(write_table(tmp_path / "table.csv", rows(100)), data, keys=("id",))
    assert plain(features) == {name: expected(100)[name] for name in features}
    assert keys["id"][7] == "00007"


def test_whole_numbers_may_be_written_as_floats_and_texts_may_be_digits(tmp_path, data):
    file = tmp_path / "t.csv"
    file.write_text("seats,fare,miles,tolls,company\n3.0,2,1e2,,77\n4,2.5,,0.00,N/A\n")
    features, _ = read(file, data)
    assert plain(features) == {
        "seats": [[3], [4]], "fare": [[2.0], [2.5]], "miles": [[100.0], []], "tolls": [[], [0]],
        "company": [[b"77"], []],
    }  # fmt: skip
    table = pa.table({"seats": [1.0, 2.0], "fare": [1, None], "miles": [True, False], "tolls": [None, 3.0],
                      "company": pa.nulls(2)})  # fmt: skip
    pq.write_table(table, tmp_path / "t.parquet")
    features, _ = read(tmp_path / "t.parquet", data)
    assert plain(features) == {
        "seats": [[1], [2]], "fare": [[1.0], "nan"], "miles": [[1.0], [0.0]], "tolls": [[], [3]], "company": [[], []],
    }  # fmt: skip


def test_columns_are_read_as_the_configuration_says(tmp_path):
    data = Data(path=".", rules="table", columns={"fare": {"number": "comma", "unit": "€"}}, strip_spaces=True)
    file = tmp_path / "t.csv"
    file.write_text('seats,fare,miles,tolls,company\n1,"1.234,50 €", 2 ,3, Blue \n')
    features, _ = read(file, data)
    assert (features["fare"], features["miles"], features["company"]) == ([[1234.5]], [[2.0]], [[b"Blue"]])


def test_images_are_read_beside_the_table_and_a_key_stays_their_path(tmp_path, monkeypatch):
    monkeypatch.setattr(table_to_score, "_IMAGES_AT_ONCE", 2)
    pngs = [tf.io.encode_png(np.full((3, 3, 1), shade, np.uint8)).numpy() for shade in range(5)]
    for number, png in enumerate(pngs):
        (tmp_path / f"{number}.png").write_bytes(png)
    file = tmp_path / "t.csv"
    file.write_text("photo\n" + "".join(f"{number}.png\n" for number in range(5)))
    data = Data(path=".", rules="table", images=("photo",))
    photo = ModelColumn("photo", "photo", "BYTES", image=True)
    features, keys = read(file, data, [photo], ("photo",))
    assert features["photo"] == [[png] for png in pngs]
    assert keys == {"row": [1, 2, 3, 4, 5], "photo": [f"{number}.png" for number in range(5)]}
    table = TableToScore(str(file), data, [photo], ())
    assert [part.features.num_rows for part in table.rows()] == [2, 2, 1], "not all images at once"
    (tmp_path / "3.png").unlink()
    with pytest.raises(DataError, match=r"the image .*3\.png cannot be read"):
        list(table.rows())


def test_rows_that_training_would_leave_out_are_scored(tmp_path):
    splits = {"by": "stratum", "column": "at", "shares": {"train": 2, "eval": 1}}
    data = Data(path=".", rules="table", where="fare > 100", leave_out=("driver",), splits=splits)
    features, keys = read(write_table(tmp_path / "t.csv", rows(9)), data, keys=("id",))
    assert len(features["fare"]) == len(keys["id"]) == 9


def test_some_rows_at_the_beginning_can_be_passed_over(tmp_path, data):
    table = TableToScore(str(write_table(tmp_path / "t.parquet", rows(100))), data, SINGLE, ())
    rest = list(table.rows(skipped=57))
    assert [number for batch in rest for number in batch.keys["row"].to_pylist()] == list(range(58, 101))
    assert rest[0].features["seats"][0].as_py() == [57 % 4]


@pytest.mark.parametrize(
    "header, line, told",
    [
        ("seats,fares,miles,tolls", "1,1,1,1", r"lacks 2 of the 5 columns .*: fare \(did you mean fares\?\), company"),
        ("seats,fare,miles,tolls,company,fare", "1,1,1,1,a,2", r"has fare more than once\n.* leave one of each"),
        ("seats,fare,miles,tolls,company", "1,1,1,1,a\nx,1,1,1,b", r"line 3: seats has 'x', .* a whole number"),
        ("seats,fare,miles,tolls,company", "1,1,1,2.5,a", r"line 2: tolls has '2.5', .* reads a whole number"),
        ("seats,fare,miles,tolls,company", "1,1,much,2,a", r"line 2: miles has 'much', .* reads a number"),
        ("seats,fare,miles,tolls,company", ",1,1,2,a", r"row 1: seats is missing, a whole number that the schema"),
        ("seats,fare,miles,tolls,company", "", r"there is not one row of data"),
    ],
)
def test_a_csv_file_that_cannot_be_scored_is_told_with_its_line(tmp_path, data, header, line, told):
    (tmp_path / "t.csv").write_text(f"{header}\n{line}\n")
    with pytest.raises(DataError) as refused:
        read(tmp_path / "t.csv", data)
    assert re.search(told, str(refused.value)), str(refused.value)


@pytest.mark.parametrize(
    "changed, told",
    [
        ({"fare": "a lot"}, r"row 3: fare has 'a lot', and the model reads a number"),
        ({"company": 5}, r"row 3: company has 5, and the model reads a text"),
        ({"tolls": 2.5}, r"row 3: tolls has 2.5, and the model reads a whole number"),
        ({"place": [1.0]}, r"row 3: place has 1 values, and the model reads a list of 2 numbers"),
    ],
)
def test_a_value_of_another_type_is_told_with_its_row(tmp_path, data, changed, told):
    row = {name: value for name, value in rows(1)[0].items() if name not in changed}
    file = write_table(tmp_path / "t.jsonl", [row, row, {**row, **changed}, {**row, **changed}])
    with pytest.raises(DataError, match=rf"t\.jsonl, {told}"):
        read(file, data, (*SINGLE, PLACE, ROUTE))


def test_of_many_columns_that_lack_the_first_are_named_and_the_others_counted(tmp_path, data):
    (tmp_path / "t.csv").write_text("a\n1\n")
    for number, told in ((5, ": c0, c1, c2, c3, c4\n"), (6, ": c0, c1, c2, c3, c4 and 1 more\n")):
        columns = [ModelColumn(f"c{one}", f"c{one}", "INT") for one in range(number)]
        with pytest.raises(DataError) as refused:
            TableToScore(str(tmp_path / "t.csv"), data, columns, ())
        assert told in f"{refused.value}\n".replace(" (did you mean a?)", ""), str(refused.value)


def test_rows_without_images_come_as_many_at_once_as_are_asked_for(tmp_path, data, monkeypatch):
    monkeypatch.setattr(table_to_score, "_IMAGES_AT_ONCE", 2)
    table = TableToScore(str(write_table(tmp_path / "t.parquet", rows(7))), data, SINGLE, (), rows_at_once=4)
    assert [part.features.num_rows for part in table.rows()] == [4, 3]


def test_a_key_that_is_not_there_is_told_with_the_nearest(tmp_path, data):
    with pytest.raises(DataError, match=r"no column idd\n  remedy: did you mean id\?"):
        read(write_table(tmp_path / "t.csv", rows(3)), data, keys=("idd",))
    with pytest.raises(DataError, match="rows of place have several values"):
        read(write_table(tmp_path / "t.parquet", rows(3)), data, keys=("place",))
