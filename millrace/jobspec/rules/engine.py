"""Rule: the Beam engine of the data stages can be reached, is told nothing wrong, and its workers get the project."""

from collections.abc import Iterator
from typing import Optional

from millrace.config.config import Config
from millrace.config.platform import KUBEFLOW, VERTEX, deployed
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob


def engine(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Packs, installs and imports the project too, where the workers get it as a package: some ten seconds then."""
    if config is None:
        return
    there = deployed(config, KUBEFLOW if job.dialect == "kubeflow" else VERTEX)
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
