"""The in-process statistics beside those of TFX's own executor, on the same artifact."""

import os
import shutil
from pathlib import Path
from typing import Optional

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow_data_validation as tfdv
import tfx
from close_numbers import assert_close
from google.protobuf import json_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx import types
from tfx.components.example_gen import utils
from tfx.components.statistics_gen import executor as tfx_executor
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts, standard_component_specs
from tfx.utils import json_utils, proto_utils

from millrace.components.example_gen import executor as columnar
from millrace.components.example_gen.options import Options, to_custom_config
from millrace.components.statistics_gen import exact_top_k, in_process
from millrace.components.statistics_gen.component import StatisticsGen
from millrace.components.statistics_gen.exact_top_k import ExactTopKUniques
from millrace.components.statistics_gen.executor import Executor

TAXI = Path(tfx.__file__).parent / "examples" / "chicago_taxi_pipeline" / "data" / "big_tipper_label"


def _examples(base: Path, out: Path, **chosen: object) -> standard_artifacts.Examples:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(out)
    config = utils.make_default_input_config()
    properties = {
        "input_base": str(base),
        "input_config": proto_utils.proto_to_json(config),
        "output_config": proto_utils.proto_to_json(utils.make_default_output_config(config)),
        "output_data_format": 6,
        "custom_config": proto_utils.proto_to_json(to_custom_config(Options(**chosen), "")),
    }
    columnar.Executor().Do({}, {"examples": [artifact]}, properties)
    artifact.span = 3
    return artifact


@pytest.fixture(scope="module")
def taxi(tmp_path_factory) -> standard_artifacts.Examples:
    """The taxi examples with their sidecar."""
    return _examples(TAXI, tmp_path_factory.mktemp("taxi"), range_bytes=500_000, block_bytes=200_000)


def _run(executor, examples, out: Path, schema: Optional[Path] = None, **properties) -> types.Artifact:
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(out)
    inputs = {"examples": [examples]}
    if schema is not None:
        inputs["schema"] = [standard_artifacts.Schema()]
        inputs["schema"][0].uri = str(schema)
    executor.Do(inputs, {"statistics": [statistics]}, properties)
    return statistics


def _load(folder: Path, split: str) -> dict:
    proto = statistics_pb2.DatasetFeatureStatisticsList()
    proto.ParseFromString((folder / f"Split-{split}" / "FeatureStats.pb").read_bytes())
    (dataset,) = proto.datasets
    plain = json_format.MessageToDict(dataset)
    plain["features"] = {tuple(feature["path"]["step"]): feature for feature in plain.get("features", [])}
    return plain


def _assert_same(seen, expected) -> None:
    """Quantiles too, since both sketches get the rows in one order."""
    assert_close(seen, expected, relative=1e-6, of_bars=1e-5)


def _compare(examples, tmp_path: Path, **properties) -> tuple[types.Artifact, types.Artifact]:
    ours = _run(Executor(), examples, tmp_path / "ours", **properties)
    theirs = _run(tfx_executor.Executor(), examples, tmp_path / "theirs", **properties)
    assert ours.split_names == theirs.split_names
    for split in json_utils.loads(theirs.split_names):
        _assert_same(_load(tmp_path / "ours", split), _load(tmp_path / "theirs", split))
    ours.uri = theirs.uri = ""
    assert ours.mlmd_artifact == theirs.mlmd_artifact
    return ours, theirs


