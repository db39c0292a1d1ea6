"""The Arrow files beside the TFRecords: a damaged one is none, so that whoever reads them reads the TFRecords."""

from pathlib import Path

import pyarrow as pa
import pytest

from millrace.components.example_gen import sidecar

ROWS = pa.record_batch([pa.array([[1], [2], None])], names=["fare"])


@pytest.fixture
def shards(tmp_path) -> list[Path]:
    """Two shards of a split."""
    folder = Path(sidecar.split_folder(str(tmp_path), "train"))
    folder.mkdir(parents=True)
    paths = [folder / f"data-{number:05d}-of-00002.arrow" for number in range(2)]
    for path in paths:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, ROWS.schema) as writer:
            writer.write_batch(ROWS)
    return paths


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def test_whole_files_are_read_in_order(shards, tmp_path):
    files = sidecar.files(str(tmp_path), "train")
    assert files == list(map(str, shards))
    assert [batch for path in files for batch in sidecar.batches(path)] == [ROWS, ROWS]


@pytest.mark.parametrize("harm", [cut, emptied, Path.unlink])
@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_or_missing_file_makes_it_none_and_is_told(shards, tmp_path, harm, which, caplog):
    """Without one of two shards half of the rows would be read, and nothing said."""
    harm(shards[which])
    with caplog.at_level("WARNING", logger="absl"):
        assert sidecar.files(str(tmp_path), "train") == []
    assert "the TFRecords of split train are read instead" in caplog.text


def test_without_a_sidecar_nothing_is_told(tmp_path, caplog):
    assert sidecar.files(str(tmp_path), "train") == []
    assert not caplog.text
