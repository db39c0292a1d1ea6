"""Classify and Regress: tf.Examples in, labelled scores or numbers out.

The rules are TensorFlow Serving's classifier.cc and regressor.cc: the signature's only input takes serialised
tf.Examples; a classification gives `classes`, `scores` or both, a regression gives `outputs`.
"""

from typing import Optional

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2

from millrace.model_server import limits
from millrace.model_server.servable import Servable

_INPUT = "inputs"


def classify(
    servable: Servable, request: classification_pb2.ClassificationRequest, timeout: Optional[float]
) -> classification_pb2.ClassificationResponse:
    """Answers a Classify request.

    Args:
        servable: the model.
        request: tf.Examples and perhaps a signature's name.
        timeout: seconds; None waits for ever.

    Returns:
        For each example its labels with scores.

    Raises:
        tf.errors.OpError: the signature is not one of a classification, or what the graph raised.
    """
    examples = serialized_examples(request.input)
    outputs, name = _run(servable, request.model_spec.signature_name, examples, {"classes", "scores"}, timeout)
    classes, scores = outputs.get("classes"), outputs.get("scores")
    response = classification_pb2.ClassificationResponse()
    servable.stamp(response.model_spec, name)
    for row in range(_rows(examples, outputs, rank=2)):
        classifications = response.result.classifications.add()
        for column in range(next(iter(outputs.values())).shape[1]):
            label = b"" if classes is None else classes[row, column]
            score = 0.0 if scores is None else float(scores[row, column])
            classifications.classes.add(label=tf.compat.as_text(label), score=score)
    return response


def regress(
    servable: Servable, request: regression_pb2.RegressionRequest, timeout: Optional[float]
) -> regression_pb2.RegressionResponse:
    """Answers a Regress request.

    Args:
        servable: the loaded model.
        request: as TensorFlow Serving's RegressionService takes it.
        timeout: seconds; None waits for ever.

    Returns:
        One number for each example.
    """
    examples = serialized_examples(request.input)
    outputs, name = _run(servable, request.model_spec.signature_name, examples, {"outputs"}, timeout)
    outputs = {alias: _column(value) for alias, value in outputs.items()}
    _rows(examples, outputs, rank=1)
    response = regression_pb2.RegressionResponse()
    servable.stamp(response.model_spec, name)
    for value in outputs["outputs"]:
        response.result.regressions.add(value=float(value))
    return response


def serialized_examples(given: input_pb2.Input) -> list[bytes]:
    """The tf.Examples of a Classify or Regress request, each with the context that they share.

    Args:
        given: the request's own.

    Returns:
        At least one.

    Raises:
        tf.errors.OpError: there is none, or they are too large together.
    """
    if given.WhichOneof("kind") == "example_list_with_context":
        # Merging is how protobuf joins messages, so the context's features come first and an example's own win.
        context = given.example_list_with_context.context.SerializeToString()
        examples = given.example_list_with_context.examples
        limits.require_bounded_strings("examples", len(examples), len(context))
        serialized = [context + example.SerializeToString() for example in examples]
    else:
        limits.require_bounded_strings("examples", len(given.example_list.examples), 0)
        serialized = [example.SerializeToString() for example in given.example_list.examples]
    if not serialized:
        raise _invalid("Input is empty.")
    return serialized


def _run(
    servable: Servable, signature_name: str, examples: list[bytes], wanted: set[str], timeout: Optional[float]
) -> tuple[dict[str, np.ndarray], str]:
    name, signature = servable.signature(signature_name)
    if set(signature.inputs) != {_INPUT}:
        raise _invalid(f"Expected one input tensor named {_INPUT}, got {sorted(signature.inputs)}")
    aliases = sorted(wanted & set(signature.outputs))
    if not aliases:
        raise _invalid(f"Expected an output among {sorted(wanted)}, got {sorted(signature.outputs)}")
    return servable.run(signature, {_INPUT: tf.make_tensor_proto(examples, tf.string)}, aliases, timeout), name


def _column(value: np.ndarray) -> np.ndarray:
    return value[:, 0] if value.ndim == 2 and value.shape[1] == 1 else value


def _rows(examples: list[bytes], outputs: dict[str, np.ndarray], rank: int) -> int:
    rows = len(examples)
    for alias, value in outputs.items():
        if value.ndim != rank or value.shape[0] != rows:
            raise _invalid(f"Expected {alias} of rank {rank} with {rows} rows, got shape {list(value.shape)}")
    return rows


def _invalid(message: str) -> tf.errors.InvalidArgumentError:
    return tf.errors.InvalidArgumentError(None, None, message)
