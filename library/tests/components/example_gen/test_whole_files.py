"""Avro, JSON lines and SequenceExamples as features, and what is refused of them, with the line."""

import datetime
import decimal
import gzip
import json

import fastavro
import pytest
import tensorflow as tf

from millrace.base.errors import DataError
from millrace.components.example_gen.options import Options
from millrace.components.example_gen.whole_files import batches, planned


def read(format_, *paths):
    """The rows of files of one split."""
    options = Options(format=format_)
    work = planned(0, 3, [str(path) for path in paths], options)
    assert [one.index for one in work] == list(range(3, 3 + len(paths)))
    return [row for one in work for batch in batches(one, options) for row in batch.to_pylist()]


def test_json_lines_keep_lists_zeros_and_texts_that_look_like_times(tmp_path):
    rows = [{"n": 0, "flag": False, "tags": ["a", "ü"], "at": "2031-01-06"}, {"tags": [], "n": None, "at": ""}]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    first, second = read("jsonl", file)
    assert first == {"n": [0], "flag": [0], "tags": [b"a", "ü".encode()], "at": [b"2031-01-06"]}
    assert second == {"n": None, "flag": None, "tags": None, "at": None}


def test_files_of_a_split_have_the_same_columns_and_types(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"n": 1, "only_here": [1]}\n')
    (tmp_path / "b.jsonl").write_bytes(gzip.compress(b'{"n": 1.5}\n'))
    assert read("jsonl", tmp_path / "a.jsonl", tmp_path / "b.jsonl") == [
        {"n": [1.0], "only_here": [1]},
        {"n": [1.5], "only_here": None},
    ]
    (tmp_path / "c.jsonl").write_text('{"n": "x"}\n')
    with pytest.raises(DataError, match="column 'n' is string here, and int64 in another file"):
        read("jsonl", tmp_path / "a.jsonl", tmp_path / "c.jsonl")


AVRO = {
    "type": "record",
    "name": "trip",
    "fields": [
        {"name": "n", "type": ["null", "long"]},
        {"name": "flag", "type": "boolean"},
        {"name": "fare", "type": "double"},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "word", "type": "string"},
    ],
}


def trip(**values):
    day, price = datetime.date(2031, 1, 6), decimal.Decimal("1.50")
    return {"n": 0, "flag": False, "fare": 0.0, "day": day, "price": price, "tags": ["a"], "word": "x", **values}


def write_avro(file, *rows, codec="null"):
    with open(file, "wb") as stream:
        fastavro.writer(stream, AVRO, rows, codec=codec)
    return file


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_avro_keeps_zeros_dates_decimals_and_lists(tmp_path, codec):
    file = write_avro(tmp_path / "a.avro", trip(), trip(n=None, tags=[], word=""), codec=codec)
    first, second = read("avro", file)
    assert first == {
        "n": [0], "flag": [0], "fare": [0.0], "day": [b"2031-01-06"], "price": [1.5], "tags": [b"a"], "word": [b"x"],
    }  # fmt: skip
    assert (second["n"], second["tags"], second["word"], second["flag"]) == (None, None, None, [0])


def test_avro_that_is_cut_off_or_none_is_refused(tmp_path):
    whole = write_avro(tmp_path / "a.avro", *[trip() for _ in range(100)]).read_bytes()
    for content in (whole[: len(whole) // 2], b"Obj\x01 and nothing more", b"a,b\n1,2\n"):
        (tmp_path / "b.avro").write_bytes(content)
        with pytest.raises(DataError, match="not a whole Avro file"):
            read("avro", tmp_path / "b.avro")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1}\n{"a": \n', "line 2: this is no JSON: Expecting value"),
        ('{"a": 1}\n\n[1]\n', "line 3: this is no JSON object"),
        ('{"a": 1}\n{"a": null}\n{"a": "x"}\n', "line 3: column 'a' is a text here, and a number in line 1"),
        ('{"a": [1, "x"]}\n', "line 1: column 'a' is a list of a number and a text here"),
        ("\n", "the file has no row"),
        ("", "the file has no row"),
        ('{"a": {"b": 1}}\n', "column 'a' has type struct"),
        ('{"a": [1, null]}\n', "column 'a' has lists with nulls inside"),
    ],
)
def test_what_is_no_json_lines_is_told_by_its_line(tmp_path, text, words):
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(DataError, match=words):
        read("jsonl", tmp_path / "a.jsonl")


def sequence(label, *steps):
    example = tf.train.SequenceExample()
    example.context.feature["label"].int64_list.value.append(label)
    for pages, sizes in steps:
        example.feature_lists.feature_list["pages"].feature.add().bytes_list.value.extend(pages)
        example.feature_lists.feature_list["sizes"].feature.add().float_list.value.extend(sizes)
    return example.SerializeToString()


def written(path, records, compression=""):
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)
    return path


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_a_sequence_example_has_its_lists_as_columns(tmp_path, compression):
    records = [sequence(0), sequence(1, ([b"p"], [1, 2]), ([], [3]), ([b"q"], [0]))]
    assert read("sequence_example", written(tmp_path / "a", records, compression)) == [
        {"label": [0], "pages": None, "sizes": None},
        {"label": [1], "pages": [b"p", b"q"], "sizes": [1.0, 2.0, 3.0, 0.0]},
    ]


def test_what_is_no_sequence_example_is_refused(tmp_path):
    with pytest.raises(DataError, match="records 1 to 1024: this is no TFRecord of SequenceExamples"):
        read("sequence_example", written(tmp_path / "a", [b"hello"]))
    (tmp_path / "b").write_bytes(b"no TFRecord at all, whatever it is called")
    with pytest.raises(DataError, match="this is no TFRecord of SequenceExamples"):
        read("sequence_example", tmp_path / "b")
    twice = tf.train.SequenceExample.FromString(sequence(1, ([b"p"], [1])))
    twice.feature_lists.feature_list["label"].feature.add().int64_list.value.append(1)
    with pytest.raises(DataError, match="'label' is both in the context and a feature list"):
        read("sequence_example", written(tmp_path / "c", [twice.SerializeToString()]))
