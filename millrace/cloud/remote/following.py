"""Follows a job to its end, and bears with a service that cannot be reached for a while."""

import time
from collections.abc import Callable

from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.remote.jobs import RemoteJob, Service
from millrace.metadata.journal import Event

# A laptop that moves to another network, a service that is updated: no reason to forget a job that runs for hours.
BORNE_SECONDS = 600.0


def follow(service: Service, name: str, show: Callable[[RemoteJob], None], pause: float) -> RemoteJob:
    """Looks at a job until it is over.

    Args:
        service: where it runs.
        name: its name.
        show: told of the job after each look.
        pause: seconds between looks.

    Returns:
        The job as it ended.

    Raises:
        ServiceFailure: the service refuses to tell, or has not been reached for ten minutes.
    """
    last_answer = time.monotonic()
    while True:
        try:
            job = service.job(name)
        except ServiceFailure as failure:
            if failure.exit_code == 2 or time.monotonic() - last_answer > BORNE_SECONDS:
                raise
        else:
            last_answer = time.monotonic()
            show(job)
            if job.is_over:
                return job
        time.sleep(pause)


class Watched:
    """The events of a job that is looked at again and again, in the order in which they became known."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def update(self, job: RemoteJob) -> None:
        """Takes in what is new since the last look."""
        self._events.extend(event for event in job.events() if event not in self._events)

    def events(self) -> list[Event]:
        """Every event so far."""
        return list(self._events)
