"""The registry of one pipeline's model: its versions, what each alias names, and who decided so.

Nothing else says what is served. Each change is one transaction of the event log; the file that servers follow is
written afterwards from what the log says, under the same lock, and again whenever the registry is opened, so that a
process which is killed in between leaves nothing that stays wrong.
"""

import getpass
import re
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Optional

from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.registry import served_file
from millrace.registry.event_log import EventLog
from millrace.registry.events import CANDIDATE, CHAMPION, Event, EventKind, VersionState
from millrace.registry.version import Version, VersionFacts, facts_of

Approval = Literal["automatic", "candidate", "manual"]
AUTOMATIC = "automatic"
"""Who approves what both judges blessed, where `registry.approval` says so."""

_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")
_ROOT = "{root}"
_OWN = frozenset(kind.value for kind in EventKind)


class Registry:
    """The versions of one model.

    Args:
        file: the SQLite file, which may hold the registries of several pipelines.
        model: the pipeline's name.
        serving: the folder to which models are pushed that are served.
        root: the pipeline's root as it is now: what lies below it is written down without it.
        approval: what becomes of a version that is registered.
        clock: seconds since the epoch.
        who: who asks; by default the user and the machine.

    Raises:
        BadInput: the file cannot be used.
    """

    def __init__(
        self,
        file: Path,
        model: str,
        serving: str,
        root: str,
        approval: Approval = "automatic",
        clock: Callable[[], float] = time.time,
        who: str = "",
    ) -> None:
        self.model = model
        self.serving = serving
        self.approval = approval
        self.served_file = served_file.place(serving)
        self._root = root
        self._who = who or this_person()
        self._log = EventLog(file, model, clock)

    def close(self) -> None:
        """Closes its file."""
        self._log.close()

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def versions(self) -> tuple[Version, ...]:
        """Every version, by number."""
        aliases = self._log.aliases()
        return tuple(self._version(*row, aliases) for row in self._log.versions())

    def aliases(self) -> dict[str, Version]:
        """The version that each alias names, by the alias."""
        # Asked every second by the controller of a rollout: what is known of other versions is left unread.
        aliases = self._log.aliases()
        rows = {row[0]: row for row in self._log.versions()}
        return {name: self._version(*rows[number], aliases) for name, number in aliases.items()}

    def version(self, name: str) -> Version:
        """The version that is meant.

        Args:
            name: a number or an alias.

        Raises:
            BadInput: there is none of that name.
        """
        versions = self.versions()
        for one in versions:
            if name == str(one.number) or name in one.aliases:
                return one
        known = [*self._log.aliases(), *(str(one.number) for one in versions)]
        raise BadInput(
            f"there is no version and no alias {name} of {self.model}{did_you_mean(name, known)}",
            remedy="millrace models list shows them" if versions else "millrace run pushes the first",
        )

    def champion(self) -> Version:
        """The version that answers who asks for no other.

        Raises:
            BadInput: there is none; with what to do about it.
        """
        champion = self.aliases().get(CHAMPION)
        if champion:
            return champion
        newest = next((one for one in reversed(self.versions()) if not one.trial), None)
        remedy = "millrace run pushes the first version"
        if newest:
            approve = f"millrace models approve {newest.number} --because WHY, then "
            approve = "" if newest.state is VersionState.APPROVED else approve
            remedy = f"{approve}millrace models alias {CHAMPION} {newest.number} --because WHY"
        raise BadInput(f"no version of {self.model} is champion", where=self.serving, remedy=remedy)

    def events(self, version: Optional[int] = None, alias: str = "") -> tuple[Event, ...]:
        """What happened, in order.

        Args:
            version: only what is about this number; None for all.
            alias: only what touched this alias; empty for all.
        """
        return self._log.events(version, alias)

    def take_in(self, found: Sequence[tuple[int, str, VersionFacts]]) -> tuple[Version, ...]:
        """Registers pushed models, and approves them where the configuration says so; those that are known stay.

        The newest becomes champion, or candidate, as `registry.approval` says, unless a newer one is registered
        already; with no champion yet there is nothing to roll out over, and it becomes champion. A model that was
        rejected, or rolled back from, and is pushed again under another number, is registered and no more: what a
        person has decided is undone by a person.

        Args:
            found: number, run and facts of each.

        Returns:
            Those that are new.
        """
        if not found:
            self.write_served_file()
            return ()
        with self._log.change():
            versions = self.versions()
            known = {one.number for one in versions}
            servable = [one.number for one in versions if not one.trial]
            new = sorted((one for one in found if one[0] not in known), key=lambda one: one[0])
            events = []
            refused = self._refused_models(versions)
            pushed: list[tuple[int, str]] = []
            for number, run, facts in new:
                events.append(self._registered(number, run, facts))
                if self.approval != "manual" and not facts.trial and facts.model_files not in refused:
                    why = "both judges blessed it"
                    events.append(Event(EventKind.APPROVED, number, because=why, who=AUTOMATIC, run=run))
                    pushed.append((number, run))
            if pushed and pushed[-1][0] > max(servable, default=0):
                number, run = pushed[-1]
                alias = CANDIDATE if self.approval == "candidate" and CHAMPION in self._log.aliases() else CHAMPION
                events.append(self._moved(alias, number, "it is the newest that was pushed", AUTOMATIC, run))
            self._log.add(events)
        self.write_served_file()
        numbers = {number for number, _, _ in new}
        return tuple(one for one in self.versions() if one.number in numbers)

    def _refused_models(self, versions: Sequence[Version]) -> set[frozenset[tuple[str, str]]]:
        """The models that a person has rejected, or rolled back from and not gone back to, by their files."""
        left = set[Optional[int]]()
        for event in self.events(alias=CHAMPION):
            left.discard(event.version)
            if event.kind == EventKind.ROLLED_BACK.value:
                left.add(event.details["from"])
        return {one.facts.model_files for one in versions if one.number in left or one.state is VersionState.REJECTED}

    def take_in_imported(
        self, number: int, run: str, facts: VersionFacts, because: str, details: dict[str, Any]
    ) -> None:
        """Registers a version that was exported elsewhere; nobody has approved it here.

        Args:
            number: its own; it is registered already where another process was faster.
            run: the id of the run that pushed it there.
            facts: what was known of it there.
            because: why it was taken in.
            details: of the event.
        """
        with self._log.change():
            if all(one.number != number for one in self.versions()):
                imported = Event(EventKind.IMPORTED, number, "", because, self._who, run, details)
                self._log.add([self._registered(number, run, facts), imported])
        self.write_served_file()

    def _registered(self, number: int, run: str, facts: VersionFacts) -> Event:
        details = {
            **facts.to_details(),
            "folder": self._without_root(facts.folder),
            "gate_report": self._without_root(facts.gate_report),
        }
        return Event(EventKind.REGISTERED, number, who=self._who, run=run, details=details)

    def approve(self, version: Version, because: str) -> None:
        """Says that a version may be served.

        Args:
            version: any.
            because: why.

        Raises:
            BadInput: it is approved already, or a trial's.
        """
        self._decide(version.number, EventKind.APPROVED, because)

    def reject(self, version: Version, because: str) -> None:
        """Says that a version must not be served.

        Args:
            version: any that no alias names.
            because: why.

        Raises:
            BadInput: an alias names it, it is rejected already, or a trial's.
        """
        self._decide(version.number, EventKind.REJECTED, because)

    def _decide(self, number: int, kind: EventKind, because: str) -> None:
        with self._log.change():
            one = self.version(str(number))
            if one.trial:
                raise _is_a_trials(one)
            if one.state.value == kind.value:
                last = next(event for event in reversed(self.events(number)) if event.kind == kind.value)
                raise BadInput(f"version {number} is {kind} already: {last.because} ({last.who}, {last.at})")
            if kind is EventKind.REJECTED and one.aliases:
                raise BadInput(
                    f"version {number} is {' and '.join(one.aliases)}",
                    remedy="millrace models rollback"
                    if CHAMPION in one.aliases
                    else f"millrace models alias {one.aliases[0]} --remove",
                )
            self._log.add([Event(kind, number, because=because, who=self._who, run=one.run)])

    def move(self, alias: str, version: Version, because: str, who: str = "", expected: Optional[int] = None) -> None:
        """Has an alias name a version.

        Args:
            alias: letters, digits, `.`, `_` and `-`, a letter first.
            version: one that lies there, and is no trial's and not rejected; approved, where the alias is champion.
            because: why.
            who: who decided so; by default who opened the registry.
            expected: the version that whoever decided so has seen under that alias; None where that does not matter.

        Raises:
            BadInput: the version may not have that alias, or has it already; or the alias names another by now.
        """
        if not _ALIAS.fullmatch(alias):
            raise BadInput(
                f"{alias!r} can be no alias",
                remedy="write letters, digits, dots, dashes and underscores, a letter first",
            )
        self._move(alias, version.number, because, who or self._who, EventKind.ALIAS_MOVED, expected)

    def roll_back(self, version: Version, because: str, expected: int) -> None:
        """Has the champion be an earlier version. `millrace.registry.rollback` looks at that one before.

        Args:
            version: as of `move`.
            because: why.
            expected: the champion that whoever decided so has seen.

        Raises:
            BadInput: as of `move`; or the champion is another by now.
        """
        self._move(CHAMPION, version.number, because, self._who, EventKind.ROLLED_BACK, expected)

    def require_may_be(self, alias: str, version: Version) -> None:
        """Refuses a version that may not have an alias, whatever lies in its folder.

        Args:
            alias: the alias.
            version: as it stands.

        Raises:
            BadInput: it is a trial's, gone or rejected, has the alias already, or is not approved and it is champion.
        """
        number = version.number
        if version.trial:
            raise _is_a_trials(version)
        if not version.there:
            raise BadInput(
                f"version {number} is not there any more",
                where=str(version.folder),
                remedy="put it back, or millrace models import an export of it",
            )
        if alias in version.aliases:
            raise BadInput(f"version {number} is {alias} already")
        if version.state is VersionState.REJECTED:
            why = next(event for event in reversed(self.events(number)) if event.kind == EventKind.REJECTED.value)
            raise BadInput(
                f"version {number} was rejected: {why.because} ({why.who}, {why.at})",
                remedy=f"millrace models approve {number} --because WHY, if that holds no more",
            )
        if alias == CHAMPION and version.state is not VersionState.APPROVED:
            raise BadInput(
                f"version {number} is not approved, and a champion must be",
                remedy=f"millrace models approve {number} --because WHY",
            )

    def _move(self, alias: str, number: int, because: str, who: str, kind: EventKind, expected: Optional[int]) -> None:
        with self._log.change():
            one, before = self.version(str(number)), self._log.aliases().get(alias)
            self.require_may_be(alias, one)
            if expected is not None and before != expected:
                last = self.events(alias=alias)[-1]
                raise BadInput(
                    f"{alias} was moved from version {expected} to {last.version} in the meantime by {last.who}: "
                    f"{last.because or 'no reason given'}",
                    remedy="millrace models list shows how things stand; then decide again",
                )
            events = [self._moved(alias, number, because, who, one.run, kind)]
            if self.approval == "candidate" and alias == CHAMPION and CANDIDATE in one.aliases:
                # A push made it so by itself, and it is none any more.
                removed = {"from": number}
                events.append(Event(EventKind.ALIAS_REMOVED, None, CANDIDATE, "it is champion", AUTOMATIC, "", removed))
            self._log.add(events)
        self.write_served_file()

    def _moved(
        self, alias: str, number: int, because: str, who: str, run: str, kind: EventKind = EventKind.ALIAS_MOVED
    ) -> Event:
        return Event(kind, number, alias, because, who, run, {"from": self._log.aliases().get(alias)})

    def remove(self, alias: str, because: str) -> None:
        """Takes an alias away.

        Args:
            alias: any but champion.
            because: why.

        Raises:
            BadInput: there is no such alias, or it is champion.
        """
        if alias == CHAMPION:
            raise BadInput(
                "champion can be moved and not removed: something must answer", remedy="millrace models alias"
            )
        with self._log.change():
            aliases = self._log.aliases()
            if alias not in aliases:
                raise BadInput(
                    f"there is no alias {alias} of {self.model}{did_you_mean(alias, aliases)}",
                    remedy="millrace models list shows them",
                )
            details = {"from": aliases[alias]}
            self._log.add([Event(EventKind.ALIAS_REMOVED, None, alias, because, self._who, "", details)])
        self.write_served_file()

    def record(
        self, kind: str, version: Optional[Version], because: str, details: dict[str, Any], who: str = ""
    ) -> Event:
        """Adds an event of another room's kind, such as a rollout's step.

        Args:
            kind: its words; none of `EventKind`, but for exported and imported.
            version: what it is about; None for nothing in particular.
            because: why.
            details: plain values.
            who: who did so; by default who opened the registry.

        Returns:
            The event, with its time and its place in the order.
        """
        assert kind not in _OWN - {EventKind.EXPORTED.value, EventKind.IMPORTED.value}, kind
        number, run = (version.number, version.run) if version else (None, "")
        with self._log.change():
            [written] = self._log.add([Event(kind, number, "", because, who or self._who, run, details)])
        return written

    def champions(self) -> tuple[int, ...]:
        """The numbers of the versions that led to the present champion, it the last: a roll-back takes back to one.

        Those that were rolled back from are not among them.
        """
        line: list[int] = []
        for event in self.events(alias=CHAMPION):
            number = event.version
            assert number is not None, "champion is never removed"
            if event.kind == EventKind.ROLLED_BACK.value:
                line = line[: line.index(number)] if number in line else line[:-1]
            line = [one for one in line if one != number] + [number]
        return tuple(line)

    def before_champion(self) -> Optional[Version]:
        """The version to which a roll-back goes by itself: the champion before this one, else the next lower number.

        Returns:
            One that is approved and lies there; None where there is none.
        """
        line = self.champions()
        known = {one.number: one for one in self.versions()}
        lower = sorted((number for number in known if line and number < line[-1] and number not in line), reverse=True)
        for number in (*reversed(line[:-1]), *lower):
            one = known[number]
            if one.state is VersionState.APPROVED and one.there and not one.trial:
                return one
        return None

    def above_champion(self) -> Optional[int]:
        """The highest number in the folder of versions, where it is above the champion's.

        A server that polls that folder by itself serves it, whatever the aliases say.
        """
        champion = self._log.aliases().get(CHAMPION, 0)
        folder = Path(self.serving)
        numbers = [int(one.name) for one in folder.iterdir() if one.name.isdecimal()] if folder.is_dir() else []
        highest = max(numbers, default=0)
        return highest if champion and highest > champion else None

    def write_served_file(self) -> None:
        """Writes what servers follow, where it does not say so already; nothing before the first version.

        Raises:
            BadInput: it cannot be written.
        """
        # The lock is held while it is read and written, so that the last to write has seen the last change.
        with self._log.change():
            there = {one.number for one in self.versions() if one.there and not one.trial}
            aliases = {name: number for name, number in self._log.aliases().items() if number in there}
            loaded = set(aliases.values())
            before = self.before_champion()
            if before and before.number < aliases.get(CHAMPION, 0):
                loaded.add(before.number)
            if not there and not self.served_file.exists():
                return
            try:
                content = served_file.text(self.model, self.serving, sorted(loaded), aliases)
                served_file.write(self.served_file, content)
            except OSError as error:
                raise BadInput(
                    f"cannot be written: {error.strerror or error}; the registry has changed, and servers do not know",
                    where=str(self.served_file),
                    remedy="see that the folder is yours and has space left; the next millrace models writes it",
                ) from error

    def _version(
        self, number: int, state: VersionState, registered: str, run: str, details: str, aliases: dict[str, int]
    ) -> Version:
        kept = facts_of(details)
        folder, report = (one.replace(_ROOT, self._root, 1) for one in (kept.folder, kept.gate_report))
        facts = replace(kept, folder=folder, gate_report=report)
        names = tuple(sorted((name for name, one in aliases.items() if one == number), key=lambda one: one != CHAMPION))
        return Version(self.model, number, Path(folder), state, names, run, registered, facts)

    def _without_root(self, path: str) -> str:
        return _ROOT + path[len(self._root) :] if path.startswith(f"{self._root}/") else path


def _is_a_trials(version: Version) -> BadInput:
    return BadInput(
        f"version {version.number} is a trial's, and lies where no server looks",
        where=str(version.folder),
        remedy=f"millrace runs show {version.run} says what it was made with; millrace run --push with the same --set "
        "pushes it to be served",
    )


def user_of(who: str) -> str:
    """The user of who did something, without the machine: on two machines it is one person all the same.

    Args:
        who: as `this_person` says it, or a name alone.
    """
    return who.rpartition("@")[0] or who


def is_one_person(one: str, other: str) -> bool:
    """Whether two names are one user's, on whichever machines and however they are written.

    Args:
        one: as `user_of` takes it.
        other: likewise.
    """
    return user_of(one).strip().casefold() == user_of(other).strip().casefold()


def this_person() -> str:
    """The user and the machine, as far as they can be told."""
    user = "somebody"
    with suppress(OSError, KeyError):
        user = getpass.getuser()
    return f"{user}@{socket.gethostname()}"
