"""Events of a cloud: what is understood of them, what the policy makes of it, and that nothing is started twice."""

import base64
import json
import re
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import functions_framework
import pytest
from fake_vertex import FakeVertex
from small_job import small_job

from millrace.base.errors import BadInput
from millrace.cloud.vertex.service import VertexService
from millrace.config.loading import load
from millrace.triggers.cloud_events import (
    MESSAGE_PUBLISHED,
    OBJECT_FINALIZED,
    EventFunction,
    HeldBack,
    answer,
    happening_of,
)

CHECKOUT = Path(__file__).parents[3]
POLICY = "triggers={span: {rows: 1000, done_file: _SUCCESS}, alerts: [monitor/*], cool_down_minutes: 0}"


def settings(*more):
    return (
        "data.pattern=span-{SPAN}/*.csv",
        "vertex.data_path=gs://trips/taxi",
        "vertex.project=a-project",
        POLICY,
        *more,
    )


NOTIFIED = {"eventType": "OBJECT_FINALIZE", "bucketId": "trips", "objectId": "taxi/span-4/_SUCCESS"}


def configured(*more):
    return load("conf/taxi.yaml", settings(*more))


def finalized(name, bucket="trips", id="1"):
    source = f"//storage.googleapis.com/projects/_/buckets/{bucket}"
    return {"id": id, "source": source, "type": OBJECT_FINALIZED, "data": {"bucket": bucket, "name": name}}


def published(content, id="77", attributes=None):
    data = base64.b64encode(content if isinstance(content, bytes) else json.dumps(content).encode()).decode()
    message = {"data": data, "messageId": id, "attributes": attributes or {}}
    source = "//pubsub.googleapis.com/projects/a-project/topics/alerts"
    return {"id": id, "source": source, "type": MESSAGE_PUBLISHED, "data": {"message": message}}


def alert(key="monitor/drift/fare", state="firing", pipeline="taxi"):
    return {"kind": "alert", "pipeline": pipeline, "alerts": [{"key": key, "state": state}]}


@pytest.fixture
def vertex():
    with FakeVertex() as service:
        yield service


@pytest.fixture
def service(vertex):
    config = configured(f"vertex.api_endpoint={vertex.url}")
    return VertexService(config.vertex, pauses=(0.01,))


JOB = small_job().with_values({"steps": "20"})
JOB.spec["pipelineInfo"]["name"] = "taxi"
JOB.runtime["failurePolicy"] = "PIPELINE_FAILURE_POLICY_FAIL_SLOW"


def answered(service, event, *more):
    return answer(configured(*more), service, JOB, event, time.time())


@pytest.mark.parametrize(
    ("more", "event", "key"),
    [
        ((), finalized("taxi/span-3/_SUCCESS"), "span-3"),
        ((), finalized("taxi/span-3/trips.csv"), None),
        ((), finalized("taxi/span-x/_SUCCESS"), None),
        ((), finalized("taxi/old/span-3/_SUCCESS"), None),
        ((), finalized("taxi/span-3/_SUCCESS", bucket="other"), None),
        (("data.pattern={YYYY}-{MM}-{DD}/v{VERSION}/*.csv",), finalized("taxi/1970-02-01/v2/_SUCCESS"), "span-31-v2"),
        (("data.pattern={YYYY}-{MM}-{DD}/*.csv",), finalized("taxi/1970-02-31/_SUCCESS"), None),
        (("data.pattern=trips-{SPAN}.csv", "triggers.span={rows: 1000}"), finalized("taxi/trips-12.csv"), "span-12"),
        ((), {"id": "1", "source": "s", "type": "google.cloud.audit.log.v1.written", "data": None}, None),
        ((), {"id": "1", "source": "s", "type": OBJECT_FINALIZED, "data": "x"}, None),
        ((), {"id": "1", "source": "s", "type": MESSAGE_PUBLISHED, "data": {"message": None}}, None),
        ((), published(alert()), "alert-"),
        ((), published(alert(state="resolved")), None),
        ((), published(alert(key="service/latency")), None),
        ((), published(alert(pipeline="other")), None),
        ((), published({"because": "the load is done"}), "call-"),
        ((), published({"because": " "}), None),
        ((), published(b"\xff\x00"), None),
        ((), published({}, attributes=NOTIFIED), "span-4"),
    ],
)  # fmt: skip
def test_what_an_event_tells_of_a_pipeline(more, event, key):
    happening = happening_of(configured(*more), event)
    assert (happening is None) == (key is None)
    assert happening is None or happening.key.startswith(key)


def test_a_policy_that_no_function_can_keep_is_refused():
    for more in (("triggers.span={rows: 1000}",), ("data.pattern=trips-{SPAN}.csv",)):
        with pytest.raises(BadInput, match="cannot know when a span is whole"):
            happening_of(configured(*more), finalized("taxi/trips-1.csv"))


