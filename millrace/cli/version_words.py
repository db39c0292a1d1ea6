"""Versions and events in a few words, for the commands that print them."""

from collections.abc import Iterable
from typing import Optional

from rich.console import Console
from rich.text import Text

from millrace.base import printing
from millrace.base.printing import TableColumn
from millrace.registry.events import CANDIDATE, CHAMPION, Event, EventKind, VersionState
from millrace.registry.version import Version

STYLES = {VersionState.REGISTERED: "", VersionState.APPROVED: "green", VersionState.REJECTED: "bold red"}
_EVENTS = (
    TableColumn("when"),
    TableColumn("what", folds=True),
    TableColumn("who", folds=True),
    TableColumn("why", folds=True, breaks=True),
)


def standing(version: Version) -> str:
    """How a version stands: its state and its aliases, or that it is a trial's."""
    return ", ".join(["trial" if version.trial else version.state.value, *version.aliases, *_gone(version)])


def next_steps(version: Version, champion: Optional[int], option: str) -> list[str]:
    """What a person may do next with a version, as lines with whole commands; none where nothing waits for anybody.

    Args:
        version: any.
        champion: the number of the champion; None where there is none.
        option: what makes the commands take the same configuration, with a space in front; may be empty.
    """
    number = version.number
    if version.trial or CHAMPION in version.aliases or version.state is VersionState.REJECTED:
        return []
    if version.state is VersionState.REGISTERED:
        return [f"next: millrace models approve {number} --because WHY{option}"]
    serve = f"millrace models alias {CHAMPION} {number} --because WHY{option}"
    if champion is None:
        return [f"next: {serve}"]
    name = CANDIDATE if CANDIDATE in version.aliases else number
    by_degrees = f"millrace rollout start {name} --because WHY{option}"
    return [f"next, to serve it by degrees: {by_degrees}", f"or to all at once: {serve}"]


def state_cell(version: Version) -> Text:
    """A version's state, with what is wrong about it."""
    words = ["trial" if version.trial else version.state.value, *_gone(version)]
    return Text(", ".join(words), style="bold red" if _gone(version) else STYLES[version.state])


def _gone(version: Version) -> list[str]:
    return [] if version.there else ["gone"]


def event_words(event: Event, numbered: bool = True) -> str:
    """What happened, in a few words.

    Args:
        event: any.
        numbered: whether the version is named, which a list of one version's events need not.
    """
    number = f" {event.version}" if numbered and event.version is not None else ""
    before = event.details.get("from")
    if event.kind == EventKind.ROLLED_BACK.value:
        return f"rolled back{' to' + number if number else ''} from {before}"
    if event.kind == EventKind.ALIAS_MOVED.value:
        return f"{event.alias}{' is' + number if number else ''}" + (f", was {before}" if before else "")
    if event.kind == EventKind.ALIAS_REMOVED.value:
        return f"{event.alias} removed, was {before}"
    return f"{event.kind}{number}"


def print_events(events: Iterable[Event], console: Console, numbered: bool = True) -> None:
    """Prints events, the newest last.

    Args:
        events: in their order.
        console: where a person looks.
        numbered: as of `event_words`.
    """
    rows = [(when(one.at), event_words(one, numbered), one.who, one.because) for one in events]
    printing.show(_EVENTS, rows, console)


def when(at: str) -> str:
    """A time of the registry to the minute, in UTC."""
    return at[:16].replace("T", " ")
