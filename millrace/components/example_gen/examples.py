"""Record batches to serialised tf.Examples, by columns: the inverse of tfx_bsl's ExamplesToRecordBatchDecoder.

A batch has one column per feature, `large_list` of int64, float32 or large_binary, or of type null. A null row is a
Feature without a kind, an empty list a Feature with its kind and no value. The bytes are those of
`Example.SerializeToString(deterministic=True)`: map entries ascend by key, and a map entry always carries key and
value (https://protobuf.dev/programming-guides/encoding/#maps, tensorflow/core/example/{example,feature}.proto).

Each row comes framed as a TFRecord: length, masked CRC of the length, data, masked CRC of the data, both CRC-32C
(https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details).
"""

import dataclasses
import functools
import struct
from collections.abc import Callable, Iterator
from typing import Any, Union

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FRAME_HEAD = 12
FRAME_TAIL = 4
ENCODED_BYTES_AT_ONCE = 4 << 20  # what stays in the processor's caches, and is not mapped again each time
_BINARY = pa.large_binary()
_NOTHING = pa.scalar(b"", _BINARY)
_BYTES_KIND, _FLOAT_KIND, _INT64_KIND = b"\x0a", b"\x12", b"\x1a"
_SMALL = 1 << 16

Piece = Union[pa.Array, pa.Scalar]


@dataclasses.dataclass(frozen=True)
class FramedRows:
    """Encoded examples of one batch, one after the other.

    Attributes:
        rows: large_binary array of TFRecords without gaps, one per row.
        records: the serialised examples inside them.
    """

    rows: pa.Array
    records: list[bytes]


@dataclasses.dataclass(frozen=True)
class _Cells:
    """The inside of one column's lists: bytes after bytes, and where each row's begin."""

    kind: bytes
    data: np.ndarray
    offsets: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self.offsets)

    def as_array(self) -> pa.Array:
        return _binary_array(self.data, self.offsets)


