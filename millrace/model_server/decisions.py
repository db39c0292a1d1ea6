"""What a model's answer decided: the one reader of its outputs for whoever compares, counts or judges decisions."""

from collections.abc import Mapping
from typing import Any, Union

import numpy as np

Decision = Union[str, float]


def decisions(outputs: Mapping[str, np.ndarray]) -> tuple[Decision, ...]:
    """What an answer decided, row by row.

    Args:
        outputs: an array for each output alias.

    Returns:
        Of a model that names labels those, with several outputs each with its output's name; of Classify the class with
        the highest score; of anything else each row's first number.
    """
    by_output = labels_by_output(outputs)
    if not by_output and {"classes", "scores"} <= set(outputs):
        best = np.argmax(outputs["scores"], axis=-1)
        return tuple(text_of(row[at]) for row, at in zip(outputs["classes"], best, strict=True))
    if len(by_output) == 1:
        return next(iter(by_output.values()))
    if by_output:
        rows = zip(*by_output.values(), strict=True)
        return tuple("; ".join(f"{name}: {one}" for name, one in zip(by_output, row, strict=True)) for row in rows)
    numbers = next((value for _, value in sorted(outputs.items()) if np.issubdtype(value.dtype, np.number)), None)
    if numbers is None:
        return ()
    return tuple(float(row[0]) for row in np.reshape(numbers, (len(numbers) if numbers.ndim else 1, -1)))


def labels_by_output(outputs: Mapping[str, np.ndarray]) -> dict[str, tuple[str, ...]]:
    """The labels among a model's outputs; of one that has none by these names, all that is text.

    Args:
        outputs: an array for each output alias. `label` and `labels` are those of a model of one output, and
            `NAME_label` and `NAME_labels` of one of several; `classes` and `NAME_classes` name all that there are.

    Returns:
        By output, "" for the one of one: the label of each row, or its labels in the order of the alphabet, since their
        order in an answer says nothing.
    """
    labels, texts = dict[str, tuple[str, ...]](), dict[str, tuple[str, ...]]()
    for alias, values in sorted(outputs.items()):
        name, _, kind = alias.rpartition("_")
        if values.ndim and values.dtype.kind in "OSU" and kind != "classes":
            rows = np.reshape(values, (len(values), -1)).tolist()
            found, key = (labels, name) if kind in ("label", "labels") else (texts, alias)
            found[key] = tuple(", ".join(sorted(filter(None, map(text_of, row)))) for row in rows)
    return labels or texts


def text_of(value: Any) -> str:
    """A value as text: bytes as UTF-8, in which what is none is marked."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
