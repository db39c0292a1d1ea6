"""Looks again and again, on a clock that is passed in; what is known is in the log, so that a restart loses nothing."""

from collections.abc import Callable
from typing import Optional

from millrace.base.errors import MillraceError
from millrace.triggers.starting import RunStarter, TriggerLook


def watch(
    triggers: RunStarter,
    every: float,
    clock: Callable[[], float],
    wait: Callable[[float], bool],
    say: Callable[[str], None],
) -> None:
    """Looks until it is told to stop. A run that goes on then is left to itself.

    A look that fails, such as at a table that somebody is writing or on a full disk, is said and made again: it starts
    nothing.

    Args:
        triggers: look, decide and start.
        every: seconds between two looks.
        clock: seconds since the epoch.
        wait: waits so many seconds; whether to stop.
        say: takes a line when something has changed.
    """
    said = ""
    while True:
        looked: Optional[TriggerLook] = None
        try:
            looked = triggers.look(clock())
            words = f"{'start' if looked.decision.start else 'wait'}: {looked.decision.why}"
        except (MillraceError, OSError) as error:
            words = f"wait: this look failed: {error}"
        if words != said or (looked and looked.process):
            say(words)
            said = words
        if wait(every):
            return
