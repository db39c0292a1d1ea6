"""One stand-in for the image for all tests: it takes a second to build."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.jobspec.job import CompiledJob
from millrace.rehearsal.rehearse import rehearse
from millrace.rehearsal.report import Result
from millrace.rehearsal.stage import Stage
from millrace.rehearsal.world import Options


@pytest.fixture(scope="session")
def stage(tmp_path_factory) -> Iterator[Stage]:
    """Tasks in interpreters of their own."""
    with Stage(tmp_path_factory.mktemp("stage"), exact=True) as made:
        yield made


@pytest.fixture
def run(stage, tmp_path):
    """Rehearses a job in the test's folder."""

    def rehearsed(job: CompiledJob, parameters: dict | None = None, folder: Path = tmp_path, **options) -> Result:
        return rehearse(job, folder, parameters, Options(exact=True, **options), stage=stage)

    return rehearsed
