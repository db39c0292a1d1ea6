"""From `millrace submit --wait` to a pushed model: the job that Vertex AI's stand-in receives is the job that runs."""

import re
from pathlib import Path

import pytest
import yaml
from fake_vertex import FakeVertex
from rehearsing import Rehearsed

PASSWORD = "n0t-in-any-spec"
IMAGE = "europe-docker.pkg.dev/a-project/images/millrace@sha256:" + "1" * 64


def deploy(project, fake: FakeVertex) -> None:
    """Names in the project's configuration all that a deployment needs."""
    values = yaml.safe_load(project.conf.read_text())
    values["vertex"] = {
        "project": "a-project",
        "api_endpoint": fake.url,
        "root": "gs://a-bucket/millrace",
        "data_path": "gs://a-bucket/data",
        "image": IMAGE,
        "service_account": "runner@a-project.iam.gserviceaccount.com",
        "network": "projects/12345/global/networks/inner",
        "reserved_ip_ranges": ["range-one"],
        "encryption_key": "projects/a-project/locations/us-central1/keyRings/ring/cryptoKeys/key",
        "labels": {"team": "trips"},
        "failure_policy": "fast",
        "stages": {"Pusher": {"caching": False}, "Trainer": {"cpu": 2, "memory_gb": 8}},
    }
    project.conf.write_text(yaml.safe_dump(values))


@pytest.fixture(scope="module")
def work(project, tmp_path_factory) -> Rehearsed:
    """Does the jobs' work, and keeps what they made, as a pipeline root does."""
    return Rehearsed(tmp_path_factory.mktemp("cloud"), {"gs://a-bucket/data": project.data})


@pytest.mark.slow
def test_from_submit_to_a_pushed_model(project, work):
    with FakeVertex(work=work) as fake:
        deploy(project, fake)
        finished = project.millrace(
            "submit", "--wait", "--every", "0.5", "--param", "training_steps=40", MYSQL_PASSWORD=PASSWORD
        )
        assert finished.code == 0, finished.output
        assert re.search(r"Pusher +done", finished.output), finished.output
        assert re.search(r"^job taxi-\S+: done in ", finished.output, re.MULTILINE)
        assert work.result is not None
        assert work.result.exit_code == 0
        assert list(Path(work.result.pushed_to).rglob("saved_model.pb")), work.result.pushed_to

        [job] = fake.jobs.values()
        assert job["runtimeConfig"]["parameterValues"]["training_steps"] == 40
        assert job["labels"]["team"] == "trips"
        assert job["serviceAccount"] == "runner@a-project.iam.gserviceaccount.com"
        assert job["network"] == "projects/12345/global/networks/inner"
        assert job["reservedIpRanges"] == ["range-one"]
        assert job["encryptionSpec"]["kmsKeyName"].endswith("/cryptoKeys/key")
        assert job["runtimeConfig"]["failurePolicy"] == 2, "PIPELINE_FAILURE_POLICY_FAIL_FAST"
        tasks = job["pipelineSpec"]["root"]["dag"]["tasks"]
        assert not tasks["Pusher"].get("cachingOptions", {}).get("enableCache")
        assert tasks["Trainer"]["cachingOptions"]["enableCache"] is True
        assert PASSWORD not in str([request.body for request in fake.requests])


@pytest.mark.slow
def test_a_gate_says_no_there_as_it_does_here(project, work):
    project.edit("schema/taxi/schema.pbtxt", 'value: "Cash"', 'value: "Coins"')
    with FakeVertex(work=work) as fake:
        deploy(project, fake)
        finished = project.millrace("submit", "--wait", "--every", "0.5")
        assert finished.code == 3, finished.output
        assert re.search(r"ExampleGen +cached", finished.output), finished.output
        assert re.search(r"DataGate +blocked", finished.output)
        assert "DataGate: said no, its log says why" in finished.output
        assert "log: gcloud ai custom-jobs stream-logs" in finished.output
        assert re.search(r"^job taxi-\S+: blocked in ", finished.output, re.MULTILINE)
