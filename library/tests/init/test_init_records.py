"""TFRecord and Avro files, and lists of any type: init takes them as it takes CSV."""

import json

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from google.protobuf import text_format
from init_tables import plan_of
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.errors import ConfigError, DataError
from millrace.config.feature_checks import features_fit
from millrace.config.loading import load
from millrace.init import record_blocks
from millrace.init.plan import column_names, make_plan, write
from millrace.init.scan import scan
from millrace.init.sources import find_source

RANDOM = np.random.default_rng(3)
ROWS = 200


def feature(values) -> tf.train.Feature:
    if isinstance(values[0], (bytes, str)):
        encoded = [value.encode() if isinstance(value, str) else value for value in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))
    if isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def rows() -> list[dict]:
    return [
        {
            "size": [float(RANDOM.normal().__round__(3))],
            "colour": [["red", "green", "?"][place % 3]],
            "tags": [f"t{tag}" for tag in range(1 + place % 3)],
            "vector": [0.5, float(place), 1.5],
            "gap": [place % 90] if place % 4 else [],
            "y": [place % 2],
        }
        for place in range(ROWS)
    ]


def write_examples(path, options=None):
    with tf.io.TFRecordWriter(str(path), options=options) as writer:
        for row in rows():
            features = {name: feature(values) for name, values in row.items() if values}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def write_sequences(path):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows():
            context = {name: feature(row[name]) for name in ("size", "y")}
            lists = {"tags": tf.train.FeatureList(feature=[feature([tag]) for tag in row["tags"]])}
            example = tf.train.SequenceExample(
                context=tf.train.Features(feature=context), feature_lists=tf.train.FeatureLists(feature_list=lists)
            )
            writer.write(example.SerializeToString())


def schema_of(plan) -> dict[str, str]:
    text = next(text for path, text in plan.files.items() if path.suffix == ".pbtxt")
    schema = text_format.Parse(text, schema_pb2.Schema())
    return {one.name: schema_pb2.FeatureType.Name(one.type) for one in schema.feature}


TYPES = {"size": "FLOAT", "colour": "BYTES", "tags": "BYTES", "vector": "FLOAT", "gap": "INT", "y": "INT"}


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_examples_of_a_tfrecord_file(tmp_path, compression):
    write_examples(tmp_path / "t.tfrecord", tf.io.TFRecordOptions(compression_type=compression))
    plan = make_plan([str(tmp_path / "t.tfrecord")], "y", "", tmp_path / "project")
    write(plan)
    data = load(next(iter(plan.files))).data
    assert (data.format, data.rules, data.missing, data.columns) == ("tfrecord", "tfx", (), {})
    assert (plan.table.rows, plan.table.complete, plan.label.classes) == (ROWS, True, (0, 1))
    kinds = {decision.column.name: decision.kind for decision in plan.decisions}
    assert (kinds["size"], kinds["colour"], kinds["vector"], kinds["gap"]) == ("number", "category", "vector", "number")
    assert plan.table.column("colour").missing == 0, "TFX reads these files: nothing takes ? for missing"
    assert plan.table.column("gap").missing == ROWS / 4
    assert schema_of(plan) == TYPES


def test_sequence_examples_are_read_with_their_lists(tmp_path):
    write_sequences(tmp_path / "t.tfrecord")
    plan = make_plan([str(tmp_path / "t.tfrecord")], "y", "", tmp_path / "project")
    assert plan.table.source.format == "sequence_example"
    [tags] = [decision.feature for decision in plan.decisions if decision.column.name == "tags"]
    assert (tags.kind, tags.max_values) == ("bag", 4)
    assert schema_of(plan) == {name: TYPES[name] for name in ("size", "y", "tags")}


AVRO = {
    "type": "record",
    "name": "row",
    "fields": [
        {"name": "size", "type": "double"},
        {"name": "count", "type": ["null", "long"]},
        {"name": "flag", "type": "boolean"},
        {"name": "colour", "type": {"type": "enum", "name": "colours", "symbols": ["red", "green"]}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "y", "type": "string"},
    ],
}


