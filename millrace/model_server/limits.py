"""What a request may ask of the server's memory and time, looked at before any of it is taken."""

import math
import time
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

MOST_REQUEST_BYTES = 256 << 20
"""The size of a gRPC message, and of the tensors of any request together once they are unpacked."""

MOST_JSON_BYTES = 64 << 20
"""The size of a REST request's body."""

MOST_JSON_VALUES = 2 << 20
"""How many values a REST request may have; each is an object of Python, and two million take some five seconds."""

# TensorShape::MaxDimensions of tensorflow/core/framework/tensor_shape.h, and the most elements of its overflow check.
MOST_DIMENSIONS = 254
_MOST_ELEMENTS = 2**63 - 1
# A string is 24 bytes of TensorFlow's (tstring of tensorflow/core/platform/ctstring_internal.h), and its place in the
# list and in the array of pointers from which TensorFlow copies it.
_STRING_BYTES = 24 + 8 + 8
_BEFORE_A_VALUE = np.isin(np.arange(256), list(b"[{,"))


class Deadline:
    """The time that a request may take.

    Args:
        seconds: from now on.
        clock: seconds that only rise.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends = clock() + seconds

    def left(self) -> float:
        """Seconds that are left.

        Raises:
            tf.errors.DeadlineExceededError: none are.
        """
        left = self._ends - self._clock()
        if left <= 0:
            raise tf.errors.DeadlineExceededError(None, None, "Timed out")
        return left


def require_bounded(tensors: Mapping[str, tensor_pb2.TensorProto]) -> None:
    """Refuses tensors that are together larger than a request may be.

    A TensorProto may hold one value for a whole shape (tensorflow/core/framework/tensor.proto), so the few bytes of a
    message say nothing about the memory that it takes.

    Args:
        tensors: the request's inputs by name, as they were sent; of types that TensorFlow knows.

    Raises:
        tf.errors.InvalidArgumentError: a shape is unknown or negative, or none that a tensor can have.
        tf.errors.ResourceExhaustedError: they would take more than `MOST_REQUEST_BYTES`.
    """
    together = 0
    for alias, tensor in tensors.items():
        sizes = [dimension.size for dimension in tensor.tensor_shape.dim]
        if tensor.tensor_shape.unknown_rank or min(sizes, default=0) < 0:
            raise tf.errors.InvalidArgumentError(None, None, f"input {alias} has no complete shape")
        if len(sizes) > MOST_DIMENSIONS:
            raise tf.errors.InvalidArgumentError(
                None, None, f"input {alias} has {len(sizes)} dimensions, and a tensor has {MOST_DIMENSIONS} at most"
            )
        if math.prod(filter(None, sizes)) > _MOST_ELEMENTS and 0 in sizes:
            raise tf.errors.InvalidArgumentError(
                None, None, f"input {alias} of shape {sizes} has dimensions of more than 2**63 - 1 elements"
            )
        wanted = _bytes(tensor, math.prod(sizes))
        together += wanted
        if together > MOST_REQUEST_BYTES:
            others = f", with the inputs before it {together}" if wanted < together else ""
            raise _too_large(f"input {alias} of shape {sizes} takes {wanted} bytes{others}")


def require_bounded_strings(what: str, count: int, shared: int) -> None:
    """Refuses strings that would take more than `MOST_REQUEST_BYTES`, whatever else each of them holds.

    Args:
        what: their name in the message, in the plural.
        count: how many there are.
        shared: bytes of text that each of them begins with.

    Raises:
        tf.errors.ResourceExhaustedError: they would.
    """
    wanted = count * (_STRING_BYTES + shared)
    if wanted > MOST_REQUEST_BYTES:
        raise _too_large(f"{count} {what} take {wanted} bytes or more")


def require_few_values(body: bytes) -> None:
    """Refuses a JSON text of more than `MOST_JSON_VALUES` values, without building one of them.

    Args:
        body: the text.

    Raises:
        tf.errors.ResourceExhaustedError: it may have more.
    """
    # Quickly first: texts with many commas are rare.
    if sum(map(body.count, (b"[", b"{", b","))) <= MOST_JSON_VALUES:
        return
    text = body.replace(rb"\\", b"").replace(rb"\"", b"")
    values, in_text = 0, 0
    for start in range(0, len(text), 1 << 20):
        part = np.frombuffer(text, np.uint8, min(1 << 20, len(text) - start), start)
        # Odd between two quotes; what overflows stays odd.
        quotes = np.cumsum(part == ord('"'), dtype=np.uint8) + np.uint8(in_text)
        values += np.count_nonzero(_BEFORE_A_VALUE[part] & (quotes % 2 == 0))
        in_text = int(quotes[-1]) % 2
    if values > MOST_JSON_VALUES:
        raise tf.errors.ResourceExhaustedError(
            None,
            None,
            f"the body has up to {values} values, and a request may have {MOST_JSON_VALUES}; send less at once",
        )


def _bytes(tensor: tensor_pb2.TensorProto, count: int) -> int:
    """What a tensor of so many elements takes; of strings also their text, where the last may stand for the rest."""
    dtype = tf.as_dtype(tensor.dtype)
    if dtype != tf.string:
        return count * (dtype.size or _STRING_BYTES)
    lengths = [len(text) for text in tensor.string_val]
    repeated = max(count - len(lengths), 0) * lengths[-1] if lengths else 0
    return count * _STRING_BYTES + sum(lengths) + repeated


def _too_large(what: str) -> tf.errors.ResourceExhaustedError:
    return tf.errors.ResourceExhaustedError(None, None, f"{what}, and {MOST_REQUEST_BYTES} are allowed")
