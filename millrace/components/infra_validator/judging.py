"""Whether an answer is one that a model may give. Pure functions: arrays in, a sentence out, empty when all is well."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from millrace.base.numbers import rounded
from millrace.model_server.query import Arrays, Infos

# Both protocols carry float32; REST carries it as a decimal number.
_RELATIVE, _ABSOLUTE = 1e-4, 1e-6


def fault(outputs: Arrays, declared: Infos, batch: int) -> str:
    """Compares an answer with its signature.

    Args:
        outputs: arrays by alias.
        declared: the signature's outputs.
        batch: how many examples were sent.

    Returns:
        The first thing that is wrong: an output missing, of another type or shape, not one row per example, not finite.
    """
    missing = sorted(set(declared) - set(outputs))
    if missing:
        return f"output {missing[0]} is declared and was not given"
    for alias, info in sorted(declared.items()):
        wrong = _shape_fault(outputs[alias], info, batch) or _value_fault(outputs[alias])
        if wrong:
            return f"output {alias} {wrong}"
    return ""


def disagreement(left: Arrays, right: Arrays) -> str:
    """Compares the answers of two protocols to the same examples.

    Args:
        left: the outputs by gRPC.
        right: the outputs by REST.

    Returns:
        The first output in which they differ, and by how much at most.
    """
    for alias in sorted(left):
        if left[alias].shape != right[alias].shape:
            return f"output {alias} has shape {_text(left[alias])} by gRPC and {_text(right[alias])} by REST"
        if left[alias].dtype == object:
            continue
        if not np.allclose(left[alias], right[alias], rtol=_RELATIVE, atol=_ABSOLUTE):
            most = rounded(float(np.abs(left[alias].astype(np.float64) - right[alias].astype(np.float64)).max()), 3)
            return f"output {alias} differs by up to {most} between gRPC and REST, for the same examples"
    return ""


def percentile(milliseconds: Sequence[float], percent: float) -> float:
    """The value that `percent` of the measurements do not exceed (numpy's `higher` method: one that was measured).

    Args:
        milliseconds: one measurement per request.
        percent: from 0 to 100.
    """
    return float(np.percentile(np.asarray(milliseconds), percent, method="higher"))


def _shape_fault(value: np.ndarray, info: meta_graph_pb2.TensorInfo, batch: int) -> str:
    declared = tf.TensorShape(info.tensor_shape)
    if not declared.is_compatible_with(value.shape):
        return f"has shape {_text(value)}, but the signature declares {declared}"
    if not value.ndim or value.shape[0] != batch:
        return f"has shape {_text(value)} for a batch of {batch} examples; its first dimension must be the batch"
    dtype = tf.as_dtype(info.dtype)
    if (value.dtype == object) != (dtype == tf.string) or (value.dtype != object and value.dtype != dtype):
        return f"is of type {value.dtype}, but the signature declares {dtype.name}"
    return ""


def _value_fault(value: np.ndarray) -> str:
    if value.dtype == object or not np.issubdtype(value.dtype, np.inexact) or np.isfinite(value).all():
        return ""
    rows = np.isfinite(value).reshape(len(value), -1).all(axis=1)
    what = "NaN" if np.isnan(value).any() else "infinite"
    return f"is {what} for {int((~rows).sum())} of {len(value)} examples"


def _text(value: np.ndarray) -> str:
    return str(list(value.shape))
