"""The sections `vertex:` and `kubeflow:`, and what a pipeline takes from them where it is deployed."""

import pytest

from millrace.base.errors import ConfigError
from millrace.config.loading import load
from millrace.config.paths import push_directory
from millrace.config.platform import KUBEFLOW, LOCAL, VERTEX, deployed
from millrace.jobspec.custom_job import custom_job


def config(*overrides):
    return load("conf/taxi.yaml", overrides)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("vertex.project=My_Project", "vertex.project"),
        (f"name={'n' * 64}", "name"),
        ("vertex.encryption_key=my-key", "vertex.encryption_key"),
        ("vertex.stages={Trainer: {accelerators: 2}}", "accelerator must name its type"),
        ("vertex.stages={Trainer: {memory: 2}}", "did you mean memory_gb?"),
        ("vertex.trainer={workers: 0}", "vertex.trainer.workers"),
        ("vertex.schedule={cron: every day}", "minute, hour, day"),
        (
            "vertex.schedule={cron: 0 4 * * *, start: 2030-01-02T00:00:00, end: 2030-01-01T00:00:00}",
            "end must come after",
        ),
        ("vertex.schedule={cron: 61 25 * * *}", "'61' is no minute"),
        ("vertex.schedule={cron: TZ=Europe/Zuerich 0 4 * * *}", "did you mean Europe/Zurich?"),
        ("vertex.schedule={cron: 0 0 4 * * *}", "Vertex AI reads five fields"),
        ("vertex.schedule={cron: 0 4 * * *, max_runs: 0}", "vertex.schedule.max_runs"),
        (
            "vertex.schedule={cron: 0 4 * * *, start: '2030-01-02T00:00:00Z', end: 2030-01-01T00:00:00}",
            "end must come after",
        ),
        ("vertex.region=us-centrall1", "did you mean us-central1?"),
        ("vertex.stages={Trainer: {accelerator: NVIDIA_T4}}", "stages.Trainer: there is no accelerator NVIDIA_T4"),
        ("vertex.stages={Trainer: {accelerator: nvidia.com/gpu}}", "is a resource of Kubernetes"),
        ("vertex.stages={Trainer: {accelerator: NVIDIA_TESLA_T4, accelerators: 3}}", "no machine has 3 of"),
        ("vertex.stages={Trainer: {cpu: 1000}}", "stages.Trainer: 1000 processors are asked for"),
        ("vertex.defaults={memory_gb: 5000}", "defaults: 5000 GB of memory are asked for"),
        ("vertex.trainer={machine_type: n1-standrad-8}", "did you mean n1-standard-8?"),
        ("vertex.trainer={machine_type: n1-standard-8, accelerator: NVIDIA_L4}", "take one of g2-standard-4"),
        ("kubeflow.stages={Trainer: {accelerator: NVIDIA_L4}}", "is no resource of Kubernetes"),
        (
            "push.vertex={project: p, region: us-central1, endpoint: e, image: i, machine_type: n1-standard-4, "
            "accelerator: NVIDIA_L4}",
            "does not go with the machine type n1-standard-4",
        ),
        ("push.vertex={project: p, region: us-centrall1, endpoint: e, image: i}", "did you mean us-central1?"),
        (
            "beam={mode: dataflow, dataflow: {project: p, region: us-central1, temp_location: gs://b/t, "
            "subnetwork: regions/europe-west1/subnetworks/inner}}",
            "the subnetwork is in europe-west1, and the workers are in us-central1",
        ),
        (
            "beam={mode: dataflow, dataflow: {project: p, region: us-central1, temp_location: gs://b/t, "
            "machine_type: n1-standrad-4}}",
            "did you mean n1-standard-4?",
        ),
        ("vertex.schema_version='3.0'", "vertex.schema_version"),
        ("kubeflow.labels={}", "kubeflow.labels: there is no such key"),
        (
            "push.vertex={project: p, region: r, endpoint: e, image: i, min_replicas: 3}",
            "must not be above max_replicas",
        ),
        ("push.vertex={project: p, region: r, endpoint: e, image: i, traffic_percent: 120}", "traffic_percent"),
    ],
)
def test_a_mistake_is_named(override, words):
    with pytest.raises(ConfigError) as refusal:
        config(override)
    assert words in str(refusal.value)


