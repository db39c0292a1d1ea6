"""Requests that come at the same time are run together, as TensorFlow Serving's batching does.

Requests of one signature whose inputs have the same shape but for the number of rows make a batch. It is run when it is
full, or has waited long enough, and a thread is free. Messages are those of batching_session.cc. What is better here: a
batch that fails is run again in halves, so that nobody gets another's error.
"""

import collections
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Optional

import numpy as np
import tensorflow as tf

from millrace.model_server.option_files import BatchingParameters

Arrays = Mapping[str, np.ndarray]
Run = Callable[[Arrays, Optional[float]], dict[str, np.ndarray]]
"""Runs inputs within so many seconds; None waits for ever."""


@dataclass
class _Task:
    inputs: Arrays
    rows: int
    ends: Optional[float]
    done: threading.Event = field(default_factory=threading.Event)
    outputs: Optional[dict[str, np.ndarray]] = None
    error: Optional[Exception] = None


@dataclass
class _Batch:
    kind: Hashable
    run: Run
    due: float
    tasks: list[_Task] = field(default_factory=list)
    rows: int = 0
    is_full: bool = False


class Batching:
    """Threads that run batches, of every model.

    Args:
        parameters: how large batches are, and how long they wait.
    """

    def __init__(self, parameters: BatchingParameters) -> None:
        self._parameters = parameters
        self._changed = threading.Condition()
        # In the order in which they began; those that still take requests are also found by their kind.
        self._waiting: collections.deque[_Batch] = collections.deque()
        self._open: dict[Hashable, _Batch] = {}
        self._counts: collections.Counter[Hashable] = collections.Counter()
        for _ in range(parameters.num_batch_threads):
            threading.Thread(target=self._work, daemon=True).start()

    def run(self, kind: Hashable, run: Run, inputs: Arrays, timeout: Optional[float]) -> dict[str, np.ndarray]:
        """Runs inputs together with others of their kind.

        Args:
            kind: what `run` belongs to; inputs of one kind may be put together.
            run: runs them, rows in and as many rows out.
            inputs: arrays with as many rows each.
            timeout: seconds to wait; None waits for ever.

        Returns:
            The outputs of these inputs.

        Raises:
            tf.errors.OpError: the inputs cannot be put together, too many wait, the time is over, or what `run` raised.
        """
        ends = None if timeout is None else time.monotonic() + timeout
        task = _Task(inputs, self._rows(inputs), ends)
        shapes = tuple((name, value.shape[1:], value.dtype.str) for name, value in sorted(inputs.items()))
        self._enqueue((kind, shapes), run, task)
        if not task.done.wait(timeout):
            raise tf.errors.DeadlineExceededError(None, None, "Timed out")
        if task.error is not None:
            raise task.error
        assert task.outputs is not None
        return task.outputs

    def _rows(self, inputs: Arrays) -> int:
        if not all(value.ndim for value in inputs.values()):
            raise _invalid("Batching Run() input tensors must have at least one dimension")
        counts = {len(value) for value in inputs.values()}
        if len(counts) != 1:
            raise _invalid("Batching Run() input tensors must have equal 0th-dimension size")
        (rows,) = counts
        if rows > self._parameters.max_batch_size:
            raise _invalid(
                f"Task size {rows} is larger than maximum input batch size {self._parameters.max_batch_size}"
            )
        return rows

    def _enqueue(self, kind: Hashable, run: Run, task: _Task) -> None:
        most = self._parameters.max_batch_size
        with self._changed:
            batch = self._open.get(kind)
            if batch and batch.rows + task.rows > most:
                self._fill(batch)
                batch = None
            if batch is None:
                if self._counts[kind] >= self._parameters.max_enqueued_batches:
                    message = "The batch scheduling queue to which this task was submitted is full"
                    raise tf.errors.UnavailableError(None, None, message)
                due = time.monotonic() + self._parameters.batch_timeout_micros / 1e6
                batch = self._open[kind] = _Batch(kind, run, due)
                self._waiting.append(batch)
                self._counts[kind] += 1
                self._changed.notify()
            batch.tasks.append(task)
            batch.rows += task.rows
            if batch.rows == most:
                self._fill(batch)
                self._changed.notify()

    def _fill(self, batch: _Batch) -> None:
        batch.is_full = True
        if self._open.get(batch.kind) is batch:
            del self._open[batch.kind]

    def _work(self) -> None:
        while True:
            batch = self._take()
            self._run(batch)
            # A model that is no longer served must not be held by the batch that was its last.
            del batch

    def _take(self) -> _Batch:
        with self._changed:
            while True:
                now = time.monotonic()
                for batch in self._waiting:
                    if batch.is_full or batch.due <= now:
                        self._waiting.remove(batch)
                        self._fill(batch)
                        self._counts[batch.kind] -= 1
                        if not self._counts[batch.kind]:
                            del self._counts[batch.kind]
                        return batch
                due = min((batch.due for batch in self._waiting), default=None)
                self._changed.wait(None if due is None else due - now)

    def _run(self, batch: _Batch) -> None:
        now = time.monotonic()
        # Nobody waits any more for what is too late.
        tasks = [task for task in batch.tasks if task.ends is None or task.ends > now]
        if tasks:
            self._run_together(batch.run, tasks)
        for task in tasks:
            task.done.set()

    def _run_together(self, run: Run, tasks: list[_Task]) -> None:
        try:
            outputs = self._outputs(run, tasks)
        except Exception as error:  # whatever the model raises is somebody's answer
            if len(tasks) == 1 or isinstance(error, tf.errors.DeadlineExceededError):
                for task in tasks:
                    task.error = error
            else:
                middle = len(tasks) // 2
                self._run_together(run, tasks[:middle])
                self._run_together(run, tasks[middle:])
            return
        start = 0
        for task in tasks:
            task.outputs = {name: value[start : start + task.rows] for name, value in outputs.items()}
            start += task.rows

    def _outputs(self, run: Run, tasks: list[_Task]) -> dict[str, np.ndarray]:
        rows = sum(task.rows for task in tasks)
        padding = 0
        if rows:
            padding = next((size for size in self._parameters.allowed_batch_sizes if size >= rows), rows) - rows
        inputs = {}
        for name in tasks[0].inputs:
            parts = [task.inputs[name] for task in tasks]
            # One row again and again, whose outputs nobody gets.
            filling = [part[:1] for part in parts if len(part)][:1] * padding
            inputs[name] = np.concatenate(parts + filling) if len(parts) + padding > 1 else parts[0]
        left = [None if task.ends is None else max(task.ends - time.monotonic(), 0.001) for task in tasks]
        outputs = run(inputs, None if None in left else max(filter(None, left)))
        for name, value in outputs.items():
            if not np.ndim(value) or len(value) != rows + padding:
                raise tf.errors.FailedPreconditionError(
                    None,
                    None,
                    f"Batched output tensor {name} has the shape {list(np.shape(value))}, and {rows + padding} rows "
                    "went in",
                )
        return outputs


def _invalid(message: str) -> tf.errors.InvalidArgumentError:
    return tf.errors.InvalidArgumentError(None, None, message)
