"""Classify and Regress requests and answers as JSON, by the rules of TensorFlow Serving's REST API."""

from collections.abc import Mapping
from typing import Any, TypeVar

import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, regression_pb2

from millrace.model_server.json_tensor import decode_base64, invalid

Request = TypeVar("Request", classification_pb2.ClassificationRequest, regression_pb2.RegressionRequest)


def read_examples(document: Mapping[str, Any], request: Request) -> Request:
    """Fills a request with the examples of a JSON body, and the context that they share.

    Args:
        document: the parsed body: `examples`, and perhaps `context`.
        request: the message to fill.

    Returns:
        The same message.

    Raises:
        tf.errors.InvalidArgumentError: the body does not hold examples.
    """
    examples = document.get("examples")
    if not isinstance(examples, list) or not examples:
        raise invalid("Expecting 'examples' value to be a list/array that is not empty")
    request.model_spec.signature_name = document.get("signature_name", "")
    if "context" in document:
        with_context = request.input.example_list_with_context
        with_context.context.CopyFrom(_example(document["context"]))
        with_context.examples.extend(_example(example) for example in examples)
    else:
        request.input.example_list.examples.extend(_example(example) for example in examples)
    return request


def write_classifications(response: classification_pb2.ClassificationResponse) -> dict[str, Any]:
    """The JSON answer: for each example a list of [label, score]."""
    classifications = response.result.classifications
    return {"results": [[[item.label, item.score] for item in one.classes] for one in classifications]}


def write_regressions(response: regression_pb2.RegressionResponse) -> dict[str, Any]:
    """The JSON answer: a number for each example."""
    return {"results": [one.value for one in response.result.regressions]}


def _example(value: Any) -> tf.train.Example:
    if not isinstance(value, dict):
        raise invalid("Example must be JSON object")
    example = tf.train.Example()
    for name, content in value.items():
        items = content if isinstance(content, list) else [content]
        kinds = {_kind(name, item) for item in items}
        if len(kinds) > 1:
            raise invalid(f"Unexpected element type in feature: {name} expecting type: {sorted(kinds)[0]}")
        feature = example.features.feature[name]
        for kind in kinds:
            try:
                getattr(feature, kind).value.extend(_value(item) for item in items)
            except ValueError as error:  # a number of more than 64 bits
                raise invalid(f"Feature: {name}: {error}") from error
    return example


def _kind(name: str, item: Any) -> str:
    if isinstance(item, (str, dict)):
        return "bytes_list"
    if isinstance(item, int):
        return "int64_list"
    if isinstance(item, float):
        return "float_list"
    raise invalid(f"Feature: {name} has element with unexpected JSON type")


def _value(item: Any) -> Any:
    if isinstance(item, dict):
        return decode_base64(item)
    return item.encode() if isinstance(item, str) else item
