"""Custom jobs and Dataflow, however a job says them: cost, roles, images, keys and checks see the same."""

import copy
import json
from datetime import date

import pytest
from apache_beam.runners.runner import _RUNNER_MAP
from golden_cases import CASES, GOLDEN, KEY

from millrace.access.needs import needs, unlisted
from millrace.base.errors import BadInput
from millrace.catalog.beam_runners import is_dataflow
from millrace.config.loading import load as load_config
from millrace.cost.prices import load_prices
from millrace.cost.resources import endpoint_rent, rents
from millrace.jobspec.checks import check
from millrace.jobspec.job import from_documents
from millrace.jobspec.named_images import named_images
from millrace.jobspec.rules.encryption import keyed_resources

PRICES = load_prices(None, date(2026, 11, 26))
DOCUMENT = json.loads((GOLDEN / "everything-vertex.json").read_text())
IMAGE = "us-central1-docker.pkg.dev/our-images/training/trainer:latest"
MACHINE = {"machine_type": "a2-highgpu-8g", "accelerator_type": "NVIDIA_TESLA_A100", "accelerator_count": 8}
POOL = {"machine_spec": MACHINE, "replica_count": 4, "container_spec": {"image_uri": IMAGE}}
RUNNERS = [
    "DataflowRunner",
    "dataflow",
    "DATAFLOWRUNNER",
    "apache_beam.runners.dataflow.dataflow_runner.DataflowRunner",
]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return load_config("conf/taxi.yaml", [*CASES["everything-vertex.json"], f"root={tmp_path_factory.mktemp('root')}"])


def of_google(pools, defaults=(), **given):
    """The job with a task of google-cloud-pipeline-components' custom job."""
    document = copy.deepcopy(DOCUMENT)
    spec = document["pipelineSpec"]
    values = {"worker_pool_specs": pools, **given}
    spec["components"]["comp-custom"] = {
        "executorLabel": "exec-custom",
        "inputDefinitions": {"parameters": {name: {"parameterType": "STRING"} for name in values}},
    }
    for name in defaults:
        declared = spec["components"]["comp-custom"]["inputDefinitions"]["parameters"][name]
        declared["defaultValue"] = values.pop(name)
    spec["deploymentSpec"]["executors"]["exec-custom"] = {
        "container": {"image": "gcr.io/ml-pipeline/google-cloud-pipeline-components:2.20.0", "args": ["--type"]}
    }
    spec["root"]["dag"]["tasks"]["custom"] = {
        "componentRef": {"name": "comp-custom"},
        "taskInfo": {"name": "custom"},
        "inputs": {
            "parameters": {name: {"runtimeValue": {"constant": value}} for name, value in values.items()},
        },
    }
    return from_documents([document])


@pytest.mark.parametrize(
    ("pools", "defaults"),
    [([POOL], ()), ([POOL, {}], ()), (json.dumps([POOL]), ()), ([POOL], ("worker_pool_specs", "project"))],
    ids=["listed", "one left out", "as text", "as defaults of the component"],
)
def test_a_custom_job_of_googles_own_component_is_one_for_all(config, pools, defaults):
    given = {"project": "my-gpus", "location": "us-central1", "encryption_spec_key_name": KEY}
    job = of_google(pools, defaults, **given, service_account="train@my-gpus.iam.gserviceaccount.com")
    [_, machines] = rents(job, "us-central1", PRICES)["custom"]
    assert machines.what == "4 x a2-highgpu-8g + 8 x NVIDIA_TESLA_A100" and machines.hourly > 90
    assert ("vertex.image", IMAGE) in named_images(job)
    [keyed] = [one for one in keyed_resources(job) if one.name == "the custom job of custom"]
    assert (keyed.key, keyed.region) == (KEY, "us-central1")
    found = {(one.account, one.role, one.resource) for one in needs(job, config)}
    account = "millrace@my-project.iam.gserviceaccount.com"
    agent = "the Vertex AI service agent of my-gpus"
    assert (account, "roles/aiplatform.user", "projects/my-gpus") in found
    assert (account, "roles/iam.serviceAccountUser", "train@my-gpus.iam.gserviceaccount.com") in found
    assert (agent, "roles/cloudkms.cryptoKeyEncrypterDecrypter", KEY) in found
    repository = "projects/our-images/locations/us-central1/repositories/training"
    assert (agent, "roles/artifactregistry.reader", repository) in found


