"""What the benchmark of the model server asks, and what it makes of the answers."""

import threading

import click
import psutil
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from benchmarks.serving.load import Load, measure
from benchmarks.serving.requests import warm_up_request
from millrace.model_server.servable import WARM_UP_FILE


def test_every_client_asks_until_the_time_is_over():
    asked: list[int] = []
    load = measure("two", [lambda: asked.append(1), lambda: asked.append(2)], 0.1, [psutil.Process()])
    assert set(asked) == {1, 2}
    assert load.requests == len(asked) - 2  # each opened its connection first
    assert load.seconds >= 0.1 and load.per_second == load.requests / load.seconds
    assert 0 < load.p50 <= load.p99
    assert load.memory[-1] > 0


def test_a_client_that_gets_no_answer_ends_the_load():
    calls = iter(range(3))
    lock = threading.Lock()

    def ask() -> None:
        with lock:
            if next(calls) == 2:
                raise ConnectionError("gone")

    with pytest.raises(RuntimeError, match="one: gone"):
        measure("one", [ask], 5, [psutil.Process()])


def test_memory_grows_from_when_everything_was_used_once():
    load = Load("x", 1, 1.0, 1.0, 2.0, 0.5, [100.0, 120.0, *[121.0] * 8, 124.0])
    assert (load.growth, load.cpu_milliseconds) == (4.0, 500.0)


def test_one_row_of_the_signature_is_asked(tmp_path):
    file = tmp_path / WARM_UP_FILE
    file.parent.mkdir()
    with tf.io.TFRecordWriter(str(file)) as writer:
        for signature, rows in (("serving_default", 1), ("predict_json", 3), ("predict_json", 1)):
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.model_spec.signature_name = signature
            log.predict_log.request.inputs["fare"].CopyFrom(tf.make_tensor_proto([[1.0]] * rows))
            writer.write(log.SerializeToString())
    request = warm_up_request(tmp_path, "predict_json")
    assert request.model_spec.signature_name == "predict_json"
    assert request.inputs["fare"].tensor_shape.dim[0].size == 1
    for model, signature in ((tmp_path, "other"), (tmp_path / "none", "predict_json")):
        with pytest.raises(click.UsageError, match="no request of one row"):
            warm_up_request(model, signature)
