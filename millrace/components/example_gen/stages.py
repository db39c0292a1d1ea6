"""The Beam stages: few large elements (units of work), every row inside them handled by columns.

plan.work -> CountQuotes -> (parities)
          -> InferTypes  -> one list of types for each input split
          -> SurveyRows  -> (cuts of a split by time or stratum)
          -> WriteShards -> Publish
"""

import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Optional, TypeVar, Union

import apache_beam as beam
import numpy as np
import pyarrow as pa
from absl import logging
from tfx.components.example_gen import write_split

from millrace.base import files
from millrace.base.cores import cores
from millrace.base.errors import DataError
from millrace.base.numbers import counted
from millrace.components.example_gen import (
    csv_columns,
    csv_source,
    csv_types,
    divisions,
    examples,
    image_folders,
    images,
    parquet_source,
    row_filter,
    row_values,
    shards,
    split_record,
    whole_files,
)
from millrace.components.example_gen.csv_source import ByteRange, RecordBlock
from millrace.components.example_gen.csv_types import ColumnType
from millrace.components.example_gen.divisions import (
    StratifiedDivision,
    Survey,
    SurveyedDivision,
    TimeDivision,
)
from millrace.components.example_gen.image_folders import ImageFiles
from millrace.components.example_gen.options import Options
from millrace.components.example_gen.parquet_source import RowGroups
from millrace.components.example_gen.plan import Division, Work, WorkPlan
from millrace.components.example_gen.refusal import to_json
from millrace.components.example_gen.shards import LeftOut, Shard, ShardWriter
from millrace.components.example_gen.split_record import SplitRecord
from millrace.components.example_gen.splits import Partition
from millrace.components.example_gen.whole_files import WholeFile
from millrace.features import expression

REFUSAL_FILE = "refusal.json"
_HELD_BYTES = 192 << 20
_MOST_THREADS = 8

Cells = list[pa.Array]
Types = Union[tuple[ColumnType, ...], DataError]
Encoded = list[tuple[str, bytes, pa.RecordBatch, Optional[np.ndarray]]]
_In = TypeVar("_In")
_Out = TypeVar("_Out")
Rows = TypeVar("Rows", pa.Array, pa.RecordBatch)


