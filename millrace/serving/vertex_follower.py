"""Vertex AI follows a champion that a rollout has made: the last step of a promotion, as of `millrace models alias`.

The registry has decided, and its gateway serves what it says. A service that is away, or says no, undoes nothing of
that: it is an event once, and is asked again, less and less often.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Optional

from millrace.base.errors import MillraceError
from millrace.config.config import Config
from millrace.registry.events import CHAMPION, Event
from millrace.registry.registry import Registry
from millrace.registry.vertex import is_behind, require_can_follow
from millrace.serving.recorded_rollouts import told_by

NOT_FOLLOWED = "Vertex AI has not followed"
"""The kind of event that says so; its details name the alias."""

_LOOK_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 3600.0


def follow_in_vertex(config: Config, registry: Registry, alias: str) -> list[str]:
    """Has Vertex AI name what the registry's alias names.

    Args:
        config: the pipeline's configuration.
        registry: of the pipeline, which has decided.
        alias: its name.

    Returns:
        What was done, in sentences; nothing where models are not pushed there.

    Raises:
        MillraceError: the service says no, or says nothing; the registry stays as it is.
    """
    if config.push.vertex is None:
        return []
    # Google's clients take seconds to import.
    from millrace.cloud.vertex.aliases import VertexAliases

    return VertexAliases(config.push.vertex, config.vertex).follow(registry, alias)


def left_behind(registry: Registry) -> Optional[Event]:
    """The move of champion by a rollout which Vertex AI has not followed; None where nothing is left to do.

    Args:
        registry: of a pipeline whose models are pushed to Vertex AI.
    """
    moved = next(iter(registry.events(alias=CHAMPION)[::-1]), None)
    rollouts = told_by(registry.events())
    if moved is None or not rollouts or rollouts[-1].status != "promoted":
        return None
    by_the_last = moved.because.startswith(f"rollout {rollouts[-1].id} ")
    return moved if by_the_last and is_behind(registry, CHAMPION) else None


def why_not_followed(registry: Registry) -> str:
    """What the service said when it was asked last; empty where it has followed, or was not asked yet.

    Args:
        registry: of a pipeline whose models are pushed to Vertex AI.
    """
    moved = left_behind(registry)
    told = [one for one in registry.events() if one.kind == NOT_FOLLOWED and moved and one.id > moved.id]
    return told[-1].because if told else ""


class VertexFollower:
    """Asks Vertex AI to follow, in a thread of its own: a service that is slow delays no decision.

    Args:
        opened: opens the registry.
        follow: has Vertex AI follow an alias, and says what was done.
        clock: seconds, which only go on.
    """

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[Registry]],
        follow: Callable[[Registry, str], list[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._opened = opened
        self._follow = follow
        self._clock = clock
        self._move = 0
        self._pause = _FIRST_PAUSE
        self._next = 0.0

    def run(self, stop: threading.Event) -> None:
        """Looks every few seconds until it is told to stop.

        Args:
            stop: ends it.
        """
        while not stop.wait(_LOOK_SECONDS):
            try:
                self.look()
            except (MillraceError, OSError) as error:
                logging.error("%s", error)

    def look(self) -> None:
        """Asks once, where there is something to follow and its time has come."""
        with self._opened() as registry:
            moved = left_behind(registry)
            if moved is None:
                return
            if moved.id != self._move:
                self._move, self._pause, self._next = moved.id, _FIRST_PAUSE, 0.0
            if self._clock() < self._next:
                return
            self._next, self._pause = self._clock() + self._pause, min(2 * self._pause, _LONGEST_PAUSE)
            try:
                require_can_follow(CHAMPION, registry.version(CHAMPION))
                for line in self._follow(registry, CHAMPION):
                    logging.info("%s", line)
            except MillraceError as error:
                self._say(registry, error.what)
            except Exception as error:  # whatever Google's clients raise, the champion stays and it is asked again
                logging.exception("Vertex AI was asked to follow")
                self._say(registry, f"{type(error).__name__}: {error}")

    def _say(self, registry: Registry, why: str) -> None:
        logging.error("%s: %s", NOT_FOLLOWED, why)
        if why != why_not_followed(registry):
            registry.record(NOT_FOLLOWED, registry.version(CHAMPION), why, {"alias": CHAMPION}, "controller")
