"""A policy as Vertex AI's requests and KServe's InferenceServices, and what neither can keep."""

import json

import pytest
import yaml
from click.testing import CliRunner
from google.cloud import aiplatform_v1
from registered_versions import pushed, registry_of

from millrace.base.errors import BadInput
from millrace.cli.serving.rollout_compile import compile_command
from millrace.components.vertex_pusher.section import VertexEndpoint
from millrace.config.rollout_section import Ab, Bandit, BlueGreen, Canary, Judged, Limit, Shadow, Step
from millrace.serving.service_plan import kserve_plan, vertex_plan

ENDPOINT = VertexEndpoint(
    project="shop", region="us-central1", endpoint="tips", image="i", accelerator="NVIDIA_TESLA_T4", accelerators=2
)
CANARY = Canary(
    steps=(
        Step(mirror=20, minutes=30),
        Step(percent=0.5, minutes=60),
        Step(percent=25, minutes=30),
    )
)
LABELLED = Judged(wrong=Limit(worse_by=0.01))
OLD, NEW = 1795640733, 1795640767


def vertex(policy):
    return vertex_plan(policy, ENDPOINT, "123", "projects/shop/locations/us-central1/models/tips@2", OLD, NEW)


def kserve(policy):
    return kserve_plan(policy, "tips", "models", "gs://bucket/new", "gs://bucket/old")


def test_vertex_takes_each_request_as_its_client_has_it():
    plan = vertex(CANARY)
    assert [(step.after_minutes, step.what) for step in plan.steps] == [(30, "1 %"), (90, "25 %"), (120, "100 %")]
    first, second, last = (step.document for step in plan.steps)
    assert first["method"] == "POST" and first["path"].endswith("/endpoints/123:deployModel")
    sent = aiplatform_v1.DeployModelRequest.from_json(json.dumps(first["body"]))
    assert sent.traffic_split == {str(OLD): 99, "0": 1} and sent.deployed_model.id == str(NEW)
    assert sent.deployed_model.dedicated_resources.machine_spec.accelerator_count == 2
    splits = [
        dict(aiplatform_v1.Endpoint.from_json(json.dumps(one["body"])).traffic_split)
        for one in (second, last, plan.back.document)
    ]
    assert splits == [{str(OLD): 75, str(NEW): 25}, {str(NEW): 100}, {str(OLD): 100}]
    assert all(sum(split.values()) == 100 for split in splits)


def test_kserve_gets_a_share_until_the_candidate_is_the_only_one():
    plan = kserve(CANARY)
    shares = [step.document["spec"]["predictor"].get("canaryTrafficPercent") for step in plan.steps]
    assert shares == [1, 25, None]
    assert plan.steps[0].document["metadata"] == {"name": "tips", "namespace": "models"}
    assert plan.back.document["spec"]["predictor"]["model"]["storageUri"] == "gs://bucket/old"
    assert "serverless mode alone" in plan.not_kept[0]


@pytest.mark.parametrize("plan", [vertex, kserve])
def test_what_is_lost_is_said(plan):
    told = " ".join(plan(CANARY).not_kept)
    for words in ("users do not stay", "goes back by itself", "no mirror", "0.5 % becomes 1 %", "end by time alone"):
        assert words in told
    assert "nobody decides which is better" in " ".join(plan(Ab(judged=LABELLED)).not_kept)
    assert [step.what for step in plan(BlueGreen()).steps] == ["100 %"]
    for policy, words in ((Shadow(), "mirrors no requests"), (Bandit(judged=LABELLED), "does not follow labels")):
        with pytest.raises(BadInput, match=words):
            plan(policy)


def test_the_command_writes_documents_that_can_be_applied_one_by_one_and_says_what_is_lost(tmp_path):
    (tmp_path / "taxi").mkdir()
    with registry_of(tmp_path / "taxi") as registry:
        registry.take_in([pushed(tmp_path / "taxi", 6), pushed(tmp_path / "taxi", 7)])
    here = ["-c", "conf/taxi.yaml", "--set", f"root={tmp_path / 'taxi'}"]
    uris = ["--storage-uri", "gs://b/new", "--champion-uri", "gs://b/old"]
    done = CliRunner().invoke(compile_command, ["7", "--for", "kserve", *uris, *here])
    assert done.exit_code == 0, done.exception
    head, *documents = done.stdout.split("---\n")
    assert head.startswith("# not kept:")
    assert [yaml.safe_load(one)["spec"]["predictor"].get("canaryTrafficPercent") for one in documents] == [
        1, 10, 50, None, None,
    ]  # fmt: skip
    refused = CliRunner().invoke(compile_command, ["7", "--for", "kserve", *here])
    assert "--storage-uri and --champion-uri must be given" in str(refused.exception)