class _Parsed:
    """Cells that the first pass parsed and the second can take in the same process, up to a number of bytes.

    Only the executor's own process keeps any, between `begin` and `forget`: a worker elsewhere is not told when a run
    is over, and the second pass may come to another worker.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._runs: set[str] = set()
        self._held: dict[tuple[str, int], list[Cells]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def begin(self, run: str) -> None:
        self._runs.add(run)

    def is_here(self, run: str) -> bool:
        """Whether this is the process in which the run began."""
        return run in self._runs

    def hold(self, key: tuple[str, int], parsed: list[Cells]) -> None:
        size = _size(parsed)
        with self._lock:
            if self.is_here(key[0]) and self._bytes + size <= self._limit:
                self._held[key] = parsed
                self._bytes += size

    def look(self, key: tuple[str, int]) -> Optional[list[Cells]]:
        """What `take` would give, which stays for it."""
        return self._held.get(key)

    def take(self, key: tuple[str, int]) -> Optional[list[Cells]]:
        with self._lock:
            parsed = self._held.pop(key, None)
            self._bytes -= _size(parsed or [])
        return parsed

    def room(self, run: str) -> int:
        return self._limit - self._bytes if self.is_here(run) else 0

    def forget(self, run: str) -> None:
        for key in [key for key in self._held if key[0] == run]:
            self.take(key)
        self._runs.discard(run)


def _size(parsed: Iterable[Cells]) -> int:
    return sum(column.nbytes for cells in parsed for column in cells)


PARSED = _Parsed(_HELD_BYTES)


def in_order(
    function: Callable[[_In], _Out], items: Iterable[_In], threads: int, ahead: Optional[int] = None
) -> Iterator[_Out]:
    """Maps in threads, in order, never more than a few items ahead of what was taken."""
    pending: deque[Future[_Out]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > (ahead or threads):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def thread_count(options: Options, run: str) -> int:
    """Threads for one unit of work: all where the executor itself does it, one in workers, which have others beside."""
    if not options.threads and not PARSED.is_here(run):
        return 1
    return options.threads or min(cores(), _MOST_THREADS)


class CountQuotes(beam.DoFn):
    """Range to (index, number of quotes in it); only files of several ranges need it."""

    def process(self, work: ByteRange) -> Iterator[tuple[int, int]]:
        """Counts."""
        if not (work.first and work.end is None):
            yield work.index, csv_source.count_quotes(work.path, work.start, work.end)


class InferTypes(beam.DoFn):
    """Range to (input split, types of its columns, or why it cannot be read)."""

    def __init__(self, plan: WorkPlan, options: Options, run: str) -> None:
        self._plan, self._options, self._run = plan, options, run

    def process(self, work: ByteRange, quotes: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Types]]:
        """Infers."""
        try:
            yield work.group, self._infer(work, dict(quotes))
        except DataError as refusal:
            yield work.group, refusal

    def _infer(self, work: ByteRange, quotes: dict[int, int]) -> Types:
        types = [ColumnType.UNKNOWN] * len(self._plan.columns[work.group])
        kept: Optional[list[Cells]] = []
        size = 0
        for cells, of_block in in_order(
            functools.partial(self._parse, work),
            _blocks(work, quotes, self._plan, self._options),
            thread_count(self._options, self._run),
        ):
            types = [max(pair) for pair in zip(types, of_block, strict=True)]
            size += _size([cells])
            kept = [*kept, cells] if kept is not None and size <= PARSED.room(self._run) else None
        if kept is not None:
            PARSED.hold((self._run, work.index), kept)
        return tuple(types)

    def _parse(self, work: ByteRange, block: RecordBlock) -> tuple[Cells, list[ColumnType]]:
        cells = csv_columns.parse(block, work.path, self._plan.columns[work.group], self._options)
        return cells, [csv_types.infer(column) for column in cells]


def _blocks(work: ByteRange, quotes: dict[int, int], plan: WorkPlan, options: Options) -> Iterator[RecordBlock]:
    before = sum(
        quotes.get(other.index, 0)
        for other in plan.work
        if isinstance(other, ByteRange) and other.path == work.path and other.index < work.index
    )
    return csv_source.blocks(work, before % 2 == 1, (before + quotes.get(work.index, 0)) % 2 == 1, options)


def merge_types(of_blocks: Iterable[Types]) -> Types:
    """The types of a whole input split; a refusal overrides any."""
    result: Optional[Types] = None
    for types in of_blocks:
        if isinstance(types, DataError):
            return types
        if isinstance(result, DataError):
            return result
        result = types if result is None else tuple(max(pair) for pair in zip(result, types, strict=True))
    return result or ()


class _Rows:
    """The wanted rows of a unit of work as features, of any format."""

    def __init__(self, plan: WorkPlan, options: Options, run: str) -> None:
        self._plan, self._options, self._run = plan, options, run
        self._condition = expression.parse(options.where) if options.where else None
        self._left_out: list[int] = []  # appended to by threads

    def left_out(self) -> int:
        """How many rows did not meet the condition since this was asked last."""
        counts, self._left_out = self._left_out, []
        return sum(counts)

    def each(
        self,
        work: Work,
        quotes: dict[int, int],
        types: dict[int, Types],
        function: Callable[[pa.RecordBatch], _Out],
        parsed: Optional[list[Cells]],
    ) -> Iterator[_Out]:
        """Hands every batch to a function, in threads, in order; `parsed` are its cells where they are at hand."""

        def of_wanted(batch: pa.RecordBatch) -> _Out:
            wanted = batch if self._condition is None else _chosen(batch, row_filter.wanted(batch, self._condition))
            self._left_out.append(batch.num_rows - wanted.num_rows)
            if self._options.images and not isinstance(work, ImageFiles):
                wanted = images.with_contents(wanted, self._options.images, work.path, self._options.leave_out)
            return function(wanted)

        threads = thread_count(self._options, self._run)
        if isinstance(work, RowGroups):
            return in_order(of_wanted, parquet_source.batches(work, self._options), threads)
        if isinstance(work, ImageFiles):
            return in_order(of_wanted, image_folders.batches(work), threads)
        if isinstance(work, WholeFile):
            return in_order(of_wanted, whole_files.batches(work, self._options), threads)
        names, of_group = self._plan.columns[work.group], types[work.group]
        assert not isinstance(of_group, DataError)

        def from_cells(cells: Cells) -> _Out:
            return of_wanted(to_features(cells, names, of_group))

        if parsed is not None:
            return in_order(from_cells, parsed, threads)
        return in_order(
            lambda block: from_cells(csv_columns.parse(block, work.path, names, self._options)),
            _blocks(work, quotes, self._plan, self._options),
            threads,
        )


def _without(batch: pa.RecordBatch, left_out: tuple[str, ...]) -> pa.RecordBatch:
    """The columns that reach the examples."""
    names = [name for name in batch.schema.names if name not in left_out]
    if len(names) == batch.num_columns:
        return batch
    places = [batch.schema.get_field_index(name) for name in names]
    return pa.RecordBatch.from_arrays([batch.column(place) for place in places], names)


def _refusal_of(types: dict[int, Types]) -> Optional[DataError]:
    return next((one for one in types.values() if isinstance(one, DataError)), None)


class SurveyRows(beam.DoFn):
    """Unit of work to what a division has to know of its rows, or to why it cannot be read."""

    def __init__(self, plan: WorkPlan, options: Options, staging: str, divided: SurveyedDivision) -> None:
        self._rows, self._division = _Rows(plan, options, staging), divided
        self._options, self._staging = options, staging

    def process(
        self, work: Work, quotes: Iterable[tuple[int, int]], types: dict[int, Types]
    ) -> Iterator[Union[Survey, DataError]]:
        """Reads, and looks."""
        refusal = _refusal_of(types)
        if refusal is not None:
            yield refusal
            return
        try:
            parsed = PARSED.look((self._staging, work.index))
            yield divisions.merged(self._division, self._rows.each(work, dict(quotes), types, self._of_batch, parsed))
        except DataError as error:
            yield error

    def _of_batch(self, batch: pa.RecordBatch) -> Survey:
        written = examples.encode(_without(batch, self._options.leave_out))
        return self._division.survey(batch, [record for _, framed in written for record in framed.records])


class WriteShards(beam.DoFn):
    """Unit of work to its shards, or to why it cannot be read."""

    def __init__(self, plan: WorkPlan, options: Options, staging: str) -> None:
        self._plan, self._options, self._staging = plan, options, staging
        self._rows = _Rows(plan, options, staging)
        self._instances = beam.metrics.Metrics.counter(write_split.METRICS_NAMESPACE, "num_instances")

    def process(
        self,
        work: Work,
        quotes: Iterable[tuple[int, int]],
        types: dict[int, Types],
        survey: Union[Survey, DataError, None] = None,
    ) -> Iterator[Union[Shard, LeftOut, DataError]]:
        """Reads, encodes and writes."""
        if isinstance(survey, DataError):
            yield survey
            return
        refusal = _refusal_of(types)
        if refusal is not None:
            yield refusal
            return
        self._rows.left_out()
        try:
            written = self._write(work, dict(quotes), types, survey)
        except DataError as error:
            yield error
            return
        self._instances.inc(sum(shard.rows for shard in written))
        yield from written
        if left_out := self._rows.left_out():
            yield LeftOut(left_out)

    def _write(
        self, work: Work, quotes: dict[int, int], types: dict[int, Types], survey: Optional[Survey]
    ) -> list[Shard]:
        divided: Division = divisions.settled(self._plan.division, survey)
        encode = functools.partial(self._encode, work.group, divided)
        parsed = PARSED.take((self._staging, work.index))
        with ShardWriter(self._staging, work.index) as writer:
            for parts in self._rows.each(work, quotes, types, encode, parsed):
                for split, packed, batch, keys in parts:
                    writer.write(split, packed, batch, keys)
        return writer.shards()

    def _encode(self, group: int, divided: Division, batch: pa.RecordBatch) -> Encoded:
        if batch.num_rows == 0:
            return []
        packers = [shards.Packer() for _ in divided.names]
        assigned: list[np.ndarray] = []
        start = 0
        written = _without(batch, self._options.leave_out)
        for part, framed in examples.encode(written):
            # What a row is divided by may be left out of its example.
            whole = part if written is batch else batch.slice(start, part.num_rows)
            start += part.num_rows
            assigned.append(divided.assign(group, whole, framed.records))
            for place, packer in enumerate(packers):
                packer.add(_chosen(framed.rows, assigned[-1] == place))
        places = np.concatenate(assigned)
        column = self._plan.key
        keys = row_values.scalars(batch, column, "data.key") if column else None
        return [
            (
                name,
                packers[place].finish(),
                _chosen(written, places == place),
                None if keys is None else row_values.hashes(keys.filter(pa.array(places == place))),
            )
            for place, name in enumerate(divided.names)
            if (places == place).any()
        ]


def _chosen(rows: Rows, mask: np.ndarray) -> Rows:
    """The rows that a mask keeps."""
    if mask.all():
        return rows
    chosen = pa.array(mask.nonzero()[0])
    if isinstance(rows, pa.RecordBatch):
        return pa.RecordBatch.from_arrays([column.take(chosen) for column in rows.columns], schema=rows.schema)
    return rows.take(chosen)


def to_features(cells: Cells, names: tuple[str, ...], types: tuple[ColumnType, ...]) -> pa.RecordBatch:
    """Columns of cells as features, in the order of their names.

    Columns of one name count as one, as in TFX: with the highest of their types, and the last one's cells.
    """
    kinds: dict[str, ColumnType] = {}
    last: dict[str, pa.Array] = {}
    for name, kind, column in zip(names, types, cells, strict=True):
        kinds[name] = max(kind, kinds.get(name, ColumnType.UNKNOWN))
        last[name] = column
    ordered = sorted(last, key=str.encode)
    return pa.RecordBatch.from_arrays([csv_types.convert(last[name], kinds[name]) for name in ordered], names=ordered)


class Publish(beam.DoFn):
    """Puts every shard in its place once all are whole, or leaves the reason why not in the staging folder."""

    def __init__(self, plan: WorkPlan, options: Options, uri: str, split_folders: dict[str, str], staging: str) -> None:
        self._plan, self._options = plan, options
        self._uri, self._split_folders, self._staging = uri, split_folders, staging

    def process(
        self, _: Any, results: list[Union[Shard, LeftOut, DataError]], survey: Union[Survey, DataError, None] = None
    ) -> None:
        """Publishes."""
        refusals = [result for result in results if isinstance(result, DataError)]
        written = [result for result in results if isinstance(result, Shard)]
        refusals = refusals or self._without_rows(written) or self._empty_splits(written)
        if refusals:
            files.write(os.path.join(self._staging, REFUSAL_FILE), to_json(min(refusals, key=str)))
            return
        shards.publish(self._uri, self._split_folders, written)
        assert not isinstance(survey, DataError)
        divided: Division = divisions.settled(self._plan.division, survey)
        left_out = sum(result.rows for result in results if isinstance(result, LeftOut))
        if self._plan.key or self._options.where or not isinstance(divided, Partition):
            record = self._record(divided, written, left_out)
            split_record.write(self._uri, record)
            if record.leak:
                logging.warning("%s", record.leak)

    def _record(self, divided: Division, written: list[Shard], left_out: int) -> SplitRecord:
        rows = dict.fromkeys(divided.names, 0)
        for shard in written:
            rows[shard.split] += shard.rows
        ends = divided.ends() if isinstance(divided, TimeDivision) else {}
        distinct, splits_of_each = np.unique(_keys_by_split(written), return_counts=True)
        shared = int((splits_of_each > 1).sum())
        return SplitRecord(rows, ends, self._plan.key, len(distinct), shared, self._options.where, left_out)

    def _without_rows(self, written: list[Shard]) -> list[DataError]:
        filled = {self._plan.work[shard.index].group for shard in written}
        advice = "the files hold column names only, or nothing: check the export"
        what = "there is not one row of data"
        if self._options.where:
            what, advice = f"no row meets {row_filter.WHERE}: {self._options.where}", "widen the condition"
        return [
            DataError(what, pattern, advice) for group, pattern in enumerate(self._plan.patterns) if group not in filled
        ]

    def _empty_splits(self, written: list[Shard]) -> list[DataError]:
        """Splits that a division was asked for and that no row came to; of rows by their own hash DataGate tells."""
        divided = self._plan.division
        if isinstance(divided, Partition) and not divided.feature:
            return []
        filled = {shard.split for shard in written}
        column = divided.feature if isinstance(divided, Partition) else divided.splits.column
        values = (
            f", which has {counted(len(np.unique(_keys_by_split(written))), 'value')}"
            if self._plan.key == column
            else ""
        )
        return [
            DataError(
                f"no row comes to the split {name} by {column}{values}",
                divisions.SPLITS,
                f"give {name} a larger part, or divide by another column",
            )
            for name in divided.names
            if name not in filled
        ]


def _keys_by_split(written: list[Shard]) -> np.ndarray:
    """The hashes of the key's values, each once for every split that it is in."""
    of_split: dict[str, list[np.ndarray]] = {}
    for shard in written:
        of_split.setdefault(shard.split, []).append(np.zeros(0, np.uint64) if shard.keys is None else shard.keys)
    return np.concatenate([np.unique(np.concatenate(keys)) for keys in of_split.values()])


