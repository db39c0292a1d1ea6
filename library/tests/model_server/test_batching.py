"""Requests that are run together get what each would get alone."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from local_models import load_models
from saved_models import example, save

from millrace.model_server.batching import Batching
from millrace.model_server.option_files import BatchingParameters
from millrace.model_server.query import Query
from millrace.model_server.versions import Loading


class Model:
    """Doubles `x`; runs when it is let, and notes the rows of each run.

    Args:
        let: whether it runs at once.
    """

    def __init__(self, let: bool = True) -> None:
        self.may_run = threading.Event()
        self.runs: list[list[float]] = []
        self.timeouts: list = []
        if let:
            self.may_run.set()

    def __call__(self, inputs, timeout):
        self.timeouts.append(timeout)
        self.may_run.wait(20)
        rows = inputs["x"].reshape(len(inputs["x"]), -1)[:, 0].tolist()
        self.runs.append(rows)
        if -1.0 in rows:
            raise tf.errors.InvalidArgumentError(None, None, "no -1")
        return {"y": inputs["x"] * 2}


def parameters(**changes) -> BatchingParameters:
    values = {"max_batch_size": 8, "batch_timeout_micros": 0, "max_enqueued_batches": 9, "num_batch_threads": 1}
    return BatchingParameters(**{**values, **changes})


def rows(*values: float) -> dict[str, np.ndarray]:
    return {"x": np.array(values, np.float32)}


class Asking:
    """Sends requests of one kind, each from a thread of its own, in order."""

    def __init__(self, batching: Batching, model: Model) -> None:
        self._batching = batching
        self._model = model
        self._threads = ThreadPoolExecutor(32)

    def send(self, inputs, kind="kind", timeout=20) -> Future:
        before = self.waiting()
        sent = self._threads.submit(self._batching.run, kind, self._model, inputs, timeout)
        while not sent.done() and self.waiting() == before and not self._model.may_run.is_set():
            pass
        return sent

    def occupy(self) -> Future:
        """Keeps the one thread busy, so that what follows waits."""
        first = self._threads.submit(self._batching.run, "first", self._model, rows(0.0), 20)
        while not self._model.timeouts:
            pass
        return first

    def waiting(self) -> int:
        return sum(len(batch.tasks) for batch in list(self._batching._waiting))


def test_requests_that_wait_are_run_together_and_each_gets_its_rows():
    model = Model(let=False)
    asking = Asking(Batching(parameters()), model)
    first = asking.occupy()
    sent = [asking.send(rows(1.0)), asking.send(rows(2.0, 3.0)), asking.send(rows(4.0))]
    model.may_run.set()
    assert [one.result(20)["y"].tolist() for one in sent] == [[2.0], [4.0, 6.0], [8.0]]
    assert first.result(20)["y"].tolist() == [0.0]
    assert model.runs == [[0.0], [1.0, 2.0, 3.0, 4.0]]


def test_a_batch_is_no_larger_than_it_may_be_and_other_shapes_and_kinds_are_no_part_of_it():
    model = Model(let=False)
    asking = Asking(Batching(parameters()), model)
    asking.occupy()
    sent = [asking.send(rows(*[float(number)] * 3)) for number in (1, 2, 3)]
    sent.append(asking.send({"x": np.full((2, 5), 9.0, np.float32)}))
    sent.append(asking.send(rows(7.0), kind="another"))
    sent.append(asking.send(rows(4.0)))
    model.may_run.set()
    for one in sent:
        one.result(20)
    assert model.runs[1:] == [[1.0] * 3 + [2.0] * 3, [3.0] * 3 + [4.0], [9.0, 9.0], [7.0]]


def test_a_batch_is_filled_up_to_an_allowed_size():
    model = Model()
    outputs = Batching(parameters(allowed_batch_sizes=(4, 8))).run("kind", model, rows(1.0, 2.0), 20)
    assert outputs["y"].tolist() == [2.0, 4.0]
    assert model.runs == [[1.0, 2.0, 1.0, 1.0]]


def test_what_one_request_breaks_is_answered_to_nobody_else():
    model = Model(let=False)
    asking = Asking(Batching(parameters()), model)
    asking.occupy()
    sent = [asking.send(rows(float(number))) for number in (1, -1, 2, 3)]
    model.may_run.set()
    with pytest.raises(tf.errors.InvalidArgumentError, match="no -1"):
        sent[1].result(20)
    assert [sent[number].result(20)["y"].tolist() for number in (0, 2, 3)] == [[2.0], [4.0], [6.0]]


def test_a_queue_that_is_full_refuses():
    model = Model(let=False)
    asking = Asking(Batching(parameters(max_batch_size=1, max_enqueued_batches=2)), model)
    asking.occupy()
    sent = [asking.send(rows(1.0)), asking.send(rows(2.0))]
    with pytest.raises(tf.errors.UnavailableError, match="queue to which this task was submitted is full"):
        asking.send(rows(3.0)).result(20)
    model.may_run.set()
    assert [one.result(20)["y"].tolist() for one in sent] == [[2.0], [4.0]]


def test_who_waits_too_long_is_told_and_not_run():
    model = Model(let=False)
    asking = Asking(Batching(parameters()), model)
    asking.occupy()
    late = asking.send(rows(1.0), timeout=0.05)
    patient = asking.send(rows(2.0), timeout=None)
    with pytest.raises(tf.errors.DeadlineExceededError):
        late.result(20)
    model.may_run.set()
    assert patient.result(20)["y"].tolist() == [4.0]
    assert model.runs == [[0.0], [2.0]]
    assert model.timeouts[1] is None


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"x": np.float32(1)}, "at least one dimension"),
        ({"x": np.zeros(2), "z": np.zeros(3)}, "equal 0th-dimension size"),
        (rows(*[1.0] * 9), "Task size 9 is larger than maximum input batch size 8"),
    ],
)
def test_what_makes_no_batch_is_refused(inputs, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        Batching(parameters()).run("kind", Model(), inputs, 20)


def test_a_batch_waits_for_more_and_goes_at_once_when_it_is_full():
    model = Model()
    asking = Asking(Batching(parameters(batch_timeout_micros=600_000_000, max_batch_size=3)), model)
    sent = [asking.send(rows(float(number))) for number in (1, 2, 3)]
    for one in sent:
        one.result(20)
    assert [sorted(one) for one in model.runs] == [[1.0, 2.0, 3.0]]


def test_outputs_without_a_row_for_each_input_are_the_models_fault():
    def sums(inputs, timeout):
        return {"y": inputs["x"].sum(keepdims=True)}

    batching = Batching(parameters())
    with pytest.raises(tf.errors.FailedPreconditionError, match=r"y has the shape \[1\], and 2 rows went in"):
        batching.run("kind", sums, rows(1.0, 2.0), 20)


def test_a_served_model_answers_the_same_in_batches(tmp_path):
    save(tmp_path / "1", serving_default="good", predict_json="good_json", raise_="raises")
    alone = load_models(tmp_path).servable("taxi", None)
    loading = Loading(warm_up=False, batching=Batching(parameters(batch_timeout_micros=1000)))
    together = load_models(tmp_path, loading=loading).servable("taxi", None)
    records = [example(number / 10, "Cash") for number in range(40)]

    def ask(servable, number):
        inputs = {"examples": np.array(records[number : number + 1 + number % 3], object)}
        return servable.predict(Query("serving_default", inputs, {}, 1).request("taxi"), 20)

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda number: ask(together, number), range(36)))
    for number, answer in enumerate(answers):
        expected = ask(alone, number)
        assert answer.model_spec == expected.model_spec
        values = {alias: tf.make_ndarray(tensor) for alias, tensor in answer.outputs.items()}
        assert values["payment_bytes"].tolist() == tf.make_ndarray(expected.outputs["payment_bytes"]).tolist()
        # TensorFlow's kernels round otherwise where there are more rows.
        wanted = tf.make_ndarray(expected.outputs["probabilities"])
        np.testing.assert_allclose(values["probabilities"], wanted, rtol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="no such trip"):
        together.predict(Query("raise_", {"examples": np.array(records[:1], object)}, {}, 1).request("taxi"), 20)
