"""The data stages on a real Beam job server with worker processes, and as the jobs that Dataflow would get.

The workers have the project only as the archive that a job brings along (`--setup_file`), in a folder of their own.
"""

import contextlib
import math
import os
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import Artifact, standard_artifacts

from millrace.beam import dataflow
from millrace.beam.arguments import beam_arguments
from millrace.beam.check import check_engine
from millrace.beam.package import FreshEnvironment, bringing_library, contents
from millrace.config.loading import load
from millrace.config.platform import LOCAL
from pipeline.pipeline import create_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.thorough]
CHECKOUT = Path(__file__).resolve().parents[3]
BOOT = Path(__file__).parent / "worker_boot.py"
SPLITS = ("train", "eval")
DATA_STAGES = ("ExampleGen", "StatisticsGen", "Transform", "Evaluator")


@pytest.fixture(scope="module")
def prepared(project):
    """The project with its setup.py, and its trips in two files, which are two units of work."""
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE"):
        shutil.copy(CHECKOUT / name, project.folder)
    header, *rows = (project.data / "trips.csv").read_text().splitlines(keepends=True)
    for place in range(2):
        (project.data / f"trips-{place}.csv").write_text("".join([header, *rows[place::2]]))
    (project.data / "trips.csv").unlink()
    return project


@pytest.fixture(scope="module")
def in_memory(prepared) -> Path:
    """The root of a run in one process."""
    finished = prepared.run("--to", "Evaluator")
    assert finished.code == 0, finished.output
    return prepared.root


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> FreshEnvironment:
    """The workers' environment, without the project."""
    return FreshEnvironment.make(tmp_path_factory.mktemp("fresh"))


class Engine:
    """A job server and a worker pool, each a process of its own that knows nothing of the project.

    Args:
        fresh: their environment.
        folder: for the workers' folders, one a worker.
    """

    def __init__(self, fresh: FreshEnvironment, folder: Path) -> None:
        self.folder = folder
        self.ports = [_free_port(), _free_port()]
        boot = folder / "boot"
        boot.write_text(f'#!/bin/sh\nexec {fresh.python} {BOOT} "$@"\n')
        boot.chmod(0o755)
        modules = (
            ("apache_beam.runners.portability.local_job_service_main", f"--port={self.ports[0]}"),
            ("apache_beam.runners.worker.worker_pool_main", f"--service_port={self.ports[1]}",
             f"--container_executable={boot}"),
        )  # fmt: skip
        self._log = open(folder / "engine.log", "w")  # noqa: SIM115 -- open as long as the processes are
        self._processes = [
            subprocess.Popen(
                [fresh.python, "-m", *module],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": "", "TMPDIR": str(folder)},
                stdout=self._log,
                stderr=self._log,
            )
            for module in modules
        ]

    def settings(self, setup_file: Path, mode: str) -> list[str]:
        """The configuration's overrides that send the data stages here; every portable engine speaks this protocol."""
        return [
            f"beam.mode={mode}",
            f"beam.job_server=localhost:{self.ports[0]}",
            f"beam.worker_pool=localhost:{self.ports[1]}",
            f"beam.setup_file={setup_file}",
        ]

    def workers(self) -> list[Path]:
        """The folders of the workers so far."""
        return sorted(path.parent for path in self.folder.glob("*/site"))

    def log(self) -> str:
        """What both said."""
        return (self.folder / "engine.log").read_text(errors="replace")[-4000:]

    def wait(self) -> None:
        """Waits until both listen."""
        deadline = time.monotonic() + 120
        for port in self.ports:
            while True:
                assert all(process.poll() is None for process in self._processes), self.log()
                assert time.monotonic() < deadline, self.log()
                with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 1):
                    break
                time.sleep(0.2)

    def stop(self) -> None:
        """Ends both, and the workers with the pool."""
        for process in self._processes:
            process.terminate()
            process.wait(30)
        self._log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def engine(fresh, tmp_path_factory) -> Iterator[Engine]:
    """The engine, running."""
    started = Engine(fresh, tmp_path_factory.mktemp("engine"))
    try:
        started.wait()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def on_job_server(prepared, engine) -> Path:
    """The root of a run whose data stages worked on the job server."""
    root = prepared.folder / "runs" / "elsewhere"
    overrides = [f"root={root}", *engine.settings(prepared.folder / "setup.py", "portable")]
    finished = prepared.run(*[part for override in overrides for part in ("--set", override)], "--to", "Transform")
    assert finished.code == 0, finished.output + engine.log()
    return root


def folder(root: Path, stage: str, output: str) -> Path:
    """The one artifact of that stage."""
    [found] = (root / "artifacts" / stage / output).glob("*")
    return found