def build(pipeline: beam.Pipeline, plan: WorkPlan, options: Options, uri: str, split_folders: dict[str, str]) -> None:
    """Adds the stages to a pipeline.

    Args:
        pipeline: a Beam pipeline of any runner.
        plan: the work.
        options: how to read.
        uri: the Examples artifact's, on a filesystem that every worker reaches.
        split_folders: folder of the TFRecords of each output split.
    """
    staging = os.path.join(uri, shards.STAGING)
    work = pipeline | "Work" >> beam.Create(plan.work) | "Spread" >> beam.Reshuffle()
    if options.format == "csv":
        quotes = beam.pvalue.AsList(work | "CountQuotes" >> beam.ParDo(CountQuotes()))
        inferred = work | "InferTypes" >> beam.ParDo(InferTypes(plan, options, staging), quotes)
        types = beam.pvalue.AsDict(inferred | "MergeTypes" >> beam.CombinePerKey(merge_types))
    else:
        quotes = beam.pvalue.AsList(pipeline | "NoQuotes" >> beam.Create([], reshuffle=False))
        types = beam.pvalue.AsDict(pipeline | "NoTypes" >> beam.Create([], reshuffle=False))
    surveyed: dict[str, Any] = {}
    if isinstance(plan.division, (TimeDivision, StratifiedDivision)):
        looked = work | "SurveyRows" >> beam.ParDo(SurveyRows(plan, options, staging, plan.division), quotes, types)
        merged = looked | "MergeSurveys" >> beam.CombineGlobally(functools.partial(divisions.merged, plan.division))
        surveyed = {"survey": beam.pvalue.AsSingleton(merged)}
    written = work | "WriteShards" >> beam.ParDo(WriteShards(plan, options, staging), quotes, types, **surveyed)
    publish = Publish(plan, options, uri, split_folders, staging)
    _ = (
        pipeline
        | "Once" >> beam.Create([None])
        | "Publish" >> beam.ParDo(publish, beam.pvalue.AsList(written), **surveyed)
    )
