"""Rule: the Beam engine of the data stages can be reached, is told nothing wrong, and its workers get the project."""

import re
from collections.abc import Iterator
from typing import Optional

from millrace.config.config import Config
from millrace.config.platform import PLATFORMS, deployed
from millrace.jobspec.dataflow import asks_for_dataflow, beam_steps, image_of_workers
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob

_SERVERS = ("job_endpoint", "artifact_endpoint", "flink_master", "spark_master_url", "spark_rest_url")
# A worker pool may be on the machine that asks for it: the engine's own machine is meant there.
_SERVER_HERE = re.compile(r"(?:[a-z]+://)?(?:localhost|127\.[0-9.]+|0\.0\.0\.0|\[?::1\]?)(?::.*)?")


def engine(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Packs, installs and imports the project too, where the workers get it as a package: some ten seconds then.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if config is None:
        return
    there = deployed(config, PLATFORMS[job.dialect])
    if there.beam.mode in ("auto", "in_memory") and not there.beam.options:
        return
    # Beam's own parser is asked, which takes two seconds to import.
    from millrace.beam.check import check_engine

    if there.beam.setup_file:
        yield JobFinding(
            "beam-engine",
            "warning",
            "the project is packed in the stage's container, and the image that this Dockerfile makes has no setup.py",
            f"beam.setup_file is {there.beam.setup_file}",
            "name beam.image, whose workers have the project already; or see that your image has that file",
        )
    for problem in check_engine(there):
        yield JobFinding("beam-engine", "before submit", problem.what, problem.where, problem.remedy)


def servers(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """No engine is looked for on the machine of the task itself.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    seen: dict[str, list[str]] = {}
    for step, options in beam_steps(job):
        for server in dict.fromkeys(options.get(name, "") for name in _SERVERS):
            if _SERVER_HERE.fullmatch(server):
                seen.setdefault(server, []).append(step.name)
    for server, tasks in seen.items():
        yield JobFinding(
            "beam-engine",
            "before submit",
            f"the Beam engine at {server} would be on the machine of the task itself, where nothing listens",
            ", ".join(tasks),
            f"name it in {job.dialect}.beam as the containers reach it, HOST:PORT",
        )


def workers_image(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """A worker on Dataflow starts by the entry point of its image, which must be Beam's (tensorflow/tfx 6911, 6386).

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    for step, options in beam_steps(job):
        image = job.executor(step.task).get("container", {}).get("image")
        if asks_for_dataflow(options) and image and image_of_workers(options) == image:
            yield JobFinding(
                "beam-image",
                "warning",
                "the workers on Dataflow get the image of the stages, and that of this project's Dockerfile has not "
                "Beam's /opt/apache/beam/boot, by which a worker starts",
                step.name,
                "name an image for the workers (docs/guides/beam.md), unless yours has boot as its entry point",
            )
            return
