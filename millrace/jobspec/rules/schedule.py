"""Rule on the schedule: it still comes."""

import time
from collections.abc import Iterator
from typing import Optional

from millrace.config.config import Config
from millrace.config.platform import PLATFORMS
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob


def schedule(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """A schedule that is over starts nothing; a job that is sent at once needs none, so that this is a warning.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    when = PLATFORMS[job.dialect].section(config).schedule if config else None
    if when and when.end and when.is_over(time.time()):
        yield JobFinding(
            "schedule",
            "warning",
            f"the schedule ended at {when.end.isoformat()}: it would start nothing",
            f"{job.dialect}.schedule.end",
            "set a time to come, or leave end out",
        )