@pytest.mark.parametrize("bare", [False, True], ids=["from the sidecar", "from the records"])
def test_a_small_table_is_counted_without_beam(bare, tmp_path, monkeypatch):
    """Both splits together against plain arithmetic."""
    monkeypatch.setattr(tfx_executor.Executor, "Do", lambda *_: pytest.fail("not through Beam"))
    rows = 3000
    table = {
        "id": [f"id{place}" for place in range(rows)],
        "word": [["a", "b", None][place % 3] for place in range(rows)],
        "number": [None if place % 5 == 0 else float(place) for place in range(rows)],
        "never": pa.nulls(rows, pa.string()),
    }
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table(table), tmp_path / "in" / "a.parquet")
    examples = _examples(tmp_path / "in", tmp_path / "examples", format="parquet")
    if bare:
        shutil.rmtree(Path(examples.uri) / ".arrow")
    assert _run(Executor(), examples, tmp_path / "out").split_names == examples.split_names
    splits = [_load(tmp_path / "out", split) for split in ("train", "eval")]
    assert sum(int(split["numExamples"]) for split in splits) == rows

    def each(name, kind, field):
        return [split["features"][(name,)].get(kind, {}).get(field) for split in splits]

    counts = [int(split["numExamples"]) for split in splits]
    assert [int(unique) for unique in each("id", "stringStats", "unique")] == counts
    assert [int(unique) for unique in each("word", "stringStats", "unique")] == [2, 2]
    top = [
        {value["value"]: value["frequency"] for value in values} for values in each("word", "stringStats", "topValues")
    ]
    assert {word: sum(counted[word] for counted in top) for word in "ab"} == {"a": 1000.0, "b": 1000.0}
    common = [int(found["numNonMissing"]) for found in each("number", "numStats", "commonStats")]
    means = each("number", "numStats", "mean")
    present = [number for number in table["number"] if number is not None]
    assert sum(common) == len(present)
    total = sum(mean * count for mean, count in zip(means, common, strict=True))
    assert total / len(present) == pytest.approx(sum(present) / len(present))
    assert max(each("number", "numStats", "max")) == 2999.0 and min(each("number", "numStats", "min")) == 1.0
    assert all("topValues" not in str(split["features"].get(("never",), "")) for split in splits)


@pytest.mark.slow
def test_taxi_from_the_sidecar(taxi, tmp_path):
    """Every number of every feature, and every property of the artifact."""
    _compare(taxi, tmp_path)


@pytest.mark.slow
def test_taxi_from_the_records(taxi, tmp_path):
    """The same where there is no sidecar."""
    shutil.copytree(taxi.uri, tmp_path / "bare", ignore=shutil.ignore_patterns(".arrow"))
    bare = standard_artifacts.Examples()
    bare.split_names, bare.uri = taxi.split_names, str(tmp_path / "bare")
    _compare(bare, tmp_path)


@pytest.mark.slow
def test_with_a_schema_and_options(taxi, tmp_path):
    """Categorical integers by a schema, fewer top values, a split left out."""
    schema = schema_pb2.Schema()
    feature = schema.feature.add(name="trip_start_hour", type=schema_pb2.INT)
    feature.int_domain.is_categorical = True
    schema.feature.add(name="company", type=schema_pb2.BYTES)
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "schema.pbtxt").write_text(str(schema))
    options = tfdv.StatsOptions(num_top_values=3, num_rank_histogram_buckets=5, frequency_threshold=2)
    _compare(
        taxi,
        tmp_path,
        schema=tmp_path / "schema",
        stats_options_json=options.to_json(),
        exclude_splits=json_utils.dumps(["eval"]),
    )
    assert sorted(os.listdir(tmp_path / "ours")) == [".order_statistics", "Split-train"]
    assert os.listdir(tmp_path / "ours" / ".order_statistics") == ["Split-train.npz"]


@pytest.mark.slow
def test_many_distinct_values_empty_columns_and_lists(tmp_path):
    """More distinct values than a sketch holds, lists, nulls, a column without a value, bytes that are no text."""
    rows = 30_000
    table = pa.table(
        {
            "id": [f"id{place % 20_000:05d}" for place in range(rows)],
            "list": [list(range(place % 4)) for place in range(rows)],
            "words": [["a", "b"][: place % 3] for place in range(rows)],
            "gap": [None if place % 3 else place * 0.5 for place in range(rows)],
            "never": pa.nulls(rows, pa.int64()),
        }
    )
    base = tmp_path / "in"
    base.mkdir()
    pq.write_table(table, base / "a.parquet")
    examples = _examples(base, tmp_path / "examples", format="parquet", block_bytes=100_000)
    _compare(examples, tmp_path)
    unique = _load(tmp_path / "ours", "train")["features"][("id",)]["stringStats"]["unique"]
    assert int(unique) > 10_000


