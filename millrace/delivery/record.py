"""What is said of a release's promotion in the registry of its environment: events, which are only added."""

import contextlib
import time
from collections.abc import Iterator

from millrace.cloud.remote.jobs import Service
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

    Whoever is killed before this leaves a job of which nothing is said; `catch_up` says it.

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
        exit_code: of a job that is over: 0 done, 3 a gate said no, 1 failed, 130 cancelled.
        who: who waited for it.
    """
    _add(config, Event(ENDED, who=who, details={**_which(chosen), "exit_code": exit_code}))


def catch_up(config: Config, service: Service, chosen: ShippingPlan, because: str, who: str) -> None:
    """Says what earlier commands could not: that the last promotion was sent, and how those ended that were left alone.

    Of the same release this command is the same one once more, and its words hold; of another one nobody knows who and
    why. A machine that was not there before says nothing of what ran to its end then.

    Args:
        config: of the environment that takes the release in.
        service: that runs its jobs.
        chosen: what is to be done.
        because: why.
        who: who does it.
    """
    with _open(config) as log:
        begun, over = _told(log, SENT), _told(log, ENDED)
        # The service is asked before anybody else is kept waiting.
        missing = []
        for one in chosen.every:
            details: dict[str, object] = {"release": one.release, "commit": one.commit, "job": one.job.name}
            details |= {"number": one.number, "found": True}
            if one is chosen.every[-1] and one.job.name not in begun:
                again = one.release == chosen.release.digest[:12]
                why = because if again else "found there by a later promotion; why is not known here"
                missing.append(Event(SENT, because=why, who=who if again else "somebody", details=details))
                begun.add(one.job.name)
            if one.job.is_over and one.job.name in begun - over:
                code = service.job(one.job.name).exit_code
                missing.append(Event(ENDED, who=who, details={**details, "exit_code": code}))
        with log.change():
            log.add([one for one in missing if one.details["job"] not in _told(log, one.kind)])


def _told(log: EventLog, kind: str) -> set[object]:
    """The jobs of which something is said already."""
    return {one.details.get("job") for one in log.events() if one.kind == kind}


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
