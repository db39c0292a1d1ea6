"""`data.splits` in its long form, `where`, `leave_out` and `key`: a configuration's section through the real stages."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts

from millrace.base.errors import DataError
from millrace.components.example_gen import split_record
from millrace.components.example_gen.configured import example_gen
from millrace.components.example_gen.section import Data

ROWS = 3000


@pytest.fixture(params=["csv", "parquet"])
def table(request, tmp_path):
    """Three rows a day and thirty a customer, a rare class, names that nobody may see, a tenth without amount."""
    columns = {
        "row": list(range(ROWS)),
        "day": [f"2031-{1 + at // 3 // 28 % 12:02d}-{1 + at // 3 % 28:02d}" for at in range(ROWS)],
        "customer": [f"c{at % 100}" for at in range(ROWS)],
        "name": [f"Ada {at}" for at in range(ROWS)],
        "amount": [None if at % 10 == 3 else at / 4 for at in range(ROWS)],
        "part": ["abc"[at % 3] for at in range(ROWS)],
        "rare": [int(at % 150 == 7) for at in range(ROWS)],
    }
    folder = tmp_path / "data"
    folder.mkdir()
    if request.param == "parquet":
        pq.write_table(pa.table(columns), folder / "a.parquet", row_group_size=500)
    else:
        lines = [
            ",".join("" if value is None else str(value) for value in row)
            for row in zip(*columns.values(), strict=True)
        ]
        (folder / "a.csv").write_text("\n".join([",".join(columns), *lines, ""]))
    return {"path": str(folder), "format": request.param, "rules": "table"}


@pytest.fixture
def divided(table, tmp_path, configured_rows):
    """Each split's rows, as mappings from a column to its value, and the folder of the examples."""

    def run(**section):
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        splits = configured_rows(Data(**table, **section), str(out))
        return {name: [_row(record) for record in records.elements()] for name, records in splits.items()}, str(out)

    return run


def rows_in(folder):
    """The rows of a split."""
    files = sorted(tf.io.gfile.glob(f"{folder}/*"))
    return [_row(record) for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()]


def _row(record):
    features = tf.train.Example.FromString(record).features.feature
    values = {
        name: getattr(one, one.WhichOneof("kind")).value if one.WhichOneof("kind") else []
        for name, one in features.items()
    }
    return {name: value[0] if value else None for name, value in values.items()}


def test_the_rows_of_a_group_are_in_one_split(divided):
    splits, uri = divided(splits={"by": "group", "column": "customer", "shares": {"train": 3, "eval": 1}})
    customers = {name: {row["customer"] for row in rows} for name, rows in splits.items()}
    assert not customers["train"] & customers["eval"]
    assert len(customers["train"] | customers["eval"]) == 100
    assert sum(map(len, splits.values())) == ROWS
    assert split_record.read(uri).shared == 0


def test_the_newest_days_are_test_and_those_before_eval(divided):
    time = {"by": "time", "column": "day", "format": "%Y-%m-%d", "days": {"eval": 28, "test": 7}}
    splits, uri = divided(splits=time)
    days = {name: sorted({row["day"].decode() for row in rows}) for name, rows in splits.items()}
    # 3,000 rows at three a day are 1,000 days of a year of 336, so that every day is there but December's last.
    assert days["test"] == [f"2031-12-{day}" for day in range(22, 29)]
    assert (days["eval"][0], days["eval"][-1]) == ("2031-11-24", "2031-12-21")
    assert days["train"][-1] == "2031-11-23"
    assert split_record.read(uri).ends == {"train": "2031-11-23T00:00:00", "eval": "2031-12-21T00:00:00"}


def test_shares_by_time_are_of_rows_and_part_no_day(divided):
    time = {"by": "time", "column": "day", "format": "%Y-%m-%d", "shares": {"train": 8, "eval": 1, "test": 1}}
    splits, _ = divided(splits=time)
    assert {name: round(len(rows) / ROWS, 2) for name, rows in splits.items()} == {
        "train": 0.8,
        "eval": 0.1,
        "test": 0.1,
    }
    days = {name: {row["day"] for row in rows} for name, rows in splits.items()}
    assert max(days["train"]) < min(days["eval"])
    assert max(days["eval"]) < min(days["test"])


def test_each_stratum_has_its_exact_share(divided):
    strata = {"by": "stratum", "column": "rare", "shares": {"train": 3, "eval": 1, "test": 1}}
    splits, _ = divided(splits=strata)
    assert {name: Counter(row["rare"] for row in rows) for name, rows in splits.items()} == {
        "train": {0: 1788, 1: 12},
        "eval": {0: 596, 1: 4},
        "test": {0: 596, 1: 4},
    }
    again, _ = divided(splits=strata)
    assert again == splits