def rows(path: Path) -> Counter:
    """The examples of a folder as a multiset, in deterministic bytes."""
    records = tf.data.TFRecordDataset(sorted(map(str, path.iterdir())), compression_type="GZIP").as_numpy_iterator()
    return Counter(tf.train.Example.FromString(record).SerializeToString(deterministic=True) for record in records)


def test_workers_with_nothing_but_the_packed_project_make_the_same_examples(in_memory, on_job_server, engine):
    for split in SPLITS:
        here, there = (
            rows(folder(root, "ExampleGen", "examples") / f"Split-{split}") for root in (in_memory, on_job_server)
        )
        assert here == there and sum(here.values()) > 500
    # Three jobs, each with a worker that installed the project for itself.
    assert len(engine.workers()) == 3
    assert all((path / "site" / "custom_components").is_dir() for path in engine.workers())


def test_the_same_statistics(in_memory, on_job_server):
    for split in SPLITS:
        here, there = (
            tfdv.load_stats_binary(str(folder(root, "StatisticsGen", "statistics") / f"Split-{split}/FeatureStats.pb"))
            for root in (in_memory, on_job_server)
        )
        same(plain(there), plain(here))


def plain(statistics: Any) -> dict:
    """Statistics by feature; without the histograms of quantiles, for which the order of the rows matters."""
    [dataset] = statistics.datasets
    features = {}
    for feature in json_format.MessageToDict(dataset)["features"]:
        for kind in ("numStats", "stringStats"):
            feature.get(kind, {}).get("commonStats", {}).pop("numValuesHistogram", None)
            feature.get(kind, {}).pop("histograms", None)
        features[feature["path"]["step"][0]] = feature
    return {"rows": dataset.num_examples, **features}


