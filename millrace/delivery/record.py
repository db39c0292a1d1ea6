"""What is said of a release's promotion in the registry of its environment: events, which are only added."""

import contextlib
import time
from collections.abc import Iterator

from millrace.config.config import Config
from millrace.config.paths import registry_file
from millrace.delivery.shipping import ShippingPlan
from millrace.registry.event_log import EventLog
from millrace.registry.events import Event

SENT = "release sent"
ENDED = "release ended"
"""The kinds of these events; they are about no version."""


def sent(config: Config, chosen: ShippingPlan, because: str, who: str) -> None:
    """Says that a release was sent, by whom and why.

    Args:
        config: of the environment that takes it in.
        chosen: what was done.
        because: why.
        who: who did it.
    """
    details = {**_which(chosen), "rules": {one.name: one.words for one in chosen.rules}}
    if chosen.before:
        details["before"] = chosen.before.release
    _add(config, Event(SENT, because=because, who=who, details=details))


def ended(config: Config, chosen: ShippingPlan, exit_code: int, who: str) -> None:
    """Says how the job of a release ended.

    Args:
        config: of the environment that takes it in.
        chosen: what was done.
        exit_code: 0 done, 3 a gate said no, 1 failed, 130 cancelled.
        who: who waited for it.
    """
    _add(config, Event(ENDED, who=who, details={**_which(chosen), "exit_code": exit_code}))


def _which(chosen: ShippingPlan) -> dict[str, object]:
    return {
        "release": chosen.release.digest,
        "commit": chosen.release.manifest.commit,
        "job": chosen.job,
        "number": chosen.number,
        "going_back": chosen.going_back,
    }


def _add(config: Config, event: Event) -> None:
    with _open(config) as log, log.change():
        log.add([event])


@contextlib.contextmanager
def _open(config: Config) -> Iterator[EventLog]:
    log = EventLog(registry_file(config), config.name, time.time)
    try:
        yield log
    finally:
        log.close()
