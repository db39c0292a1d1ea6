"""The monitor of a push: made with its schedules, moved to the next version, and refused before anything is learned."""

import json
import re
from pathlib import Path

import pytest
from fake_model_registry import FakeModelRegistry
from google_client import google_client

from millrace.access.stores import stores
from millrace.base.errors import BadInput
from millrace.config.loading import load
from millrace.jobspec.job import from_documents
from millrace.jobspec.rules.encryption import keyed_resources
from millrace.monitoring.vertex_spec import monitor_of_push

GOLDEN = Path(__file__).parents[2] / "jobspec/golden/everything-vertex.json"
KEY = "projects/a-project/locations/us-central1/keyRings/r/cryptoKeys/k"
MODEL = "projects/a-project/locations/us-central1/models/taxi"
ENDPOINT = "projects/a-project/locations/us-central1/endpoints/1000"
LOGGED = {"table": "bq://a-project.logs.tips", "rate": 1.0}
PUSH = {"project": "a-project", "region": "us-central1", "endpoint": "tips", "image": "serving:1"}
WATCHED = {**PUSH, "request_logging": LOGGED, "monitor": True}
REQUEST = "createModelMonitoringJobRequest"


def configured(tmp_path, *more, push=WATCHED):
    places = ("vertex.root=gs://a-bucket/taxi", "vertex.data_path=gs://a-bucket/data", "vertex.project=a-project")
    return load("conf/taxi.yaml", [f"root={tmp_path}", *places, "monitoring.window=6h", f"push.vertex={push}", *more])


@pytest.fixture
def asked(tmp_path):
    """As the execution property has it: JSON, and back."""
    return json.loads(json.dumps(monitor_of_push(configured(tmp_path))))


@pytest.fixture
def service():
    versions = [{"name": MODEL, "versionId": number, "versionAliases": []} for number in ("1", "2")]
    with FakeModelRegistry(models={MODEL: versions}) as fake, google_client(fake.url):
        yield fake


def pushed(asked, version, key=KEY):
    """What a push does with its monitor."""
    from millrace.components.vertex_pusher import monitor

    monitor.follow(monitor.found("taxi", key), "taxi", asked, f"{MODEL}@{version}", ENDPOINT, key)


def test_a_version_gets_a_monitor_with_the_key_and_a_schedule_a_kind(asked, service):
    pushed(asked, 1)
    [made] = service.monitors.values()
    assert made["modelMonitoringTarget"]["vertexModel"] == {"model": MODEL, "modelVersionId": "1"}
    assert made["encryptionSpec"] == {"kmsKeyName": KEY}
    assert {"name": "big_tipper", "dataType": "categorical"} in made["modelMonitoringSchema"]["groundTruthFields"]
    by_kind = {one["displayName"]: one for one in service.schedules.values()}
    assert by_kind.keys() == {"millrace: taxi, skew", "millrace: taxi, drift"}
    for one in by_kind.values():
        assert (one["cron"], one["maxConcurrentRunCount"]) == ("0 */6 * * *", "1")
        assert one[REQUEST]["parent"] == made["name"]
        target = one[REQUEST]["modelMonitoringJob"]["modelMonitoringSpec"]["objectiveSpec"]["targetDataset"]
        assert target["vertexEndpointLogs"] == {"endpoints": [ENDPOINT]}
    skew = by_kind["millrace: taxi, skew"][REQUEST]["modelMonitoringJob"]["modelMonitoringSpec"]["objectiveSpec"]
    assert skew["baselineDataset"]["columnizedDataset"]["gcsSource"] == {"gcsUri": "gs://a-bucket/data/*", "format": 1}


def test_the_next_version_and_a_second_try_move_what_is_there(asked, service):
    service.fail("POST", "/schedules$", 503, times=2, after=True)
    with pytest.raises(Exception, match="a fault was asked for"):
        pushed(asked, 1)
    service.faults.clear()
    pushed(asked, 1)
    names = {*service.monitors, *service.schedules}
    assert len(names) == 3, "a monitor and two schedules, though an answer was lost"
    paused = next(iter(service.schedules.values()))
    paused["state"] = "PAUSED"
    pushed({**asked, "cron": "0 0 * * *"}, 2)
    assert {*service.monitors, *service.schedules} == names
    [moved] = service.monitors.values()
    assert moved["modelMonitoringTarget"]["vertexModel"]["modelVersionId"] == "2"
    assert {one["cron"] for one in service.schedules.values()} == {"0 0 * * *"}
    assert paused["state"] == "PAUSED", "a person paused it"


def test_a_kind_without_limits_has_no_schedule_any_more(asked, service):
    service.schedules["another"] = {"name": "another", "displayName": "millrace: taxi, skew", "cron": "0 0 * * *"}
    pushed(asked, 1)
    pushed({**asked, "specs": {"drift": asked["specs"]["drift"]}}, 2)
    left = [one["displayName"] for one in service.schedules.values() if REQUEST in one]
    assert left == ["millrace: taxi, drift"] and "another" in service.schedules, "no monitor's, and left alone"


def test_a_monitor_keeps_its_key(asked, service):
    pushed(asked, 1, key="")
    with pytest.raises(BadInput, match="has no key of its own, and keeps it"):
        pushed(asked, 2)
    pushed(asked, 2, key="")


def test_a_field_that_the_service_does_not_know_is_refused_by_the_stand_in(asked, service):
    from fake_monitors import known
    from fake_service import Refused
    from google.cloud.aiplatform_v1beta1 import types

    with pytest.raises(Refused, match="no field named"):
        known(types.ModelMonitor, {"displayName": "a monitor", "labels": {"team": "tips"}})


@pytest.mark.parametrize(
    ("push", "more", "words"),
    [
        ({**PUSH, "monitor": True}, (), "no logged requests to look at"),
        (WATCHED, ("monitoring.window=5h",), "cannot follow windows of 5h"),
        (WATCHED, ("schema.file=null",), "schema.file names none"),
    ],
)
def test_what_cannot_be_watched_is_refused_as_the_configuration_is_read(tmp_path, push, more, words):
    with pytest.raises(BadInput, match=re.escape(words)):
        configured(tmp_path, *more, push=push)


def test_a_schema_without_limits_is_refused_as_the_graph_is_built(tmp_path):
    bare = tmp_path / "schema.pbtxt"
    bare.write_text('feature { name: "fare" type: FLOAT }')
    with pytest.raises(BadInput, match="no limit that Vertex AI could watch"):
        monitor_of_push(configured(tmp_path, f"schema.file={bare}"))


def test_the_monitor_has_the_push_key_in_every_list_of_what_stores_data(tmp_path, asked):
    document = json.loads(GOLDEN.read_text())
    task = document["pipelineSpec"]["root"]["dag"]["tasks"]["Pusher"]["inputs"]["parameters"]["custom_config"]
    settings = json.loads(task["runtimeValue"]["constant"])
    assert "the monitor of Pusher" not in {one.name for one in keyed_resources(from_documents([document]))}
    settings["millrace_version"]["monitor"] = asked
    task["runtimeValue"]["constant"] = json.dumps(settings)
    job, key = from_documents([document]), settings["millrace_encryption_key"]
    assert ("the monitor of Pusher", key) in {(one.name, one.key) for one in keyed_resources(job)}
    named = {one.name for one in stores(job, configured(tmp_path))}
    assert "the monitor of Pusher" in named and "a monitor of the endpoint" not in named
