"""JSON to tensors and back, by the rules of TensorFlow Serving's REST API.

A Predict request holds `instances` (row format: one element an example) or `inputs` (columnar: one array an input);
the answer holds `predictions` or `outputs` in the same format. Bytes are `{"b64": "..."}`; an output whose name ends
in `_bytes` is written so. Source of the rules and messages: https://www.tensorflow.org/tfx/serving/api_rest and
tensorflow_serving/util/json_tensor.cc.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from millrace.model_server.limits import MOST_DIMENSIONS, require_few_values

Tensors = dict[str, tensor_pb2.TensorProto]
Infos = Mapping[str, meta_graph_pb2.TensorInfo]

ROW, COLUMNAR = "instances", "inputs"

_HALF_A_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
_LONGEST_SHOWN = 200


def parse_object(body: bytes) -> dict[str, Any]:
    """Parses a request's body.

    Raises:
        tf.errors.InvalidArgumentError: it is not a JSON object.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    require_few_values(body)
    try:
        document = json.loads(body.decode())
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error}") from error
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: byte {error.start} is not UTF-8") from error
    except ValueError as error:
        # Python reads no whole number of some thousands of digits, and its words speak of its own settings.
        raise invalid("JSON Parse error: a whole number has too many digits") from error
    except RecursionError as error:
        raise invalid("JSON Parse error: the document is nested too deeply") from error
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {_shown(document)} Is not object")
    if _HALF_A_PAIR.search(body):
        _refuse_half_characters(document)
    if not isinstance(document.get("signature_name", ""), str):
        raise invalid("'signature_name' key must be a string value.")
    return document


def read_inputs(document: Mapping[str, Any], infos: Infos, hint: str = "") -> tuple[str, Tensors]:
    """Reads the tensors of a Predict request.

    Args:
        document: the parsed body.
        infos: the signature's inputs.
        hint: said behind the refusal of rows that have other keys; empty for none.

    Returns:
        The format, `ROW` or `COLUMNAR`, and a tensor for each input named.

    Raises:
        tf.errors.InvalidArgumentError: the values do not fit the signature.
    """
    if ROW in document and COLUMNAR in document:
        raise invalid("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    if ROW in document:
        return ROW, _read_rows(document[ROW], infos, hint)
    if COLUMNAR in document:
        return COLUMNAR, _read_columns(document[COLUMNAR], infos)
    raise invalid("Missing 'inputs' or 'instances' key")


def write_outputs(form: str, outputs: Mapping[str, tensor_pb2.TensorProto]) -> dict[str, Any]:
    """Writes the answer to a Predict request.

    Args:
        form: the request's format.
        outputs: the tensors.

    Returns:
        The body, ready for `json.dumps`.

    Raises:
        tf.errors.InvalidArgumentError: the outputs cannot be written as rows.
    """
    values = {name: tf.make_ndarray(tensor) for name, tensor in sorted(outputs.items())}
    if form == COLUMNAR:
        columns = {name: _plain(name, value) for name, value in values.items()}
        return {"outputs": columns if len(columns) > 1 else next(iter(columns.values()))}
    _check_rows(values)
    columns = {name: _plain(name, value) for name, value in values.items()}
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}


def decode_base64(value: Mapping[str, Any]) -> bytes:
    """Reads `{"b64": "..."}`.

    Raises:
        tf.errors.InvalidArgumentError: it is something else.
    """
    if not is_base64(value):
        raise invalid(f"JSON Value: {_shown(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to base64 decode") from error


def is_base64(value: Any) -> bool:
    """Whether a JSON value is `{"b64": "..."}`."""
    return isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)


def invalid(message: str) -> tf.errors.InvalidArgumentError:
    """The error that REST clients see as status 400."""
    return tf.errors.InvalidArgumentError(None, None, message)


