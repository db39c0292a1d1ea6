"""What versions decided, from the log of requests: for labels, and to compare two versions on the same requests."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import numpy as np

from millrace.model_server.decisions import Decision, decisions, labels_by_output, text_of
from millrace.serving.sequential import Tally

if TYPE_CHECKING:
    from millrace.model_server.logged_requests import LoggedRequest, LogReader

# How long an answer may take to reach the log: servers write it behind their answers, and a mirror answers when it can.
_SETTLE_SECONDS = 20.0
# Reading the log takes longer than a look may.
_EVERY_SECONDS = 30.0
# Two numbers that differ by less are one decision: kernels add up in another order.
_SAME = 1e-3


@dataclass(frozen=True)
class LoggedDecision:
    """What a version answered to a request.

    Args:
        request_id: as the gateway knows it.
        version: which answered.
        time: seconds since the epoch.
        decided: for each row the class as text, or the number.
        scores: of a single row, the probability of each class by its name, or for two classes of the second alone; none
            where the answer does not say them.
        classes: their names.
        by_output: of a model with several outputs, the class of each row by the output's name.
    """

    request_id: str
    version: int
    time: float
    decided: tuple[Decision, ...]
    scores: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()
    by_output: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def logged_decisions(folder: Path, newer_than: Optional[datetime] = None) -> Iterator[LoggedDecision]:
    """Reads a model's log of requests.

    Args:
        folder: of the log's shards.
        newer_than: answers before that second are left out; None for all.
    """
    # It reads records of TensorFlow's format, and brings TensorFlow.
    from millrace.model_server.logged_requests import logged_requests

    return map(_decision, logged_requests(folder, newer_than))


def _decision(logged: "LoggedRequest") -> LoggedDecision:
    at = logged.time.timestamp() if logged.time else 0.0
    decided = decisions(logged.outputs)
    scores = _scores(logged.outputs, len(decided))
    return LoggedDecision(
        logged.request_id, logged.version, at, decided, *scores, by_output=labels_by_output(logged.outputs)
    )


def _scores(outputs: Mapping[str, np.ndarray], rows: int) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """The probabilities and the names of the classes of an answer of one row, as the project's models give them."""
    if rows != 1 or not {"probabilities", "classes", "label"} <= set(outputs):
        return (), ()
    scores = tuple(float(one) for one in outputs["probabilities"].reshape(-1))
    return scores, tuple(text_of(one) for one in outputs["classes"].reshape(-1))


def differ(one: tuple[Decision, ...], other: tuple[Decision, ...]) -> bool:
    """Whether two answers to the same request decide differently in any row."""
    if len(one) != len(other):
        return True
    return any(
        abs(mine - theirs) > _SAME * max(abs(mine), abs(theirs), _SAME)
        if isinstance(mine, float) and isinstance(theirs, float)
        else mine != theirs
        for mine, theirs in zip(one, other, strict=True)
    )


@dataclass
class _Going:
    """A comparison that goes on: what was read of the log is not read again, and what has no pair yet is kept."""

    champion: int
    candidate: int
    until: float
    reader: "LogReader"
    answered: dict[int, dict[str, LoggedDecision]]


class LoggedComparison:
    """Compares two versions on the requests that both answered.

    Args:
        folder: of the log's shards.
        clock: seconds since the epoch.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._going: Optional[_Going] = None

    def since(self, when: float, champion: int, candidate: int) -> tuple[Tally, float]:
        """Whether they differ, on requests after a time.

        Args:
            when: seconds since the epoch.
            champion: a version.
            candidate: another.

        Returns:
            1 for each request that they decided differently and 0 for each other, and until when that was looked at: a
            request belongs to the second in which the champion answered it, and is counted when both had their time.
        """
        until = float(np.floor(self._clock() - _SETTLE_SECONDS))
        if until - when < _EVERY_SECONDS:
            return {}, when
        going = self._going
        if going is None or (going.champion, going.candidate, going.until) != (champion, candidate, when):
            going = self._going = self._begun(when, champion, candidate)
        for logged in map(_decision, going.reader.read_on()):
            if logged.version in going.answered and logged.time > when - _SETTLE_SECONDS:
                going.answered[logged.version][logged.request_id] = logged
        of_candidate = going.answered[candidate]
        pairs = [
            (mine, of_candidate[name])
            for name, mine in going.answered[champion].items()
            if name in of_candidate and when < mine.time <= until
        ]
        going.until = until
        for version, answers in going.answered.items():
            later = {name: one for name, one in answers.items() if one.time > until - _SETTLE_SECONDS}
            going.answered[version] = later
        return Counter(float(differ(mine.decided, other.decided)) for mine, other in pairs), until

    def _begun(self, when: float, champion: int, candidate: int) -> _Going:
        # It reads records of TensorFlow's format, and brings TensorFlow.
        from millrace.model_server.logged_requests import LogReader

        newer_than = datetime.fromtimestamp(when - _SETTLE_SECONDS, timezone.utc)
        return _Going(champion, candidate, when, LogReader(self._folder, newer_than), {champion: {}, candidate: {}})


def class_name(value: object) -> str:
    """A label as the model names its class: a whole number has no fraction, whatever a table made of it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return text_of(value).strip()
