"""Examples and statistics where no disk is: every file that is made goes through TFX's filesystems.

TensorFlow's filesystem in memory stands for a bucket. Used as a local path, its address would be a folder `ram:`.
"""

from pathlib import Path

import pytest
import tensorflow as tf
import tfx
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types import standard_artifacts

from millrace.components.example_gen import sidecar
from millrace.components.example_gen.executor import Executor
from millrace.components.example_gen.options import Options
from millrace.components.statistics_gen.executor import Executor as StatisticsExecutor

SIMPLE = Path(tfx.__file__).parent / "examples" / "chicago_taxi_pipeline" / "data" / "simple"
pytestmark = pytest.mark.slow
ELSEWHERE = "ram://bucket/examples"


def test_nothing_is_made_on_a_disk(executed, tmp_path, monkeypatch):
    _, expected = executed(Executor, SIMPLE, tmp_path / "here", Options())
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("TMPDIR", str(work))
    artifact, seen = executed(Executor, SIMPLE, ELSEWHERE, Options(range_bytes=500_000))
    assert seen == expected and sum(seen["train"].values()) > 5_000
    assert sorted(tf.io.gfile.listdir(ELSEWHERE)) == [".arrow", "Split-eval", "Split-train"]
    rows = {
        split: sum(batch.num_rows for path in sidecar.files(ELSEWHERE, split) for batch in sidecar.batches(path))
        for split in expected
    }
    assert rows == {split: sum(records.values()) for split, records in expected.items()}
    assert statistics(artifact, f"{ELSEWHERE}-statistics", "eval").num_examples == rows["eval"]
    assert list(work.iterdir()) == []


def statistics(examples: standard_artifacts.Examples, uri: str, split: str):
    """What StatisticsGen writes about a split."""
    made = standard_artifacts.ExampleStatistics()
    made.uri = uri
    StatisticsExecutor().Do({"examples": [examples]}, {"statistics": [made]}, {})
    folder = f"{uri}/Split-{split}"
    assert tf.io.gfile.listdir(folder) == ["FeatureStats.pb"]
    with tf.io.gfile.GFile(f"{folder}/FeatureStats.pb", "rb") as file:
        [dataset] = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read()).datasets
    return dataset
