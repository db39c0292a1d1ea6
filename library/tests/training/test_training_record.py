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
        "ended while it still improved: val_loss 76, 71, 68.9 at its last evaluations, a trend of 5.2% less at each; "
        "raise training.steps (now 400)"
    )


@pytest.mark.parametrize("share", [0.009, 0.005, 0.002])
def test_a_slow_steady_descent_is_one(share):
    """0.9 % at each of sixty evaluations: no single one is much, and sixty more would gain 40 %."""
    losses = [(1 - share) ** number for number in range(60)]
    assert f"a trend of {share:.1%} less at each" in still_improving(evaluations(*losses), "training.epochs", 60)


def test_a_descent_under_noise_is_told_and_a_level_curve_seldom():
    random = np.random.default_rng(0)

    def told(curve, noise, trials=500):
        curves = (curve + random.normal(0.0, noise, len(curve)) for _ in range(trials))
        return sum(bool(still_improving(evaluations(*losses), "training.steps", 1)) for losses in curves) / trials

    level = {(count, noise): told(np.full(count, 0.4), noise) for count in (4, 10, 60) for noise in (0.01, 0.02)}
    falling = told(0.4 * 0.991 ** np.arange(60), 0.01)
    print(f"\nlevel: {level}; 0.9 % less at each under noise of 3 to 4 %: {falling:.0%}")
    assert max(level.values()) <= 0.06
    assert falling >= 0.8


@pytest.mark.parametrize(
    "losses",
    [
        (76, 71, 72), (76, 71, 70.5), (76,), (), (70, 76, 71),
        (0.5, 0.55, 0.6, 0.49),  # one good evaluation after a rise
        (0.5, 0.4, 0.35, 0.33, 0.325, 0.324, 0.3235, 0.3233),  # it has arrived
        (0.5, 0.4, 0.3, float("nan")),
    ],
)  # fmt: skip
def test_an_end_on_the_level_says_nothing(losses):
    assert still_improving(evaluations(*losses), "training.steps", 400) == ""


def test_a_record_reads_back_and_nothing_else_is_one(tmp_path):
    record = TrainingRecord(300, tuple(evaluations(3.0, 2.0)), "ended", kept_step=200)
    training_record.write(str(tmp_path), record)
    assert training_record.read(str(tmp_path)) == record
    earlier = {"steps": 300, "evaluations": [], "advice": ""}
    (tmp_path / training_record.FILE).write_text(json.dumps(earlier))
    assert training_record.read(str(tmp_path)) == TrainingRecord(300, ())
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
