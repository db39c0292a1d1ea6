"""What would change if another version answered: the same questions, asked of both, and how many decisions differ."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.base.errors import BadInput
from millrace.model_server.decisions import decisions
from millrace.registry.questions import Question
from millrace.registry.version import Version

_MOST_CHANGES = 10


@dataclass(frozen=True)
class Replay:
    """The same questions, asked of two versions.

    Args:
        now: the number of the version that answers now.
        then: of the one that would answer.
        asked: what they were asked with, in words.
        examples: how many rows.
        decisions: whether the model decides between classes.
        flipped: how many decisions differ; of a model that gives numbers, how many predictions differ at all.
        changes: how many decisions went from one class to another, as `no -> yes`, the most frequent first.
        difference: the mean distance between the numbers that both gave: probabilities, or predictions.
        largest: the largest.
    """

    now: int
    then: int
    asked: str
    examples: int
    decisions: bool
    flipped: int
    changes: dict[str, int]
    difference: float
    largest: float

    @property
    def share(self) -> float:
        """Of the decisions, or the predictions, that differ."""
        return self.flipped / self.examples


def replay(now: Version, then: Version, questions: Sequence[Question], asked: str) -> Replay:
    """Asks two versions the same.

    Args:
        now: the version that answers now.
        then: the one that would.
        questions: what they are asked, at least one.
        asked: what these are, in words.

    Raises:
        BadInput: a version cannot be loaded or asked, or they have no output in common.
    """
    import numpy as np

    changes: Counter[str] = Counter()
    distances: list[Any] = []
    rows = flipped = 0
    decides = False
    for before, after in zip(_answers(now, questions), _answers(then, questions), strict=True):
        shared = [name for name in before if name in after]
        old, new = (
            [one for one in decisions({name: answer[name] for name in shared}) if isinstance(one, str)]
            for answer in (before, after)
        )
        numbers = [name for name in shared if before[name].dtype != object and before[name].shape == after[name].shape]
        if not old and not numbers:
            raise BadInput(f"versions {now.number} and {then.number} have no output in common")
        flips = [f"{was} -> {would}" for was, would in zip(old, new, strict=True) if was != would]
        changes.update(flips)
        decides = decides or bool(old)
        apart = [np.abs(before[name].astype(float) - after[name]).reshape(len(before[name]), -1) for name in numbers]
        if apart:
            distances.append(np.concatenate(apart, axis=1).max(axis=1))
        rows += len(old) or len(distances[-1])
        flipped += len(flips) if old else int((distances[-1] > 0).sum())
    every = np.concatenate(distances) if distances else np.zeros(1)
    return Replay(
        now=now.number,
        then=then.number,
        asked=asked,
        examples=rows,
        decisions=decides,
        flipped=flipped,
        changes=dict(changes.most_common(_MOST_CHANGES)),
        difference=float(every.mean()),
        largest=float(every.max()),
    )


def _answers(version: Version, questions: Sequence[Question]) -> Iterator[Mapping[str, Any]]:
    """A version's outputs for one question after the other."""
    import tensorflow as tf

    from millrace.model_server.servable import Servable

    try:
        model = Servable(version.model, version.number, str(version.folder))
        for question in questions:
            _, signature = model.signature(question.signature)
            given: Mapping[str, Any] = question.inputs or {name: list(question.examples) for name in signature.inputs}
            tensors = {
                name: tf.make_tensor_proto(value, signature.inputs[name].dtype if name in signature.inputs else None)
                for name, value in given.items()
            }
            yield model.run(signature, tensors, sorted(signature.outputs), None)
    except (tf.errors.OpError, OSError, RuntimeError, TypeError, ValueError) as error:
        words = getattr(error, "message", None) or str(error)
        raise BadInput(
            f"version {version.number} cannot be asked: {words.splitlines()[0]}", where=str(version.folder)
        ) from error
