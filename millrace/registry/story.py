"""A version's story: what the judges said of it, when it was served, and what going back would change."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput
from millrace.components import stage_ids
from millrace.metadata.records import JudgeVerdict, verdicts
from millrace.metadata.run_summaries import Runs
from millrace.registry.events import CHAMPION, Event, EventKind
from millrace.registry.questions import MOST, Answered, Logged, Question, logged, of_split
from millrace.registry.registry import Registry
from millrace.registry.replay import Replay, replay
from millrace.registry.version import Version

LATELY = timedelta(days=7)
"""How far back requests are read."""


@dataclass(frozen=True)
class ServedTime:
    """A time in which an alias named a version.

    Args:
        alias: the alias.
        since: when it began, ISO 8601 in UTC.
        until: when it ended; empty where it goes on.
        because: why it began.
        who: who had it begin.
        ended_because: why it ended; empty where it goes on.
    """

    alias: str
    since: str
    until: str
    because: str
    who: str
    ended_because: str = ""


@dataclass(frozen=True)
class Story:
    """What there is to tell of a version.

    Args:
        version: how it stands.
        verdicts: what the judges said of it, with their reasons, as far as ML Metadata still has them.
        served: the times in which an alias named it, the oldest first.
        events: all that happened to it.
        answered: what it answered lately, as far as requests were logged; None where none were.
        replay: what would change if the version to go back to answered; None where that was not asked.
        no_replay: why it was not; empty where it was.
    """

    version: Version
    verdicts: tuple[JudgeVerdict, ...]
    served: tuple[ServedTime, ...]
    events: tuple[Event, ...]
    answered: Optional[Answered] = None
    replay: Optional[Replay] = None
    no_replay: str = ""


def story(registry: Registry, runs: Runs, version: Version, now: float, asks: bool = True) -> Story:
    """Tells a version's story.

    Args:
        registry: of the pipeline.
        runs: those of the pipeline.
        version: the version.
        now: seconds since the epoch: requests of the seven days before are read.
        asks: whether it and the version to go back to are asked the same: the logged requests, else the examples on
            which it was judged. Of the champion that is the one before; of another it is the champion that would be
            replaced by it.

    Returns:
        The story. Nothing is raised for what cannot be asked any more: `no_replay` says why.
    """
    record = runs.record(version.run) if version.run else None
    lately = logged(Path(runs.layout.requests), datetime.fromtimestamp(now, timezone.utc) - LATELY)
    told = Story(
        version=version,
        verdicts=verdicts(record) if record else (),
        served=served_times(registry.events(), version.number),
        events=registry.events(version.number),
        answered=lately.answered.get(version.number),
    )
    if not asks:
        return told
    champion = registry.aliases().get(CHAMPION)
    answers, would = (version, registry.before_champion()) if CHAMPION in version.aliases else (champion, version)
    if answers is None or would is None:
        why = "there is no version to go back to" if answers else "there is no champion that it would replace"
        return replace(told, no_replay=why)
    try:
        questions, asked = _questions(runs, answers, lately)
        return replace(told, replay=replay(answers, would, questions, asked))
    except BadInput as error:
        why = f"{error.where}: {error.what}" if error.where else error.what
        return replace(told, no_replay=why)


def _questions(runs: Runs, version: Version, lately: Logged) -> tuple[tuple[Question, ...], str]:
    """What to ask, and what that is in words."""
    if lately.questions:
        newest = "the newest " if lately.requests == MOST else ""
        return lately.questions, f"{newest}{lately.requests:,} requests of the last seven days"
    record = runs.record(version.run) if version.run else None
    artifact = record.artifact(stage_ids.EXAMPLE_GEN, "examples") if record else None
    if artifact is None:
        raise BadInput(f"ML Metadata does not know the examples of version {version.number}")
    split = runs.config.judging_split
    questions, count = of_split(Path(artifact.uri) / f"Split-{split}")
    return questions, f"{'the first ' if count == MOST else ''}{count:,} examples of {split} of run {version.run}"


def served_times(events: Iterable[Event], number: int) -> tuple[ServedTime, ...]:
    """The times in which aliases named a version.

    Args:
        events: all of the model's, in their order.
        number: the version's.
    """
    times: list[ServedTime] = []
    open_at: dict[str, int] = {}
    for event in events:
        if not event.alias:
            continue
        if event.alias in open_at:
            at = open_at.pop(event.alias)
            times[at] = replace(times[at], until=event.at, ended_because=event.because)
        if event.version == number and event.kind != EventKind.ALIAS_REMOVED.value:
            open_at[event.alias] = len(times)
            times.append(ServedTime(event.alias, event.at, "", event.because, event.who))
    return tuple(times)
