"""Transformed examples as `tf.data` pipelines: parsed in batches, shuffled with a seed, read ahead of their use."""

import copy
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Optional

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from millrace.base.errors import InputRefused
from millrace.base.numbers import counted, rounded
from millrace.features.description import FeatureTable
from millrace.features.keys import label_weight_key, transformed_key
from millrace.features.label import Output
from millrace.features.stacks import stacks
from millrace.training.labels import LabelStatistics
from millrace.training.tasks import learning_task

SHUFFLED_ROWS = 65_536
"""Rows in the shuffle buffer, still serialised: some tens of megabytes."""

SHUFFLED_BYTES = 512 * 2**20
"""The most that rows with images, or with thousands of columns, may take there."""

CACHED_BYTES = 64 * 2**20
"""Splits whose files together are smaller than this are kept in memory after the first pass."""

_LABEL_BATCH = 1024
# Of a value in a serialized row, float32; a class id takes less.
_VALUE_BYTES = 4


# Scaled inputs are below 100 or so; what is this far off can make a loss infinite.
_FAR_OFF = 1e6


def odd_inputs(batches: Iterable[Mapping[str, Any]]) -> str:
    """Looks for the transformed feature that a model cannot learn from.

    Args:
        batches: dense features by key, arrays or tensors with the batch first; others are passed over.

    Returns:
        The feature with the most rows that are NaN or infinite, else the one with the largest value when that is far
        off, in a few words; empty when none stands out.
    """
    rows = 0
    broken: dict[str, int] = {}
    largest: dict[str, float] = {}
    for batch in batches:
        for key, tensor in batch.items():
            if isinstance(tensor, (tf.SparseTensor, tf.RaggedTensor)):
                continue
            values = np.asarray(tensor)
            if not np.issubdtype(values.dtype, np.floating) or not values.size:
                continue
            finite = np.isfinite(values)
            broken[key] = broken.get(key, 0) + int((~finite.reshape(len(values), -1).all(axis=1)).sum())
            largest[key] = max(largest.get(key, 0.0), float(np.abs(values[finite]).max(initial=0.0)))
        rows += len(np.asarray(next(iter(batch.values())))) if batch else 0
    worst = max(broken, key=lambda key: broken[key], default="")
    if worst and broken[worst]:
        return f"{worst} is NaN or infinite in {broken[worst]} of {rows} training rows"
    far = max(largest, key=lambda key: largest[key], default="")
    return f"{far} reaches {rounded(largest[far], 3)}" if far and largest[far] > _FAR_OFF else ""


