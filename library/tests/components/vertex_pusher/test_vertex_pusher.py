"""VertexPusher: a push is the next version of one model, deployed, and champion once it can answer."""

import itertools
import json
import math
from pathlib import Path

import pytest
from fake_buckets import buckets

from millrace.base import files
from millrace.base.errors import BadInput
from millrace.components.evaluator.gate_report import GateReport
from millrace.config.loading import load

__all__ = ["buckets"]

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).resolve().parents[4] / "conf" / "taxi.yaml"
KEY = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
MODEL = "projects/p/locations/us-central1/models/taxi"
METRICS = {"auc": 0.95, "binary_crossentropy": 0.2}


@pytest.fixture
def service(buckets):
    from fake_model_registry import FakeModelRegistry
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    with FakeModelRegistry() as fake:
        aiplatform.init(credentials=AnonymousCredentials(), api_endpoint=fake.url, api_transport="rest")
        yield fake
    aiplatform.initializer.global_config.__init__()


@pytest.fixture(autouse=True)
def seconds(monkeypatch):
    """A second goes by between two pushes: TFX's Pusher numbers versions by them."""
    from tfx.components.pusher import executor

    clock = itertools.count(1_795_640_733)
    monkeypatch.setattr(executor.time, "time", lambda: next(clock))


def push(tmp_path, blessed=True, approval="automatic", root="vertex.root=gs://a-bucket/root", asked=None, **endpoint):
    """A push as the configuration says, by the component's own executor."""
    from tfx.types.channel import Channel
    from tfx.types.standard_artifacts import InfraBlessing, Model, ModelBlessing, ModelEvaluation, PushedModel

    from millrace.cloud.vertex.stages import vertex_pusher
    from millrace.components.vertex_pusher.executor import Executor

    where = {"project": "p", "region": "us-central1", "endpoint": "tips", "image": "serving:1", **endpoint}
    settings = (f"push.vertex={where}", f"registry.approval={approval}", "vertex.labels={team: tips}")
    config = load(CONFIG, (f"root={tmp_path}", root, *settings))
    types = (ModelBlessing, InfraBlessing, ModelEvaluation)
    pusher = vertex_pusher(config, *(Channel(type=one) for one in types), monitor=asked)
    model, blessing, evaluation, pushed = Model(), ModelBlessing(), ModelEvaluation(), PushedModel()
    model.uri, pushed.uri = str(tmp_path / "run-7" / "model"), str(tmp_path / "run-7" / "pushed")
    evaluation.uri = str(tmp_path / "evaluation")
    report = GateReport(blessed=True, reason="meets it", examples=2502, metrics={**METRICS, "calibration": math.nan})
    files.write(tmp_path / "evaluation" / "gate_report.json", report.model_dump_json())
    (tmp_path / "run-7" / "model" / "Format-Serving").mkdir(parents=True, exist_ok=True)
    (tmp_path / "run-7" / "model" / "Format-Serving" / "saved_model.pb").write_bytes(b"a model")
    blessing.set_int_custom_property("blessed", int(blessed))
    inputs = {"model": [model], "model_blessing": [blessing], "evaluation": [evaluation]}
    Executor().Do(inputs, {"pushed_model": [pushed]}, dict(pusher.exec_properties))
    return pushed


def test_pushes_are_versions_of_one_model_and_the_newest_that_answers_is_champion(tmp_path, service, buckets):
    pushed = [push(tmp_path, traffic_percent=30), push(tmp_path, traffic_percent=20)]
    assert [one.get_string_custom_property("vertex_version") for one in pushed] == [f"{MODEL}@1", f"{MODEL}@2"]
    folders = [Path(one.get_string_custom_property("pushed_destination")) for one in pushed]
    assert all((folder / "saved_model.pb").is_file() for folder in folders)
    assert service.models.keys() == {MODEL}
    newest = service.models[MODEL][1]
    assert newest["labels"]["team"] == "tips" and "run-7" in newest["versionDescription"]
    assert newest["labels"]["millrace_version"] == folders[1].name
    assert newest["artifactUri"] == f"gs://a-bucket/root/serving/taxi/{folders[1].name}"
    assert (buckets / newest["artifactUri"].removeprefix("gs://") / "saved_model.pb").read_bytes() == b"a model"
    assert service.aliases(MODEL) == {"default": "2", "champion": "2"}
    [endpoint] = service.endpoints.values()
    assert [one["model"] for one in endpoint["deployedModels"]] == [f"{MODEL}@1", f"{MODEL}@2"]
    assert endpoint["deployedModels"][0]["dedicatedResources"]["machineSpec"]["machineType"] == "n1-standard-4"
    assert endpoint["trafficSplit"] == {"1": 80, "2": 20}, "the first got all of it"


def test_a_version_has_what_the_evaluator_measured(tmp_path, service):
    push(tmp_path)
    [(version, evaluation)] = service.evaluations
    assert version == f"{MODEL}@1"
    assert evaluation["metricsSchemaUri"].endswith("/classification_metrics_1.0.0.yaml")
    assert evaluation["metrics"] == {"auRoc": 0.95, "logLoss": 0.2}
    assert evaluation["metadata"]["metrics"] == METRICS, "what is no number is left out"


