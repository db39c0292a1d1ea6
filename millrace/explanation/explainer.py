"""A model in this process that is asked by its raw columns: what it predicts, why, and how it sees a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from millrace.base.errors import DataError, InputRefused, machine_fault
from millrace.model_server import json_rows
from millrace.model_server.about import EMBED, EXPLAIN, About
from millrace.model_server.example_row import JSON_SIGNATURE
from millrace.model_server.graph_errors import telling_line
from millrace.model_server.servable import Servable

Row = Mapping[str, Any]
"""A value for each column, as JSON has them; of a column that is not there nothing is known."""
_AT_ONCE = 256


@dataclass(frozen=True)
class Part:
    """What one column does to a prediction.

    Args:
        column: its name.
        value: of the row; None for missing.
        baseline: of the row that is explained from.
        attribution: by how much the value moves the prediction away from the baseline's.
        error: the attribution's standard error.
    """

    column: str
    value: Any
    baseline: Any
    attribution: float
    error: float


@dataclass(frozen=True)
class Explanation:
    """Why a row got one prediction.

    Args:
        output: of a model with several; None for the only one.
        explained_class: whose probability is explained; None for a number.
        prediction: the score that is explained.
        baseline: what the baseline's row gets.
        error: the largest standard error of a part.
        parts: of the columns, in the model's order; they add up to the prediction less the baseline's.
    """

    output: Optional[str]
    explained_class: Optional[str]
    prediction: float
    baseline: float
    error: float
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Attributions:
    """The parts of many rows for one output.

    Args:
        output: of a model with several; empty for the only one.
        values: float [rows, columns].
        errors: their standard errors.
    """

    output: str
    values: np.ndarray
    errors: np.ndarray


class Explainer:
    """A model with an `explain` signature.

    Args:
        folder: the SavedModel.
        about: what it reads and predicts.
        name: how to call it in a message.

    Raises:
        InputRefused: it cannot be loaded, or has no such signature.
    """

    def __init__(self, folder: Path, about: About, name: str) -> None:
        self.about, self._folder, self._name = about, folder, name
        try:
            self._servable = Servable(name, 0, str(folder))
        except (OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
            fault = machine_fault(error)
            raise fault or InputRefused(
                f"the model cannot be loaded: {telling_line(str(error))}", str(folder)
            ) from error
        if EXPLAIN not in self._servable.signatures or about.explanations is None:
            raise self._refusal()

    def _refusal(self) -> InputRefused:
        if any(column.image for column in self.about.columns):
            return InputRefused(
                f"{self._name} reads images, which columns do not explain",
                str(self._folder),
                "look at millrace report, whose slices say where it errs",
            )
        return InputRefused(
            f"{self._name} has no signature {EXPLAIN}: it is from before there was one, or of explanations.paths=0",
            str(self._folder),
            "millrace run trains one that has; docs/guides/explanations.md says what models/serving.py exports",
        )

    def predict(self, rows: Sequence[Row]) -> dict[str, np.ndarray]:
        """What the model predicts, by output.

        Args:
            rows: to score.

        Raises:
            DataError: a row is none that the model reads.
        """
        answers = self._asked(JSON_SIGNATURE, rows)
        return {one.name: answers[one.scores] for one in self.about.outputs}

    def explain(self, rows: Sequence[Row]) -> list[tuple[Explanation, ...]]:
        """Explains rows, each for every output.

        Args:
            rows: to explain.

        Raises:
            DataError: a row is none that the model reads.
        """
        answers = self._asked(EXPLAIN, rows)
        return [
            tuple(self._explanation(one.name, row, answers, at) for one in self.about.outputs)
            for at, row in enumerate(rows)
        ]

    def attributions(self, rows: Sequence[Row]) -> tuple[Attributions, ...]:
        """The parts of all rows as arrays, for each output.

        Args:
            rows: to explain.

        Raises:
            DataError: a row is none that the model reads.
        """
        answers = self._asked(EXPLAIN, rows)
        return tuple(
            Attributions(one.name, answers[_key(one.name, "attributions")], answers[_key(one.name, "standard_errors")])
            for one in self.about.outputs
        )

    def embed(self, rows: Sequence[Row]) -> np.ndarray:
        """Rows as the model's last layer sees them, float [rows, width].

        Raises:
            InputRefused: the model does not show it.
            DataError: a row is none that the model reads.
        """
        if EMBED not in self._servable.signatures:
            raise InputRefused(
                f"{self._name} has no signature {EMBED}, by which rows are near each other",
                str(self._folder),
                "it is exported of a Keras model whose last layer is a Dense one, or called deep",
            )
        return self._asked(EMBED, rows)["embedding"]

    def _explanation(self, output: str, row: Row, answers: Mapping[str, np.ndarray], at: int) -> Explanation:
        assert self.about.explanations is not None
        of_class = answers.get(_key(output, "explained_class"))
        parts = zip(
            self.about.columns,
            answers[_key(output, "attributions")][at].tolist(),
            answers[_key(output, "standard_errors")][at].tolist(),
            strict=True,
        )
        return Explanation(
            output or None,
            None if of_class is None else of_class[at].decode(),
            float(answers[_key(output, "explained")][at]),
            float(answers[_key(output, "baseline")][at]),
            float(answers[_key(output, "approximation_error")][at]),
            tuple(
                Part(column.name, row.get(column.name), self.about.explanations.baseline.get(column.name), value, error)
                for column, value, error in parts
            ),
        )

    def _asked(self, signature: str, rows: Sequence[Row]) -> dict[str, np.ndarray]:
        definition = self._servable.signatures[signature]
        parts: list[dict[str, np.ndarray]] = []
        for start in range(0, len(rows), _AT_ONCE):
            try:
                document = {"instances": [dict(row) for row in rows[start : start + _AT_ONCE]]}
                _, tensors = json_rows.read_rows(document, self.about, definition.inputs)
                parts.append(self._servable.run(definition, tensors, list(definition.outputs), None))
            except tf.errors.OpError as error:
                fault = machine_fault(error)
                raise fault or DataError(telling_line(error.message), self._name) from error
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _key(output: str, name: str) -> str:
    return f"{output}_{name}" if output else name
