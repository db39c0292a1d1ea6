"""What is said of how a training ended, on losses as they come."""

import json

import numpy as np
import pytest
import tensorflow as tf

from millrace.training import training_record
from millrace.training.input_data import odd_inputs
from millrace.training.signatures import _as_raw
from millrace.training.training_record import TrainingRecord, still_improving


def evaluations(*losses: float) -> list[dict[str, float]]:
    return [{"step": 100 * number, "val_loss": loss} for number, loss in enumerate(losses, 1)]


def test_an_end_in_the_middle_of_a_descent_names_the_losses_and_the_key():
    assert still_improving(evaluations(90, 76, 71, 68.9012), "training.steps", 400) == (
        "ended while it still improved: val_loss 76, 71, 68.9 at its last evaluations, 3.0% better in the last 100 "
        "steps; raise training.steps (now 400)"
    )


@pytest.mark.parametrize("losses", [(76, 71, 72), (76, 71, 70.5), (76,), (), (70, 76, 71)])
def test_an_end_on_the_level_says_nothing(losses):
    assert still_improving(evaluations(*losses), "training.steps", 400) == ""


def test_a_record_reads_back_and_nothing_else_is_one(tmp_path):
    record = TrainingRecord(300, tuple(evaluations(3.0, 2.0)), "ended")
    training_record.write(str(tmp_path), record)
    assert training_record.read(str(tmp_path)) == record
    assert training_record.read(str(tmp_path / "elsewhere")) is None
    (tmp_path / training_record.FILE).write_text(json.dumps({"steps": 1}))
    assert training_record.read(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ([1.0, float("nan"), float("inf")], "b_xf is NaN or infinite in 2 of 5 training rows"),
        ([1.0, -3e9, 2.0], "b_xf reaches 3000000000"),
        ([1.0, 2.0, 3.0], ""),
    ],
)
def test_the_column_behind_a_loss_that_is_no_number(second, words):
    sparse = tf.sparse.from_dense([[1]])
    first = {"a_xf": np.ones(2, np.float32), "b_xf": np.zeros((2, 1), np.float32), "words_xf": sparse}
    last = {"a_xf": tf.ones(3), "b_xf": np.array(second, np.float32), "id_xf": np.array([10**12] * 3)}
    assert odd_inputs([first, last]) == words


def test_a_required_integer_cannot_be_missing_in_a_request():
    """Cast, NaN would be -9223372036854775808."""
    spec = tf.io.FixedLenFeature([1], tf.int64)
    assert _as_raw(tf.constant([3.0, 4.0]), spec, "rooms").numpy().tolist() == [[3], [4]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="rooms is an integer that the schema requires"):
        _as_raw(tf.constant([3.0, float("nan")]), spec, "rooms")
