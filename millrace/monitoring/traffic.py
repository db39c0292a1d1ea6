"""The rows that a version was asked in a window, as Arrow: here logged requests become what statistics are made of.

One batch is in memory at a time, and of a window's answers a number or a label for each row: no more than one window,
however long the log is.
"""

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pyarrow as pa
from tfx_bsl.arrow import table_util
from tfx_bsl.coders import example_coder

from millrace.base.numbers import is_number
from millrace.model_server.about import About, ModelColumn
from millrace.model_server.decisions import text_of
from millrace.model_server.logged_requests import LoggedRequest, logged_requests
from millrace.monitoring.window import Window

# Rows that become one batch.
_AT_ONCE = 4096
# Clocks that are set by NTP differ by much less.
_AHEAD = timedelta(minutes=2)
_VALUE_TYPES = {"INT": pa.int64(), "FLOAT": pa.float32(), "BYTES": pa.large_binary()}
_SERIALIZED = ({"examples"}, {"inputs"})


class WindowTraffic:
    """The requests of one window that one version answered. `batches` reads the log; the rest is known afterwards.

    Args:
        folder: of the model's log.
        window: which.
        version: the version that answered.
        about: what the model says of itself; None where it says nothing, and only tf.Examples can be read.
        now: with a zone: what lies ahead of it was written by another clock.
        labelled: the requests of one row whose inputs are kept, by name, to slice on.
        sliced: the columns that are kept of them.

    Attributes:
        requests: how many were read.
        rows: in them.
        others: requests that other versions answered in the window.
        later: how many this version answered after the window.
        unread: requests that could not be read, by why.
        without_time: requests, of any window, whose log does not say when they were answered.
        ahead: requests that were answered later than now.
        inputs: what is kept of labelled requests.
    """

    def __init__(
        self,
        folder: Path,
        window: Window,
        version: int,
        about: Optional[About],
        now: datetime,
        labelled: Collection[str] = (),
        sliced: Sequence[str] = (),
    ) -> None:
        self._folder, self._window, self._version, self._about, self._now = folder, window, version, about, now
        self._labelled, self._sliced = labelled, sliced
        self.requests = self.rows = self.later = self.without_time = self.ahead = 0
        self.others: Counter[int] = Counter()
        self.unread: Counter[str] = Counter()
        self.inputs: dict[str, dict[str, list[Any]]] = {}
        self._outputs: dict[str, list[np.ndarray]] = {}
        self._packed: Counter[str] = Counter()
        self._types: dict[str, pa.DataType] = {}

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows as tfx_bsl decodes tf.Examples: each column a `large_list`, null where nothing is known.

        Raises:
            DataError: a whole shard is damaged.
        """
        serialized, by_column, rows = list[bytes](), list[Mapping[str, np.ndarray]](), 0
        for one in self._of_window():
            arrays, is_serialized = dict(one.inputs), set(one.inputs) in _SERIALIZED
            if is_serialized:
                examples = next(iter(arrays.values())).reshape(-1).tolist()
                serialized += examples
            elif self._about is not None and {column.input for column in self._columns} <= set(arrays):
                by_column.append(arrays)
                examples = [None] * len(np.atleast_1d(arrays[self._columns[0].input]))
            else:
                self.unread[f"signature {one.signature or 'without a name'} takes no raw columns"] += 1
                continue
            self.requests += 1
            self.rows += len(examples)
            rows += len(examples)
            self._keep_outputs(one, len(examples))
            if one.request_id in self._labelled and len(examples) == 1:
                self._keep_inputs(one.request_id, examples[0], arrays)
            if rows >= _AT_ONCE:
                self._pack_outputs()
                yield from self._batches(serialized, by_column)
                serialized, by_column, rows = [], [], 0
        yield from self._batches(serialized, by_column)

    def outputs(self) -> dict[str, np.ndarray]:
        """What was answered, a value a row: numbers as float64, of several in a row the largest; texts as str."""
        return {name: np.concatenate(parts) for name, parts in self._outputs.items()}

    @property
    def _columns(self) -> tuple[ModelColumn, ...]:
        return self._about.columns if self._about else ()

    def _of_window(self) -> Iterator[LoggedRequest]:
        for one in logged_requests(self._folder, self._window.start, self._window.end):
            if one.time is None:
                self.without_time += 1
            elif one.time > self._now + _AHEAD:
                self.ahead += 1
            elif self._window.start <= one.time < self._window.end and one.predicts:
                if one.version == self._version:
                    yield one
                else:
                    self.others[one.version] += 1
            elif one.time >= self._window.end:
                self.later += one.version == self._version

    def _keep_outputs(self, one: LoggedRequest, rows: int) -> None:
        for name, values in one.outputs.items():
            if name.rpartition("_")[2] == "classes" or values.ndim == 0 or len(values) != rows or not values.size:
                continue
            if values.dtype.kind in "OSU":
                texts = [
                    sys.intern(", ".join(sorted(filter(None, map(text_of, row))))) for row in values.reshape(rows, -1)
                ]
                self._outputs.setdefault(name, []).append(np.array(texts, object))
            elif values.dtype.kind in "fiu":
                self._outputs.setdefault(name, []).append(values.reshape(rows, -1).max(axis=1).astype(np.float64))

    def _pack_outputs(self) -> None:
        """Puts what was kept since the last time into one array: of a request of one row an array is twenty numbers."""
        for name, parts in self._outputs.items():
            packed = self._packed[name]
            parts[packed:] = [np.concatenate(parts[packed:])] if parts[packed:] else []
            self._packed[name] = len(parts)

    def _keep_inputs(self, name: str, example: Optional[bytes], arrays: Mapping[str, np.ndarray]) -> None:
        """The values of one row by which the Evaluator slices: a list for each column, empty where there is none."""
        if example is not None:
            batch = _decoded([example])
            kept = {column: batch.column(at).to_pylist()[0] for at, column in enumerate(batch.schema.names)}
        else:
            known = [column for column in self._columns if column.name in self._sliced]
            kept = {column.name: _column([arrays], column).to_pylist()[0] for column in known}
        self.inputs[name] = {column: kept.get(column) or [] for column in self._sliced}

    def _batches(
        self, serialized: Sequence[bytes], by_column: Sequence[Mapping[str, np.ndarray]]
    ) -> Iterator[pa.RecordBatch]:
        if serialized:
            yield from self._decoded(serialized)
        if by_column:
            columns = [column for column in self._columns if not column.image]
            yield pa.RecordBatch.from_arrays(
                [_column(by_column, column) for column in columns], [column.name for column in columns]
            )

    def _decoded(self, serialized: Sequence[bytes]) -> Iterator[pa.RecordBatch]:
        """Decodes examples together; where two kinds are mixed, those of the kind that was seen first."""
        try:
            batch = _decoded(serialized)
        except (RuntimeError, ValueError):
            batch = None
        if batch is not None and not self._conflict(batch):
            yield batch
            return
        fitting = []
        for example in serialized:
            try:
                row = _decoded([example])
                conflict = self._conflict(row)
            except (RuntimeError, ValueError):
                conflict = "what was sent is no tf.Example"
            if conflict:
                self.unread[conflict] += 1
            else:
                fitting.append(row)
        if fitting:
            yield table_util.MergeRecordBatches(fitting)

    def _conflict(self, batch: pa.RecordBatch) -> str:
        """Which column has another type than before; empty for none. A column's type is that of its first value."""
        for field in batch.schema:
            if pa.types.is_null(field.type):
                continue
            if self._types.setdefault(field.name, field.type) != field.type:
                one, other = (_WORDS.get(str(kind), str(kind)) for kind in (field.type, self._types[field.name]))
                return f"{field.name} holds {one} where earlier requests sent {other}"
        return ""


