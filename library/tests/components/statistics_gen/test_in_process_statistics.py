"""Statistics in this process are TFDV's own numbers, whatever the batches, and go where TFX's executor puts them."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import json_format, text_format
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx import types
from tfx.components.statistics_gen import executor as tfx_executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils

from millrace.components.statistics_gen import in_process
from millrace.components.statistics_gen.executor import Executor

TEXT, INT, FLOAT = pa.large_list(pa.large_binary()), pa.large_list(pa.int64()), pa.large_list(pa.float32())
WORDS = st.lists(st.sampled_from([b"a", b"b", b"cc", b"d", b"e"]), max_size=2)
# One digit each: of equally frequent integers TFDV in memory takes the larger text, and by Beam the larger number.
ROWS = st.lists(
    st.tuples(st.none() | WORDS, st.none() | st.lists(st.integers(0, 4), max_size=2), st.none() | st.just([0.5])),
    min_size=1,
    max_size=12,
)
SCHEMA = text_format.Parse(
    """
    feature { name: "zip" type: INT int_domain { is_categorical: true } }
    feature { name: "blob" type: BYTES image_domain { } }
    """,
    schema_pb2.Schema(),
)


def batch(rows) -> pa.RecordBatch:
    words, numbers, halves = (list(column) for column in zip(*rows, strict=True))
    columns = [pa.array(words, TEXT), pa.array(numbers, INT), pa.array(words, TEXT), pa.array(halves, FLOAT)]
    return pa.RecordBatch.from_arrays(columns, ["word", "zip", "blob", "half"])


def by_feature(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> dict:
    [dataset] = statistics.datasets
    return {feature.path.step[0]: feature for feature in dataset.features} | {"rows": dataset.num_examples}


def plain(value):
    """A message as plain values; sums of several parts are rounded otherwise."""
    if isinstance(value, Message):
        return plain(json_format.MessageToDict(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return f"{value:.6g}" if isinstance(value, float) else value


@settings(deadline=None, max_examples=25)
@given(
    ROWS, st.integers(1, 12), st.sampled_from([None, SCHEMA]), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)
)
def test_any_batches_have_the_statistics_that_tfdv_has_of_all_at_once(rows, size, schema, most, buckets, least):
    def options():
        return tfdv.StatsOptions(
            schema=schema, num_top_values=most, num_rank_histogram_buckets=buckets, frequency_threshold=least
        )

    whole = batch(rows)
    parts = [whole.slice(start, size) for start in range(0, len(rows), size)]
    # TFDV's reader gives a column without any value no type.
    bare = [pa.nulls(len(column)) if column.null_count == len(column) else column for column in whole.columns]
    expected = stats_impl.generate_statistics_in_memory(pa.RecordBatch.from_arrays(bare, whole.schema.names), options())
    computed = by_feature(in_process.generate(parts, options()))
    for name, feature in by_feature(expected).items():
        assert plain(computed[name]) == plain(feature), name


def test_an_integer_is_ranked_where_the_schema_says_that_it_is_a_category_and_an_image_never():
    rows = [([b"x"], [7], None), ([b"x"], [7], None), ([b"y"], [8], None)]
    plain = by_feature(in_process.generate([batch(rows)], tfdv.StatsOptions()))
    assert not plain["zip"].string_stats.unique and plain["zip"].num_stats.common_stats.num_non_missing == 3
    assert [(top.value, top.frequency) for top in plain["blob"].string_stats.top_values] == [("x", 2), ("y", 1)]
    curated = by_feature(in_process.generate([batch(rows)], tfdv.StatsOptions(schema=SCHEMA)))
    assert [(top.value, top.frequency) for top in curated["zip"].string_stats.top_values] == [("7", 2), ("8", 1)]
    assert not curated["blob"].string_stats.top_values


def test_without_a_row_there_is_one_empty_dataset():
    empty = in_process.generate([], tfdv.StatsOptions())
    assert [(len(one.features), one.num_examples) for one in empty.datasets] == [(0, 0)]
    empty = in_process.generate([batch([(None, None, None)]).slice(1)], tfdv.StatsOptions())
    assert [(len(one.features), one.num_examples) for one in empty.datasets] == [(0, 0)]


@pytest.mark.parametrize("name", ["experimental_result_partitions", "experimental_num_feature_partitions"])
def test_partitions_are_beams(name):
    assert in_process.supports(tfdv.StatsOptions(**{name: 1}))
    assert not in_process.supports(tfdv.StatsOptions(**{name: 2}))


def test_a_sketch_that_is_asked_for_is_used():
    rows = batch([([b"%d" % number], [number], None) for number in range(3000)])
    options = tfdv.StatsOptions()
    assert by_feature(in_process.generate([rows], options))["word"].string_stats.unique == 3000
    options.use_sketch_based_topk_uniques = True
    sketched = by_feature(in_process.generate([rows], options))["word"]
    assert sketched == by_feature(stats_impl.generate_statistics_in_memory(rows, options))["word"]


def write_examples(folder: Path, splits: dict[str, list[dict]], **properties: str) -> types.Artifact:
    """An Examples artifact of TFRecords, as TFX's ExampleGen writes it."""
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names, examples.span = str(folder), json_utils.dumps(list(splits)), 3
    for name, value in properties.items():
        examples.set_string_custom_property(name, value)
    for split, rows in splits.items():
        (folder / f"Split-{split}").mkdir(parents=True)
        path = folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for row in rows:
                example = tf.train.Example()
                for name, value in row.items():
                    example.features.feature[name].int64_list.value.append(value)
                writer.write(example.SerializeToString())
    return examples


