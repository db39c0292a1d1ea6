"""Files that are read in pieces give the same rows however small the pieces are; a usual one holds all of a test."""

import json

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from millrace.base.errors import DataError
from millrace.components.example_gen import (
    avro_files,
    divisions,
    image_folders,
    json_lines,
    sequence_examples,
    whole_files,
)
from millrace.components.example_gen.options import Options
from millrace.components.example_gen.section import Data

PNG = tf.io.encode_png(np.zeros((3, 3, 1), np.uint8)).numpy()


def rows_of(format_, path):
    """The rows of a file, and how many batches they came in."""
    options = Options(format=format_)
    [work] = whole_files.planned(0, 0, [str(path)], options)
    made = list(whole_files.batches(work, options))
    return [row for batch in made for row in batch.to_pylist()], len(made)


def write_json(path):
    """A number that has a fraction far down only, and a key that few lines have."""
    with path.open("w") as file:
        for at in range(300):
            rare = {"rare": [at, at]} if at > 250 else {}
            file.write(json.dumps({"n": at if at < 200 else at + 0.5, "word": f"w{at}", **rare}) + "\n")


def write_avro(path):
    fields = [{"name": "n", "type": ["null", "long"]}, {"name": "tags", "type": {"type": "array", "items": "string"}}]
    rows = [{"n": None if at < 20 else at, "tags": ["a"] * (at % 3)} for at in range(50)]
    with path.open("wb") as file:
        fastavro.writer(file, {"type": "record", "name": "row", "fields": fields}, rows)


