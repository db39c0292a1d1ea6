"""Which shards of a request log are removed: the old ones, and the oldest of too many."""

import os

import pytest

from millrace.model_server.shard_files import remove_old_shards, shard_files

HOUR, NOW = 3600.0, 1_800_000_000.0


@pytest.fixture
def log(tmp_path):
    """Five shards of a thousand bytes, a day between each and the next; the last is being written."""
    for day, name in enumerate(["a.tfrecord", "b.tfrecord.open", "c.tfrecord", "d.tfrecord", "e.tfrecord.open"]):
        (tmp_path / name).write_bytes(b"r" * 1000)
        written = NOW - (4 - day) * 24 * HOUR
        os.utime(tmp_path / name, (written, written))
    return tmp_path


def left(log):
    return [shard.name[0] for shard in shard_files(log)]


@pytest.mark.parametrize(
    ("days", "most", "kept"),
    [(30, 1e9, "abcde"), (2.5, 1e9, "cde"), (30, 3000, "cde"), (30, 2999, "de"), (30, 0, "e"), (0, 1e9, "e")],
)
def test_the_oldest_go_and_what_is_written_stays(log, days, most, kept):
    assert remove_old_shards(log, days * 24 * HOUR, most, NOW) == 5 - len(kept)
    assert left(log) == list(kept)


def test_other_files_stay_and_a_folder_that_is_not_there_has_none(log):
    (log / "notes.txt").touch()
    remove_old_shards(log, 0, 0, NOW)
    assert (log / "notes.txt").exists()
    assert remove_old_shards(log / "none", 0, 0, NOW) == 0
