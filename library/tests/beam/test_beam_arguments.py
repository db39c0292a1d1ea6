"""Beam's options of each engine, and how many processes an input is worth on this machine."""

import os
from types import SimpleNamespace

import pytest

from millrace.base.cores import cores
from millrace.base.errors import ConfigError
from millrace.beam import local_workers as beam_workers
from millrace.beam.arguments import beam_arguments
from millrace.beam.local_workers import BYTES_PER_WORKER, local_workers
from millrace.config.config import Config
from millrace.config.loading import load

DATAFLOW = "beam.dataflow={project: my-project, region: europe-west1, temp_location: gs://bucket/tmp"
POOL = ["beam.job_server=host:8099", "beam.worker_pool=localhost:50000"]


def config(*overrides: str) -> Config:
    return load("conf/taxi.yaml", overrides)


HERE = ["--runner=FnApiRunner", "--sdk_container_image=this-environment"]


@pytest.mark.parametrize("runner", ["", "DirectRunner", "SwitchingDirectRunner", "direct"])
def test_the_runner_of_this_machine_is_named_so_that_beam_fetches_none(runner):
    """The image is what keeps TFX from packing an sdist of itself."""
    options = [f"beam.options=[--runner={runner}]"] if runner else []
    assert beam_arguments(config(*options)) == beam_arguments(config("beam={}")) == HERE


@pytest.mark.parametrize(
    ("overrides", "expected", "absent"),
    [
        (["beam.workers=2", "beam.mode=multi_processing"], "--direct_num_workers=2", "--runner=Direct"),
        (["beam.workers=3", "beam.mode=auto"], "--direct_running_mode=multi_processing", "--runner=Direct"),
        (["beam.mode=multi_processing"], "--direct_num_workers=0", "--runner=Direct"),
        (["beam.workers=2"], "--sdk_container_image=this-environment", "--no_save_main_session"),
        (["beam.options=[--setup_file=./setup.py]"], "--setup_file=./setup.py", "--sdk_container_image"),
        (["beam.options=[--runner=FlinkRunner]"], "--runner=FlinkRunner", "--sdk_container_image"),
        (["beam.mode=portable", *POOL], "--environment_config=localhost:50000", "--setup_file"),
        (["beam.mode=portable", *POOL], "--sdk_container_image=this-environment", "--direct"),
        (["beam.mode=flink", *POOL, "beam.setup_file=/app/setup.py"], "--setup_file=/app/setup.py", "--sdk_container"),
        (["beam.mode=spark", POOL[0], "beam.image=i@sha256:0"], "--environment_config=i@sha256:0", "--setup_file"),
        (["beam.mode=flink", "beam.options=[--flink_master=host:8081]"], "--flink_master=host:8081", "--job_endpoint"),
        (["beam.mode=dataflow", f"{DATAFLOW}}}"], "--temp_location=gs://bucket/tmp", "--no_use_public_ips"),
        (["beam.mode=dataflow", f"{DATAFLOW}, public_ips: false}}"], "--no_use_public_ips", "--direct"),
        (["beam.mode=dataflow", f"{DATAFLOW}, labels: {{team: a}}}}"], "--labels=team=a", "--num_workers"),
        (["beam.mode=dataflow", f"{DATAFLOW}}}"], "--no_save_main_session", "--sdk_container_image"),
    ],
)
def test_each_engine_gets_its_options(overrides, expected, absent):
    arguments = beam_arguments(config(*overrides))
    assert expected in arguments
    assert not any(argument.startswith(absent) for argument in arguments)


