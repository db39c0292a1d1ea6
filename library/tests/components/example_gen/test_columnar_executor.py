"""The executor beside TFX's own on TFX's test files, through Beam; what else lies in the artifact; the component."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import tfx
from tfx.components.example_gen.csv_example_gen import executor as csv_executor
from tfx.components.example_gen.custom_executors import parquet_executor
from tfx.components.example_gen.driver import FileBasedDriver
from tfx.proto import example_gen_pb2
from tfx.utils import io_utils
from tfx_bsl.coders import example_coder

from millrace.base.errors import DataError
from millrace.components.example_gen import sidecar
from millrace.components.example_gen.component import ColumnarExampleGen
from millrace.components.example_gen.executor import Executor
from millrace.components.example_gen.options import Options, from_custom_config

TFX = Path(tfx.__file__).parent
EXTERNAL = TFX / "components" / "testdata" / "external"
TAXI = TFX / "examples" / "chicago_taxi_pipeline" / "data"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "format", "stock"),
    [
        (EXTERNAL / "csv", "csv", csv_executor.Executor),
        (EXTERNAL / "csv_empty", "csv", csv_executor.Executor),
        (EXTERNAL / "csv_multi_line_string", "csv", csv_executor.Executor),
        pytest.param(TAXI / "big_tipper_label", "csv", csv_executor.Executor, marks=pytest.mark.thorough),
        pytest.param(TAXI / "simple", "csv", csv_executor.Executor, marks=pytest.mark.thorough),
        (EXTERNAL / "parquet", "parquet", parquet_executor.Executor),
    ],
)
def test_same_artifact_as_tfx(executed, tmp_path, folder, format, stock):
    """Every record of every split, and every property of the artifact."""
    ours, seen = executed(Executor, folder, tmp_path / "ours", Options(format=format, range_bytes=300_000))
    theirs, expected = executed(stock, folder, tmp_path / "theirs")
    assert seen == expected and sum(seen["train"].values()) > 0
    ours.uri = theirs.uri = ""
    assert ours.mlmd_artifact == theirs.mlmd_artifact


def test_shards_and_sidecar(executed, tmp_path):
    """Shards are numbered; TFX's pattern sees no other file; the sidecar holds what tfx_bsl decodes from the shards."""
    _, found = executed(
        Executor, TAXI / "simple", tmp_path, Options(range_bytes=500_000, block_bytes=100_000, threads=2)
    )
    assert sorted(os.listdir(tmp_path)) == [".arrow", "Split-eval", "Split-train"]
    for split, records in found.items():
        shards = sorted(os.listdir(io_utils.all_files_pattern(str(tmp_path / f"Split-{split}"))[:-2]))
        assert shards == [f"data_tfrecord-{place:05d}-of-00004.gz" for place in range(4)]
        files = sidecar.files(str(tmp_path), split)
        assert len(files) == 4
        table = pa.Table.from_batches([batch for path in files for batch in sidecar.batches(path)])
        decoded = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(list(records.elements()))
        assert table.schema == decoded.schema
        assert _sorted_rows(table) == _sorted_rows(pa.Table.from_batches([decoded]))


def _sorted_rows(table: pa.Table) -> list[str]:
    return sorted(map(repr, table.to_pylist()))


def test_refusal_leaves_nothing_behind(executed, tmp_path):
    """It comes out of the Beam pipeline as it went in, and no half-written split stays."""
    base = tmp_path / "in"
    base.mkdir()
    (base / "a.csv").write_text("x,y\n1,2\n3\n")
    with pytest.raises(DataError, match="line 3: this line has 1 cell") as refused:
        executed(Executor, base, tmp_path / "out", Options())
    assert refused.value.exit_code == 2 and refused.value.remedy
    assert os.listdir(tmp_path / "out") == []


def test_other_payloads_are_refused(executed, tmp_path):
    """They need TFX's own executor."""
    with pytest.raises(ValueError, match="FORMAT_TF_EXAMPLE"):
        executed(
            Executor,
            TAXI / "simple",
            tmp_path,
            Options(),
            output_data_format=example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE,
        )


def test_component_is_a_file_based_example_gen():
    """The driver, the specification and the executor's Beam contract are TFX's; the options travel in custom_config."""
    component = ColumnarExampleGen("data", format="parquet", options={"range_bytes": 5}, code_digest="abc")
    assert component.driver_class is FileBasedDriver
    assert component.executor_spec.executor_class is Executor
    config = component.exec_properties["custom_config"]
    assert from_custom_config(config) == Options(format="parquet", range_bytes=5)
    other = ColumnarExampleGen("data", format="parquet", options={"range_bytes": 5}, code_digest="abd")
    assert other.exec_properties["custom_config"] != config


@pytest.mark.parametrize("options", [{"delimiter": "ab"}, {"delimiter": '"'}, {"header": "none"}, {"range_bytes": 0}])
def test_unusable_options_are_told_at_once(options):
    """Before anything runs."""
    with pytest.raises(ValueError, match=r"delimiter|header|range_bytes"):
        ColumnarExampleGen("data", options=options)


@pytest.mark.thorough
@pytest.mark.slow
def test_separate_worker_processes(executed, tmp_path):
    """The ranges of one file, in several processes that share nothing but the folders, make the same examples."""
    script = """
import sys
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from millrace.components.example_gen.executor import Executor
from millrace.components.example_gen.options import Options, to_custom_config
from tfx.components.example_gen import utils
from tfx.types import standard_artifacts
from tfx.utils import proto_utils
artifact = standard_artifacts.Examples()
artifact.uri = sys.argv[2]
config = utils.make_default_input_config()
arguments = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
Executor(BaseBeamExecutor.Context(beam_pipeline_args=arguments)).Do({}, {"examples": [artifact]}, {
    "input_base": sys.argv[1],
    "input_config": proto_utils.proto_to_json(config),
    "output_config": proto_utils.proto_to_json(utils.make_default_output_config(config)),
    "custom_config": proto_utils.proto_to_json(to_custom_config(Options(range_bytes=300_000), "")),
})
"""
    out = tmp_path / "spread"
    subprocess.run([sys.executable, "-c", script, str(EXTERNAL / "csv"), str(out)], check=True, cwd=Path.cwd())
    _, expected = executed(Executor, EXTERNAL / "csv", tmp_path / "one", Options())
    from_processes = {split: _records(out / f"Split-{split}") for split in expected}
    assert from_processes == expected


def _records(folder: Path):
    from collections import Counter

    import tensorflow as tf

    files = sorted(map(str, folder.iterdir()))
    found = tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()
    return Counter(tf.train.Example.FromString(record).SerializeToString(deterministic=True) for record in found)