def encode(batch: pa.RecordBatch) -> Iterator[tuple[pa.RecordBatch, FramedRows]]:
    """Encodes every row, in slices that stay small in memory.

    Args:
        batch: columns as the module says; column order does not matter, names differ from each other.

    Yields:
        The slice of the batch, and its rows in the same order.
    """
    names = sum(len(name.encode()) + 16 for name in batch.schema.names)
    bytes_a_row = names + batch.nbytes // max(batch.num_rows, 1)
    step = max(1, ENCODED_BYTES_AT_ONCE // bytes_a_row)
    for start in range(0, batch.num_rows, step):
        part = batch.slice(start, step)
        yield part, _encode_slice(part)


def encode_feature(column: pa.Array) -> list[bytes]:
    """One column as serialised `Feature` messages, one per row (the key of a split by `partition_feature_name`)."""
    if pa.types.is_null(column.type):
        return [b""] * len(column)
    cells = _cells(column)
    heads, _ = _by_size(cells.sizes, lambda size: _feature_head(cells.kind, size))
    return _joined([heads, cells.as_array()], len(column)).to_pylist()


def _encode_slice(batch: pa.RecordBatch) -> FramedRows:
    count = batch.num_rows
    pieces: list[Piece] = []
    body = np.zeros(count, np.int64)
    for name in sorted(batch.schema.names, key=str.encode):
        column = batch.column(batch.schema.get_field_index(name))
        column_pieces, sizes = _entries(name.encode(), column)
        pieces += column_pieces
        body += sizes
    head, head_sizes = _by_size(body, _frame_head)
    framed = _joined([head, *pieces, pa.scalar(b"\0" * FRAME_TAIL, _BINARY)], count)
    ends = np.cumsum(head_sizes + body + FRAME_TAIL)
    return _seal(framed, ends)


def _seal(framed: pa.Array, ends: np.ndarray) -> FramedRows:
    """Writes each record's checksum into the four bytes that were left for it."""
    buffer = framed.buffers()[2]
    data = buffer.to_pybytes()
    stops = (ends - FRAME_TAIL).tolist()
    starts = [FRAME_HEAD, *(ends[:-1] + FRAME_HEAD).tolist()]
    records = [data[start:stop] for start, stop in zip(starts, stops, strict=True)]
    crc = google_crc32c.value
    sums = _masked(np.fromiter(map(crc, records), np.uint32, len(records)))
    sealed = np.frombuffer(buffer if buffer.is_mutable else bytearray(data), np.uint8)
    sealed[(ends - FRAME_TAIL)[:, None] + np.arange(FRAME_TAIL)] = sums.astype("<u4")[:, None].view(np.uint8)
    return FramedRows(_binary_array(sealed, np.concatenate(([0], ends))), records)


def _masked(crc: Any) -> Any:
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _frame_head(body: int) -> bytes:
    """The bytes before the features: the frame's head, then the tag and the size of the `features` message."""
    opening = b"\x0a" + _varint(body)
    length = struct.pack("<Q", len(opening) + body)
    return length + struct.pack("<I", _masked(google_crc32c.value(length))) + opening


def _entries(name: bytes, column: pa.Array) -> tuple[list[Piece], np.ndarray]:
    """The map entry of one feature in each row, as pieces to be joined, and the entries' sizes."""
    absent = _absent_entry(name)
    if pa.types.is_null(column.type):
        return [pa.scalar(absent, _BINARY)], np.full(len(column), len(absent), np.int64)
    cells = _cells(column)
    sizes = cells.sizes
    keys = sizes if column.null_count == 0 else np.where(_valid(column), sizes, -1)
    heads, head_sizes = _by_size(keys, functools.partial(_entry_head, name, cells.kind))
    return [heads, cells.as_array()], head_sizes + sizes


def _absent_entry(name: bytes) -> bytes:
    entry = b"\x0a" + _varint(len(name)) + name + b"\x12\x00"
    return b"\x0a" + _varint(len(entry)) + entry


def _entry_head(name: bytes, kind: bytes, size: int) -> bytes:
    """Everything of a map entry before its `size` bytes of list; the whole entry of a null row where size is -1."""
    if size < 0:
        return _absent_entry(name)
    feature = _feature_head(kind, size)
    key = b"\x0a" + _varint(len(name)) + name + b"\x12" + _varint(len(feature) + size)
    return b"\x0a" + _varint(len(key) + len(feature) + size) + key + feature


def _feature_head(kind: bytes, size: int) -> bytes:
    """The tag and the size of the list message; packed numbers are a field inside it, which an empty list lacks."""
    packed = b"\x0a" + _varint(size) if size and kind != _BYTES_KIND else b""
    return kind + _varint(len(packed) + size) + packed


def _cells(column: pa.Array) -> _Cells:
    offsets = np.asarray(column.offsets)
    values = column.values.slice(offsets[0], offsets[-1] - offsets[0])
    offsets = offsets - offsets[0]
    if pa.types.is_int64(values.type):
        data, ends = _varints(np.asarray(values))
        return _Cells(_INT64_KIND, data, ends[offsets])
    if pa.types.is_float32(values.type):
        data = np.asarray(values).astype("<f4", copy=False).view(np.uint8)
        return _Cells(_FLOAT_KIND, data, offsets * 4)
    tagged = _tagged(values)
    ends = _offsets(tagged)
    return _Cells(_BYTES_KIND, _data(tagged), ends[offsets])


def _tagged(values: pa.Array) -> pa.Array:
    """Each value with the tag and the size that precede it in a BytesList."""
    heads, _ = _by_size(np.diff(_offsets(values)), lambda size: b"\x0a" + _varint(size))
    return _joined([heads, values], len(values))


def _varints(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Base-128 varints of int64 values (negative ones as two's complement in ten bytes), and where each begins."""
    unsigned = values.view(np.uint64)
    if len(values) == 0 or unsigned.max() < 128:
        return unsigned.astype(np.uint8), np.arange(len(values) + 1)
    widest = len(_varint(int(unsigned.max())))
    widths = np.ones(len(values), np.int64)
    for more in range(1, widest):
        widths += unsigned >= np.uint64(1 << (7 * more))
    digits = np.empty((len(values), widest), np.uint8)
    for place in range(widest):
        low = (unsigned >> np.uint64(7 * place)).astype(np.uint8) & np.uint8(0x7F)
        digits[:, place] = low | ((widths > place + 1).astype(np.uint8) << np.uint8(7))
    kept = np.arange(widest) < widths[:, None]
    return digits[kept], np.concatenate(([0], np.cumsum(widths)))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _by_size(sizes: np.ndarray, make: Callable[[int], bytes]) -> tuple[Piece, np.ndarray]:
    """What `make` gives for each row's size, made once for each distinct size; and how long it is in each row."""
    distinct, index = _distinct(sizes)
    made = [make(int(size)) for size in distinct]
    if len(made) == 1:
        return pa.scalar(made[0], _BINARY), np.full(len(sizes), len(made[0]), np.int64)
    lengths = np.fromiter(map(len, made), np.int64, len(made))
    return pa.array(made, _BINARY).take(pa.array(index)), lengths[index]


def _distinct(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`np.unique` with the inverse, by counting where sizes are small: sorting would cost more than the encoding."""
    if len(sizes) == 0 or sizes.max() >= _SMALL:
        return np.unique(sizes, return_inverse=True)
    shifted = sizes + 1
    seen = np.flatnonzero(np.bincount(shifted))
    places = np.zeros(int(seen[-1]) + 1, np.int64)
    places[seen] = np.arange(len(seen))
    return seen - 1, places[shifted]


def _joined(pieces: list[Piece], count: int) -> pa.Array:
    joined = pc.binary_join_element_wise(*pieces, _NOTHING)
    if isinstance(joined, pa.Scalar):
        return pa.array([joined.as_py()] * count, _BINARY)
    return joined


def _binary_array(data: np.ndarray, offsets: np.ndarray) -> pa.Array:
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets, np.int64)), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.LargeBinaryArray.from_buffers(_BINARY, len(offsets) - 1, buffers)


def _offsets(array: pa.Array) -> np.ndarray:
    """The n + 1 byte offsets of a large_binary array, from where its slice begins."""
    if array.buffers()[1] is None:
        return np.zeros(1, np.int64)
    whole = np.frombuffer(array.buffers()[1], np.int64, array.offset + len(array) + 1)
    return whole[array.offset :]


def _data(array: pa.Array) -> np.ndarray:
    buffer = array.buffers()[2]
    return np.zeros(0, np.uint8) if buffer is None else np.frombuffer(buffer, np.uint8)


def _valid(column: pa.Array) -> np.ndarray:
    return np.asarray(column.is_valid())
