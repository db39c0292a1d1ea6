"""TFRecord files without TensorFlow: the records of a file, and whether a file is one.

https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

import struct
from collections.abc import Iterator
from typing import IO

from millrace.base.errors import DataError

_LENGTH, _CHECKSUM = struct.Struct("<Q"), 4
_LONGEST = 1 << 30
# The number of that field in tensorflow/core/example/example.proto.
_FEATURE_LISTS = 2
_ADVICE = "write it again, with tf.io.TFRecordWriter"


def records(stream: IO[bytes], name: str, checked: bool = False) -> Iterator[bytes]:
    """Reads records; each is read when it is asked for, and the stream then stands behind it.

    Args:
        stream: the file, decompressed, where a record begins.
        name: what to call it in a message.
        checked: whether a record is held to its checksum; in the data it is ExampleGen's to look at.

    Raises:
        DataError: the file is cut off, is no TFRecord file, or a record does not have its checksum.
    """
    while head := stream.read(_LENGTH.size + _CHECKSUM):
        if len(head) < _LENGTH.size + _CHECKSUM:
            raise DataError("the file is cut off", where=name, remedy=_ADVICE)
        (length,) = _LENGTH.unpack_from(head)
        if length > _LONGEST:
            raise DataError(f"this is no TFRecord file: a record of {length:,} bytes", where=name, remedy=_ADVICE)
        record = stream.read(length + _CHECKSUM)
        if len(record) < length + _CHECKSUM:
            raise DataError("the file is cut off", where=name, remedy=_ADVICE)
        content = record[:-_CHECKSUM]
        if checked and not _has_checksum(content, record[-_CHECKSUM:]):
            raise DataError("a record does not have its checksum", where=name, remedy=_ADVICE)
        yield content


def is_tfrecord(start: bytes) -> bool:
    """Whether a file that begins so is one of records: the first length has its checksum behind it."""
    head = start[: _LENGTH.size + _CHECKSUM]
    return len(head) == _LENGTH.size + _CHECKSUM and _has_checksum(head[: _LENGTH.size], head[_LENGTH.size :])


def _has_checksum(content: bytes, checksum: bytes) -> bool:
    """Whether it is the masked CRC-32C."""
    import google_crc32c

    crc = google_crc32c.value(content)
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    return bool(struct.unpack("<I", checksum)[0] == masked)


def is_sequence_example(record: bytes) -> bool:
    """Whether a record has the feature lists of a tf.train.SequenceExample, which a tf.train.Example has not."""
    position = 0
    while position < len(record):
        key, position = _varint(record, position)
        if key >> 3 == _FEATURE_LISTS:
            return True
        if key & 7 != 2:  # no message: these are no examples, which the decoder says
            return False
        length, position = _varint(record, position)
        position += length
    return False


def _varint(record: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(record):
        byte = record[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            break
        shift += 7
    return value, position