@pytest.mark.parametrize(
    "pool",
    [
        {**POOL, "container_spec": {"image_uri": IMAGE, "args": ["--x={{$.inputs.parameters['x']}}"]}},
        {"machineSpec": {"machineType": "a2-highgpu-8g"}, "replicaCount": 4, "containerSpec": {"imageUri": IMAGE}},
        {**POOL, "container_spec": {}, "python_package_spec": {"executor_image_uri": IMAGE}},
    ],
    ids=["a placeholder in its arguments", "as JSON spells fields", "a Python package"],
)
def test_what_is_said_of_a_pool_is_known_whatever_else_stands_in_it(config, pool):
    job = of_google([pool])
    assert rents(job, "us-central1", PRICES)["custom"][1].what.startswith("4 x a2-highgpu-8g")
    assert ("vertex.image", IMAGE) in named_images(job)
    assert "projects/our-images/locations/us-central1/repositories/training" in {
        one.resource for one in needs(job, config)
    }
    assert not unlisted(job)


@pytest.mark.parametrize("pools", ["{{$.inputs.parameters['pools']}}", None], ids=["placeholder", "another task"])
def test_pools_that_only_the_run_will_know_are_a_custom_job_all_the_same(config, pools):
    job = of_google(pools)
    if pools is None:
        given = job.spec["root"]["dag"]["tasks"]["custom"]["inputs"]["parameters"]
        made = {"producerTask": "Trainer", "outputParameterKey": "pools"}
        given["worker_pool_specs"] = {"taskOutputParameter": made}
    with pytest.raises(BadInput, match="a machine of its custom job is known when the job runs alone"):
        rents(job, "us-central1", PRICES)
    assert any("{{" in image for _, image in named_images(job)), "which is no digest"
    assert "custom: the image of its custom job is known when the job runs alone" in unlisted(job)[0]
    assert "custom: makes the custom job" in {reason for one in needs(job, config) for reason in one.reasons}


def test_an_endpoint_is_priced_where_it_is_and_has_no_fewer_replicas_than_it_says():
    document = copy.deepcopy(DOCUMENT)
    given = document["pipelineSpec"]["root"]["dag"]["tasks"]["Pusher"]["inputs"]["parameters"]["custom_config"]
    values = json.loads(given["runtimeValue"]["constant"])
    del values["ai_platform_serving_args"]["max_replica_count"]
    values["ai_platform_serving_args"]["min_replica_count"] = 3
    given["runtimeValue"]["constant"] = json.dumps(values)
    assert endpoint_rent(from_documents([document]), "us-central1", PRICES)["Pusher"].what.startswith("3 x ")
    values["ai_platform_vertex_region"] = "europe-west4"
    given["runtimeValue"]["constant"] = json.dumps(values)
    with pytest.raises(BadInput, match="no price of europe-west4"):
        endpoint_rent(from_documents([document]), "us-central1", PRICES)


def test_no_accelerators_of_a_kind_are_none():
    machine = {"machine_type": "n1-standard-4", "accelerator_type": "NVIDIA_TESLA_A100", "accelerator_count": 0}
    [_, rented] = rents(of_google([{"machine_spec": machine}]), "us-central1", PRICES)["custom"]
    assert rented.what == "n1-standard-4"


@pytest.mark.parametrize(
    "option",
    [
        "--dataflow_service_options=worker_accelerator=type:nvidia-tesla-t4;count:4;install-nvidia-driver",
        "--experiments=worker_accelerator=type:nvidia-tesla-t4;count:1",
        "--dataflow_service_options=enable_prime",
    ],
)
def test_what_dataflow_rents_beyond_machines_has_no_price(option):
    document = copy.deepcopy(DOCUMENT)
    document["pipelineSpec"]["deploymentSpec"]["executors"]["Transform_executor"]["container"]["args"].append(option)
    with pytest.raises(BadInput, match="has Dataflow rent what no price is known of"):
        rents(from_documents([document]), "us-central1", PRICES)


def test_the_image_of_workers_is_known_by_beams_older_option_too(config):
    document = copy.deepcopy(DOCUMENT)
    args = document["pipelineSpec"]["deploymentSpec"]["executors"]["Transform_executor"]["container"]["args"]
    args[:] = [word for word in args if "sdk_container_image" not in word] + [
        f"--worker_harness_container_image={IMAGE}"
    ]
    assert ("vertex.image", IMAGE) in named_images(from_documents([document]))


