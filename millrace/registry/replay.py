"""What would change if another version answered: the same examples, asked of both, and how many decisions differ."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.base.errors import BadInput
from millrace.registry.version import Version

MOST_EXAMPLES = 10_000
_BATCH = 512
_SIGNATURE = "serving_default"
_MOST_CHANGES = 10


@dataclass(frozen=True)
class Replay:
    """The same examples, asked of two versions.

    Args:
        now: the number of the version that answers now.
        then: of the one that would answer.
        asked: what they were asked with, in words.
        examples: how many.
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


def examples_of(folder: Path, most: int = MOST_EXAMPLES) -> list[bytes]:
    """Serialized examples of a split.

    Args:
        folder: of the split, with TFX's GZIP TFRecords.
        most: how many at most, the first.

    Raises:
        BadInput: there are none, or they cannot be read.
    """
    import tensorflow as tf

    shards = [str(file) for file in sorted(folder.glob("*.gz"))]
    try:
        records = tf.data.TFRecordDataset(shards, compression_type="GZIP").take(most)
        found = list(records.as_numpy_iterator()) if shards else []
    except tf.errors.OpError as error:
        raise BadInput(f"the examples cannot be read: {error.message}", where=str(folder)) from error
    if not found:
        raise BadInput("there are no examples any more to ask with", where=str(folder), remedy="millrace run")
    return found


def replay(now: Version, then: Version, records: Sequence[bytes], asked: str) -> Replay:
    """Asks two versions with the same examples.

    Args:
        now: the version that answers now.
        then: the one that would.
        records: serialized tf.Examples.
        asked: what they are, in words.

    Raises:
        BadInput: a version cannot be loaded or asked, or they have no output in common.
    """
    import numpy as np

    decisions: Counter[str] = Counter()
    distances: list[Any] = []
    different = 0
    for before, after in zip(_answers(now, records), _answers(then, records), strict=True):
        shared = [name for name in before if name in after and before[name].shape == after[name].shape]
        # Of what is text, `classes` names all that there are, in the order of the probabilities.
        labels = [name for name in shared if before[name].dtype == object and name != "classes"]
        numbers = [name for name in shared if before[name].dtype != object]
        if not labels and not numbers:
            raise BadInput(f"versions {now.number} and {then.number} have no output in common")
        if labels:
            old, new = (
                list(zip(*(answer[name].tolist() for name in labels), strict=True)) for answer in (before, after)
            )
            flips = [(was, now) for was, now in zip(old, new, strict=True) if was != now]
            decisions.update(f"{_text(was)} -> {_text(now)}" for was, now in flips)
            different += len(flips)
        apart = [np.abs(before[name].astype(float) - after[name]).reshape(len(before[name]), -1) for name in numbers]
        if apart:
            distances.append(np.concatenate(apart, axis=1).max(axis=1))
            different += 0 if labels else int((distances[-1] > 0).sum())
        is_deciding = bool(labels)
    every = np.concatenate(distances) if distances else np.zeros(1)
    return Replay(
        now=now.number,
        then=then.number,
        asked=asked,
        examples=len(records),
        decisions=is_deciding,
        flipped=different,
        changes=dict(decisions.most_common(_MOST_CHANGES)),
        difference=float(every.mean()),
        largest=float(every.max()),
    )


def _answers(version: Version, records: Sequence[bytes]) -> Iterator[Mapping[str, Any]]:
    """A version's outputs for one batch after the other."""
    import tensorflow as tf

    from millrace.model_server.servable import Servable

    try:
        model = Servable(version.model, version.number, str(version.folder))
        _, signature = model.signature(_SIGNATURE)
        if len(signature.inputs) != 1:
            raise BadInput(f"version {version.number} does not take serialized examples")
        [name] = signature.inputs
        for start in range(0, len(records), _BATCH):
            batch = tf.make_tensor_proto(list(records[start : start + _BATCH]))
            yield model.run(signature, {name: batch}, sorted(signature.outputs), None)
    except (tf.errors.OpError, OSError, RuntimeError, ValueError) as error:
        words = getattr(error, "message", None) or str(error)
        raise BadInput(
            f"version {version.number} cannot be asked: {words.splitlines()[0]}", where=str(version.folder)
        ) from error


def _text(value: Any) -> str:
    """A decision in words: a label, or the labels of a row that may have several."""
    if isinstance(value, (list, tuple)):
        return ", ".join(filter(None, map(_text, value)))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