def avro_rows() -> list[dict]:
    return [
        {
            "size": float(place % 7),
            "count": None if place % 5 == 0 else place % 40,
            "flag": place % 3 == 0,
            "colour": ["red", "green"][place % 2],
            "day": 19_000 + place,
            "y": ["no", "yes"][place // 2 % 2],
        }
        for place in range(ROWS)
    ]


def write_avro(path):
    with open(path, "wb") as file:
        fastavro.writer(file, AVRO, avro_rows())


def test_avro_with_its_zeros(tmp_path):
    write_avro(tmp_path / "t.avro")
    assert column_names([str(tmp_path)]) == ("size", "count", "flag", "colour", "day", "y")
    plan = make_plan([str(tmp_path)], "y", "", tmp_path / "project")
    write(plan)
    data = load(next(iter(plan.files))).data
    assert (data.format, data.rules) == ("avro", "table")
    missing = {column.name: column.missing for column in plan.table.columns}
    assert missing == {"size": 0, "count": ROWS / 5, "flag": 0, "colour": 0, "day": 0, "y": 0}
    assert {decision.column.name: decision.kind for decision in plan.decisions}["day"] == "date"


def write_lines(path):
    """More text than the columns that become of it; a key that only the last rows have."""
    lines = [{"a_rather_long_name": at / 4, **({"late": at} if at > 150 else {}), "y": at % 2} for at in range(ROWS)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize(
    ("name", "written", "most"),
    [("t.tfrecord", write_examples, 4_000), ("t.jsonl", write_lines, 6_000), ("t.avro", write_avro, 2_000)],
)
def test_of_a_table_that_is_too_large_the_beginning_is_read_and_it_is_not_called_whole(
    tmp_path, monkeypatch, name, written, most
):
    """What was read passed for all of it while the files were below half a GiB, and its limits for the table's."""
    written(tmp_path / name)
    monkeypatch.setattr(record_blocks, "_ROWS", 30)
    whole = scan(find_source([str(tmp_path)]))
    assert (whole.complete, whole.rows, whole.rows_read) == (True, ROWS, ROWS)
    assert {one.name for one in whole.columns} >= {"y"}
    monkeypatch.setattr(record_blocks, "_MOST_BYTES", most)
    part = scan(find_source([str(tmp_path)]))
    assert not part.complete and 20 < part.rows_read < ROWS
    assert part.rows_read < part.rows < 4 * ROWS, "told from the files' size"


def test_a_feature_that_the_first_records_lack_is_a_column_with_gaps(tmp_path, monkeypatch):
    monkeypatch.setattr(record_blocks, "_ROWS", 30)
    with tf.io.TFRecordWriter(str(tmp_path / "t.tfrecord")) as writer:
        for at in range(ROWS):
            values = {"y": at % 2, **({"late": float(at)} if at >= 100 else {})}
            features = {key: feature([value]) for key, value in values.items()}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    table = scan(find_source([str(tmp_path)]))
    assert (table.rows, table.column("late").missing, table.column("y").missing) == (ROWS, 100, 0)


def test_a_feature_of_two_types_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(record_blocks, "_ROWS", 30)
    with tf.io.TFRecordWriter(str(tmp_path / "t.tfrecord")) as writer:
        for at in range(60):
            features = {"y": feature([at % 2]), "x": feature([float(at)] if at < 30 else ["many"])}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    with pytest.raises(DataError, match=r"a feature has values of different types: .*x"):
        scan(find_source([str(tmp_path)]))


def test_a_label_of_lists_that_are_no_classes_is_refused(tmp_path):
    pq.write_table(pa.table({"x": range(40), "y": [[1.5, 2.5], [3.25]] * 20}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="the label holds lists"):
        make_plan([str(tmp_path)], "y", "", tmp_path / "project")


def test_an_avro_field_that_no_column_has_is_refused(tmp_path):
    nested = {"type": "record", "name": "r", "fields": [{"name": "m", "type": {"type": "map", "values": "long"}}]}
    with open(tmp_path / "t.avro", "wb") as file:
        fastavro.writer(file, nested, [{"m": {"a": 1}}])
    with pytest.raises(DataError, match="the field 'm' has type"):
        column_names([str(tmp_path)])


@pytest.mark.parametrize("name", ["t.avro", "t.tfrecord"])
def test_a_file_that_is_cut_off_is_refused(tmp_path, name):
    if name == "t.avro":
        with open(tmp_path / name, "wb") as file:
            fastavro.writer(file, AVRO, avro_rows())
    else:
        write_examples(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    assert find_source([str(tmp_path)]).format == name.partition(".")[2]
    with pytest.raises(DataError) as caught:
        column_names([str(tmp_path)])
    assert caught.value.remedy


def test_json_lines_with_lists_and_times(tmp_path):
    lines = [
        {
            "at": f"2031-01-{place % 28 + 1:02} 18:30:00",
            "tags": ["a", "b", "c"][: place % 4],
            "trace": [0.5] * (place % 5),
            "fare": place % 40 + 0.5,
            "y": ["no", "yes"][place // 3 % 2],
        }
        for place in range(ROWS)
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    plan = make_plan([str(tmp_path / "t.jsonl")], "y", "", tmp_path / "project")
    write(plan)
    config = load(next(iter(plan.files)))
    assert config.data.format == "jsonl"
    assert config.features["at"].format == "%Y-%m-%d %H:%M:%S"
    assert (config.features["tags"].kind, config.features["trace"].kind) == ("bag", "sequence")
    assert (config.features["trace"].values, config.features["trace"].max_length) == ("numbers", 4)
    schema = text_format.Parse(list(plan.files.values())[1], schema_pb2.Schema())
    counted = load(next(iter(plan.files)), ["features.many={kind: numeric, expression: len(tags)}"])
    with pytest.raises(ConfigError, match="many reads one value a row, and by the schema tags has several"):
        features_fit(counted, None, schema)
    features_fit(config, None, schema)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"k": 1}, "'m' holds objects, which an example cannot hold"),
        ([None, 1], "'m' has lists with nulls inside"),
        ([None], "'m' has lists with nulls inside"),
    ],
)
def test_json_lines_that_no_example_can_hold_are_refused(tmp_path, value, message):
    lines = [{"x": place / 4, "m": value, "b": [True], "n": None, "l": [], "y": place % 2} for place in range(300)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DataError, match=message):
        make_plan([str(tmp_path / "t.jsonl")], "y", "", tmp_path / "project")


def test_texts_of_several_values_are_a_bag_with_their_separator(tmp_path):
    genres = ["Action", "Comedy", "Drama", "Horror", "Romance", "War"]
    columns = {
        "genres": ["|".join(RANDOM.choice(genres, RANDOM.integers(1, 4), replace=False)) for _ in range(ROWS)],
        "places": [f"Street {place % 7}, {place}" for place in range(ROWS)],
        "words": RANDOM.choice(["one, two", "three"], ROWS),
        "x": RANDOM.normal(size=ROWS),
        "y": ["no", "yes"] * (ROWS // 2),
    }
    kinds = {one.column.name: one.kind for one in plan_of(tmp_path, columns).decisions}
    assert (kinds["genres"], kinds["words"]) == ("bag", "category") and kinds["places"] != "bag"


def test_lists_of_a_parquet_file_keep_the_type_of_their_values(tmp_path):
    table = pa.table(
        {
            "counts": [[1] * (place % 3) for place in range(ROWS)],
            "words": [["a"] * (place % 3) for place in range(ROWS)],
            "fixed": pa.array([[1.0, 2.0]] * ROWS, pa.list_(pa.float64(), 2)),
            "x": RANDOM.normal(size=ROWS),
            "y": [0, 1] * (ROWS // 2),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    plan = make_plan([str(tmp_path)], "y", "", tmp_path / "project")
    assert schema_of(plan) == {"counts": "INT", "words": "BYTES", "fixed": "FLOAT", "x": "FLOAT", "y": "INT"}