def test_what_may_be_newer_than_the_tables_is_no_mistake():
    newer = (
        "vertex={region: us-west9, stages: {Trainer: {accelerator: NVIDIA_R300}}, trainer: {machine_type: c9-mid-8}}"
    )
    assert config(newer).vertex.region == "us-west9"


def test_a_stage_has_its_own_settings_over_the_defaults():
    section = config(
        "vertex.defaults={cpu: 2, memory_gb: 8, retries: 1}",
        "vertex.caching=false",
        "vertex.stages={Trainer: {cpu: 16, caching: true}}",
    ).vertex
    trainer = section.of_stage("Trainer")
    assert (trainer.cpu, trainer.memory_gb, trainer.retries) == (16, 8, 1)
    assert (section.of_stage("Pusher").cpu, section.caches("Trainer"), section.caches("Pusher")) == (2, True, False)


def test_a_service_has_places_of_its_own():
    told = config("vertex.root=gs://bucket/root", "vertex.data_path=gs://bucket/data")
    there = deployed(told, VERTEX)
    assert (there.root, there.data.path) == ("gs://bucket/root", "gs://bucket/data")
    assert there.push.directory == "gs://bucket/root/serving/taxi"
    assert deployed(told, LOCAL) is told
    assert deployed(told, KUBEFLOW).root == told.root


def test_a_relative_path_is_relative_to_the_file_and_a_volume_is_not():
    told = config("kubeflow.root=../runs/kfp", "kubeflow.data_path=/mnt/data").kubeflow
    assert told.root.endswith("/runs/kfp") and told.root.startswith("/")
    assert told.data_path == "/mnt/data"


def test_nothing_of_the_compiling_machine_decides_how_beam_runs_there():
    assert deployed(config("beam={mode: auto}"), VERTEX).beam.mode == "in_memory"
    assert deployed(config("beam={mode: multi_processing, workers: 3}"), VERTEX).beam.workers == 3
    assert deployed(config("vertex.beam={mode: multi_threading}"), VERTEX).beam.mode == "multi_threading"


def test_no_container_starts_containers():
    assert deployed(config("infra_validation.platform=docker"), KUBEFLOW).infra_validation.platform == "process"


def test_files_are_shown_so_that_every_machine_compiles_the_same(tmp_path, monkeypatch):
    inside, outside = f"{tmp_path}/here/schema.pbtxt", f"{tmp_path}/there/schema.pbtxt"
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert [VERTEX.shown(file) for file in (inside, outside, None)] == ["schema.pbtxt", "schema.pbtxt", ""]
    assert LOCAL.shown(inside) == inside


def test_a_custom_job_has_a_chief_and_workers():
    told = config(
        "vertex.trainer={machine_type: n1-standard-16, accelerator: NVIDIA_TESLA_V100, accelerators: 2, workers: 4, "
        "boot_disk_gib: 200, restart_on_worker_restart: true}"
    )
    job = custom_job(told.name, told.vertex, told.vertex.trainer)
    chief, workers = job["job_spec"]["worker_pool_specs"]
    assert (chief["replica_count"], workers["replica_count"]) == (1, 3)
    assert (
        chief["machine_spec"]
        == workers["machine_spec"]
        == {
            "machine_type": "n1-standard-16",
            "accelerator_type": "NVIDIA_TESLA_V100",
            "accelerator_count": 2,
        }
    )
    assert job["job_spec"]["scheduling"] == {"restart_job_on_worker_restart": True}
    assert "encryption_spec" not in job


@pytest.mark.parametrize(
    "directory, root, expected",
    [
        ("/srv/models", "gs://bucket/root", "gs://bucket/root/serving/taxi"),
        ("gs://models/taxi", "gs://bucket/root", "gs://models/taxi"),
        ("/srv/models", None, "/srv/models"),
    ],
)
def test_a_push_folder_of_this_machine_is_not_taken_along_to_a_root_elsewhere(directory, root, expected):
    here = config()
    here = here.model_copy(
        update={
            "push": here.push.model_copy(update={"directory": directory}),
            "vertex": here.vertex.model_copy(update={"root": root}),
        }
    )
    assert push_directory(deployed(here, VERTEX)) == expected
