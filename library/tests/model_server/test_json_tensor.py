"""JSON becomes tensors and tensors JSON, by TensorFlow Serving's rules."""

import json

import numpy as np
import pytest
import tensorflow as tf

from millrace.model_server.json_tensor import parse_object, read_inputs, write_outputs

ONE = {"x": ([None, 1], tf.float32)}
TWO = {"x": ([None], tf.float32), "name": ([None], tf.string)}


def infos(inputs):
    with tf.Graph().as_default():
        placeholder, info = tf.compat.v1.placeholder, tf.compat.v1.saved_model.build_tensor_info
        return {name: info(placeholder(dtype, shape)) for name, (shape, dtype) in inputs.items()}


def read(body: str, inputs):
    form, tensors = read_inputs(parse_object(body.encode()), infos(inputs))
    return form, {name: tf.make_ndarray(tensor).tolist() for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    "body, inputs, expected",
    [
        ('{"instances": [[1], [2.5]]}', ONE, ("instances", {"x": [[1.0], [2.5]]})),
        ('{"instances": [{"x": [1]}]}', ONE, ("instances", {"x": [[1.0]]})),
        ('{"inputs": [[1], [2]]}', ONE, ("inputs", {"x": [[1.0], [2.0]]})),
        ('{"inputs": {"x": [[1]]}}', ONE, ("inputs", {"x": [[1.0]]})),
        (
            '{"instances": [{"x": 1, "name": "a"}, {"x": 2, "name": {"b64": "/wA="}}]}',
            TWO,
            ("instances", {"x": [1.0, 2.0], "name": [b"a", b"\xff\x00"]}),
        ),
        ('{"inputs": {"x": [], "name": []}}', TWO, ("inputs", {"x": [], "name": []})),
        ('{"instances": [{"b64": "YQ=="}]}', {"s": ([None], tf.string)}, ("instances", {"s": [b"a"]})),
    ],
)
def test_requests(body, inputs, expected):
    assert read(body, inputs) == expected


def test_nan_is_a_number():
    _, values = read('{"instances": [[NaN], [-Infinity]]}', ONE)
    assert np.isnan(values["x"][0][0])
    assert values["x"][1][0] == -np.inf


@pytest.mark.parametrize(
    "body, inputs, said",
    [
        ("", ONE, "The document is empty"),
        ("{", ONE, "JSON Parse error"),
        ("[1]", ONE, "Is not object"),
        ('{"signature_name": 3, "inputs": 1}', ONE, "'signature_name' key must be a string"),
        ("{}", ONE, "Missing 'inputs' or 'instances' key"),
        ('{"inputs": 1, "instances": 1}', ONE, "only one of 'inputs' or 'instances'"),
        ('{"instances": 1}', ONE, "to be an list/array"),
        ('{"instances": []}', ONE, "No values in 'instances'"),
        ('{"instances": [1]}', TWO, "expecting list of objects"),
        ('{"inputs": [1]}', TWO, "expecting an object"),
        ('{"inputs": {"x": [1]}}', TWO, "Missing named input: name"),
        ('{"instances": [{"x": 1}]}', TWO, "keys must be equal to: name,x"),
        ('{"instances": [{"x": 1, "name": "a"}, 2]}', TWO, "Expecting object at item 1"),
        ('{"instances": [["a"]]}', ONE, "is not of expected type: float32"),
        ('{"instances": [[true]]}', ONE, "is not of expected type: float32"),
        ('{"instances": [[1], [1, 2]]}', ONE, "unexpected size: 2 at level: 1 expected size: 1"),
        ('{"instances": [[1], [[1]]]}', ONE, "unexpected level"),
        ('{"instances": [1.5]}', {"n": ([None], tf.int64)}, "is not of expected type: int64"),
        ('{"instances": [{"b64": "a"}]}', {"s": ([None], tf.string)}, "Unable to base64 decode"),
        ('{"instances": [99999999999]}', {"n": ([None], tf.int32)}, "is not of expected type: int32"),
    ],
)
def test_refusals(body, inputs, said):
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        read(body, inputs)


def write(form: str, **outputs) -> str:
    tensors = {name: tf.make_tensor_proto(value) for name, value in outputs.items()}
    return json.dumps(write_outputs(form, tensors), sort_keys=True)


def test_answers_keep_the_requests_format():
    one = np.array([[0.2], [0.25]], np.float32)
    assert write("instances", p=one) == '{"predictions": [[0.2], [0.25]]}'
    assert write("inputs", p=one) == '{"outputs": [[0.2], [0.25]]}'
    two = {"p": np.array([1, 2]), "label_bytes": np.array([b"\xff", b"b"], object)}
    assert write("instances", **two) == (
        '{"predictions": [{"label_bytes": {"b64": "/w=="}, "p": 1}, {"label_bytes": {"b64": "Yg=="}, "p": 2}]}'
    )
    assert write("inputs", **two) == '{"outputs": {"label_bytes": [{"b64": "/w=="}, {"b64": "Yg=="}], "p": [1, 2]}}'


def test_text_is_text_and_nan_is_nan():
    assert write("inputs", label=np.array([b"caf\xc3\xa9"], object)) == '{"outputs": ["caf\\u00e9"]}'
    assert write("inputs", p=np.float32(np.nan)) == '{"outputs": NaN}'


def test_rows_need_one_batch():
    with pytest.raises(tf.errors.InvalidArgumentError, match="b has inconsistent batch size: 3 expecting: 2"):
        write("instances", a=np.zeros(2), b=np.zeros(3))
    with pytest.raises(tf.errors.InvalidArgumentError, match="a has no shape information"):
        write("instances", a=np.float32(1))


def test_a_tensor_has_as_many_dimensions_as_tensorflow_allows():
    """The protocol's limit; an array of numpy has fewer."""
    for dimensions, taken in ((254, True), (255, False)):
        body = f'{{"inputs": {"[" * dimensions}1{"]" * dimensions}}}'
        if taken:
            _, tensors = read_inputs(parse_object(body.encode()), infos({"x": (None, tf.float32)}))
            assert len(tensors["x"].tensor_shape.dim) == dimensions
        else:
            with pytest.raises(tf.errors.InvalidArgumentError, match="255 dimensions, and a tensor has 254 at most"):
                read_inputs(parse_object(body.encode()), infos({"x": (None, tf.float32)}))