def test_rows_with_nan_are_a_stratum_with_those_without_a_value(tmp_path, configured_rows):
    grade = [float("nan"), None, 1.5, 2.5] * 200
    folder = tmp_path / "data"
    folder.mkdir()
    columns = {"row": list(range(800)), "grade": pa.array(grade, pa.float64(), from_pandas=False)}
    pq.write_table(pa.table(columns), folder / "a.parquet", row_group_size=100)
    splits = {"by": "stratum", "column": "grade", "shares": {"train": 3, "eval": 1}}
    data = Data(path=str(folder), format="parquet", rules="table", splits=splits)
    made = configured_rows(data, str(tmp_path / "out"))
    rows = {name: [_row(record)["row"] for record in records.elements()] for name, records in made.items()}
    assert len(rows["train"]) == 600 and len(rows["eval"]) == 200
    assert sum(at % 4 < 2 for at in rows["eval"]) == 100


@pytest.mark.parametrize("sizes", [[2] * 750 + [600], [3] * 500, [1] * 900])
def test_many_small_strata_have_the_shares_together(tmp_path, configured_rows, sizes):
    (tmp_path / "data").mkdir()
    part = [f"p{place}" for place, size in enumerate(sizes) for _ in range(size)]
    pq.write_table(pa.table({"row": list(range(len(part))), "part": part}), tmp_path / "data" / "a.parquet")
    splits = {"by": "stratum", "column": "part", "shares": {"train": 4, "eval": 1, "test": 1}}
    data = Data(path=str(tmp_path / "data"), format="parquet", rules="table", splits=splits)
    rows = {name: records.total() for name, records in configured_rows(data, str(tmp_path / "out")).items()}
    # Four standard deviations of what is rounded, at most half a row in each stratum.
    expected = {"train": len(part) * 4 / 6, "eval": len(part) / 6, "test": len(part) / 6}
    assert rows == pytest.approx(expected, abs=4 * 0.5 * len(sizes) ** 0.5)


def test_a_column_says_the_split(divided):
    splits, _ = divided(splits={"by": "column", "column": "part", "values": {"train": ["a", "b"], "eval": ["c"]}})
    assert {name: {row["part"] for row in rows} for name, rows in splits.items()} == {
        "train": {b"a", b"b"},
        "eval": {b"c"},
    }


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("amount > 100", lambda at: at % 10 != 3 and at / 4 > 100),
        ("not amount > 100", lambda at: at % 10 != 3 and at / 4 <= 100),
        ("is_missing(amount)", lambda at: at % 10 == 3),
        ("100 <= row < 200 and part in ('a', 'b')", lambda at: 100 <= at < 200 and at % 3 < 2),
        ("row < 10 or (part == 'c' and not is_missing(amount))", lambda at: at < 10 or (at % 3 == 2 and at % 10 != 3)),
        ("amount != 25", lambda at: at % 10 != 3 and at != 100),
        ("row > 2990.5", lambda at: at > 2990),
        ("row / (row - 100) < 0 or lower(part) == 'C'", lambda at: 0 < at < 100),
        ("column('amount') + 1 == 1.25", lambda at: at == 1),
    ],
)
def test_only_rows_that_meet_the_condition_become_examples(divided, where, expected):
    splits, uri = divided(where=where)
    record, rows = split_record.read(uri), sum(map(len, splits.values()))
    assert sum(record.rows.values()) == rows and record.left_out == ROWS - rows
    assert record.condition == f"{ROWS - rows:,} of 3,000 rows do not meet data.where, and are left out: {where}"
    assert sorted(row["row"] for rows in splits.values() for row in rows) == [at for at in range(ROWS) if expected(at)]


def test_a_column_that_is_left_out_reaches_no_file_but_may_divide_and_choose(divided):
    splits, uri = divided(
        splits={"by": "group", "column": "name", "shares": {"train": 2, "eval": 1}},
        leave_out=["name"],
        where="name != 'Ada 5'",
    )
    assert sum(map(len, splits.values())) == ROWS - 1
    assert not any("name" in row for rows in splits.values() for row in rows)
    sidecars = list((Path(uri) / ".arrow").rglob("*.arrow"))
    assert sidecars
    for sidecar in sidecars:
        assert "name" not in pa.ipc.open_file(pa.memory_map(str(sidecar))).schema.names