def _refuse_half_characters(document: dict[str, Any]) -> None:
    """Python takes half a surrogate pair for a character, which no text in UTF-8 can hold."""
    left: list[tuple[str, Any]] = [("", document)]
    while left:
        place, value = left.pop()
        if isinstance(value, dict):
            left += [(f"a key of {place or 'the request'}", key) for key in value]
            left += [(f"{place}.{key}".lstrip("."), one) for key, one in value.items()]
        elif isinstance(value, list):
            left += [(f"{place}[{number}]", one) for number, one in enumerate(value)]
        elif isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError as error:
                half = ascii(value[error.start])
                raise invalid(f"JSON Parse error: {ascii(place)[1:-1]} has half of a character, {half}") from error


def _shown(value: Any) -> str:
    """A value in a message: the whole of it where it is short."""
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _read_rows(rows: Any, infos: Infos, hint: str) -> Tensors:
    if not isinstance(rows, list):
        raise invalid("Expecting 'instances' to be an list/array")
    if not rows:
        raise invalid("No values in 'instances' array")
    named = _is_named(rows[0])
    if not named and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required "
            "as per tensorinfo_map"
        )
    for number, row in enumerate(rows):
        if _is_named(row) != named:
            raise invalid(f"Expecting {'object' if named else 'value/list'} at item {number} of input list")
        if named and set(row) != set(infos):
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object keys must be equal to: "
                + ",".join(sorted(infos))
                + hint
            )
    if not named:
        return {name: _tensor(rows, name, info) for name, info in infos.items()}
    return {name: _tensor([row[name] for row in rows], name, info) for name, info in infos.items()}


def _read_columns(columns: Any, infos: Infos) -> Tensors:
    if not _is_named(columns):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required "
                "as per tensorinfo_map"
            )
        return {name: _tensor(columns, name, info) for name, info in infos.items()}
    for name in infos:
        if name not in columns:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _tensor(columns[name], name, info) for name, info in infos.items()}


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _tensor(value: Any, name: str, info: meta_graph_pb2.TensorInfo) -> tensor_pb2.TensorProto:
    dtype = tf.as_dtype(info.dtype)
    shape = _shape(value)
    if len(shape) > MOST_DIMENSIONS:
        raise invalid(f"input {name}: {len(shape)} dimensions, and a tensor has {MOST_DIMENSIONS} at most")
    flat: list[Any] = []
    _flatten(value, name, dtype, shape, 0, flat)
    try:
        return tf.make_tensor_proto(flat, dtype=dtype, shape=shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid(f"input {name}: {error}") from error


def _shape(value: Any) -> list[int]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return shape


def _flatten(value: Any, name: str, dtype: tf.DType, shape: list[int], level: int, flat: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(f"JSON Value: {_shown(value)} found at incorrect level: {level + 1} in the JSON DOM.")
        flat.append(_scalar(value, name, dtype))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _flatten(item, name, dtype, shape, level + 1, flat)


def _scalar(value: Any, name: str, dtype: tf.DType) -> Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if dtype == tf.string and isinstance(value, dict):
        return decode_base64(value)
    if dtype == tf.string and isinstance(value, str):
        return value.encode()
    if dtype.is_floating and is_number:
        return value
    if dtype.is_integer and is_number and isinstance(value, int) and dtype.min <= value <= dtype.max:
        return value
    if dtype == tf.bool and isinstance(value, bool):
        return value
    raise invalid(f"JSON Value: {_shown(value)} of input {name} is not of expected type: {dtype.name}")


def _plain(name: str, value: np.ndarray) -> Any:
    if value.dtype != object:
        # float32 as its shortest decimal, which is what a reader of JSON expects: 0.2, not 0.20000000298.
        narrow = value.dtype in (np.float16, np.float32)
        return (value.astype(str).astype(np.float64) if narrow else value).tolist()
    as_bytes = name.endswith("_bytes")

    def text(item: bytes) -> Any:
        return {"b64": base64.b64encode(item).decode()} if as_bytes else item.decode("utf-8", "replace")

    return np.frompyfunc(text, 1, 1)(value).tolist() if value.ndim else text(value.item())


def _check_rows(values: Mapping[str, np.ndarray]) -> None:
    rows = None
    for name, value in values.items():
        if not value.ndim:
            raise invalid(f"Tensor name: {name} has no shape information")
        if rows not in (None, value.shape[0]):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {value.shape[0]} expecting: {rows}")
        rows = value.shape[0]
