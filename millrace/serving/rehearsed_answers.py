"""What both versions answer to the same examples, one request after the other: the material of a rehearsal."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np
import tensorflow as tf

from millrace.base.errors import BadInput
from millrace.model_server.decisions import Decision, decisions
from millrace.model_server.servable import Servable
from millrace.serving.logged_decisions import class_name, differ
from millrace.serving.rehearsal import Answers

_SIGNATURE = "serving_default"
# Its first request also builds what a served model has built already.
_WARM_UPS = 3

Decided = Optional[tuple[Decision, ...]]


def ask_both(
    champion: Path, candidate: Path, records: Sequence[bytes], label: str, slow_ms: Optional[float]
) -> dict[str, Answers]:
    """Asks two versions the same examples.

    Args:
        champion: the folder of a SavedModel.
        candidate: of another.
        records: serialized tf.Examples.
        label: the feature that says what was right; what is wrong is not known where a model predicts numbers.
        slow_ms: from when on an answer is slow, of the model alone; None where that is not judged.

    Returns:
        How bad their answers were, by what is judged: `errors`, `slow`, `wrong`, and of `disagreement`, as the
        candidate's, whether they differ.

    Raises:
        BadInput: a version cannot be loaded, or takes no serialized examples.
    """
    asked = [_ask(folder, records) for folder in (champion, candidate)]
    (first, first_ms), (second, second_ms) = asked
    differing = np.array([_differ(one, other) for one, other in zip(first, second, strict=True)])
    answers = {
        "errors": Answers(_failed(first), _failed(second)),
        "disagreement": Answers(np.zeros(len(records)), differing),
    }
    if slow_ms is not None:
        answers["slow"] = Answers((first_ms > slow_ms).astype(float), (second_ms > slow_ms).astype(float))
    if not any(isinstance(one[0], float) for one in (*first, *second) if one):
        right = [_label(record, label) for record in records]
        if all(right):
            answers["wrong"] = Answers(_wrong(first, right), _wrong(second, right))
    return answers


def _ask(folder: Path, records: Sequence[bytes]) -> tuple[list[Decided], np.ndarray]:
    """What a version decides about each, None where it fails, and the milliseconds that it takes."""
    try:
        model = Servable(folder.parent.name, int(folder.name), str(folder))
        _, signature = model.signature(_SIGNATURE)
    except (tf.errors.OpError, OSError, RuntimeError, ValueError) as error:
        raise BadInput(f"the version cannot be loaded: {str(error).splitlines()[0]}", where=str(folder)) from error
    if len(signature.inputs) != 1:
        raise BadInput(f"{_SIGNATURE} does not take serialized examples", where=str(folder))
    [name] = signature.inputs
    decided: list[Decided] = []
    took = []
    for number, record in enumerate([*records[:_WARM_UPS], *records]):
        began = time.perf_counter()
        try:
            outputs = model.run(signature, {name: tf.make_tensor_proto([record])}, sorted(signature.outputs), None)
            answer: Decided = decisions(outputs)
        except (tf.errors.OpError, ValueError):
            answer = None
        if number >= min(_WARM_UPS, len(records)):
            decided.append(answer)
            took.append((time.perf_counter() - began) * 1e3)
    return decided, np.array(took)


def _failed(decided: Sequence[Decided]) -> np.ndarray:
    return np.array([float(one is None) for one in decided])


def _wrong(decided: Sequence[Decided], right: Sequence[str]) -> np.ndarray:
    return np.array([float(one != (label,)) for one, label in zip(decided, right, strict=True)])


def _differ(one: Decided, other: Decided) -> float:
    return float(one is None or other is None or differ(one, other))


def _label(record: bytes, label: str) -> str:
    """The label as a class is named; empty where the example has none."""
    feature = tf.train.Example.FromString(record).features.feature[label]
    values = getattr(feature, feature.WhichOneof("kind") or "bytes_list").value
    return class_name(values[0]) if values else ""
