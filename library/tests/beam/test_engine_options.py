"""What Beam says of its options reaches the user before anything starts, and `millrace check` with the rest."""

import socket
from pathlib import Path

import pytest

from millrace.base.errors import ConfigError
from millrace.beam import check
from millrace.beam.check import check_engine, require_usable
from millrace.beam.options import option_problems
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.rules.engine import engine
from millrace.project.project import Project

CHECKOUT = Path(__file__).parents[3]
DATAFLOW = "{project: my-project, region: europe-west1, temp_location: gs://bucket/tmp}"


def config(*overrides: str) -> Config:
    return load("conf/taxi.yaml", overrides)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["beam.options=[--num_workers=x]"], "invalid int value: 'x'"),
        (
            ["beam.options=[--runner=DataflowRunner, --project=my-project, --temp_location=gs://bucket/tmp]"],
            "Missing required option: region",  # Beam would ask Google for one
        ),
        (["beam.options=[--num_workerz=3]"], "no option --num_workerz"),
        (["beam.mode=dataflow", f"beam.dataflow={DATAFLOW}", "beam.dataflow.project=My Project"], "Invalid Project ID"),
        (["beam.mode=dataflow", f"beam.dataflow={DATAFLOW}", "beam.dataflow.temp_location=gs://B"], "gs://B"),
    ],
)
def test_a_wrong_option_is_refused_with_beams_reason(overrides, told):
    with pytest.raises(ConfigError, match=told) as refused:
        require_usable(config(*overrides))
    assert refused.value.where == "beam" and refused.value.remedy


def test_right_options_pass_and_a_job_server_may_have_its_own():
    own = "beam.options=[--flink_master=host:8081, --parallelism=8, --flink_option_of_the_server=1]"
    assert option_problems(config("beam.mode=flink", own)) == []
    assert option_problems(config("beam.mode=dataflow", f"beam.dataflow={DATAFLOW}")) == []
    assert require_usable(config()) is None


@pytest.mark.parametrize("address", ["localhost:{port}", "localhost", "no-such-host.invalid:8099"])
def test_a_job_server_that_does_not_answer_is_told_at_once(address):
    """Beam would wait five minutes for it."""
    with socket.socket() as closed:
        closed.bind(("localhost", 0))
        server = address.format(port=closed.getsockname()[1])
        with pytest.raises(ConfigError, match="no job server answers at"):
            require_usable(config("beam.mode=portable", f"beam.job_server={server}"))
        if server != address:
            closed.listen()
            require_usable(config("beam.mode=portable", f"beam.job_server={server}"))


def test_a_compiled_jobs_engine_is_checked_as_it_holds_there():
    """The service's own Beam section counts, and its root and data are those of the service."""
    job = CompiledJob(spec={}, dialect="vertex")
    beam = f"vertex.beam={{mode: dataflow, dataflow: {DATAFLOW}, image: an-image}}"
    assert list(engine(job, None)) == list(engine(job, config())) == []
    there = [beam, "vertex.root=gs://bucket/runs", "vertex.data_path=gs://bucket/data"]
    assert [finding.where for finding in engine(job, config(*there))] == ["beam.image"]
    found = list(engine(job, config(beam, "vertex.root=gs://bucket/runs")))
    assert [finding.where.split()[0] for finding in found] == ["data.path", "beam.image"]


CLOUD = ("beam.mode=dataflow", f"beam.dataflow={DATAFLOW}", "root=gs://bucket/runs", "data.path=gs://bucket/data")
DIGEST = f"image@sha256:{'a' * 64}"
QUERY = "data={format: bigquery, query: SELECT 1, bigquery: {project: billed, temp_location: 'gs://rows/temp'}}"


@pytest.mark.parametrize(
    ("overrides", "places"),
    [
        ([], []),  # this machine's folders and code are here
        (["beam.mode=multi_processing"], []),
        ([*CLOUD, f"beam.image={DIGEST}"], []),
        ([*CLOUD, "beam.image=image:latest"], ["beam.image"]),
        ([*CLOUD], ["beam"]),
        ([*CLOUD, "root=/runs", f"beam.image={DIGEST}"], ["root"]),
        ([*CLOUD, "data.path=/data", f"beam.image={DIGEST}"], ["data.path"]),
        ([*CLOUD, QUERY, f"beam.image={DIGEST}"], []),
        ([*CLOUD, QUERY, "root=/runs", f"beam.image={DIGEST}"], ["root"]),
        (["beam.mode=flink", "beam.job_server=localhost:8099"], ["beam"]),
        (["beam.mode=spark", "beam.job_server=localhost:8099", "beam.options=[--extra_package=x.whl]"], []),
    ],
)
def test_what_workers_cannot_reach_and_what_brings_them_the_code(overrides, places):
    problems = check_engine(config(*overrides), package=False)
    assert [problem.where.split(" is ")[0] for problem in problems] == places
    assert all(problem.remedy and problem.exit_code == 2 for problem in problems)


def test_a_set_up_file_inside_an_image_is_the_projects_own(monkeypatch):
    """It is packed only where it is asked for: that takes some ten seconds."""
    packed = []
    monkeypatch.setattr(check, "package_problems", lambda setup, folder: packed.append(setup) or [])
    given = (*CLOUD, "beam.setup_file=/pipeline/setup.py", f"beam.image={DIGEST}")
    assert check_engine(config(*given), package=False) == [] and packed == []
    monkeypatch.setattr(check, "entered", lambda: Project(CHECKOUT))
    assert check_engine(config(*given)) == []
    assert packed == [str(CHECKOUT / "setup.py")]
    monkeypatch.setattr(check, "entered", lambda: None)
    assert check_engine(config(*given)) == [] and len(packed) == 1