_WORDS = {
    "large_list<item: int64>": "whole numbers",
    "large_list<item: float>": "numbers",
    "large_list<item: large_binary>": "texts",
}


def _decoded(serialized: Sequence[bytes]) -> pa.RecordBatch:
    return example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(list(serialized))


def _column(requests: Sequence[Mapping[str, np.ndarray]], column: ModelColumn) -> pa.Array:
    """One column of requests that sent a tensor for each: NaN and the empty text stand for nothing."""
    kind = _VALUE_TYPES[column.type]
    counts, values = list[np.ndarray](), list[np.ndarray]()
    for arrays in requests:
        given = np.atleast_1d(arrays[column.input])
        rows = given.reshape(len(given), -1)
        there = _is_there(rows, column)
        counts.append(there.sum(axis=1))
        values.append(rows[there])
    number = np.concatenate(counts)
    offsets = np.concatenate([[0], np.cumsum(number)])
    flat = np.concatenate(values)
    content = pa.array(flat.tolist(), kind) if column.type == "BYTES" else pa.array(flat).cast(kind, safe=False)
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64(), mask=np.append(number == 0, False)), content)


def _is_there(rows: np.ndarray, column: ModelColumn) -> np.ndarray:
    """Which values are some [rows, values]."""
    if column.type != "BYTES":
        numbers = rows.astype(np.float64)
        missing = [float(text) for text in column.missing if is_number(text)]
        return np.isfinite(numbers) & ~np.isin(numbers, missing)
    missing_texts = {text.encode() for text in column.missing}
    return np.array([[bool(one) and one not in missing_texts for one in row] for row in rows], bool).reshape(rows.shape)


def as_batches(outputs: Mapping[str, np.ndarray]) -> Iterable[pa.RecordBatch]:
    """What was answered as rows with a column for each output, whose statistics are those of the predictions.

    Args:
        outputs: as `WindowTraffic.outputs` gives them; those of fewer rows than the others are left out.
    """
    rows = max((len(values) for values in outputs.values()), default=0)
    columns = {}
    for name, values in outputs.items():
        if len(values) == rows and rows:
            is_text = values.dtype.kind == "O"
            content = (
                pa.array([one.encode() for one in values], pa.large_binary())
                if is_text
                else pa.array(values.astype(np.float32))
            )
            columns[name] = pa.LargeListArray.from_arrays(pa.array(np.arange(rows + 1)), content)
    if columns:
        yield pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
