"""What a run of Kubeflow Pipelines and a recurring one are asked with."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from millrace.base.errors import BadInput
from millrace.config.cloud_sections import Schedule
from millrace.jobspec.job import CompiledJob


@contextlib.contextmanager
def package(job: CompiledJob) -> Iterator[str]:
    """The job as the file that the client reads; caching stays as it says for each task."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        file.write_text(job.to_text(), encoding="utf-8")
        yield str(file)


def cron(settings: Schedule) -> str:
    """The cron expression with the seconds that Kubeflow Pipelines counts first.

    Raises:
        BadInput: it names a time zone, which is the installation's to choose.
    """
    if "TZ=" in settings.cron:
        raise BadInput(
            f"{settings.cron!r} names a time zone; Kubeflow Pipelines has one for the whole installation",
            where="kubeflow.schedule.cron",
            remedy="write the time in that zone (UTC, unless CRON_SCHEDULE_TIMEZONE says otherwise), without TZ=",
        )
    fields = settings.cron.split()
    return " ".join(["0", *fields] if len(fields) == 5 else fields)


def trigger(settings: Schedule) -> dict[str, Any]:
    """When and how often, as arguments of the client."""
    times = {"start_time": settings.start, "end_time": settings.end}
    return {
        "cron_expression": cron(settings),
        "max_concurrency": settings.max_concurrent_runs,
        "no_catchup": not settings.catch_up,
        **{name: time.astimezone().isoformat() for name, time in times.items() if time},
    }