def test_a_regression_is_told_in_its_own_words():
    from millrace.components.vertex_pusher.measured import model_evaluation

    report = GateReport(blessed=True, reason="", metrics={"mean_squared_error": 4.0, "mean_absolute_error": 1.5})
    evaluation = model_evaluation(report)
    assert evaluation.metrics == {"rootMeanSquaredError": 2.0, "meanAbsoluteError": 1.5}
    assert evaluation.metrics_schema_uri.endswith("/regression_metrics_1.0.0.yaml")
    assert model_evaluation(GateReport(blessed=True, reason="", metrics={"precision (b)": 0.5})) is None


def test_explanations_name_the_columns_of_predict_json(tmp_path, service):
    from millrace.model_server.about import ABOUT_FILE, About, ModelColumn, ModelOutput

    columns = (ModelColumn("fare", "fare", "FLOAT"), ModelColumn("route taken", "route_taken", "BYTES"))
    about = About((ModelOutput("", "tip", "binary", ("no", "yes")),), columns)
    files.write(tmp_path / "run-7" / "model" / "Format-Serving" / ABOUT_FILE, json.dumps(about.to_json()))
    push(tmp_path, explanations=True)
    spec = service.models[MODEL][0]["explanationSpec"]
    inputs = spec["metadata"]["inputs"]
    assert inputs["fare"] == {"inputTensorName": "fare", "modality": "numeric"}
    assert inputs["route_taken"] == {"inputTensorName": "route_taken", "modality": "categorical"}
    assert spec["metadata"]["outputs"] == {"probabilities": {"outputTensorName": "probabilities"}}
    assert spec["parameters"] == {"sampledShapleyAttribution": {"pathCount": 25}}


def test_without_a_bucket_nothing_is_pushed(tmp_path, service):
    with pytest.raises(BadInput, match="must lie in a bucket"):
        push(tmp_path, root="vertex.root=null")
    assert not list((tmp_path / "serving" / "taxi").iterdir()), "a server finds no version there"


def test_a_version_that_cannot_be_deployed_is_no_champion(tmp_path, service):
    push(tmp_path)
    service.fail("POST", ":deployModel", 400, message="no such machine")
    with pytest.raises(Exception, match="no such machine"):
        push(tmp_path)
    assert service.aliases(MODEL) == {"default": "1", "champion": "1"}


def test_what_is_deployed_is_watched_before_it_is_champion(tmp_path, service):
    watched = {"monitor": True, "request_logging": {"table": "bq://a-project.logs.tips"}, "encryption_key": KEY}
    with pytest.raises(BadInput, match="built without what a monitor is made from"):
        push(tmp_path, **watched)
    field = {"name": "fare", "data_type": "float"}
    asked = {"model_monitoring_schema": {"feature_fields": [field]}, "specs": {"drift": {}}, "cron": "0 0 * * *"}
    for number in ("1", "2"):
        push(tmp_path, asked=asked, **watched)
        [monitor], [schedule] = service.monitors.values(), service.schedules.values()
        assert monitor["modelMonitoringTarget"]["vertexModel"] == {"model": MODEL, "modelVersionId": number}
        assert monitor["encryptionSpec"] == {"kmsKeyName": KEY} and schedule["cron"] == "0 0 * * *"
    service.fail("PATCH", "/schedules/", 400, message="no such limit")
    with pytest.raises(Exception, match="no such limit"):
        push(tmp_path, asked=asked, **watched)
    assert service.aliases(MODEL) == {"default": "2", "champion": "2"}
    assert len(list((tmp_path / "serving" / "taxi").iterdir())) == 2, "a server finds no third version"


def test_with_manual_approval_a_person_moves_the_alias(tmp_path, service):
    push(tmp_path, approval="manual")
    push(tmp_path, approval="manual")
    assert service.aliases(MODEL) == {"default": "1"}


def test_a_champion_stays_where_a_rollout_is_to_decide(tmp_path, service):
    for _ in range(2):
        push(tmp_path, approval="candidate")
    assert service.aliases(MODEL) == {"default": "1", "champion": "1", "candidate": "2"}


def test_the_key_holds_for_the_model_and_the_endpoint(tmp_path, service):
    push(tmp_path, encryption_key=KEY)
    [endpoint], [model] = service.endpoints.values(), service.models[MODEL]
    assert model["encryptionSpec"] == endpoint["encryptionSpec"] == {"kmsKeyName": KEY}


def test_a_private_endpoint_gets_its_share_of_versions_and_another_kind_gets_none(tmp_path, service):
    private = {"projects": ["our-apps"]}
    for percent in (100, 25):
        push(tmp_path, private=private, traffic_percent=percent)
    [endpoint] = service.endpoints.values()
    assert endpoint["privateServiceConnectConfig"]["projectAllowlist"] == ["our-apps"]
    assert endpoint["trafficSplit"] == {"1": 75, "2": 25}
    with pytest.raises(BadInput, match="does not answer others"):
        push(tmp_path, private={"projects": ["others"]})
    assert len(service.models[MODEL]) == 2, "it is refused before anything is uploaded"
    assert len(list((tmp_path / "serving" / "taxi").iterdir())) == 2, "a server finds no third version"


def test_what_is_not_blessed_stays_here(tmp_path, service):
    pushed = push(tmp_path, blessed=False)
    assert pushed.get_int_custom_property("pushed") == 0
    assert service.requests == []


def test_a_name_that_begins_with_a_digit_has_an_id_that_the_service_takes():
    from millrace.cloud.vertex.stages import model_id

    assert (model_id("taxi-2"), model_id("2-taxi"), len(model_id("2" * 63))) == ("taxi-2", "_2-taxi", 63)