def run(executor, examples, folder: Path, schema=None, **properties) -> types.Artifact:
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(folder)
    inputs = {"examples": [examples]} | ({"schema": [schema]} if schema else {})
    executor.Do(inputs, {"statistics": [statistics]}, properties)
    return statistics


@pytest.fixture
def no_beam(monkeypatch):
    monkeypatch.setattr(tfx_executor.Executor, "Do", lambda *_: pytest.fail("by Beam"))


def read(statistics: types.Artifact, split: str) -> dict:
    file = Path(statistics.uri) / f"Split-{split}" / "FeatureStats.pb"
    return by_feature(statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes()))


SPLITS = {"train": [{"zip": 7}, {"zip": 7}, {"zip": 8}], "eval": [{"zip": 9}], "test": []}


def test_each_split_but_those_left_out_has_its_file_and_the_artifact_its_properties(tmp_path, no_beam):
    examples = write_examples(tmp_path / "examples", SPLITS)
    statistics = run(Executor(), examples, tmp_path / "out", exclude_splits=json_utils.dumps(["eval"]))
    assert artifact_utils.decode_split_names(statistics.split_names) == ["train", "test"]
    folders = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert folders == [".order_statistics", "Split-test", "Split-train"]
    train = read(statistics, "train")
    assert (train["rows"], train["zip"].num_stats.max, train["zip"].num_stats.min) == (3, 8.0, 7.0)
    assert read(statistics, "test") == {"rows": 0}
    assert statistics.span == 3
    rates = statistics.get_json_value_custom_property("sample_rate_by_split")
    assert json.loads(rates) == {"train": 1.0, "test": 1.0}
    assert statistics.has_custom_property("stats_dashboard_link")


def test_where_every_split_is_left_out_it_is_an_error(tmp_path, no_beam):
    examples = write_examples(tmp_path / "examples", {"train": [{"zip": 7}]})
    with pytest.raises(ValueError, match="No splits for examples artifact"):
        run(Executor(), examples, tmp_path / "out", exclude_splits=json_utils.dumps(["train"]))


def test_the_schema_says_what_is_a_category(tmp_path, no_beam):
    schema = standard_artifacts.Schema()
    schema.uri = str(tmp_path / "schema")
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "schema.pbtxt").write_text(str(SCHEMA))
    examples = write_examples(tmp_path / "examples", SPLITS)
    options = tfdv.StatsOptions(num_top_values=1)
    statistics = run(Executor(), examples, tmp_path / "out", schema, stats_options_json=options.to_json())
    assert [top.value for top in read(statistics, "train")["zip"].string_stats.top_values] == ["7"]


class ByBeam(Exception):
    """TFX's own executor was asked."""


@pytest.mark.parametrize(
    ("properties", "beam"),
    [
        ({}, False),
        ({"in_process": 1}, False),
        ({"in_process": 0}, True),
        ({"sharded_stats_output": 1}, True),
        ({"sharded_stats_output": 0}, False),
        ({"sample_rate_by_split": json_utils.dumps({"train": 0.5})}, True),
        ({"stats_options_json": tfdv.StatsOptions(sample_rate=0.5).to_json()}, True),
        ({"stats_options_json": tfdv.StatsOptions(schema=SCHEMA).to_json(), "schema": True}, True),
        ({"payload_format": "FORMAT_PARQUET"}, True),
    ],
)
def test_what_only_beam_can_do_is_done_by_beam(tmp_path, monkeypatch, properties, beam):
    def asked(*_):
        raise ByBeam

    monkeypatch.setattr(tfx_executor.Executor, "Do", asked)
    payload = {"payload_format": properties.pop("payload_format", "FORMAT_TF_EXAMPLE")}
    examples = write_examples(tmp_path / "examples", {"train": [{"zip": 7}]}, **payload)
    schema = standard_artifacts.Schema() if properties.pop("schema", False) else None
    if beam:
        with pytest.raises(ByBeam):
            run(Executor(), examples, tmp_path / "out", schema, **properties)
    else:
        assert read(run(Executor(), examples, tmp_path / "out", schema, **properties), "train")["rows"] == 1