def same(seen: Any, expected: Any, where: str = "") -> None:
    """Equal, but for floating-point noise."""
    if isinstance(expected, dict):
        assert seen.keys() == expected.keys(), where
        for key in expected:
            same(seen[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(seen) == len(expected), where
        for pair in zip(seen, expected, strict=True):
            same(*pair, where)
    elif isinstance(expected, float):
        assert math.isclose(seen, expected, rel_tol=1e-6, abs_tol=1e-9), f"{where}: {seen} {expected}"
    else:
        assert seen == expected, where


def test_the_same_transformed_examples(in_memory, on_job_server):
    for split in SPLITS:
        here, there = (
            rows(folder(root, "Transform", "transformed_examples") / f"Split-{split}")
            for root in (in_memory, on_job_server)
        )
        assert here == there


def artifact(kind: type[Artifact], uri: Path) -> Artifact:
    """An artifact as TFX hands it to an executor."""
    made = kind()
    made.uri = str(uri)
    if isinstance(made, standard_artifacts.Examples):
        made.split_names = '["train", "eval"]'
    return made


def inputs(root: Path) -> dict[str, dict[str, list[Artifact]]]:
    """What the data stages of a run were given."""
    examples = artifact(standard_artifacts.Examples, folder(root, "ExampleGen", "examples"))
    schema = artifact(standard_artifacts.Schema, folder(root, "CuratedSchema", "schema"))
    model = artifact(standard_artifacts.Model, folder(root, "Trainer", "model"))
    return {
        "ExampleGen": {},
        "StatisticsGen": {"examples": [examples]},
        "Transform": {"examples": [examples], "schema": [schema]},
        "Evaluator": {"examples": [examples], "model": [model]},
    }


def outputs(stage: Any, folder: Path) -> dict[str, list[Artifact]]:
    """Artifacts for all that a stage makes."""
    return {name: [artifact(channel.type, folder / stage.id / name)] for name, channel in stage.outputs.items()}


def test_the_same_metrics_of_one_model(prepared, in_memory, engine, tmp_path):
    """The model is one and the same: training sees the rows in the order in which they were written."""
    config = load(prepared.conf, engine.settings(prepared.folder / "setup.py", "flink"))
    stage = next(
        stage for stage in create_pipeline(config, LOCAL, date(2026, 7, 1)).components if stage.id == "Evaluator"
    )
    made = outputs(stage, tmp_path)
    context = BaseBeamExecutor.Context(beam_pipeline_args=beam_arguments(bringing_library(config)))
    before = len(engine.workers())
    stage.executor_spec.executor_class(context).Do(inputs(in_memory)["Evaluator"], made, dict(stage.exec_properties))
    assert len(engine.workers()) == before + 1
    seen, expected = (
        {
            result: {name: next(iter(value.values()), None) for name, value in metrics[""][""].items()}
            for result, metrics in tfma.load_eval_result(str(path)).slicing_metrics
        }
        for path in (made["evaluation"][0].uri, folder(in_memory, "Evaluator", "evaluation"))
    )
    assert seen.keys() == expected.keys() and len(seen) > 2
    for key in expected:
        assert seen[key] == pytest.approx(expected[key], rel=1e-5, abs=1e-6)


DATAFLOW = [
    "beam.mode=dataflow",
    "beam.dataflow={project: trips-project, region: europe-west1, temp_location: gs://trips/tmp, max_workers: 4, "
    "machine_type: n2-standard-4, disk_gib: 50, subnetwork: regions/europe-west1/subnetworks/inner, public_ips: false, "
    "service_account: beam@trips.iam.gserviceaccount.com, labels: {team: trips}, "
    "encryption_key: projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k}",
]


def dataflow_jobs(conf, settings, in_memory, scratch) -> dict[str, tuple[dict, dict[str, str]]]:
    """Writes the graph of each data stage's job, of what a run in memory made; gives its request and staged files."""
    config = load(conf, settings)
    given = inputs(in_memory)
    made = {}
    for stage in create_pipeline(config, LOCAL, date(2026, 7, 1)).components:
        if stage.id in DATA_STAGES:
            executor, properties = stage.executor_spec.executor_class, dict(stage.exec_properties)
            arguments = beam_arguments(bringing_library(config))
            job = dataflow.build_job(executor, given[stage.id], outputs(stage, scratch), properties, arguments)
            (scratch / f"{stage.id}.pb").write_bytes(job.pipeline.SerializeToString())
            made[stage.id] = (job.request, job.staged)
    return made


def test_dataflow_would_get_jobs_that_its_workers_can_read(prepared, in_memory, fresh, tmp_path):
    """Every data stage's job, built without network: its settings, what it brings along, what that can unpickle."""
    settings = [*DATAFLOW, f"beam.setup_file={prepared.folder / 'setup.py'}"]
    # TensorFlow shares lookup tables by name, and those of pipelines that other tests traced here would be in the way.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as own:
        jobs = own.submit(dataflow_jobs, prepared.conf, settings, in_memory, tmp_path).result()
    assert set(jobs) == set(DATA_STAGES)
    for request, staged in jobs.values():
        environment, [workers] = request["environment"], request["environment"]["workerPools"]
        [image] = workers["sdkHarnessContainerImages"]
        assert (workers["machineType"], workers["diskSizeGb"]) == ("n2-standard-4", 50)
        assert workers["autoscalingSettings"]["maxNumWorkers"] == 4
        assert workers["subnetwork"] == "regions/europe-west1/subnetworks/inner"
        assert workers["ipConfiguration"] == "WORKER_IP_PRIVATE"
        assert environment["serviceAccountEmail"] == "beam@trips.iam.gserviceaccount.com"
        assert environment["serviceKmsKeyName"].endswith("/cryptoKeys/k")
        assert request["labels"]["team"] == "trips"
        assert image["containerImage"].startswith("gcr.io/cloud-dataflow/v1beta3/beam_python")
        assert "pickled_main_session" not in staged
    archive = Path(jobs["ExampleGen"][1]["workflow.tar.gz"])
    assert "models/preprocessing.py" in contents(archive)
    [library] = [Path(place) for name, place in jobs["ExampleGen"][1].items() if name.endswith(".whl")]
    worker = FreshEnvironment.make(tmp_path / "worker")
    files = [str(tmp_path / f"{stage}.pb") for stage in jobs]
    bare = worker.run("-m", "millrace.beam.unpickling", files[0], folder=tmp_path)
    assert bare.returncode and "No module named 'millrace'" in bare.stderr
    worker.install(library)
    worker.install(archive)
    read = worker.run("-m", "millrace.beam.unpickling", *files, folder=tmp_path)
    assert read.returncode == 0, read.stdout + read.stderr


def test_what_dataflow_would_refuse_is_told_here(prepared):
    """The configuration's own mistakes, Beam's, and code that is missing from the package, all at once."""
    good = [*DATAFLOW, "root=gs://trips/runs", "data.path=gs://trips/data"]
    packed = f"beam.setup_file={prepared.folder / 'setup.py'}"
    assert check_engine(load(prepared.conf, [*good, packed]), package=False) == []
    told = check_engine(load(prepared.conf, [*DATAFLOW, "beam.dataflow.project=Trips!", "beam.options=[--workerz=3]"]))
    assert [problem.where.split()[0] for problem in told] == ["beam", "beam", "root", "data.path", "beam"]
    assert "--workerz" in told[0].what and "Trips!" in told[1].what and all(problem.remedy for problem in told)
    lacking = prepared.folder / "lacking"
    shutil.copytree(prepared.folder, lacking, ignore=shutil.ignore_patterns("runs", "data", "*.egg-info", "lacking"))
    setup = (lacking / "setup.py").read_text()
    (lacking / "setup.py").write_text(setup.replace('"models", ', ""))
    [problem] = check_engine(load(prepared.conf, [*good, f"beam.setup_file={lacking / 'setup.py'}"]))
    assert "No module named 'models'" in problem.what