def test_a_custom_job_of_another_region_has_that_regions_price():
    with pytest.raises(BadInput, match="no price of europe-west4"):
        rents(of_google([POOL], location="europe-west4"), "us-central1", PRICES)


def test_what_only_the_run_will_know_of_a_custom_job_has_no_price(config):
    job = of_google([{**POOL, "replica_count": "{{$.inputs.parameters['workers']}}"}])
    with pytest.raises(BadInput, match="a machine of its custom job is known when the job runs alone"):
        rents(job, "us-central1", PRICES)
    needs(job, config)
    assert not [one for one in check(job) if one.where == "custom, custom job"]


def test_the_pipelines_own_project_stands_for_its_placeholder(config):
    job = of_google(
        [POOL], project="{{$.pipeline_google_cloud_project_id}}", location="{{$.pipeline_google_cloud_location}}"
    )
    made = [one for one in needs(job, config) if any("custom: makes" in reason for reason in one.reasons)]
    assert [one.resource for one in made] == ["projects/my-project"]
    [keyed] = [one for one in keyed_resources(job) if one.name == "the custom job of custom"]
    assert keyed.region == ""


@pytest.mark.parametrize(
    ("account", "writer"),
    [
        ("train@my-gpus.iam.gserviceaccount.com", "train@my-gpus.iam.gserviceaccount.com"),
        ("", "the Vertex AI Custom Code service agent of my-gpus"),
    ],
)
def test_whoever_a_custom_job_runs_as_may_write_where_it_writes(config, account, writer):
    given = {"project": "my-gpus", "base_output_directory": "gs://my-results/models"}
    job = of_google([POOL], **given, **({"service_account": account} if account else {}))
    found = {(one.account, one.role, one.resource) for one in needs(job, config)}
    assert (writer, "roles/storage.objectUser", "gs://my-results") in found
    acts_as = [one.resource for one in needs(job, config) if one.role == "roles/iam.serviceAccountUser"]
    assert (account in acts_as) == bool(account) and writer not in set(acts_as) - {account}


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        ("a2-highgpu-8g", "custom.worker_pool_specs[1] is text, and a mapping is needed"),
        ({"machine_spec": {"accelerator_count": -8}}, "worker_pool_specs[1].machine_spec.accelerator_count is -8"),
    ],
)
def test_a_pool_that_is_none_is_refused_by_its_place(pool, words):
    with pytest.raises(BadInput) as refused:
        of_google([{**POOL, "replica_count": "{{$.inputs.parameters['workers']}}"}, pool])
    assert words in refused.value.what


@pytest.mark.parametrize("runner", RUNNERS)
def test_dataflow_is_dataflow_by_every_name_that_beam_takes(config, runner):
    document = json.loads(json.dumps(DOCUMENT).replace("--runner=DataflowRunner", f"--runner={runner}"))
    document = json.loads(json.dumps(document).replace("us-central1-docker.pkg.dev/my-project/millrace", IMAGE[:-7]))
    job, as_ours = from_documents([document]), from_documents([DOCUMENT])
    assert [len(rented) for rented in rents(job, "us-central1", PRICES).values()] == [
        len(rented) for rented in rents(as_ours, "us-central1", PRICES).values()
    ]
    assert any(one.what.startswith("Dataflow") for one in rents(job, "us-central1", PRICES)["Transform"])
    assert {one.role for one in needs(job, config)} >= {"roles/dataflow.developer", "roles/dataflow.worker"}
    assert len(list(named_images(job))) == len(list(named_images(as_ours)))
    assert [one.key for one in keyed_resources(job) if one.name == "the Dataflow job of Transform"] == [KEY]
    assert [one for one in check(job) if one.rule == "beam-image"]


@pytest.mark.parametrize("name", sorted({*_RUNNER_MAP, *_RUNNER_MAP.values()}))
def test_beams_own_names_are_read_as_beam_reads_them(name):
    assert is_dataflow(name) == ("dataflow" in name.lower())
    if name.endswith("runner"):
        assert is_dataflow(name.removesuffix("runner")) == is_dataflow(name)
