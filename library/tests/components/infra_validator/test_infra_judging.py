"""Answers that a model may not give are named, and sound ones pass."""

import re

import numpy as np
import pytest
import tensorflow as tf

from millrace.components.infra_validator.judging import disagreement, fault, percentile


def declared(shape, dtype=tf.float32):
    """A signature's outputs with one output `score`."""
    with tf.Graph().as_default():
        return {"score": tf.compat.v1.saved_model.build_tensor_info(tf.compat.v1.placeholder(dtype, shape))}


@pytest.mark.parametrize(
    "value, shape, said",
    [
        (np.zeros((4, 1), np.float32), [None, 1], ""),
        (np.zeros(4, np.float32), None, ""),
        (np.zeros((1, 1), np.float32), [None, 1], r"output score has shape \[1, 1\] for a batch of 4 examples"),
        (np.float32(0).reshape(()), None, r"output score has shape \[\] for a batch of 4"),
        (np.zeros((4, 2), np.float32), [None, 1], r"output score has shape \[4, 2\], but the signature declares"),
        (np.zeros((4, 1), np.float64), [None, 1], "output score is of type float64, but .* declares float32"),
        (np.array([1, np.nan, np.nan, 2], np.float32), [None], "output score is NaN for 2 of 4 examples"),
        (np.array([[1, 2], [3, 4], [5, np.inf], [7, 8]], np.float32), [None, 2], "is infinite for 1 of 4 examples"),
    ],
)
def test_faults(value, shape, said):
    found = fault({"score": value}, declared(shape), 4)
    assert re.search(said, found) if said else found == ""


def test_a_missing_output():
    assert fault({}, declared([None]), 4) == "output score is declared and was not given"


def test_strings_are_held_to_their_shape():
    texts = np.array([b"a", b"b"], object)
    assert fault({"score": texts}, declared([None], tf.string), 2) == ""
    assert "type object" in fault({"score": texts}, declared([None], tf.float32), 2)


def test_protocols_agree_up_to_rounding():
    left = {"score": np.array([0.25, 1e-9], np.float32)}
    assert disagreement(left, {"score": np.array([0.2500001, 0.0], np.float32)}) == ""
    assert disagreement(left, {"score": np.array([0.25, 0.5], np.float32)}) == (
        "output score differs by up to 0.5 between gRPC and REST, for the same examples"
    )
    assert "shape [2] by gRPC and [1] by REST" in disagreement(left, {"score": np.array([0.25], np.float32)})


def test_numbers_are_compared_whatever_texts_stand_before_them():
    """As in our own classifiers, which give `classes` and `label` before `probabilities`."""
    texts = np.array([[b"no", b"yes"]] * 2, object)
    left = {"classes": texts, "probabilities": np.array([0.25, 0.5], np.float32)}
    right = {"classes": texts, "probabilities": np.array([0.25, 0.75], np.float32)}
    assert disagreement(left, left) == ""
    assert "output probabilities differs by up to 0.25" in disagreement(left, right)


def test_the_second_output_is_judged_too():
    both = {**declared([None]), "also": declared([None])["score"]}
    right, wrong = np.zeros(4, np.float32), np.array([0, np.nan, 0, 0], np.float32)
    assert fault({"also": right, "score": right}, both, 4) == ""
    assert fault({"also": right, "score": wrong}, both, 4) == "output score is NaN for 1 of 4 examples"


def test_a_percentile_was_measured():
    assert percentile([4.0, 1.0, 3.0, 2.0], 50) == 3.0
    assert percentile(list(range(1, 21)), 95) == 20.0
