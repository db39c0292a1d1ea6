"""Sends a request that makes something, and makes it once although requests fail and are sent again."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Optional, TypeVar

from millrace.cloud.remote.failures import ServiceFailure

Made = TypeVar("Made")

# Doubled each time, with some chance in it, so that many who were refused together do not come back together.
PAUSES = (1.0, 2.0, 4.0)


def send_once(
    send: Callable[[], Made],
    find: Callable[[], Optional[Made]],
    *,
    repeatable: bool,
    remedy: str,
    pauses: Sequence[float] = PAUSES,
) -> Made:
    """Sends until the thing is made, or refused for good.

    A service that failed or fell silent may have done what was asked. So what it made is looked for after each try.

    Args:
        send: makes the thing.
        find: what an earlier try made; None when it made nothing.
        repeatable: whether the request carries an id of ours, so that the service itself refuses to make a second one.
            Without one nothing is sent after a silence: the first request may still be at work.
        remedy: what to do when it cannot be known whether the thing was made.
        pauses: seconds before each further try.

    Raises:
        ServiceFailure: refused, or failed each time. It says when the thing may be there nevertheless.
    """
    left = list(pauses)
    silences = 0
    while True:
        try:
            return send()
        except ServiceFailure as failure:
            again = len(left) < len(pauses)
            if not failure.passes and not (again and failure.status == 409):
                raise
            made, known = _look(find)
            if made is not None:
                return made
            silences += failure.status is None
            if not left or not failure.passes or silences > repeatable:
                raise _in_doubt(failure, known, remedy) from failure
            time.sleep(left.pop(0) * random.uniform(0.75, 1.25))


def _look(find: Callable[[], Optional[Made]]) -> tuple[Optional[Made], bool]:
    """What was found, and whether the service told."""
    try:
        return find(), True
    except ServiceFailure:
        return None, False


def _in_doubt(failure: ServiceFailure, known: bool, remedy: str) -> ServiceFailure:
    # What was refused for its rate was not begun.
    if failure.status == 429 or (known and failure.status is not None):
        return failure
    return ServiceFailure(
        f"{failure.what}; whether it was done nevertheless is not known",
        where=failure.where,
        remedy=remedy,
        status=failure.status,
        maybe_done=True,
    )
