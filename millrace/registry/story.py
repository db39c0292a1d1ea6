"""A version's story: what the judges said of it, when it was served, and what going back would change."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput
from millrace.components import stage_ids
from millrace.metadata.records import JudgeVerdict, verdicts
from millrace.metadata.run_summaries import Runs
from millrace.registry.events import CHAMPION, Event, EventKind
from millrace.registry.registry import Registry
from millrace.registry.replay import MOST_EXAMPLES, Replay, examples_of, replay
from millrace.registry.version import Version


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
        replay: what would change if the version to go back to answered; None where that was not asked.
        no_replay: why it was not; empty where it was.
    """

    version: Version
    verdicts: tuple[JudgeVerdict, ...]
    served: tuple[ServedTime, ...]
    events: tuple[Event, ...]
    replay: Optional[Replay] = None
    no_replay: str = ""


def story(registry: Registry, runs: Runs, version: Version, asks: bool = True) -> Story:
    """Tells a version's story.

    Args:
        registry: of the pipeline.
        runs: those of the pipeline.
        version: the version.
        asks: whether it and the version to go back to are asked with the same examples. Of the champion that is the
            one before; of another it is the champion that would be replaced by it.

    Returns:
        The story. Nothing is raised for what cannot be asked any more: `no_replay` says why.
    """
    record = runs.record(version.run) if version.run else None
    told = Story(
        version=version,
        verdicts=verdicts(record) if record else (),
        served=served_times(registry.events(), version.number),
        events=registry.events(version.number),
    )
    if not asks:
        return told
    champion = registry.aliases().get(CHAMPION)
    now, then = (version, registry.before_champion()) if CHAMPION in version.aliases else (champion, version)
    if now is None or then is None:
        why = "there is no version to go back to" if now else "there is no champion that it would replace"
        return replace(told, no_replay=why)
    try:
        records, asked = _examples(runs, now)
        return replace(told, replay=replay(now, then, records, asked))
    except BadInput as error:
        why = f"{error.where}: {error.what}" if error.where else error.what
        return replace(told, no_replay=why)


def _examples(runs: Runs, version: Version) -> tuple[list[bytes], str]:
    """The examples on which a version was judged, and what they are in words."""
    record = runs.record(version.run) if version.run else None
    artifact = record.artifact(stage_ids.EXAMPLE_GEN, "examples") if record else None
    if artifact is None:
        raise BadInput(f"ML Metadata does not know the examples of version {version.number}")
    split = runs.config.judging_split
    records = examples_of(Path(artifact.uri) / f"Split-{split}")
    first = "the first " if len(records) == MOST_EXAMPLES else ""
    return records, f"{first}{len(records):,} examples of {split} of run {version.run}"


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