def test_every_setting_of_dataflow_has_its_option():
    """One that is not handed on would start workers in another network, or without the key."""
    settings = {
        "service_account": "trips@my-project.iam.gserviceaccount.com",
        "network": "inside",
        "subnetwork": "regions/europe-west1/subnetworks/trips",
        "public_ips": "false",
        "machine_type": "n1-standard-4",
        "disk_gib": "50",
        "start_workers": "2",
        "max_workers": "9",
        "encryption_key": "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k",
        "labels": "{team: trips, cost: low}",
    }
    given = [f"beam.dataflow.{key}={value}" for key, value in settings.items()]
    packed = ["beam.setup_file=/app/setup.py", "beam.image=i@sha256:0", "beam.options=[--experiments=use_beta]"]
    assert beam_arguments(config("beam.mode=dataflow", f"{DATAFLOW}}}", *given, *packed)) == [
        "--runner=DataflowRunner",
        "--project=my-project",
        "--region=europe-west1",
        "--temp_location=gs://bucket/tmp",
        "--service_account_email=trips@my-project.iam.gserviceaccount.com",
        "--network=inside",
        "--subnetwork=regions/europe-west1/subnetworks/trips",
        "--worker_machine_type=n1-standard-4",
        "--disk_size_gb=50",
        "--num_workers=2",
        "--max_num_workers=9",
        "--dataflow_kms_key=projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k",
        "--labels=cost=low",
        "--labels=team=trips",
        "--no_use_public_ips",
        "--setup_file=/app/setup.py",
        "--sdk_container_image=i@sha256:0",
        "--experiments=use_beta",
        "--no_save_main_session",
    ]


@pytest.mark.parametrize(
    ("overrides", "missing"),
    [
        (["beam.mode=dataflow"], "beam.dataflow"),
        (["beam.mode=flink"], "beam.job_server"),
        (["beam.mode=x"], "portable"),
    ],
)
def test_an_engine_that_cannot_be_reached_is_refused(overrides, missing):
    with pytest.raises(ConfigError, match=missing):
        config(*overrides)


def test_workers_follow_the_inputs_size_unless_they_are_named(tmp_path):
    """The file has its size and no contents; the machine that tests has at least two processors, or one worker."""
    (tmp_path / "a.csv").touch()
    (tmp_path / "not-read.txt").touch()
    os.truncate(tmp_path / "a.csv", 2 * BYTES_PER_WORKER - 1)
    os.truncate(tmp_path / "not-read.txt", 9 * BYTES_PER_WORKER)
    read = [f"data.path={tmp_path}", "data.pattern=*.csv", "beam={}"]
    assert local_workers(config(*read)) == ("in_memory", 1)
    assert local_workers(config(*read, "beam.workers=5")) == ("multi_processing", 5)
    os.truncate(tmp_path / "a.csv", 2 * BYTES_PER_WORKER)
    few = min(2, cores())
    assert local_workers(config(*read))[1] == few
    assert local_workers(config(*read, "beam.workers=1")) == ("in_memory", 1)
    assert local_workers(config("data.path=gs://bucket/data", "beam={}")) == ("in_memory", 1)


@pytest.mark.parametrize(
    ("gib_free", "processors", "mode", "workers"),
    [
        (64, 3, "multi_processing", 3),
        (5, 16, "multi_processing", 2),
        (3.9, 16, "in_memory", 1),
        (1, 16, "in_memory", 1),
    ],
)
def test_workers_are_no_more_than_processors_and_memory_bear(
    tmp_path, monkeypatch, gib_free, processors, mode, workers
):
    """Each worker imports TensorFlow and holds its part: too many of them end a machine by its memory."""
    free = SimpleNamespace(available=int(gib_free * 2**30))
    monkeypatch.setattr(beam_workers.psutil, "virtual_memory", lambda: free)
    monkeypatch.setattr(beam_workers, "cores", lambda: processors)
    (tmp_path / "a.csv").touch()
    os.truncate(tmp_path / "a.csv", 40 * BYTES_PER_WORKER)
    large = config(f"data.path={tmp_path}", "data.pattern=*.csv", "beam={}")
    assert local_workers(large) == (mode, workers)


def test_a_mode_that_is_named_is_taken_with_one_process_in_memory_and_one_a_core_elsewhere():
    assert local_workers(config("beam.mode=in_memory")) == ("in_memory", 1)
    assert local_workers(config("beam.mode=in_memory", "beam.workers=2")) == ("in_memory", 2)
    assert local_workers(config("beam.mode=multi_threading")) == ("multi_threading", 0)
