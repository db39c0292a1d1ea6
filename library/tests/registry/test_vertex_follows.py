"""Aliases that move here move in Vertex AI, as the last step; a step that failed is made by the same command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_model_registry import FakeModelRegistry
from registered_versions import pushed, registry_of

from millrace.base.errors import MillraceError
from millrace.cli.main import millrace
from millrace.registry.vertex import FOLLOWS

CONFIG = Path(__file__).resolve().parents[3] / "conf" / "taxi.yaml"
MODEL = "projects/p-roject/locations/us-central1/models/taxi"
ENDPOINT = "projects/p-roject/locations/us-central1/endpoints/7"


@pytest.fixture
def service():
    """Three versions in Vertex AI, all deployed, the last the champion with all of the traffic."""
    versions = [{"name": MODEL, "versionId": str(one), "versionAliases": []} for one in (1, 2, 3)]
    versions[2]["versionAliases"] = ["champion", "default"]
    deployed = [{"id": f"d{one}", "model": MODEL, "modelVersionId": str(one)} for one in (1, 2, 3)]
    endpoint = {"name": ENDPOINT, "displayName": "tips", "deployedModels": deployed, "trafficSplit": {"d3": 100}}
    with FakeModelRegistry(models={MODEL: versions}, endpoints={ENDPOINT: endpoint}) as fake:
        yield fake


@pytest.fixture
def root(tmp_path):
    """A registry of four versions, of which the first was pushed before there was an endpoint."""
    found = []
    for place, number in enumerate((100, 200, 300, 400)):
        _, run, facts = pushed(tmp_path, number)
        found.append((number, run, replace(facts, vertex=f"{MODEL}@{place}" if place else "")))
    with registry_of(tmp_path) as registry:
        registry.take_in(found)
    return tmp_path


def models(root, service, *words, code=0):
    """What `millrace models` says, spaces and line breaks alike."""
    endpoint = "{project: p-roject, region: us-central1, endpoint: tips, image: i}"
    settings = (f"root={root}", f"push.vertex={endpoint}", f"vertex.api_endpoint={service.url}")
    options = ["--config", str(CONFIG), *(part for one in settings for part in ("--set", one))]
    done = CliRunner().invoke(millrace, ["models", *words, *options])
    refusal = done.exception if isinstance(done.exception, MillraceError) else None
    assert (refusal.exit_code if refusal else done.exit_code) == code, done.output + str(done.exception)
    return " ".join(f"{done.output} {refusal or ''}".split())


def champion(root):
    with registry_of(root) as registry:
        return registry.aliases()["champion"].number


def test_the_champion_is_the_champion_there_and_gets_the_traffic(root, service):
    said = models(root, service, "alias", "champion", "200", "--because", "better")
    assert "Vertex AI: champion is taxi@1" in said
    assert "all traffic of tips goes to taxi@1" in said
    assert service.aliases(MODEL) == {"champion": "1", "default": "1"}
    assert service.endpoints[ENDPOINT]["trafficSplit"] == {"d1": 100}
    with registry_of(root) as registry:
        last = registry.events()[-1]
    assert (last.kind, last.version, last.details["alias"]) == (FOLLOWS, 200, "champion")


def test_another_alias_moves_no_traffic_and_goes_when_it_is_removed(root, service):
    models(root, service, "alias", "candidate", "300", "--because", "to look at")
    assert service.aliases(MODEL)["candidate"] == "2"
    assert service.endpoints[ENDPOINT]["trafficSplit"] == {"d3": 100}
    models(root, service, "alias", "candidate", "--remove", "--because", "seen")
    assert "candidate" not in service.aliases(MODEL)


def test_what_failed_is_told_and_made_by_the_same_command(root, service):
    service.fail("POST", ":mergeVersionAliases", 503)
    words = ("alias", "champion", "200", "--because", "better")
    said = models(root, service, *words, code=1)
    assert "champion has moved here, and Vertex AI has not followed" in said
    assert "then give the same command again" in said
    assert champion(root) == 200 and service.aliases(MODEL)["champion"] == "3"

    assert "champion is 200 Vertex AI: champion is taxi@1" in models(root, service, *words)
    assert service.aliases(MODEL)["champion"] == "1"
    assert "version 200 is champion already" in models(root, service, *words, code=2), "nothing is left to do"


def test_a_roll_back_that_vertex_ai_has_not_followed_goes_back_no_further(root, service):
    with registry_of(root) as registry:
        registry.roll_back(registry.version("300"), "it says no to everybody", expected=400)
    said = models(root, service, "rollback", "--because", "it says no to everybody")
    assert "all traffic of tips goes to taxi@2" in said
    assert champion(root) == 300
    assert service.aliases(MODEL) == {"champion": "2", "default": "2"}


def test_what_vertex_ai_could_not_follow_is_refused_before_anything_moves(root, service):
    said = models(root, service, "alias", "champion", "100", "--because", "the old one", code=2)
    assert "version 100 was never pushed to Vertex AI" in said
    assert "can be no alias in Vertex AI" in models(root, service, "alias", "My.own", "200", "--because", "b", code=2)
    assert "never pushed" in models(root, service, "rollback", "--to", "100", "--because", "b", code=2)
    assert champion(root) == 400 and service.requests == []


def test_a_champion_that_is_not_deployed_there_is_told(root, service):
    service.endpoints[ENDPOINT]["deployedModels"].pop(0)
    said = models(root, service, "alias", "champion", "200", "--because", "better")
    assert "taxi@1 is not deployed to tips, whose traffic stays as it is" in said
    service.endpoints.clear()
    assert "there is no endpoint tips" in models(root, service, "alias", "champion", "300", "--because", "better")


def test_the_version_there_is_shown(root, service):
    assert f"Vertex AI: {MODEL}@3" in models(root, service, "show")
    assert json.loads(models(root, service, "show", "--json"))["vertex"] == f"{MODEL}@3"
