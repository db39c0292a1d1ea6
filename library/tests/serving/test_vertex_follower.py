"""Vertex AI follows a champion that a rollout has made, whenever it can be reached; nothing here waits for it."""

from dataclasses import replace
from functools import partial

import pytest
from click.testing import CliRunner
from fake_model_registry import FakeModelRegistry
from registered_versions import pushed

from millrace.base.errors import BadInput
from millrace.cli.main import millrace
from millrace.config.loading import load
from millrace.registry.intake import open_registry
from millrace.registry.vertex import FOLLOWS
from millrace.serving import rollouts, state
from millrace.serving.controller import Controller
from millrace.serving.state import Order
from millrace.serving.vertex_follower import NOT_FOLLOWED, VertexFollower, follow_in_vertex

MODEL = "projects/p-roject/locations/us-central1/models/taxi"
ENDPOINT = "projects/p-roject/locations/us-central1/endpoints/7"


@pytest.fixture
def service():
    """Two versions in Vertex AI, both deployed, the first the champion with all of the traffic."""
    versions = [{"name": MODEL, "versionId": str(one), "versionAliases": []} for one in (1, 2)]
    versions[0]["versionAliases"] = ["champion", "default"]
    deployed = [{"id": f"d{one}", "model": MODEL, "modelVersionId": str(one)} for one in (1, 2)]
    endpoint = {"name": ENDPOINT, "displayName": "tips", "deployedModels": deployed, "trafficSplit": {"d1": 100}}
    with FakeModelRegistry(models={MODEL: versions}, endpoints={ENDPOINT: endpoint}) as fake:
        yield fake


@pytest.fixture
def settings(service, tmp_path):
    endpoint = "{project: p-roject, region: us-central1, endpoint: tips, image: i}"
    return [f"root={tmp_path / 'taxi'}", f"push.vertex={endpoint}", f"vertex.api_endpoint={service.url}"]


@pytest.fixture
def config(settings):
    """Version 11 is champion, 12 is approved and pushed there too, 13 was never pushed there."""
    config = load("conf/taxi.yaml", settings)
    found = []
    for place, number in ((1, 11), (2, 12), (0, 13)):
        _, run, facts = pushed(rollouts.places_of(config).folder.parents[1], number)
        found.append((number, run, replace(facts, vertex=f"{MODEL}@{place}" if place else "")))
    with open_registry(config) as registry:
        new = registry.take_in(found)
        registry.roll_back(new[0], "first this one", expected=13)
        follow_in_vertex(config, registry, "champion")
    return config


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def promoted(config, version="12"):
    """A rollout that a person promotes by hand, in the controller as it is."""
    places = rollouts.places_of(config)
    with open_registry(config) as registry:
        controller = Controller(places, registry)
        rollouts.start(config, version, "canary", "it is better")
        controller.look()
        state.give_order(places, Order("promote", "the hotfix must be out", "ann@desk"))
        assert controller.look().status == "promoted"


def events(config, kind):
    with open_registry(config) as registry:
        return [one for one in registry.events() if one.kind == kind]


def follower(config, clock=None):
    return VertexFollower(lambda: open_registry(config), partial(follow_in_vertex, config), clock or Clock())


def test_a_promotion_is_followed_with_its_traffic_and_once(config, service):
    following = follower(config)
    asked = len(service.requests)
    following.look()
    assert len(service.requests) == asked, "a roll-back is its command's to tell"
    promoted(config)
    following.look()
    assert service.aliases(MODEL) == {"champion": "2", "default": "2"}
    assert service.endpoints[ENDPOINT]["trafficSplit"] == {"d2": 100}
    assert events(config, FOLLOWS)[-1].version == 12 and not events(config, NOT_FOLLOWED)
    asked = len(service.requests)
    following.look()
    follower(config).look()
    assert len(service.requests) == asked


def test_a_service_that_is_away_undoes_nothing_is_told_once_and_asked_again_less_and_less_often(
    config, service, settings
):
    service.fail("POST", ":mergeVersionAliases", 403, times=3)
    promoted(config)
    clock = Clock()
    following = follower(config, clock)
    for at, asked in ((0, 1), (29, 1), (31, 2), (89, 2), (92, 3)):
        clock.now = float(at)
        following.look()
        assert len([one for one in service.requests if one.path.endswith(":mergeVersionAliases")]) - 1 == asked, at
    [told] = events(config, NOT_FOLLOWED)
    assert "champion has moved here, and Vertex AI has not followed" in told.because and told.version == 12
    with open_registry(config) as registry:
        assert registry.aliases()["champion"].number == 12
    options = ["-c", "conf/taxi.yaml", *(part for one in settings for part in ("--set", one))]
    status = CliRunner().invoke(millrace, ["rollout", "status", *options]).output
    assert "Vertex AI has not followed: " in status
    assert "next: millrace models alias champion 12 --because WHY" in status
    done = CliRunner().invoke(millrace, ["models", "alias", "champion", "12", "--because", "again", *options])
    assert done.exit_code == 0 and "champion is taxi@2" in done.output
    assert "has not followed" not in CliRunner().invoke(millrace, ["rollout", "status", *options]).output
    clock.now = 10_000.0
    following.look()
    assert service.aliases(MODEL) == {"champion": "2", "default": "2"}


def test_what_vertex_ai_could_not_follow_is_not_rolled_out_but_may_be_a_shadow(config):
    with pytest.raises(BadInput, match="version 13 was never pushed to Vertex AI"):
        rollouts.start(config, "13", "canary", "try it")
    assert state.read_order(rollouts.places_of(config)) is None
    rollouts.start(config, "13", "shadow", "to look at it")
