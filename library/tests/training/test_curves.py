"""Training curves, read from the event files that Keras's callback writes, while TensorBoard's reader is the judge."""

import shutil

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from millrace.training import curves

EPOCHS, STEPS = 3, 5


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Of a small training with an evaluation after each epoch."""
    folder = tmp_path_factory.mktemp("logs")
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    data = np.random.default_rng(1).normal(size=(STEPS * 4, 2)), np.zeros(STEPS * 4)
    board = keras.callbacks.TensorBoard(str(folder), write_graph=False)
    model.fit(*data, batch_size=4, epochs=EPOCHS, validation_data=data, callbacks=[board], verbose=0)
    return folder


def test_every_metric_is_read_over_the_optimizer_s_steps(logs):
    read = curves.read(str(logs))
    assert [(curve.metric, curve.split) for curve in read][:2] == [("loss", "train"), ("loss", "validation")]
    assert {curve.metric for curve in read} >= {"loss", "mae"}
    assert all((curve.steps, curve.unit) == ((5, 10, 15), "steps") for curve in read)
    events = EventAccumulator(str(logs / "validation")).Reload()
    expected = [float(tensor_util.make_ndarray(event.tensor_proto)) for event in events.Tensors("epoch_loss")]
    [loss] = [curve.values for curve in read if (curve.metric, curve.split) == ("loss", "validation")]
    assert loss == pytest.approx(expected) and len(expected) == EPOCHS


def test_a_file_that_is_being_written_is_read_up_to_there(logs, tmp_path):
    shutil.copytree(logs, tmp_path / "logs")
    [file] = (tmp_path / "logs/train").glob("events*")
    file.write_bytes(file.read_bytes()[:-7])
    [loss] = [c for c in curves.read(str(tmp_path / "logs")) if (c.metric, c.split) == ("loss", "train")]
    assert 0 < len(loss.values) <= EPOCHS


def test_without_an_evaluation_epochs_are_counted(logs, tmp_path):
    shutil.copytree(logs / "train", tmp_path / "train")
    [loss] = [curve for curve in curves.read(str(tmp_path)) if curve.metric == "loss"]
    assert (loss.steps, loss.unit) == ((1, 2, 3), "epochs")


def test_without_logs_there_are_no_curves(tmp_path):
    assert curves.read(str(tmp_path / "gone")) == ()
    (tmp_path / "train").mkdir()
    (tmp_path / "train/events.out.tfevents.1").write_bytes(b"this is no event file at all")
    assert curves.read(str(tmp_path)) == ()
