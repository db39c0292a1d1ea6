"""What two versions are asked with to compare them: logged requests where there are some, else examples of a split."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Optional

from millrace.base.errors import BadInput
from millrace.model_server.decisions import decisions

MOST = 10_000
"""Examples, or requests, at most: of a log the newest."""

SIGNATURE = "serving_default"
_BATCH = 512


@dataclass(frozen=True)
class Question:
    """One batch for one signature.

    Args:
        signature: its name.
        inputs: an array for each input alias, the first axis over the rows; None for serialized examples, which go to
            the only input of the signature.
        examples: the serialized examples, where `inputs` is None.
    """

    signature: str
    inputs: Optional[Mapping[str, Any]] = None
    examples: Sequence[bytes] = ()


@dataclass(frozen=True)
class Answered:
    """What a version has answered, as far as requests were logged.

    Args:
        requests: how many.
        rows: in all of them.
        since: when the first came; None where the log does not say it.
        until: when the last came.
        decisions: how many rows got each label; empty for a model without labels.
    """

    requests: int
    rows: int
    since: Optional[datetime]
    until: Optional[datetime]
    decisions: dict[str, int]


@dataclass(frozen=True)
class Logged:
    """What the log of requests holds.

    Args:
        questions: the newest requests, whichever version answered them, those of one kind in batches.
        requests: how many these are.
        answered: what each version answered, by its number.
    """

    questions: tuple[Question, ...]
    requests: int
    answered: dict[int, Answered]


def logged(folder: Path, newer_than: datetime) -> Logged:
    """Reads a log of requests, of those that ask for a prediction.

    Args:
        folder: of the model's log.
        newer_than: what was written earlier is left unread.

    Raises:
        DataError: a shard is damaged.
    """
    if not folder.is_dir():
        return Logged((), 0, {})
    from millrace.model_server.logged_requests import logged_requests

    newest: deque[Question] = deque(maxlen=MOST)
    requests, rows = Counter[int](), Counter[int]()
    labels: dict[int, Counter[str]] = {}
    times: dict[int, tuple[datetime, datetime]] = {}
    for one in logged_requests(folder, newer_than):
        if not one.predicts:
            continue
        newest.append(Question(one.signature, one.inputs))
        requests[one.version] += 1
        rows[one.version] += max((len(value) for value in one.outputs.values() if value.ndim), default=1)
        named = [text for text in decisions(one.outputs) if isinstance(text, str)]
        labels.setdefault(one.version, Counter()).update(named)
        if one.time:
            first, last = times.get(one.version, (one.time, one.time))
            times[one.version] = min(first, one.time), max(last, one.time)
    answered = {}
    for version, count in requests.items():
        since, until = times.get(version, (None, None))
        answered[version] = Answered(count, rows[version], since, until, dict(labels[version]))
    return Logged(tuple(_in_batches(newest)), len(newest), answered)


def _in_batches(questions: Iterable[Question]) -> Iterator[Question]:
    """The same rows in fewer questions: thousands of requests of one row each are slow to ask one by one."""
    import numpy as np

    alike: defaultdict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for question in questions:
        inputs = question.inputs or {}
        if len({value.shape[:1] for value in inputs.values()}) == 1 and all(value.ndim for value in inputs.values()):
            kind = (question.signature, *sorted((name, value.dtype, value.shape[1:]) for name, value in inputs.items()))
            alike[kind].append(inputs)
        else:
            yield question
    for (signature, *_), requests in alike.items():
        together = {name: np.concatenate([one[name] for one in requests]) for name in requests[0]}
        rows = len(next(iter(together.values())))
        for start in range(0, rows, _BATCH):
            yield Question(signature, {name: value[start : start + _BATCH] for name, value in together.items()})


def of_split(folder: Path) -> tuple[tuple[Question, ...], int]:
    """The first examples of a split in batches, and how many.

    Args:
        folder: of the split, with TFX's GZIP TFRecords.

    Raises:
        BadInput: there are none, or they cannot be read.
    """
    import tensorflow as tf

    shards = [str(file) for file in sorted(folder.glob("*.gz"))]
    try:
        records = tf.data.TFRecordDataset(shards, compression_type="GZIP").take(MOST)
        found = list(records.as_numpy_iterator()) if shards else []
    except tf.errors.OpError as error:
        raise BadInput(f"the examples cannot be read: {error.message}", where=str(folder)) from error
    if not found:
        raise BadInput("there are no examples any more to ask with", where=str(folder), remedy="millrace run")
    batches = (found[start : start + _BATCH] for start in range(0, len(found), _BATCH))
    return tuple(Question(SIGNATURE, examples=batch) for batch in batches), len(found)
