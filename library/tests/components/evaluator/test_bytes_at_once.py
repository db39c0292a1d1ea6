"""Batches of evaluated examples are bounded by bytes too: a wide table's rows are large."""

import pytest
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts

from millrace.components.evaluator import reading

ROWS, VALUES = 20, 500


@pytest.fixture
def inputs(tmp_path) -> reading.Inputs:
    """Two splits of large rows; only their examples are looked at."""
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(tmp_path), artifact_utils.encode_split_names(["eval", "test"])
    for split in ("eval", "test"):
        (tmp_path / f"Split-{split}").mkdir()
        with tf.io.TFRecordWriter(str(tmp_path / f"Split-{split}" / "data-00000-of-00001.gz"), "GZIP") as writer:
            for row in range(ROWS):
                example = tf.train.Example()
                example.features.feature["x"].float_list.value.extend([float(row)] * VALUES)
                writer.write(example.SerializeToString())
    return reading.Inputs([examples], ["eval", "test"], standard_artifacts.Model(), None, None, None)


@pytest.mark.parametrize(("bytes_at_once", "sizes"), [(32 << 20, [20, 20]), (7 * 4 * VALUES + 200, [7, 7, 6] * 2)])
def test_large_rows_come_in_small_batches(inputs, monkeypatch, bytes_at_once, sizes):
    monkeypatch.setattr(reading, "BYTES_AT_ONCE", bytes_at_once)
    batches = list(reading.batches(inputs, 8192, {"x"}))
    assert [len(batch.serialized) for batch in batches] == sizes
    assert [batch.features["x"].shape for batch in batches] == [(size, VALUES) for size in sizes]


def test_a_row_larger_than_that_comes_alone(inputs, monkeypatch):
    monkeypatch.setattr(reading, "BYTES_AT_ONCE", 1)
    assert {len(batch.serialized) for batch in reading.batches(inputs, 8192, {"x"})} == {1}
