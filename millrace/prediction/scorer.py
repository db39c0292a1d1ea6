"""An exported model that scores features: by its `serving_default` signature, as the Evaluator asks it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import tensorflow as tf

from millrace.base.cores import cores
from millrace.base.errors import DataError, InputRefused, machine_fault
from millrace.components.example_gen import examples
from millrace.components.example_gen.stages import in_order
from millrace.model_server.about import About
from millrace.model_server.graph_errors import telling_line
from millrace.model_server.servable import DEFAULT_SIGNATURE
from millrace.prediction.answers import answers
from millrace.prediction.table_to_score import RowsToScore, TableToScore


class Scorer:
    """A model in this process; any number of threads may ask it at once.

    Args:
        folder: the SavedModel.
        about: what it predicts.

    Raises:
        InputRefused: it cannot be loaded, or has no signature that takes serialised tf.Examples.
    """

    def __init__(self, folder: Path, about: About) -> None:
        self._folder, self._about = folder, about
        try:
            # Kept: a signature's function does not keep the variables that it reads.
            self._model: Any = tf.saved_model.load(str(folder))
            self._signature = self._model.signatures[DEFAULT_SIGNATURE]
        except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
            fault = machine_fault(error)
            raise fault or self._refusal(f"cannot be loaded: {telling_line(str(error))}") from error
        inputs = self._signature.structured_input_signature[1]
        if [spec.dtype for spec in inputs.values()] != [tf.string]:
            raise self._refusal(f"has a {DEFAULT_SIGNATURE} that does not take serialised tf.Examples")
        [self._input] = inputs

    def score(self, features: pa.RecordBatch) -> pa.RecordBatch:
        """Scores rows.

        Args:
            features: `large_list` columns; a slice of 4 MiB of examples goes through the model at once.

        Returns:
            Columns as `answers` gives them, a row for each.

        Raises:
            InputRefused: the model gives something else than its task needs.
            DataError: it fails on these rows.
        """
        parts = [self._scored(framed.records) for _, framed in examples.encode(features)]
        return pa.Table.from_batches(parts).combine_chunks().to_batches()[0]

    def _scored(self, records: list[bytes]) -> pa.RecordBatch:
        try:
            outputs = self._signature(**{self._input: tf.constant(records)})
        except tf.errors.OpError as error:
            fault = machine_fault(error)
            raise fault or DataError(f"the model fails on these rows: {telling_line(error.message)}") from error
        return answers({name: tensor.numpy() for name, tensor in outputs.items()}, self._about, str(self._folder))

    def _refusal(self, what: str) -> InputRefused:
        return InputRefused(f"the model {what}", str(self._folder), "docs/guides/own-code.md says what it needs")


def in_this_process(folder: Path, about: About) -> Callable[[TableToScore, int], Iterator[pa.RecordBatch]]:
    """Scores a table here: while one batch is read, others go through the model, a thread for each core.

    Args:
        folder: the SavedModel.
        about: what it predicts.

    Returns:
        An engine of `millrace.prediction.predict`.
    """

    def score(table: TableToScore, skipped: int) -> Iterator[pa.RecordBatch]:
        scorer = Scorer(folder, about)
        return in_order(lambda rows: beside_keys(rows, scorer.score(rows.features)), table.rows(skipped), cores(), 1)

    return score


def beside_keys(rows: RowsToScore, answered: pa.RecordBatch) -> pa.RecordBatch:
    """The keys of rows, and behind them what the model answered."""
    names = [*rows.keys.schema.names, *answered.schema.names]
    return pa.RecordBatch.from_arrays([*rows.keys.columns, *answered.columns], names)
