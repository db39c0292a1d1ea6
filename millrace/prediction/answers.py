"""What a model gives, as columns of a table: one set of words for each task, however the model was asked."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from millrace.base.errors import InputRefused
from millrace.model_server.about import About, ModelOutput

PREDICTION, PREDICTED_CLASS, PREDICTED_CLASSES, PROBABILITY = "prediction", "label", "labels", "probability_"
"""The columns: a regression's value; or the predicted class, or classes, and `probability_CLASS` for each class. Of a
model that predicts several things each begins with the output's name."""


def answer_columns(about: About) -> list[str]:
    """The columns that a model's answers have."""
    return [name for output in about.outputs for name in _columns(output)]


def _columns(output: ModelOutput) -> list[str]:
    begins = f"{output.name}_" if output.name else ""
    if output.task == "regression":
        return [output.name or PREDICTION]
    predicted = PREDICTED_CLASSES if output.task == "multilabel" else PREDICTED_CLASS
    return [f"{begins}{name}" for name in (predicted, *(f"{PROBABILITY}{one}" for one in output.classes))]


def answers(outputs: Mapping[str, np.ndarray], about: About, model: str) -> pa.RecordBatch:
    """Turns the outputs of a signature into columns.

    Args:
        outputs: by name, the first axis over the rows; text as bytes.
        about: what the model predicts.
        model: how to call it in a message.

    Returns:
        The columns of `answer_columns`: text, lists of text, and float32.

    Raises:
        InputRefused: these are not the outputs that a task needs.
    """
    arrays = [array for output in about.outputs for array in _answer(outputs, output, model)]
    return pa.RecordBatch.from_arrays(arrays, answer_columns(about))


def _answer(outputs: Mapping[str, np.ndarray], output: ModelOutput, model: str) -> list[pa.Array]:
    wanted = output.scores
    if wanted not in outputs:
        raise _refusal(model, f"gives {', '.join(sorted(outputs))}, and a {output.task} gives {wanted}")
    values = outputs[wanted].astype(np.float32)
    values = values.reshape(len(values), -1)
    if output.task == "regression":
        if values.shape[1] != 1:
            raise _refusal(model, f"gives {values.shape[1]} values a row, and a regression gives one")
        return [pa.array(values[:, 0])]
    if values.shape[1] == 1 and output.task == "binary":
        values = np.concatenate([1.0 - values, values], axis=1)
    if values.shape[1] != len(output.classes):
        raise _refusal(model, f"gives {values.shape[1]} probabilities for {len(output.classes)} classes")
    return [_predicted(outputs, output, values), *map(pa.array, values.T.copy())]


def _predicted(outputs: Mapping[str, np.ndarray], output: ModelOutput, values: np.ndarray) -> pa.Array:
    """The model's own decision, where it gives one: it need not be the most probable class."""
    name = _columns(output)[0]
    if output.task == "multilabel":
        names = np.array(output.classes, object)
        if name in outputs:
            lists = [[one.decode() for one in row if one] for row in outputs[name]]
        else:
            lists = [names[row > 0.5].tolist() for row in values]
        return pa.array(lists, pa.list_(pa.string()))
    if name in outputs:
        return pa.array(outputs[name].reshape(-1), pa.binary()).cast(pa.string())
    return pa.array(output.classes, pa.string()).take(pa.array(values.argmax(axis=1)))


def _refusal(model: str, what: str) -> InputRefused:
    return InputRefused(f"the model {what}", model, "docs/guides/own-code.md says what a model gives")