@pytest.mark.slow
def test_one_row_leaves_a_split_empty(tmp_path):
    """The empty split has the placeholder that TFX writes."""
    base = tmp_path / "in"
    base.mkdir()
    (base / "a.csv").write_text("x,y\n1,a\n")
    _compare(_examples(base, tmp_path / "examples"), tmp_path)


@pytest.mark.parametrize("merge_at", [1, 3, 1 << 20])
def test_counts_do_not_depend_on_how_they_are_merged(merge_at, monkeypatch):
    """Batches one by one, or accumulators merged; many values are added up before all are there."""
    monkeypatch.setattr(exact_top_k, "_MERGE_AT", merge_at)
    generator = ExactTopKUniques(None, 2, 3, 1)
    batches = [
        pa.RecordBatch.from_arrays([pa.array([[value] for value in values], pa.large_list(pa.large_binary()))], ["s"])
        for values in ([b"b", b"a", b"b"], [b"a", b"c"], [b"d"])
    ]
    together = generator.create_accumulator()
    for batch in batches:
        together = generator.add_input(together, batch)
    apart = generator.merge_accumulators(
        generator.add_input(generator.create_accumulator(), batch) for batch in batches
    )
    (stats,) = generator.extract_output(together).features
    assert stats == generator.extract_output(apart).features[0]
    assert [(top.value, top.frequency) for top in stats.string_stats.top_values] == [("b", 2), ("a", 2)]
    assert stats.string_stats.unique == 4


@pytest.mark.parametrize(
    "options",
    [
        tfdv.StatsOptions(sample_rate=0.5),
        tfdv.StatsOptions(label_feature="tips"),
        tfdv.StatsOptions(weight_feature="fare"),
        tfdv.StatsOptions(enable_semantic_domain_stats=True),
        tfdv.StatsOptions(feature_allowlist=["fare"]),
    ],
)
def test_what_needs_beam_is_left_to_tfx(options):
    """Options that TFDV answers with Beam transforms, weights or chance."""
    assert not in_process.supports(options)


def test_in_process_only_on_a_local_runner(taxi):
    """A remote runner, or a wish, keeps TFX's Beam pipeline."""
    local = Executor(BaseBeamExecutor.Context(beam_pipeline_args=["--direct_running_mode=in_memory"]))
    remote = Executor(BaseBeamExecutor.Context(beam_pipeline_args=["--runner=DataflowRunner", "--setup_file=x"]))
    assert local._fits(taxi, {}) and not remote._fits(taxi, {}) and not local._fits(taxi, {"in_process": False})


@pytest.mark.slow
def test_beam_path_gives_the_same(taxi, tmp_path):
    """`in_process=False` runs TFX's own executor."""
    _run(Executor(), taxi, tmp_path / "beam", in_process=False)
    _run(Executor(), taxi, tmp_path / "here", in_process=True)
    _assert_same(_load(tmp_path / "here", "eval"), _load(tmp_path / "beam", "eval"))


def test_component_takes_the_place_of_tfx():
    """Same inputs and outputs; three more properties, of which one is there where it says something."""
    channel = types.Channel(type=standard_artifacts.Examples)
    component = StatisticsGen(channel, exclude_splits=["eval"], code_digest="abc")
    assert component.exec_properties[standard_component_specs.EXCLUDE_SPLITS_KEY] == '["eval"]'
    assert component.exec_properties["in_process"] == 1  # compiled jobs have no booleans
    assert component.exec_properties["code_digest"] == "abc"
    assert component.exec_properties.get("slices") is None
    assert StatisticsGen(channel, slices=[("pay",)]).exec_properties["slices"] == '[["pay"]]'
    assert list(component.outputs) == ["statistics"]