def write_sequences(path):
    """The first records have no step, so that their lists have no type."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for at in range(50):
            example = tf.train.SequenceExample()
            example.context.feature["n"].int64_list.value.append(at)
            lists = example.feature_lists.feature_list["sizes"]
            for step in range(0 if at < 20 else at % 4):
                lists.feature.add().float_list.value.extend([float(at)] * step)
            writer.write(example.SerializeToString())


@pytest.mark.parametrize(
    ("format_", "written", "module", "pieces", "least"),
    [
        ("jsonl", write_json, json_lines, {"_ROWS_AT_ONCE": 7}, 300 // 7),
        ("avro", write_avro, avro_files, {"_ROWS": 3}, 50 // 3),
        ("sequence_example", write_sequences, sequence_examples, {"_ROWS": 3}, 50 // 3),
    ],
)
def test_a_file_has_the_same_rows_in_small_pieces(tmp_path, monkeypatch, format_, written, module, pieces, least):
    written(tmp_path / "file")
    usual, one = rows_of(format_, tmp_path / "file")
    for name, value in pieces.items():
        monkeypatch.setattr(module, name, value)
    small, batches = rows_of(format_, tmp_path / "file")
    assert one == 1 and batches >= least
    assert small == usual and len(small) >= 50


def test_a_flaw_is_told_by_its_place_in_the_file_and_not_in_the_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(sequence_examples, "_ROWS", 4)
    with tf.io.TFRecordWriter(str(tmp_path / "b")) as writer:
        for at in range(10):
            writer.write(b"hello" if at == 9 else tf.train.SequenceExample().SerializeToString())
    with pytest.raises(DataError, match="records 9 to 12: this is no TFRecord of SequenceExamples"):
        rows_of("sequence_example", tmp_path / "b")


def test_a_folder_of_images_is_cut_into_units_of_work_and_each_into_batches(tmp_path, monkeypatch):
    for name in "abcde":
        (tmp_path / "rose").mkdir(exist_ok=True)
        (tmp_path / "rose" / f"{name}.png").write_bytes(PNG)
    files = sorted(str(path) for path in tmp_path.glob("*/*"))
    monkeypatch.setattr(image_folders, "_FILES_OF_A_UNIT", 3)
    monkeypatch.setattr(image_folders, "_FILES_AT_ONCE", 2)
    work = image_folders.planned(1, 4, str(tmp_path), files)
    assert [(one.group, one.index, len(one.paths)) for one in work] == [(1, 4, 3), (1, 5, 2)]
    made = [[batch.column("path").to_pylist() for batch in image_folders.batches(one)] for one in work]
    assert [[len(batch) for batch in unit] for unit in made] == [[2, 1], [2]]
    paths = [path for unit in made for batch in unit for [path] in batch]
    assert paths == [f"rose/{name}.png".encode() for name in "abcde"]


def divided(tmp_path, configured_rows, columns, splits):
    """How many rows of each value of `key` come to which split; the table lies in four files, its rows in turn."""
    (tmp_path / "data").mkdir()
    for place in range(4):
        part = {name: values[place::4] for name, values in columns.items()}
        pq.write_table(pa.table(part), tmp_path / "data" / f"{place}.parquet")
    data = Data(path=str(tmp_path / "data"), format="parquet", rules="table", splits=splits)
    rows = configured_rows(data, str(tmp_path / "out"))
    examples = {name: [tf.train.Example.FromString(one) for one in records] for name, records in rows.items()}
    return {
        name: sorted(one.features.feature["key"].int64_list.value[0] for one in of_split)
        for name, of_split in examples.items()
    }


def test_more_moments_than_are_counted_divide_within_their_grain(tmp_path, configured_rows, monkeypatch):
    monkeypatch.setattr(divisions, "_MOST_MOMENTS", 128)
    start, seconds = 1_900_000_000, list(range(0, 2000, 2))
    columns = {"t": [start + at for at in seconds], "key": seconds}
    time = {"by": "time", "column": "t", "format": "unix", "shares": {"train": 8, "eval": 1, "test": 1}}
    rows = divided(tmp_path, configured_rows, columns, time)
    assert sum(map(len, rows.values())) == len(seconds)
    assert rows["train"][-1] < rows["eval"][0] and rows["eval"][-1] < rows["test"][0]
    # A thousand moments in 2,000 seconds: 125 grains of 16 seconds, of eight rows each, at either end of a split.
    assert [len(rows[name]) for name in ("train", "eval", "test")] == pytest.approx([800, 100, 100], abs=16)


def test_days_are_counted_from_the_newest_moment_itself_however_many_there_are(tmp_path, configured_rows, monkeypatch):
    monkeypatch.setattr(divisions, "_MOST_MOMENTS", 2)
    hours = list(range(24 * 30))
    columns = {"t": [1_900_000_000 + at * 3600 for at in hours], "key": hours}
    time = {"by": "time", "column": "t", "format": "unix", "days": {"eval": 7, "test": 1}}
    rows = divided(tmp_path, configured_rows, columns, time)
    assert {name: len(of_split) for name, of_split in rows.items()} == {"train": 22 * 24, "eval": 7 * 24, "test": 24}
    assert rows["test"] == hours[-24:]


def test_a_stratum_that_is_too_large_to_be_ranked_has_its_share_by_chance(tmp_path, configured_rows, monkeypatch):
    """Of each file its rows are few enough; of the four together they are not."""
    monkeypatch.setattr(divisions, "_MOST_HASHES", 200)
    part = ["large"] * 600 + ["small"] * 200
    columns = {"part": part, "key": [int(one == "small") for one in part], "row": list(range(len(part)))}
    splits = {"by": "stratum", "column": "part", "shares": {"train": 3, "eval": 1}}
    rows = divided(tmp_path, configured_rows, columns, splits)
    assert {name: sum(of_split) for name, of_split in rows.items()} == {"train": 150, "eval": 50}, "ranked"
    large = {name: len(of_split) - sum(of_split) for name, of_split in rows.items()}
    assert sum(large.values()) == 600 and large["train"] != 450
    assert large["train"] == pytest.approx(450, abs=4 * (600 * 3 / 16) ** 0.5)


def test_strata_are_counted_over_all_files(tmp_path, configured_rows, monkeypatch):
    monkeypatch.setattr(divisions, "_MOST_STRATA", 8)
    splits = {"by": "stratum", "column": "part", "shares": {"train": 1, "eval": 1}}
    columns = {"part": [f"p{at % 9}" for at in range(36)], "key": list(range(36))}
    with pytest.raises(DataError, match="part has more than 8 values"):
        divided(tmp_path, configured_rows, columns, splits)