def test_a_key_in_several_splits_is_counted(divided):
    _, uri = divided(key="customer")
    record = split_record.read(uri)
    assert (record.keys, record.shared) == (100, 100)
    assert record.leak.startswith("100 of 100 values of customer are in more than one split")
    _, uri = divided(key="row")
    assert split_record.read(uri).leak == ""


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"where": "amount == 'many'"}, "is of a text and a number: one of them has to become the other"),
        ({"where": "part > 3"}, "> wants a number, and part is a text"),
        ({"where": "row < 0"}, "no row meets data.where: row < 0"),
        ({"where": "amont > 3"}, "amont is not a column of the data; did you mean amount?"),
        (
            {"splits": {"by": "time", "column": "part", "format": "%Y-%m-%d", "shares": {"train": 1, "eval": 1}}},
            "3,000 rows of part hold no time of the format %Y-%m-%d, for instance '[abc]'",
        ),
        (
            {"splits": {"by": "time", "column": "amount", "format": "unix", "shares": {"train": 1, "eval": 1}}},
            "300 rows of amount hold no time of the format unix",
        ),
        (
            {
                "splits": {"by": "group", "column": "part", "shares": {"train": 2, "eval": 1}},
                "where": "part == 'a'",
            },
            "no row comes to the split .* by part, which has 1 value",
        ),
        (
            {"splits": {"by": "time", "column": "day", "format": "%Y-%m-%d", "days": {"eval": 999}}},
            "no row comes to the split train by day",
        ),
        (
            {"splits": {"by": "stratum", "column": "name", "shares": {"train": 1, "eval": 1}}},
            "name has more than 1,000 values",
        ),
        (
            {"splits": {"by": "column", "column": "part", "values": {"train": ["a"], "eval": ["b"]}}},
            r"rows of part say what no split names \(c\)",
        ),
        (
            {
                "splits": {"by": "column", "column": "part", "values": {"train": ["a"], "eval": ["b"]}},
                "leave_out": ["part"],
            },
            r"rows of part say what no split names\n",
        ),
    ],
)
def test_what_the_rows_cannot_be_divided_by_is_refused(divided, section, message):
    with pytest.raises(DataError, match=message):
        divided(**section)


@pytest.mark.parametrize("cuts", [{"days": {"eval": 7}}, {"shares": {"train": 8, "eval": 2}}])
@pytest.mark.parametrize(
    ("moments", "message"),
    [
        ([1_700_000_000_000 + at for at in range(50)], "(?s)50 rows of t hold .*set data.splits.format to unix_ms"),
        ([*range(1_700_000_000, 1_700_000_049), 2**63 - 1], "(?s)1 row of t .*9223372036854775807.*or leave them"),
        ([*(1.7e9 + at for at in range(49)), 1e30], "1 row of t hold"),
    ],
)  # fmt: skip
def test_a_number_that_is_no_moment_of_anybody_is_refused(tmp_path, configured_rows, moments, message, cuts):
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"t": moments}), tmp_path / "data" / "a.parquet")
    splits = {"by": "time", "column": "t", "format": "unix", **cuts}
    data = Data(path=str(tmp_path / "data"), format="parquet", rules="table", splits=splits)
    with pytest.raises(DataError, match=message):
        configured_rows(data, str(tmp_path / "out"))


@pytest.mark.parametrize("days", [10**6, 1e300])
def test_more_days_than_there_ever_were_leave_no_train(divided, days):
    with pytest.raises(DataError, match="no row comes to the split train by day"):
        divided(splits={"by": "time", "column": "day", "format": "%Y-%m-%d", "days": {"eval": days}})


@pytest.mark.parametrize("rules", ["table", "tfx"])
def test_rows_without_a_group_are_refused_and_not_made_one(tmp_path, configured_rows, rules):
    (tmp_path / "data").mkdir()
    rows = [f"{at},{'' if at % 3 == 2 else f'c{at}'}" for at in range(60)]
    (tmp_path / "data" / "a.csv").write_text("\n".join(["row,customer", *rows, ""]))
    splits = {"by": "group", "column": "customer", "shares": {"train": 2, "eval": 1}}
    with pytest.raises(DataError, match="'customer', has rows without a value"):
        configured_rows(Data(path=str(tmp_path / "data"), rules=rules, splits=splits), str(tmp_path / "out"))
    kept = Data(path=str(tmp_path / "data"), rules=rules, splits=splits, where="not is_missing(customer)")
    assert sum(records.total() for records in configured_rows(kept, str(tmp_path / "kept")).values()) == 40


def test_the_stages_of_a_split_by_time_run_in_a_beam_pipeline(table, tmp_path):
    time = {"by": "time", "column": "day", "format": "%Y-%m-%d", "days": {"eval": 28}}
    component = example_gen(Data(**table, splits=time, leave_out=["day"]))
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path / "out")
    component.executor_spec.executor_class().Do({}, {"examples": [artifact]}, component.exec_properties)
    assert artifact_utils.decode_split_names(artifact.split_names) == ["train", "eval"]
    rows = {name: rows_in(f"{artifact.uri}/Split-{name}") for name in ("train", "eval")}
    # The last of the 1,000 days' three years of twelve months of 28 days lacks its last eight days.
    assert [len(rows["train"]), len(rows["eval"])] == [ROWS - 228, 228]
    assert "day" not in rows["eval"][0]
