"""A request holds what the example holds, in the type and shape that the signature takes, or there is no request."""

import numpy as np
import pytest
import tensorflow as tf

from millrace.components.infra_validator.queries import CannotAsk, plan


def signature(**inputs):
    info, placeholder = tf.compat.v1.saved_model.build_tensor_info, tf.compat.v1.placeholder
    with tf.Graph().as_default():
        given = {name: info(placeholder(dtype, shape)) for name, (dtype, shape) in inputs.items()}
        return tf.compat.v1.saved_model.build_signature_def(given, {"y": info(placeholder(tf.float32, [None]))})


def record(**features) -> bytes:
    example = tf.train.Example()
    for name, values in features.items():
        kinds = {int: "int64_list", float: "float_list", bytes: "bytes_list"}
        for value in values:
            getattr(example.features.feature[name], kinds[type(value)]).value.append(value)
    return example.SerializeToString()


FULL = record(whole=[3], half=[0.5], pair=[1.0, 2.0], word=[b"a"])


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "expected"),
    [
        ("whole", tf.int64, [None], np.array([3], np.int64)),
        ("whole", tf.int32, [None, 1], np.array([[3]], np.int32)),
        ("whole", tf.float32, [None], np.array([3], np.float32)),
        ("half", tf.float64, [None], np.array([0.5], np.float64)),
        ("pair", tf.float32, [None, 2], np.array([[1, 2]], np.float32)),
        ("pair", tf.float32, [None, 2, 1], np.array([[[1], [2]]], np.float32)),
        ("word", tf.string, [None, 1], np.array([[b"a"]], object)),
        ("half", tf.int64, [None], None),
        ("word", tf.float32, [None], None),
        ("whole", tf.string, [None], None),
        ("pair", tf.float32, [None], None),
        ("half", tf.float32, [None, 2], None),
        # A list of any length is one of numbers or texts; an integer has no value that says that it is missing.
        ("half", tf.float32, [None, None], np.array([[0.5]], np.float32)),
        ("pair", tf.float32, [None, None], np.array([[1, 2]], np.float32)),
        ("word", tf.string, [None, None], np.array([[b"a"]], object)),
        ("whole", tf.int64, [None, None], None),
        ("half", tf.float32, [None, None, 1], None),
        ("half", tf.float32, [], None),
        ("half", tf.float32, None, None),
        ("absent", tf.float32, [None], None),
    ],
)
def test_a_value_that_fits_is_sent_and_any_other_is_none(name, dtype, shape, expected):
    takes = signature(**{name: (dtype, shape), "also": (tf.float32, [None])})
    # Messages are joined by joining their bytes.
    records = [record(also=[1.0]), FULL + record(also=[2.0])]
    if expected is None:
        with pytest.raises(CannotAsk, match=rf"no eval example has a value for each of its inputs \({name}\)"):
            plan("serving_default", takes, records, 4)
        return
    asked = plan("serving_default", takes, records, 4).batch
    assert asked.batch == 1, "the first example has no value"
    assert (asked.inputs[name].dtype, asked.inputs[name].tolist()) == (expected.dtype, expected.tolist())
    assert asked.inputs["also"].tolist() == [2.0]


def test_values_that_no_example_has_at_once_are_told_so():
    takes = signature(a=(tf.float32, [None]), b=(tf.float32, [None]))
    with pytest.raises(CannotAsk, match=r"its inputs \(at once\)"):
        plan("serving_default", takes, [record(a=[1.0]), record(b=[1.0])], 4)


def test_as_many_examples_are_sent_as_are_asked_for_each_alone_and_all_at_once():
    takes = signature(a=(tf.float32, [None]), b=(tf.float32, [None]))
    records = [record(a=[float(number)], b=[0.0]) for number in range(6)]
    asked = plan("serving_default", takes, records, 4)
    assert [query.inputs["a"].tolist() for query in asked.singles] == [[0.0], [1.0], [2.0], [3.0]]
    assert asked.batch.inputs["a"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_only_the_json_signature_is_asked_with_missing_values_and_never_with_a_missing_integer():
    takes = signature(a=(tf.float32, [None, 1]), b=(tf.string, [None]))
    records = [record(b=[b"x"])]
    asked = plan("predict_json", takes, records, 1).batch
    assert np.isnan(asked.inputs["a"]).tolist() == [[True]] and asked.inputs["b"].tolist() == [b"x"]
    with pytest.raises(CannotAsk, match=r"\(a\)"):
        plan("serving_default", takes, records, 1)
    with pytest.raises(CannotAsk, match=r"\(whole\)"):
        plan("predict_json", signature(whole=(tf.int64, [None]), b=(tf.string, [None])), records, 1)


def test_lists_of_several_lengths_are_filled_up_with_what_is_no_value():
    takes = signature(a=(tf.float32, [None, None]), b=(tf.string, [None, None]))
    records = [record(a=[0.5], b=[b"x", b"y", b"z"]), record(a=[1.0, 2.0], b=[b"w"])]
    asked = plan("serving_default", takes, records, 2)
    assert [query.inputs["a"].tolist() for query in asked.singles] == [[[0.5]], [[1.0, 2.0]]]
    np.testing.assert_array_equal(asked.batch.inputs["a"], [[0.5, np.nan], [1.0, 2.0]])
    assert asked.batch.inputs["b"].tolist() == [[b"x", b"y", b"z"], [b"w", b"", b""]]
    assert asked.batch.inputs["a"].dtype == np.float32
    missing = plan("predict_json", takes, [record(a=[0.5])], 1).batch
    assert missing.inputs["b"].tolist() == [[b""]]
