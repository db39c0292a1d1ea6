"""The `explain` signature's graph: sampled Shapley values of raw columns, in TensorFlow's own operations.

A column's attribution is the mean, over orders of the columns, of what the prediction changes by when the column's own
value takes the place of the baseline's, after those that come before it in the order have taken theirs (Castro, Gómez
and Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009). Along each order the changes add up
to the prediction less the baseline's, and so do the attributions. Orders come in pairs, one the reverse of the other,
which makes the error smaller (Mitchell and others, "Sampling permutations for Shapley value estimation", 2022).

The orders are constants of the graph, drawn once by a seed: a row has the same explanation in every request, on every
machine, whatever other rows are asked about beside it.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional, Union

import numpy as np
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.model_server.about import ModelColumn

Value = Union[int, float, str, None]
Tensors = dict[str, tf.Tensor]

PATHS = 24
"""Orders where nobody says how many: all there are of four columns."""
# What a row costs at most where nobody says how many orders: predictions.
_PREDICTIONS = 4096
_FEWEST_PATHS = 4
# Rows that go through the model at once.
_ROWS = 4096


@dataclass(frozen=True)
class Orders:
    """The orders in which columns take the place of the baseline's.

    Args:
        places: int32 [orders, columns], the place of each column in each order.
        exact: whether these are all orders there are.
    """

    places: np.ndarray
    exact: bool


def orders_of(columns: int, paths: Optional[int], seed: int) -> Orders:
    """Draws orders, each with its reverse; all of them where there are no more than are asked for.

    Args:
        columns: how many there are.
        paths: how many orders, an even number; None for `PATHS`, or fewer of many columns.
        seed: of the draw.
    """
    count = paths or max(_FEWEST_PATHS, min(PATHS, _PREDICTIONS // columns // 2 * 2))
    if math.factorial(min(columns, 8)) <= count:
        return Orders(np.array(list(itertools.permutations(range(columns))), np.int32), exact=True)
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = [generator.permutation(columns) for _ in range(count // 2)]
    return Orders(np.array([order for one in drawn for order in (one, columns - 1 - one)], np.int32), exact=False)


@dataclass(frozen=True)
class Explained:
    """What is explained.

    Args:
        predict: a tensor for each raw column, batch first, to scores by output: float32 [n] or [n, classes].
        inputs: of `predict`: how each column's tensor is called, in the order of the attributions.
        names: of the columns, in the same order.
        baseline: a value for each column; None where it is missing.
        classes: by output, the names that its scores belong to; none for a number.
        orders: of the columns.
    """

    predict: Callable[..., Mapping[str, tf.Tensor]]
    inputs: Mapping[str, tf.TensorSpec]
    names: Sequence[str]
    baseline: Mapping[str, Value]
    classes: Mapping[str, Sequence[str]]
    orders: Orders

    def explain(self, columns: Mapping[str, tf.Tensor]) -> Tensors:
        """Explains rows.

        Args:
            columns: a tensor for each raw column, by its input's name.

        Returns:
            By name: `attributions` and `standard_errors` [n, columns], the `explained` score and that of the
            `baseline` [n], the `approximation_error` [n], which is the largest of the row's standard errors, and
            `explained_class` [n], where the output has classes; each with the output's name before it where there
            are several outputs. And `columns`, the columns' names [n, columns].
        """
        mixed = Mixed(columns, self.inputs, self.baseline)
        whole = self.predict(**columns)
        chosen = {name: _chosen(scores) for name, scores in whole.items()}
        base = {name: score[0] for name, score in self.predict(**mixed.baseline_row()).items()}
        between = self._between(mixed, chosen)
        answers: Tensors = {}
        for name in whole:
            prefix = f"{name}_" if name else ""
            explained = _of_class(whole[name], chosen[name])
            baseline = (
                tf.gather(base[name], chosen[name]) if base[name].shape.rank else tf.fill([mixed.rows], base[name])
            )
            attributions, errors = self._attributions(explained, baseline, between[name])
            answers |= {
                f"{prefix}attributions": attributions,
                f"{prefix}standard_errors": errors,
                f"{prefix}explained": explained,
                f"{prefix}baseline": baseline,
                f"{prefix}approximation_error": tf.reduce_max(errors, axis=1),
            }
            classes = self.classes.get(name, ())
            if classes:
                # Of two classes the score is the second's.
                places = chosen[name] if whole[name].shape.rank == 2 else tf.ones_like(chosen[name])
                answers[f"{prefix}explained_class"] = tf.gather(tf.constant(list(classes)), places)
        answers["columns"] = tf.tile(tf.constant([list(self.names)]), [mixed.rows, 1])
        return answers

    def _between(self, mixed: "Mixed", chosen: Mapping[str, tf.Tensor]) -> Tensors:
        """The scores of every step of every order but its first and last, [steps, n] by output."""
        places, steps = tf.constant(self.orders.places), len(self.names) - 1
        total = len(self.orders.places) * steps
        if not total:
            return {name: tf.zeros([0, mixed.rows]) for name in chosen}
        at_once = tf.clip_by_value(_ROWS // tf.maximum(mixed.rows, 1), 1, total)
        rounds = -(-total // at_once)
        names = list(chosen)

        def score(number: tf.Tensor) -> list[tf.Tensor]:
            at = tf.minimum(number * at_once + tf.range(at_once), total - 1)
            own = tf.gather(places, at // steps) < (1 + at % steps)[:, tf.newaxis]
            scores = self.predict(**mixed.rows_with(own))
            repeated = {name: tf.tile(of, [at_once]) for name, of in chosen.items()}
            return [tf.reshape(_of_class(scores[name], repeated[name]), [at_once, mixed.rows]) for name in names]

        done = tf.map_fn(score, tf.range(rounds), parallel_iterations=1, fn_output_signature=[tf.float32] * len(names))
        return {name: tf.reshape(of, [-1, mixed.rows])[:total] for name, of in zip(names, done, strict=True)}

    def _attributions(
        self, explained: tf.Tensor, baseline: tf.Tensor, between: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Means and standard errors over the orders, [n, columns] each."""
        count, columns = self.orders.places.shape
        steps = tf.reshape(between, [count, columns - 1, tf.shape(explained)[0]])
        ends = [tf.tile(one[tf.newaxis, tf.newaxis], [count, 1, 1]) for one in (baseline, explained)]
        along = tf.concat([ends[0], steps, ends[1]], axis=1)
        changes = along[:, 1:] - along[:, :-1]
        by_column = tf.gather(changes, tf.constant(self.orders.places), axis=1, batch_dims=1)
        means = tf.transpose(tf.reduce_mean(by_column, axis=0))
        if self.orders.exact:
            return means, tf.zeros_like(means)
        pairs = tf.reduce_mean(tf.reshape(by_column, [count // 2, 2, columns, -1]), axis=1)
        variance = tf.math.reduce_variance(pairs, axis=0) / (count // 2 - 1)
        return means, tf.transpose(tf.sqrt(variance))


class Mixed:
    """Rows whose columns are their own or the baseline's; those of one type that hold one value go together.

    Args:
        columns: a tensor for each raw column, batch first.
        specs: of these.
        baseline: a value for each column, by its input's name; None where it is missing.
    """

    def __init__(
        self, columns: Mapping[str, tf.Tensor], specs: Mapping[str, tf.TensorSpec], baseline: Mapping[str, Value]
    ) -> None:
        self._columns, self._specs, self._names = columns, specs, list(specs)
        self._values = {name: _value(baseline.get(name), spec.dtype) for name, spec in specs.items()}
        self.rows = tf.shape(next(iter(columns.values())))[0]
        alike: dict[tf.DType, list[str]] = {}
        for name, spec in specs.items():
            if spec.shape.rank == 1:
                alike.setdefault(spec.dtype, []).append(name)
        # By type, and before the loop over the mixtures, whose body would otherwise take each column by itself.
        self._alike = [
            _Alike(
                names,
                tf.stack([columns[name] for name in names], axis=1),
                tf.constant([self._values[name] for name in names], dtype),
            )
            for dtype, names in alike.items()
        ]

    def baseline_row(self) -> Tensors:
        """The baseline, as one row."""
        row = {name: value for one in self._alike for name, value in one.by_name(one.baseline[tf.newaxis])}
        for name, spec in self._specs.items():
            if name not in row:
                row[name] = tf.fill([1, *(size or 1 for size in spec.shape[1:])], self._constant(name))
        return row

    def rows_with(self, own: tf.Tensor) -> Tensors:
        """The rows of several mixtures, one mixture after the other.

        Args:
            own: which columns of a mixture are the rows' own, bool [mixtures, columns].
        """
        made: Tensors = {}
        for one in self._alike:
            places = [self._names.index(name) for name in one.names]
            chosen = tf.where(tf.gather(own, places, axis=1)[:, tf.newaxis], one.given, one.baseline)
            made.update(one.by_name(tf.reshape(chosen, [-1, len(one.names)])))
        for place, name in enumerate(self._names):
            if name not in made:
                given = self._columns[name]
                is_own = tf.reshape(own[:, place], [-1, *[1] * given.shape.rank])
                chosen = tf.where(is_own, given, self._constant(name))
                made[name] = tf.reshape(chosen, tf.concat([[-1], tf.shape(given)[1:]], axis=0))
                made[name].set_shape([None, *self._specs[name].shape[1:]])
        return made

    def _constant(self, name: str) -> tf.Tensor:
        return tf.constant(self._values[name], self._specs[name].dtype)


@dataclass(frozen=True)
class _Alike:
    """Columns of one type that hold one value a row.

    Args:
        names: of their inputs.
        given: the rows' own values [n, columns].
        baseline: the baseline's [columns].
    """

    names: Sequence[str]
    given: tf.Tensor
    baseline: tf.Tensor

    def by_name(self, rows: tf.Tensor) -> Iterator[tuple[str, tf.Tensor]]:
        """Each column [rows] with its name, of rows [rows, columns]."""
        return zip(self.names, tf.unstack(rows, num=len(self.names), axis=1), strict=True)


def _value(value: Value, dtype: tf.DType) -> Union[float, str]:
    """A column's value in the baseline, as a tensor of its input holds it."""
    if dtype == tf.string:
        return "" if value is None else str(value)
    return math.nan if value is None else float(value)


def _chosen(scores: tf.Tensor) -> tf.Tensor:
    """The class that is explained of each row: its most probable; 0 of a score that stands alone."""
    if scores.shape.rank == 2:
        return tf.argmax(scores, axis=1, output_type=tf.int32)
    return tf.zeros([tf.shape(scores)[0]], tf.int32)


def _of_class(scores: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    return tf.gather(scores, chosen, axis=1, batch_dims=1) if scores.shape.rank == 2 else scores


def baseline_value(value: Value, column: ModelColumn) -> Value:
    """A column's value in the baseline, as the model reads it.

    Args:
        value: the typical one, or that of the configuration; None for missing.
        column: what the model reads.

    Raises:
        InputRefused: a column of numbers is given a text.
    """
    if column.values != 1:
        return None
    if column.type == "BYTES":
        return None if value is None else str(value)
    if value is None:
        # A number that the schema promises cannot be missing, and 0 is what Vertex AI takes.
        return 0 if column.type == "INT" and column.required else None
    if isinstance(value, str):
        raise InputRefused(
            f"{column.name} has {value!r}, and the model reads {column.expected}", "explanations.baseline"
        )
    return int(value) if column.type == "INT" else float(value)
