"""A schema from data files: the statistics are TFDV's own, of Parquet as of CSV, in however many batches."""

import datetime
import decimal
import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.errors import SchemaError
from millrace.schema import inference

ROWS = 50


@pytest.fixture
def table() -> pa.Table:
    """Columns of many types, each with a missing value now and then."""
    rng = np.random.default_rng(5)
    gaps = [None if n % 7 == 3 else n for n in range(ROWS)]

    def column(make, kind=None):
        return pa.array([None if gap is None else make(gap) for gap in gaps], kind)

    return pa.table(
        {
            "whole": column(lambda n: n % 5),
            "large": column(lambda n: 2**63 + n, pa.uint64()),
            "yes": column(lambda n: n % 2 == 0),
            "number": column(lambda n: float(rng.normal())),
            "price": column(lambda n: decimal.Decimal(n) / 4),
            "word": column(lambda n: f"w{n % 3}"),
            "kind": column(lambda n: f"k{n % 2}").dictionary_encode(),
            "raw": column(lambda n: b"ab", pa.binary()),
            "day": column(lambda n: datetime.date(2031, 1, 1 + n % 3)),
            "several": column(lambda n: list(range(n % 3)), pa.list_(pa.int64())),
            "empty": pa.nulls(ROWS, pa.int64()),
        }
    )


def features(statistics):
    return {".".join(feature.path.step) or feature.name: feature for feature in statistics.features}


@pytest.mark.parametrize("batch", [7, ROWS, 65_536])
def test_parquet_is_counted_as_it_is_whatever_the_batches(tmp_path, monkeypatch, table, batch):
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=20)
    monkeypatch.setattr(inference, "_BATCH_ROWS", batch)
    [statistics] = inference.statistics_of([tmp_path / "a.parquet"])
    assert statistics.num_examples == ROWS
    counted = features(statistics)
    missing = sum(n % 7 == 3 for n in range(ROWS))
    for name in set(table.column_names) - {"empty", "several"}:
        feature = counted[name]
        common = (feature.num_stats if feature.HasField("num_stats") else feature.string_stats).common_stats
        assert (common.num_missing, common.num_non_missing) == (missing, ROWS - missing), name
        assert (common.min_num_values, common.max_num_values) == (1, 1), name
    whole = [n % 5 for n in range(ROWS) if n % 7 != 3]
    assert counted["whole"].num_stats.mean == pytest.approx(np.mean(whole))
    assert (counted["whole"].num_stats.min, counted["whole"].num_stats.max) == (0, 4)
    assert counted["yes"].num_stats.mean == pytest.approx(np.mean([n % 2 == 0 for n in range(ROWS) if n % 7 != 3]))
    assert counted["price"].num_stats.max == 49 / 4
    assert {one.value for one in counted["day"].string_stats.top_values} == {
        "2031-01-01", "2031-01-02", "2031-01-03",
    }  # fmt: skip
    words = {one.value: one.frequency for one in counted["word"].string_stats.top_values}
    assert words == {f"w{k}": sum(n % 3 == k for n in range(ROWS) if n % 7 != 3) for k in range(3)}
    assert counted["several"].num_stats.common_stats.max_num_values == 2


def test_the_statistics_of_a_parquet_file_are_those_that_tfdv_makes_of_its_rows(tmp_path, table):
    plain = table.select(["whole", "number", "word"])
    pq.write_table(plain, tmp_path / "a.parquet")
    [ours] = inference.statistics_of([tmp_path / "a.parquet"])
    theirs = features(tfdv.generate_statistics_from_dataframe(plain.to_pandas()).datasets[0])
    for name, feature in features(ours).items():
        for kind in ("num_stats", "string_stats"):
            assert (
                feature.HasField(kind) == theirs[name].HasField(kind) or name == "whole"
            )  # pandas has no gaps in ints
    assert features(ours)["number"].num_stats.mean == pytest.approx(theirs["number"].num_stats.mean, rel=1e-6)
    assert features(ours)["word"].string_stats.unique == theirs["word"].string_stats.unique


def test_a_folder_stands_for_its_files_and_each_file_widens_the_schema(tmp_path):
    folder = tmp_path / "data"
    (folder / "below").mkdir(parents=True)
    (folder / "b.csv").write_text("kind,n\n" + "new,1\n" * 20)
    (folder / "a.csv.gz").write_bytes(gzip.compress(b"kind,n\n" + b"old,1\nolder,2\n" * 20))
    statistics = inference.statistics_of([folder])
    assert [one.num_examples for one in statistics] == [40, 20]
    schema = inference.schema_of(statistics)
    [domain] = schema.string_domain
    assert set(domain.value) == {"old", "older", "new"}
    written = inference.text(schema)
    assert written.startswith("# Inferred from the data by TFDV")
    assert text_format.Parse(written, schema_pb2.Schema()) == schema
    assert written.count("\n\n") >= 2


def test_without_a_row_there_is_no_schema(tmp_path):
    pq.write_table(pa.table({"x": pa.array([], pa.int64())}), tmp_path / "a.parquet")
    with pytest.raises(SchemaError, match="no row to infer a schema from"):
        inference.schema_of(inference.statistics_of([tmp_path / "a.parquet"]))
    with pytest.raises(SchemaError, match="no row to infer a schema from"):
        inference.schema_of([])


def test_an_empty_split_takes_no_part(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n2\n")
    pq.write_table(pa.table({"x": pa.array([], pa.int64()), "y": pa.array([], pa.int64())}), tmp_path / "b.parquet")
    schema = inference.schema_of(inference.statistics_of([tmp_path / "b.parquet", tmp_path / "a.csv"]))
    assert [feature.name for feature in schema.feature] == ["x"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.parquet", b"x,y\n1,2\n", "not a Parquet table that can be read"),
        ("a.csv", b"", "not a CSV table: .*empty file"),
        ("a.csv", b"x,y\n1,2\n1,2,3\n", "not a CSV table: Columns do not match"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SchemaError, match=words) as refused:
        inference.statistics_of([tmp_path / name])
    assert str(tmp_path / name) in str(refused.value)


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(SchemaError, match="no data file here") as refused:
        inference.statistics_of([tmp_path])
    assert refused.value.where == str(tmp_path) and refused.value.remedy