def test_a_span_starts_one_job_however_often_it_is_told_and_an_older_one_none(vertex, service):
    first = answered(service, finalized("taxi/span-3/_SUCCESS"))
    assert (first.job, first.why) == ("taxi-span-3", "span 3 is there, with 1,000 rows")
    again = answered(service, finalized("taxi/span-3/_SUCCESS", id="2"))
    assert (again.why, again.job) == ("this has started a job before", "taxi-span-3")
    assert answered(service, finalized("taxi/span-2/_SUCCESS")).why == "nothing is new"
    assert len(vertex.jobs) == 1


def test_what_is_held_back_fails_so_that_it_is_delivered_again(vertex, service):
    answered(service, finalized("taxi/span-3/_SUCCESS"))
    with pytest.raises(HeldBack, match="waits for job taxi-span-3, which goes on"):
        answered(service, finalized("taxi/span-4/_SUCCESS"))
    [job] = vertex.jobs.values()
    job |= {"state": "PIPELINE_STATE_SUCCEEDED", "endTime": job["createTime"]}
    with pytest.raises(HeldBack, match="cools down"):
        answered(service, finalized("taxi/span-4/_SUCCESS"), "triggers.cool_down_minutes=60", "triggers.runs_per_day=2")
    with pytest.raises(HeldBack, match="all that runs_per_day lets"):
        answered(service, finalized("taxi/span-4/_SUCCESS"), "triggers.runs_per_day=1")
    called = answered(service, published({"because": "a fix", "who": "ann"}), "triggers.runs_per_day=1")
    assert called.why == "ann asked for it: a fix", "a person waits for a run that goes on alone"
    assert len(vertex.jobs) == 2


def test_an_alert_starts_a_job_once(vertex, service):
    assert answered(service, published(alert())).why == "alert monitor/drift/fare fires"
    assert answered(service, published(alert())).why == "this has started a job before"
    assert len(vertex.jobs) == 1


@contextmanager
def functions_framework_server(monkeypatch, job_file, overrides):
    """The file that users deploy, served by functions-framework on the loopback interface."""
    monkeypatch.setenv("MILLRACE_CONFIG", "conf/taxi.yaml")
    monkeypatch.setenv("MILLRACE_JOB", str(job_file))
    monkeypatch.setattr(EventFunction.__init__, "__defaults__", (overrides,))
    app = functions_framework.create_app("on_event", str(CHECKOUT / "deploy/functions/main.py"))
    quiet = type("Quiet", (WSGIRequestHandler,), {"log_message": lambda *_: None})
    with make_server("127.0.0.1", 0, app, handler_class=quiet) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def deliver(url, event):
    headers = {f"ce-{name}": event[name] for name in ("id", "source", "type")}
    headers |= {"ce-specversion": "1.0", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(event["data"]).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answered:
            return answered.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
def test_what_terraforms_schedule_says_starts_a_run_and_what_is_held_back_comes_again():
    """It said so in a word that the function did not know, and nothing was ever started by the time."""
    module = (CHECKOUT / "deploy/terraform/modules/trigger/main.tf").read_text()
    [written] = re.findall(r"jsonencode\(\{(.*?)\}\)", module)
    keys = dict(part.strip().split(" = ", 1) for part in written.split(", "))
    values = {"each.key": "taxi", '"its time has come: ${each.value.cron}"': "its time has come: 0 4 * * *"}
    content = {key: values.get(value, value.strip('"')) for key, value in keys.items()}
    found = happening_of(configured(), published(content))
    assert found.asked == ("Cloud Scheduler", "its time has come: 0 4 * * *")
    assert 'retry_policy          = "RETRY_POLICY_RETRY"' in module


def test_the_file_that_users_deploy_answers_cloud_events(vertex, tmp_path, monkeypatch, capfd):
    JOB.save(tmp_path / "job.json")
    overrides = settings(f"vertex.api_endpoint={vertex.url}", "vertex.defaults={}")
    with functions_framework_server(monkeypatch, tmp_path / "job.json", overrides) as url:
        assert deliver(url, finalized("taxi/span-3/_SUCCESS")) == 200
        assert deliver(url, finalized("taxi/span-3/_SUCCESS")) == 200
        assert deliver(url, finalized("taxi/span-4/_SUCCESS")) == 500, "held back: it is delivered again"
        assert deliver(url, {**published(b""), "data": {}}) == 200
        request = urllib.request.Request(url, b"{}", {"Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(request, timeout=60)
    assert [name.rpartition("/")[2] for name in vertex.jobs] == ["taxi-span-3"]
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith('{"severity')]
    assert [line["severity"] for line in lines] == ["INFO", "INFO", "NOTICE", "INFO"]
