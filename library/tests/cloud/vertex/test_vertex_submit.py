"""Submitting to Vertex AI, against a server that enforces its rules: what reaches it, and what its refusals become."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fake_vertex import FakeVertex
from small_job import small_job

from millrace.base.errors import BadInput
from millrace.base.outcomes import State
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.remote.jobs import JobState
from millrace.cloud.vertex.client import credentials, place
from millrace.cloud.vertex.service import VertexService
from millrace.config.cloud_sections import Schedule, VertexDeployment
from millrace.jobspec.job import load

PARENT = "projects/a-project/locations/us-central1"
CREATE = r"/pipelineJobs$"
GOLDEN = Path(__file__).parents[2] / "jobspec" / "golden"


@pytest.fixture
def fake() -> Iterator[FakeVertex]:
    with FakeVertex() as service:
        yield service


def vertex(fake: FakeVertex, **settings) -> VertexService:
    values = {"project": "a-project", "api_endpoint": fake.url, "request_seconds": 5.0, **settings}
    return VertexService(VertexDeployment(**values), pauses=(0.01, 0.01, 0.01))


def ready(**settings):
    return small_job(**settings).with_values({"steps": "20"})


def asking(**resources):
    """A job with a task that asks for so much of a machine."""
    job = ready()
    job.executors["exec-comp-learner"]["container"]["resources"] = resources
    return job


def test_everything_that_the_job_says_reaches_the_request(fake):
    key = "projects/a-project/locations/us-central1/keyRings/ring/cryptoKeys/key"
    job = ready(
        serviceAccount="runner@a-project.iam.gserviceaccount.com",
        network="projects/12345/global/networks/inner",
        reservedIpRanges=["range-one"],
        encryptionSpec={"kmsKeyName": key},
    )
    job = replace(job, runtime={**job.runtime, "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_FAST"})
    made = vertex(fake).submit(job, "small-1")
    [request] = fake.sent("POST", CREATE)
    assert request.query["pipelineJobId"] == "small-1"
    body = request.body
    assert body["displayName"] == "A small job"
    assert body["labels"] == {"team": "trips"}
    assert body["serviceAccount"] == "runner@a-project.iam.gserviceaccount.com"
    assert body["network"] == "projects/12345/global/networks/inner"
    assert body["reservedIpRanges"] == ["range-one"]
    assert body["encryptionSpec"] == {"kmsKeyName": key}
    assert body["runtimeConfig"]["gcsOutputDirectory"] == "gs://a-bucket/small"
    assert body["runtimeConfig"]["parameterValues"] == {"steps": 20}
    # By number, as the client is told to write enumerations: 2 is PIPELINE_FAILURE_POLICY_FAIL_FAST.
    assert body["runtimeConfig"]["failurePolicy"] == 2
    assert body["pipelineSpec"] == job.spec, "the spec arrives as it was compiled, caching of each task included"
    assert made.name == "small-1"
    assert made.state is JobState.WAITING
    assert made.link.endswith("/us-central1/pipelines/runs/small-1?project=a-project")


def test_nothing_but_the_job_is_asked_for(fake):
    vertex(fake).submit(ready(), "small-1")
    assert len(fake.requests) == 1, "the client's own look for the bucket, which takes most of a minute, is not made"


def test_the_bucket_is_asked_for_once_and_quickly(fake):
    service = vertex(fake)
    service.check(ready())
    elsewhere = replace(ready(), runtime={"gcsOutputDirectory": "gs://no-such-bucket/x"})
    with pytest.raises(BadInput, match="there is no bucket no-such-bucket"):
        service.check(elsewhere)
    with pytest.raises(BadInput, match="is not in Cloud Storage"):
        service.check(replace(ready(), runtime={"gcsOutputDirectory": "/tmp/x"}))
    assert len(fake.sent("GET", "/storage/v1/b/")) == 2


def test_a_bucket_that_may_not_be_seen_is_no_obstacle(fake):
    fake.fail("GET", "/storage", 403)
    vertex(fake).check(ready())
    assert len(fake.sent("GET", "/storage/v1/b/")) == 1, "it is asked for, and the answer is taken"


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (ready(labels={"Team": "trips"}), "Invalid label 'Team'"),
        (ready(serviceAccount="nobody"), "Invalid service account"),
        (ready(network="projects/a-project/global/networks/inner"), "Invalid network name"),
        (small_job(), "Missing required runtime parameters: steps"),
        (
            ready(encryptionSpec={"kmsKeyName": "projects/p/locations/eu/keyRings/r/cryptoKeys/k"}),
            "The CMEK key is in eu",
        ),
        (
            replace(ready(), runtime={"gcsOutputDirectory": "/tmp/x", "parameterValues": {"steps": 1}}),
            "Cloud Storage path",
        ),
        (asking(accelerator={"type": "NVIDIA_T4", "count": "1"}), "there is no accelerator NVIDIA_T4"),
        (asking(accelerator={"type": "NVIDIA_TESLA_T4", "count": "3"}), "no machine has 3 of NVIDIA_TESLA_T4"),
        (asking(cpuLimit=1000.0), "a step gets 96 at most"),
    ],
)
def test_what_the_service_refuses_is_told_in_its_own_words(fake, job, words):
    with pytest.raises(ServiceFailure, match=words) as caught:
        vertex(fake).submit(job, "small-1")
    assert caught.value.exit_code == 2
    assert fake.jobs == {}


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, 2, "gcloud auth application-default login"),
        (403, 2, "roles/aiplatform.user on project a-project"),
        (404, 2, "see whether vertex.project and vertex.region are right"),
        (409, 2, "choose another --job-id"),
        (429, 1, "ask for more of the quota"),
        (500, 1, "try again in some minutes"),
    ],
)
def test_each_error_has_a_remedy_and_an_exit_code_and_leaves_no_job(fake, status, code, words):
    fake.fail("POST", CREATE, status, times=99, message="a message of the service")
    with pytest.raises(ServiceFailure) as caught:
        vertex(fake).submit(ready(), "small-1")
    assert caught.value.exit_code == code
    assert words in caught.value.remedy
    assert PARENT in caught.value.where
    assert status == 401 or "a message of the service" in caught.value.what
    assert len(fake.sent("POST", CREATE)) == (4 if status in (429, 500) else 1)
    assert fake.jobs == {}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_trouble_is_waited_out(fake, status):
    fake.fail("POST", CREATE, status, times=2)
    assert vertex(fake).submit(ready(), "small-1").name == "small-1"
    assert len(fake.sent("POST", CREATE)) == 3
    assert len(fake.jobs) == 1


@pytest.mark.parametrize("status", [500, None])
def test_a_lost_answer_starts_no_second_job(fake, status):
    fake.fail("POST", CREATE, status, after=True)
    assert vertex(fake, request_seconds=0.5).submit(ready(), "small-1").name == "small-1"
    assert len(fake.jobs) == 1
    assert len(fake.sent("POST", CREATE)) == 1, "it was looked for, and found"


def test_a_service_that_hangs_is_given_up_and_the_doubt_is_reported(fake):
    fake.fail("POST", CREATE, None, times=99)
    fake.fail("GET", CREATE.replace("$", "/"), None, times=99)
    with pytest.raises(
        ServiceFailure, match=r"did not answer within 0.3 s; whether it was done .* is not known"
    ) as caught:
        vertex(fake, request_seconds=0.3).submit(ready(), "small-1")
    assert "--job-id small-1 starts no second job" in caught.value.remedy
    assert len(fake.sent("POST", CREATE)) == 2


def test_no_way_to_the_service():
    with FakeVertex() as gone:
        service = vertex(gone)
    with pytest.raises(ServiceFailure, match=r"could not be reached to start the job: .*refused") as caught:
        service.submit(ready(), "small-1")
    assert caught.value.exit_code == 1


def test_plain_http_is_for_this_machine_only():
    with pytest.raises(BadInput, match="plain HTTP to another machine"):
        VertexService(VertexDeployment(project="a-project", api_endpoint="http://vertex.example.org"))


def test_a_project_is_needed():
    with pytest.raises(BadInput, match="project is not set"):
        VertexService(VertexDeployment())


def test_without_credentials_the_command_that_brings_them_is_named(monkeypatch, tmp_path):
    # A machine without a home of Google's command line, without variables, and outside of Google's cloud.
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(ServiceFailure, match="no credentials that can be used") as caught:
        VertexService(VertexDeployment(project="a-project"))
    assert caught.value.remedy == "gcloud auth application-default login"
    assert caught.value.exit_code == 2


def test_a_job_is_followed_to_its_end(fake):
    service = vertex(fake)
    fake.outcomes = {"Reader": "SKIPPED", "Pusher": "NOT_TRIGGERED"}
    service.submit(ready(), "small-1")
    seen = [service.job("small-1") for _ in range(6)]
    assert [job.state for job in seen] == [*[JobState.RUNNING] * 3, *[JobState.DONE] * 3]
    assert [task.name for task in seen[0].tasks] == ["Reader"], "the graph itself is not a task"
    states = {task.name: task.state for task in seen[-1].tasks}
    assert states == {"Reader": State.CACHED, "Learner": State.DONE, "Pusher": State.SKIPPED}
    assert seen[-1].exit_code == 3, "a condition that did not hold is a gate's no"


def test_a_failed_task_is_told_with_its_log(fake):
    service = vertex(fake)
    fake.outcomes = {"Learner": "FAILED"}
    service.submit(ready(), "small-1")
    job = [service.job("small-1") for _ in range(4)][-1]
    assert (job.state, job.exit_code) == (JobState.FAILED, 1)
    [failed] = [task for task in job.tasks if task.state is State.FAILED]
    assert failed.failure.startswith("The replica workerpool0-0 exited")
    assert f"gcloud ai custom-jobs stream-logs {PARENT}/customJobs/" in failed.note
    assert "failed tasks are: [Learner]" in job.failure


def test_a_gate_that_says_no_is_told_from_a_failure(fake):
    service = vertex(fake)
    fake.outcomes, fake.codes = {"Learner": "FAILED"}, {"Learner": 3}
    service.submit(ready(), "small-1")
    job = [service.job("small-1") for _ in range(4)][-1]
    assert (job.state, job.exit_code) == (JobState.FAILED, 3)
    assert {task.name: task.state for task in job.tasks} == {"Reader": State.DONE, "Learner": State.BLOCKED}


def test_only_a_persons_requests_name_the_project_that_they_count_for(tmp_path, monkeypatch):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    person = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    account = {"type": "service_account", "client_email": "a@b.iam.gserviceaccount.com", "token_uri": "https://t"}
    where = place(VertexDeployment(project="a-project"))
    for said, named in (
        (person, "a-project"),
        ({**person, "quota_project_id": "another-project"}, "another-project"),
        ({**account, "private_key": key.decode()}, None),
    ):
        (tmp_path / "key.json").write_text(json.dumps(said))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        assert credentials(where).quota_project_id == named


@pytest.mark.parametrize("key", ["blessed", "trial_blessed"])
@pytest.mark.parametrize(("blessed", "code", "note"), [(1, 0, ""), (0, 3, "not blessed")])
def test_a_model_that_is_not_blessed_is_a_no_although_the_job_succeeds(fake, key, blessed, code, note):
    service = vertex(fake)
    verdict = {"name": "a/1", "schemaTitle": "tfx.ModelBlessing", "metadata": {key: blessed}}
    fake.outputs = {"Learner": {"blessing": {"artifacts": [verdict]}}}
    service.submit(ready(), "small-1")
    job = [service.job("small-1") for _ in range(5)][-1]
    assert (job.state, job.exit_code) == (JobState.DONE, code)
    assert [(task.name, task.note) for task in job.tasks][1] == ("Learner", note)


def test_jobs_are_listed_newest_first_and_cancelled(fake):
    service = vertex(fake)
    for name in ("small-1", "small-2", "small-3"):
        service.submit(ready(), name)
    assert [job.name for job in service.jobs("small", 2)] == ["small-3", "small-2"]
    assert service.jobs("another", 5) == []
    assert {job.pipeline for job in service.jobs("", 5)} == {"small"}
    service.cancel("small-2")
    cancelled = service.job("small-2")
    assert (cancelled.state, cancelled.exit_code) == (JobState.CANCELLED, 130)
    with pytest.raises(ServiceFailure, match="does not exist"):
        service.cancel("small-9")


def test_a_schedule_carries_the_whole_job(fake):
    service = vertex(fake)
    when = Schedule(cron="TZ=Europe/Zurich 30 5 * * *", max_runs=10, max_concurrent_runs=2, queue=True)
    made = service.create_schedule(ready(serviceAccount="a@b.iam.gserviceaccount.com"), "nightly", when)
    [request] = fake.sent("POST", "/schedules$")
    inner = request.body["createPipelineJobRequest"]["pipelineJob"]
    assert inner["pipelineSpec"] == ready().spec
    assert inner["serviceAccount"] == "a@b.iam.gserviceaccount.com"
    assert inner["displayName"] == "A small job"
    assert (request.body["maxRunCount"], request.body["maxConcurrentRunCount"]) == ("10", "2")
    assert request.body["allowQueueing"] is True
    assert [(one.name, one.title, one.cron, one.state) for one in service.schedules()] == [
        (made.name, "nightly", "TZ=Europe/Zurich 30 5 * * *", "active")
    ]
    of_a_monitor = {"name": "another", "cron": "0 0 * * *", "createModelMonitoringJobRequest": {"parent": "a monitor"}}
    fake.made_schedules["another"] = of_a_monitor
    assert [one.name for one in service.schedules()] == [made.name]
    service.delete_schedule(made.name)
    assert service.schedules() == []


def test_a_schedule_is_not_made_twice_after_a_silence(fake):
    service = vertex(fake, request_seconds=0.5)
    fake.fail("POST", "/schedules$", None, after=True)
    assert service.create_schedule(ready(), "nightly", Schedule(cron="0 5 * * *")).title == "nightly"
    fake.fail("POST", "/schedules$", None)
    with pytest.raises(ServiceFailure, match="is not known") as caught:
        service.create_schedule(ready(), "weekly", Schedule(cron="0 5 * * 1"))
    assert caught.value.remedy.endswith("millrace schedules list")
    assert len(fake.sent("POST", "/schedules$")) == 2
    assert len(fake.made_schedules) == 1


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*-vertex*.json")), ids=lambda file: file.stem)
def test_what_the_compiler_writes_is_taken_as_it_is(fake, file):
    job = load(file)
    fake.buckets = {"my-bucket"}
    service = vertex(fake)
    service.check(job)
    service.submit(job, "golden-1")
    body = fake.sent("POST", CREATE)[0].body
    assert body["pipelineSpec"] == job.spec
    assert body.get("labels", {}) == job.labels
    sent = {key: body[key] for key in job.settings}
    assert sent == job.settings
