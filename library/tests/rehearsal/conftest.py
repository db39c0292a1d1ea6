"""One stand-in for the image for all tests: it takes a second to build."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.jobspec.job import CompiledJob
from millrace.rehearsal.rehearse import rehearse
from millrace.rehearsal.report import Result
from millrace.rehearsal.sandbox import Sandbox
from millrace.rehearsal.world import RehearsalOptions


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory) -> Iterator[Sandbox]:
    """Tasks in interpreters of their own."""
    with Sandbox(tmp_path_factory.mktemp("sandbox"), exact=True) as made:
        yield made


@pytest.fixture
def run(sandbox, tmp_path):
    """Rehearses a job in the test's folder."""

    def rehearsed(job: CompiledJob, parameters: dict | None = None, folder: Path = tmp_path, **options) -> Result:
        return rehearse(job, folder, parameters, RehearsalOptions(exact=True, **options), sandbox=sandbox)

    return rehearsed
