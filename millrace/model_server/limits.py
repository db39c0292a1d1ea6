"""What a request may ask of the server's memory, looked at before any of it is taken."""

import math

import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

MOST_REQUEST_BYTES = 256 << 20
"""The size of a request's body or message, and of each tensor in it once it is unpacked."""


def require_bounded(alias: str, tensor: tensor_pb2.TensorProto) -> None:
    """Refuses a tensor that is larger than a request may be.

    A TensorProto may hold one value for a whole shape (tensorflow/core/framework/tensor.proto), so the few bytes of a
    message say nothing about the memory that it takes.

    Args:
        alias: the input's name.
        tensor: as it was sent.

    Raises:
        tf.errors.InvalidArgumentError: its shape is unknown or negative.
        tf.errors.ResourceExhaustedError: it would take more than `MOST_REQUEST_BYTES`.
    """
    sizes = [dimension.size for dimension in tensor.tensor_shape.dim]
    if tensor.tensor_shape.unknown_rank or min(sizes, default=0) < 0:
        raise tf.errors.InvalidArgumentError(None, None, f"input {alias} has no complete shape")
    # An element of a string tensor is a pointer at least.
    width = tf.as_dtype(tensor.dtype).size or 8
    wanted = math.prod(sizes) * width
    if wanted > MOST_REQUEST_BYTES:
        raise tf.errors.ResourceExhaustedError(
            None, None, f"input {alias} of shape {sizes} takes {wanted} bytes, and {MOST_REQUEST_BYTES} are allowed"
        )
