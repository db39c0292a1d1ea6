"""TFRecord files without TensorFlow: the records of a file, and whether a file is one.

https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

import struct
from collections.abc import Iterator
from typing import IO

from millrace.base.errors import DataError

_LENGTH, _CHECKSUM = struct.Struct("<Q"), 4
_LONGEST = 1 << 30
_ADVICE = "write it again, with tf.io.TFRecordWriter"


def records(stream: IO[bytes], name: str) -> Iterator[bytes]:
    """Reads records; their checksums are ExampleGen's to look at.

    Args:
        stream: the file, decompressed, at its beginning.
        name: what to call it in a message.

    Raises:
        DataError: the file is cut off, or is no TFRecord file.
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
        yield record[:-_CHECKSUM]


def is_tfrecord(start: bytes) -> bool:
    """Whether a file that begins so is one of records: the first length has its masked CRC-32C behind it."""
    import google_crc32c

    if len(start) < _LENGTH.size + _CHECKSUM:
        return False
    crc = google_crc32c.value(start[: _LENGTH.size])
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    return bool(struct.unpack_from("<I", start, _LENGTH.size)[0] == masked)
