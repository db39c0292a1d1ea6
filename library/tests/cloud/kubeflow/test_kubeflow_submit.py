"""Submitting to Kubeflow Pipelines, against a server that enforces its backend's rules."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from fake_kubeflow import FakeKubeflow
from small_job import bare_job

from millrace.base.errors import BadInput
from millrace.base.outcomes import State
from millrace.cloud.kubeflow.client import has_client
from millrace.cloud.kubeflow.service import KubeflowService
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.remote.jobs import JobState
from millrace.config.cloud_sections import KubeflowDeployment, Schedule
from millrace.jobspec.job import load

HAS_CLIENT = has_client()
needs_client = pytest.mark.skipif(not HAS_CLIENT, reason="TFX brings kfp on Python 3.10 and 3.11 only")
RUNS = r"/runs$"
GOLDEN = Path(__file__).parents[2] / "jobspec" / "golden"


@pytest.fixture
def fake() -> Iterator[FakeKubeflow]:
    with FakeKubeflow() as service:
        yield service


def kubeflow(fake: FakeKubeflow, **settings) -> KubeflowService:
    values = {"host": fake.url, "request_seconds": 5.0, **settings}
    return KubeflowService(KubeflowDeployment(**values), "small", pauses=(0.01, 0.01, 0.01))


def ready():
    """The job with a value for its parameter: a bare spec has none of its own, so it is carried beside it."""
    return bare_job().with_values({"steps": "20"})


@pytest.mark.skipif(HAS_CLIENT, reason="the client is here")
def test_without_the_client_the_python_that_has_it_is_named():
    with pytest.raises(BadInput, match=r"on Python 3\.10 and 3\.11 only"):
        KubeflowService(KubeflowDeployment(host="http://127.0.0.1:1"), "small")


@needs_client
def test_everything_that_the_job_says_reaches_the_request(fake, monkeypatch, capsys):
    monkeypatch.setenv("KFP_TOKEN", "s3cret-token")
    made = kubeflow(fake, token_env="KFP_TOKEN", service_account="runner").submit(ready(), "small-1")
    [request] = fake.sent("POST", RUNS)
    body = request.body
    assert body["display_name"] == "small-1"
    assert body["runtime_config"] == {"parameters": {"steps": 20}, "pipeline_root": "minio://a-bucket/small"}
    assert body["service_account"] == "runner"
    assert body["pipeline_spec"]["root"]["dag"]["tasks"]["Learner"]["cachingOptions"] == {}
    assert body["pipeline_spec"]["root"]["dag"]["tasks"]["Reader"]["cachingOptions"] == {"enableCache": True}
    assert body["pipeline_spec"]["deploymentSpec"] == ready().spec["deploymentSpec"]
    assert [one["display_name"] for one in fake.experiments.values()] == ["small"]
    assert {one.headers["authorization"] for one in fake.requests if "authorization" in one.headers} == {
        "Bearer s3cret-token"
    }
    assert "s3cret-token" not in str([one.body for one in fake.requests])
    assert made.link == f"{fake.url}/#/runs/details/{made.name}"
    assert capsys.readouterr().out == "", "the client's own links are not printed"


@needs_client
def test_a_platform_that_is_spoken_of_goes_along(fake):
    job = replace(ready(), platform={"kubernetes": {"deploymentSpec": {"executors": {}}}})
    kubeflow(fake).submit(job, "small-1")
    assert set(fake.sent("POST", RUNS)[0].body["pipeline_spec"]) == {"pipeline_spec", "platform_spec"}


@needs_client
def test_what_the_service_refuses_is_told_in_its_own_words(fake):
    for job, words in (
        (bare_job(), r"missing required input parameter\(s\): steps"),
        (replace(ready(), spec={**ready().spec, "schemaVersion": "2.0.0"}), "only schema version 2.1.0"),
    ):
        with pytest.raises(ServiceFailure, match=words) as caught:
            kubeflow(fake).submit(job, "small-1")
        assert caught.value.exit_code == 2
    assert fake.runs == {}


@needs_client
@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, 2, "kubeflow.token_env (none is set)"),
        (403, 2, "ask whoever runs the installation"),
        (404, 2, "see whether kubeflow.host is right"),
        (409, 2, "choose another name"),
        (429, 1, "ask for more quota"),
        (500, 1, "try again in some minutes"),
    ],
)
def test_each_error_has_a_remedy_and_an_exit_code_and_leaves_no_run(fake, status, code, words):
    service = kubeflow(fake)
    fake.fail("POST", RUNS, status, times=99, message="a message of the service")
    with pytest.raises(ServiceFailure, match="a message of the service") as caught:
        service.submit(ready(), "small-1")
    assert caught.value.exit_code == code
    assert words in caught.value.remedy
    assert fake.url in caught.value.where
    assert len(fake.sent("POST", RUNS)) == (4 if status in (429, 500) else 1)
    assert fake.runs == {}


@needs_client
def test_a_lost_answer_starts_no_second_run(fake):
    service = kubeflow(fake, request_seconds=0.5)
    fake.fail("POST", RUNS, 500, after=True)
    service.submit(ready(), "small-1")
    fake.fail("POST", RUNS, None, after=True)
    service.submit(ready(), "small-2")
    assert sorted(run["display_name"] for run in fake.runs.values()) == ["small-1", "small-2"]


@needs_client
def test_nothing_is_sent_again_after_a_silence(fake):
    service = kubeflow(fake, request_seconds=0.3)
    fake.fail("POST", RUNS, None)
    with pytest.raises(ServiceFailure, match=r"did not answer within 0\.3 s; whether it was done .* is not known"):
        service.submit(ready(), "small-1")
    assert len(fake.sent("POST", RUNS)) == 1


@needs_client
@pytest.mark.parametrize(
    ("status", "words"), [(None, "did not answer within"), (401, "does not accept the credentials"), (503, "cannot be")]
)
def test_a_service_that_is_not_well_is_found_out_at_once(fake, status, words):
    fake.fail("GET", "/healthz", status, times=99)
    with pytest.raises(ServiceFailure, match=words):
        kubeflow(fake, request_seconds=0.3)
    assert len(fake.requests) == 1


@needs_client
def test_where_and_who_must_be_said(fake, monkeypatch):
    monkeypatch.delenv("KFP_TOKEN", raising=False)
    with pytest.raises(BadInput, match="address of Kubeflow Pipelines is not set"):
        KubeflowService(KubeflowDeployment(), "small")
    with pytest.raises(BadInput, match="KFP_TOKEN is not set"):
        kubeflow(fake, token_env="KFP_TOKEN")
    fake.multi_user = True
    with pytest.raises(BadInput, match="a namespace per user"):
        kubeflow(fake)
    kubeflow(fake, namespace="trips").submit(ready(), "small-1")


@needs_client
def test_a_run_is_followed_to_its_end(fake):
    service = kubeflow(fake)
    fake.outcomes = {"Reader": "SKIPPED", "Pusher": "SKIPPED"}
    run = service.submit(ready(), "small-1").name
    seen = [service.job(run) for _ in range(5)]
    assert [job.state for job in seen] == [*[JobState.RUNNING] * 3, *[JobState.DONE] * 2]
    states = {task.name: task.state for task in seen[-1].tasks}
    assert states == {"Reader": State.CACHED, "Learner": State.DONE, "Pusher": State.SKIPPED}
    assert seen[-1].exit_code == 3


@needs_client
def test_a_failed_task_is_told_with_its_log(fake):
    service = kubeflow(fake)
    fake.outcomes = {"Learner": "FAILED"}
    run = service.submit(ready(), "small-1").name
    job = [service.job(run) for _ in range(4)][-1]
    assert (job.state, job.exit_code, job.failure) == (JobState.FAILED, 1, "a task failed")
    [failed] = [task for task in job.tasks if task.state is State.FAILED]
    assert failed.note.startswith("log: kubectl logs small-")


@needs_client
def test_runs_are_listed_newest_first_and_cancelled(fake):
    service = kubeflow(fake)
    assert service.jobs("small", 5) == []
    names = [service.submit(ready(), f"small-{number}").name for number in range(3)]
    assert [job.name for job in service.jobs("small", 2)] == names[:0:-1]
    assert len(service.jobs("", 5)) == 3
    service.cancel(names[0])
    assert service.job(names[0]).state is JobState.CANCELLED
    with pytest.raises(ServiceFailure, match="not found"):
        service.cancel("no-such-run")


@needs_client
def test_a_recurring_run_is_made_listed_and_deleted(fake):
    service = kubeflow(fake)
    start = datetime(2030, 1, 1, tzinfo=timezone.utc)
    made = service.create_schedule(ready(), "nightly", Schedule(cron="30 5 * * 1", start=start, max_concurrent_runs=2))
    [request] = fake.sent("POST", "/recurringruns$")
    assert request.body["trigger"]["cron_schedule"]["cron"] == "0 30 5 * * 1", "seconds come first here"
    assert datetime.fromisoformat(request.body["trigger"]["cron_schedule"]["start_time"]) == start
    assert request.body["max_concurrency"] == 2
    assert request.body["no_catchup"] is True
    assert [(one.name, one.title, one.state) for one in service.schedules()] == [(made.name, "nightly", "active")]
    assert [(one.cron, one.next_run) for one in service.schedules()] == [("0 30 5 * * 1", None)]
    service.delete_schedule(made.name)
    assert service.schedules() == []
    with pytest.raises(BadInput, match="one for the whole installation"):
        service.create_schedule(ready(), "nightly", Schedule(cron="TZ=Europe/Zurich 30 5 * * *"))


@needs_client
@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*-kubeflow.yaml")), ids=lambda file: file.stem)
def test_what_the_compiler_writes_is_taken_as_it_is(fake, file):
    job = load(file)
    kubeflow(fake).submit(job, "golden-1")
    sent = fake.sent("POST", RUNS)[0].body["pipeline_spec"]
    # The client writes protocol buffers: 7 as 7.0, and what is false or empty not at all.
    assert _message(sent["pipeline_spec"]) == _message(job.spec)
    assert sent["platform_spec"] == {"platforms": job.platform}


def _message(spec):
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    return json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
