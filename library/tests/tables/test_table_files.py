"""What is told of Avro, TFRecord and image files without the libraries that read them whole, and of single cells."""

import io
import struct

import fastavro
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from millrace.base.errors import DataError
from millrace.tables.avro import avro_batches, avro_schema
from millrace.tables.column_reading import number_refusal, read_cells, without_values
from millrace.tables.column_section import ColumnReading
from millrace.tables.images import class_folders, size_of
from millrace.tables.tfrecords import is_sequence_example, is_tfrecord, records


def avro(written, *values):
    """A file of records with one field."""
    stream = io.BytesIO()
    schema = {"type": "record", "name": "row", "fields": [{"name": "x", "type": written}]}
    fastavro.writer(stream, fastavro.parse_schema(schema), [{"x": value} for value in values])
    stream.seek(0)
    return stream


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("int", pa.int64()),
        ("float", pa.float64()),
        (["null", "string"], pa.string()),
        (["int", "double"], pa.float64()),
        (["null", "long", "float"], pa.float64()),
        ({"type": "enum", "name": "e", "symbols": ["a"]}, pa.string()),
        ({"type": "array", "items": ["null", "long"]}, pa.list_(pa.int64())),
        ({"type": "int", "logicalType": "date"}, pa.date32()),
        ({"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}, pa.decimal128(6, 2)),
        ({"type": "long", "logicalType": "nobody-knows"}, pa.int64()),
    ],
)
def test_a_field_of_avro_has_a_columns_type(written, kind):
    assert avro_schema(avro(written), "t.avro").field("x").type == kind


@pytest.mark.parametrize("written", [["string", "long"], {"type": "map", "values": "long"}, ["null"]])
def test_a_field_that_no_column_has_is_refused_by_its_name(written):
    with pytest.raises(DataError, match=r"t\.avro: the field 'x' has type"):
        avro_schema(avro(written), "t.avro")


def test_records_of_avro_come_in_batches_with_their_nulls():
    made = list(avro_batches(avro(["null", "long"], 0, None, 2, 3, 4), "t.avro", 2))
    assert [batch.column("x").to_pylist() for batch in made] == [[0, None], [2, 3], [4]]


def record_file(*contents):
    framed = b"".join(struct.pack("<Q", len(one)) + b"\0" * 4 + one + b"\0" * 4 for one in contents)
    return io.BytesIO(framed)


def test_records_are_read_one_after_the_other():
    assert list(records(record_file(b"one", b"", b"three"), "t")) == [b"one", b"", b"three"]
    assert list(records(io.BytesIO(b""), "t")) == []


@pytest.mark.parametrize("left", [5, 11, 13, 18])
def test_records_that_are_cut_off_are_refused(left):
    whole = record_file(b"one").getvalue()
    with pytest.raises(DataError, match="the file is cut off"):
        list(records(io.BytesIO(whole[:left]), "t"))


def test_a_length_that_no_record_has_is_no_tfrecord():
    with pytest.raises(DataError, match="this is no TFRecord file: a record of 7,310,012,236,635,137,889 bytes"):
        list(records(io.BytesIO(b"age,fares,and more\n" * 3), "t"))


def test_a_file_of_tensorflow_s_is_known_by_its_first_checksum(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "t")) as writer:
        writer.write(tf.train.Example().SerializeToString())
    start = (tmp_path / "t").read_bytes()
    assert is_tfrecord(start) and is_tfrecord(start[:12])
    assert not is_tfrecord(start[:11]) and not is_tfrecord(b"a,b,c,d\n1,2,3,4\n")


def test_a_sequence_example_is_told_from_an_example():
    example = tf.train.Example()
    example.features.feature["a" * 300].int64_list.value.append(1)
    sequence = tf.train.SequenceExample()
    sequence.context.CopyFrom(example.features)
    assert not is_sequence_example(example.SerializeToString())
    assert not is_sequence_example(sequence.SerializeToString()), "without a list it may be either"
    sequence.feature_lists.feature_list["b"].feature.add()
    assert is_sequence_example(sequence.SerializeToString())
    assert not is_sequence_example(b"\x08\x01") and not is_sequence_example(b"")


JPEG_FRAME = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", 24, 36) + b"\x03" + b"\0" * 9
JPEG_TABLE = b"\xff\xc4\x00\x07" + struct.pack(">HH", 99, 98) + b"\0"


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 36, 24), (24, 36)),
        (b"GIF89a" + struct.pack("<HH", 36, 24), (24, 36)),
        (b"BM" + b"\0" * 16 + struct.pack("<ii", 36, -24), (24, 36)),  # whose rows go down
        (b"\xff\xd8" + JPEG_FRAME, (24, 36)),
        (b"\xff\xd8\xff\xe0\x00\x06abcd" + JPEG_TABLE + JPEG_FRAME, (24, 36)),
        (b"\xff\xd8" + JPEG_FRAME[:10], (24, 36)),
        (b"\xff\xd8" + JPEG_FRAME[:9], None),
        (b"\xff\xd8" + JPEG_TABLE, None),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0", None),
        (b"no image at all, whatever it is called", None),
        (b"", None),
    ],
)
def test_the_size_of_an_image_stands_at_its_beginning(tmp_path, content, size):
    (tmp_path / "a").write_bytes(content)
    assert size_of(tmp_path / "a") == size


def test_folders_are_classes_where_two_of_them_hold_images(tmp_path):
    for name in ("rose/b.PNG", "rose/a.jpg", "rose/.c.png", "tulip/notes.txt", ".hidden/d.png", "e.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert class_folders(tmp_path) == []
    (tmp_path / "tulip" / "f.gif").write_bytes(b"")
    assert [path.name for path in class_folders(tmp_path)] == ["a.jpg", "b.PNG", "f.gif"]


def cells(*texts):
    return pa.array([text.encode() for text in texts], pa.binary())


@pytest.mark.parametrize(("others", "unreadable"), [("refuse", [1, 4]), ("missing", [])])
def test_cells_that_should_be_numbers_and_are_none_are_told_or_missing(others, unreadable):
    reading = ColumnReading(number="comma", unit="€", others=others, missing=("-1",))
    read, wrong = read_cells(cells("1.234,50 €", "much", "", "-1,00 €", "1,2,3"), reading)
    assert read.to_pylist() == [b"1234.50", b"", b"", b"", b""]
    assert wrong.tolist() == unreadable and wrong.dtype == np.int64


def test_a_number_stands_for_nothing_however_many_zeros_it_has():
    read, wrong = read_cells(cells("-200", "-200.00", "-0200", "-2000", "200", "n/a", "NA"), ColumnReading(
        missing=("-200", "n/a")
    ))  # fmt: skip
    assert read.to_pylist() == [b"", b"", b"", b"-2000", b"200", b"", b"NA"] and not len(wrong)
    plain, _ = read_cells(cells("-200"), ColumnReading())
    assert plain.to_pylist() == [b"-200"]
    assert without_values(pa.array(["-200"]), ("-200",)).to_pylist() == ["-200"], "a text is cleaned elsewhere"


def test_a_cell_that_is_no_number_is_shown_by_its_beginning():
    what, remedy = number_refusal("price", b"x" * 40)
    assert what.endswith(f"{'x' * 40!r}") and "data.columns.price.others: missing" in remedy
    assert number_refusal("price", "x" * 41)[0].endswith(f"{'x' * 37 + '...'!r}")