def lifeless_features(table: FeatureTable, batches: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Derived features that say the same of every row, as one does whose expression never has a value.

    Args:
        table: the features.
        batches: dense features by key, with the batch first.

    Returns:
        Their names; none where no row was read.
    """
    places = {
        name: (stack.key, place if stack.shared else None)
        for stack in stacks(table)
        for place, name in enumerate(stack.names)
        if name in table.derived()
    }
    first: dict[str, np.ndarray] = {}
    for batch in batches:
        for name, (key, place) in list(places.items()):
            values = np.asarray(batch[key]) if isinstance(batch[key], tf.Tensor) else None
            values = values if values is None or place is None else values[:, place]
            if values is None or not len(values) or (values != first.setdefault(name, values[0])).any():
                del places[name]
        if not places:
            return ()
    return tuple(name for name in places if name in first)


class Examples:
    """The transformed examples of one split.

    Args:
        patterns: file patterns of TFRecords, as TFX passes them; gzipped when the name ends in `.gz`.
        tft_output: the output of Transform, which knows the features' types.
        table: the label and the features.

    Raises:
        InputRefused: no file matches the patterns.
    """

    def __init__(
        self,
        patterns: Sequence[str],
        tft_output: tft.TFTransformOutput,
        table: FeatureTable,
    ) -> None:
        self.files = sorted(name for pattern in patterns for name in tf.io.gfile.glob(pattern))
        if not self.files:
            raise InputRefused(
                "there are no transformed examples",
                where=", ".join(patterns),
                remedy="check that the split has rows, and that Transform materialises its examples",
            )
        self._spec: dict[str, Any] = dict(tft_output.transformed_feature_spec())
        self._label = table.label
        self._class_weights: Mapping[str, tuple[float, ...]] = {}
        self._mean_weight = 1.0
        self._given: Optional[tf.data.Dataset] = None
        self._weight_key = label_weight_key(table.label.weight) if table.label.weight else ""
        if self._weight_key and self._weight_key not in self._spec:
            raise InputRefused(
                f"preprocessing_fn does not return the weight {table.label.weight} under {self._weight_key!r}",
                where="code.preprocessing_fn",
                remedy="return what millrace.training.encoders.encode_labels gives as well",
            )
        row_bytes = table.pixel_bytes() + _VALUE_BYTES * sum(map(_values, self._spec.values()))
        self._shuffled_rows = min(SHUFFLED_ROWS, SHUFFLED_BYTES // row_bytes + 1)

    def balanced(self, label_stats: LabelStatistics) -> "Examples":
        """The same examples, weighed so that each class of an output weighs the same in total.

        Args:
            label_stats: statistics of all of their labels.
        """
        other = copy.copy(self)
        other._class_weights = {
            name: label_stats.of(name).balanced_weights()
            for name, output in self._label.by_output().items()
            if output.task in ("binary", "multiclass")
        }
        return other

    def records(self) -> list[bytes]:
        """The serialised examples, in the files' order."""
        return list(self._records().as_numpy_iterator())

    def of_records(self, records: Sequence[bytes]) -> "Examples":
        """Other rows that are read as these are: with the same types and weights.

        Args:
            records: serialised transformed examples, of this split or another.
        """
        other = copy.copy(self)
        other.__dict__.pop("rows", None)  # counted already, perhaps
        other._given = tf.data.Dataset.from_tensor_slices(tf.constant(records, tf.string))
        return other

    def label_batches(self, output: Output) -> Iterator[np.ndarray]:
        """Reads only the labels of an output, in batches, the rows first, as `LearningTask.encode` gives them."""
        key = transformed_key(output.column)
        spec = {key: self._spec[key]}
        batches = self._records().batch(_LABEL_BATCH).map(lambda batch: tf.io.parse_example(batch, spec))
        return (batch[key] for batch in batches.prefetch(2).as_numpy_iterator())

    def with_mean_weight_one(self, column: str) -> "Examples":
        """Reads the weights alone, once, and divides them by their mean: steps are as long in whatever unit they are.

        Args:
            column: the weights' column, for the message.

        Returns:
            The same examples, with weights of mean 1.

        Raises:
            InputRefused: some are missing or below zero, with the number of rows; or all of them are 0.
        """
        spec = {self._weight_key: self._spec[self._weight_key]}
        batches = self._records().batch(_LABEL_BATCH).map(lambda batch: tf.io.parse_example(batch, spec))
        missing, negative, total, rows = 0, 0, 0.0, 0
        for batch in batches.prefetch(2).as_numpy_iterator():
            weights = batch[self._weight_key]
            missing += int(np.isnan(weights).sum())
            negative += int((weights < 0).sum())
            total += float(np.nansum(weights, dtype=np.float64))
            rows += len(weights)
        problems = [(missing, "without a weight"), (negative, "with a weight below zero")]
        said = " and ".join(f"{counted(number, 'row')} {what}" for number, what in problems if number)
        if said or not total:
            raise InputRefused(
                said or "every weight is 0",
                where=f"label.weight {column}",
                remedy=f"fix the weights, or leave these rows out: data.where: {column} >= 0",
            )
        other = copy.copy(self)
        other._mean_weight = total / rows
        return other

    def for_training(self, batch_size: int, seed: int, *, endless: bool) -> tf.data.Dataset:
        """Reads shuffled batches.

        Args:
            batch_size: rows per batch; the last one of a pass may have fewer.
            seed: of the shuffling; each pass has an order of its own.
            endless: go round and round, across the ends of the passes.

        Returns:
            (features by key, labels, weights float32 [n]); an unknown label has weight 0. Labels are [n], or of a
            multilabel output [n, classes]; of several outputs labels and weights are dictionaries by name.
        """
        records = self._records()
        if not endless and self.small():  # a pass that is cut short would leave the cache incomplete
            records = records.cache()
        shuffled = records.shuffle(self._shuffled_rows, seed=seed, reshuffle_each_iteration=True)
        if endless:
            return self._batches(shuffled.repeat(), batch_size).prefetch(tf.data.AUTOTUNE)
        return self._counted(self._batches(shuffled, batch_size), self.rows, batch_size).prefetch(tf.data.AUTOTUNE)

    def for_evaluation(self, batch_size: int, rows: Optional[int] = None) -> tf.data.Dataset:
        """Reads batches in the files' order.

        Args:
            batch_size: rows per batch.
            rows: how many rows; all when left out.

        Returns:
            As `for_training`.
        """
        rows = self.rows if rows is None else min(rows, self.rows)
        batches = self._counted(self._batches(self._records().take(rows), batch_size), rows, batch_size)
        return (batches.cache() if self.small() else batches).prefetch(tf.data.AUTOTUNE)

    @functools.cached_property
    def rows(self) -> int:
        """How many examples there are; counted by reading them once, without parsing."""
        chunks = self._records().batch(_LABEL_BATCH)
        return int(chunks.reduce(tf.constant(0, tf.int64), lambda sum_, chunk: sum_ + tf.size(chunk, tf.int64)))

    def small(self) -> bool:
        """Whether the split's files together are below `CACHED_BYTES`."""
        return sum(tf.io.gfile.stat(name).length for name in self.files) < CACHED_BYTES

    def _records(self) -> tf.data.Dataset:
        if self._given is not None:
            return self._given
        datasets = [
            tf.data.TFRecordDataset(names, compression_type=kind, buffer_size=2**20)
            for kind, names in self._by_compression().items()
        ]
        records = datasets[0]
        for more in datasets[1:]:
            records = records.concatenate(more)
        return records

    def _by_compression(self) -> Mapping[str, list[str]]:
        kinds: dict[str, list[str]] = {}
        for name in self.files:
            kinds.setdefault("GZIP" if name.endswith(".gz") else "", []).append(name)
        return kinds

    def _batches(self, records: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
        return records.batch(batch_size).map(self._parse, num_parallel_calls=tf.data.AUTOTUNE)

    @staticmethod
    def _counted(batches: tf.data.Dataset, rows: int, batch_size: int) -> tf.data.Dataset:
        """Tells Keras how many batches to expect, so that it does not take the end for an accident."""
        return batches.apply(tf.data.experimental.assert_cardinality(-(-rows // batch_size)))

    def _parse(self, batch: tf.Tensor) -> tuple[dict[str, tf.Tensor], Any, Any]:
        """A row whose label is unknown keeps its place with weight 0: batches stay whole, and it teaches nothing."""
        features = tf.io.parse_example(batch, self._spec)
        of_rows = features.pop(self._weight_key) / self._mean_weight if self._weight_key else None
        labels, weights = {}, {}
        for name, output in self._label.by_output().items():
            label = features.pop(transformed_key(output.column))
            known = learning_task(output).known(label)
            if label.shape.rank == 1:
                label = tf.where(known, label, tf.zeros_like(label))
            weight = tf.cast(known, tf.float32)
            if of_rows is not None:
                weight *= of_rows
            if name in self._class_weights:
                weight *= tf.gather(tf.constant(self._class_weights[name], tf.float32), label)
            labels[name], weights[name] = label, weight
        return (features, labels[""], weights[""]) if "" in labels else (features, labels, weights)


def _values(spec: Any) -> int:
    """How many values a row has of a feature; of a list, of which that differs, one."""
    return int(np.prod(spec.shape, dtype=np.int64)) if isinstance(spec, tf.io.FixedLenFeature) else 1
