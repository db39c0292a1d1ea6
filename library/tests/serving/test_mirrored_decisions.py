"""Disagreement as in operation: two real model servers behind Envoy, their logs of requests, and the controller."""

import base64
import time
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest
from saved_models import example
from two_versions import DISTANCES
from version_servers import eventually

from millrace.config.rollout_section import Judged, Limit, Shadow
from millrace.model_server.logged_requests import logged_requests
from millrace.registry.registry import Registry
from millrace.registry.version import VersionFacts
from millrace.serving import state
from millrace.serving.controller import Controller, new_rollout
from millrace.serving.keeper import Keeper
from millrace.serving.logged_decisions import LoggedComparison
from millrace.serving.state import GatewayStatus, Order, Places
from millrace.serving.version_server import VersionServer

pytestmark = pytest.mark.slow
SHADOW = Shadow(minutes=1, requests=1, judged=Judged(slow=None, disagreement=Limit(at_most=0.02)))


def ahead() -> float:
    """A clock on which all that was answered was answered a while ago, and its log is written."""
    return time.time() + 120


@pytest.fixture
def scene(envoy, listener, two_versions, tmp_path):
    """A keeper of real servers, which is told when to look, a registry whose champion is 12, and a controller."""
    places, requests = Places(tmp_path / "rollout"), tmp_path / "requests"
    places.gateway.mkdir(parents=True)
    served = tmp_path / "taxi" / "serving" / "taxi"

    def start(version, folder):
        return VersionServer("taxi", version, folder, places.server(version), requests)

    keeper = Keeper(places, envoy, replace(listener, folder=places.gateway), 1.0, start)
    with Registry(tmp_path / "registry.db", "taxi", str(served), str(tmp_path), approval="manual") as registry:
        for number in (12, 11):
            registry.take_in([(number, "run", VersionFacts(folder=str(served / str(number))))])
        registry.approve(registry.version("12"), "it is good")
        registry.move("champion", registry.version("12"), "first")
        controller = Controller(places, registry, comparison=LoggedComparison(requests, ahead), clock=ahead)
        yield SimpleNamespace(places=places, requests=requests, keeper=keeper, registry=registry, controller=controller)
        keeper.close()


def test_mirrored_requests_that_are_decided_differently_send_a_shadow_back(scene):
    champion, shadow = scene.registry.version("12"), scene.registry.version("11")
    started = new_rollout(champion, shadow, "shadow", SHADOW, time.time())
    state.give_order(scene.places, Order("start", "try", "ann", state=started))
    rollout = scene.controller.look()
    # Compared from now on, and not from two minutes ahead.
    state.write_rollout(scene.places, replace(rollout, cursor=replace(rollout.cursor, compared=time.time() - 60)))

    def status():
        scene.keeper.round()
        return state.read_gateway(scene.places) or GatewayStatus(0, "")

    eventually(lambda: status().ready == {11: True, 12: True}, 120)
    for distance in DISTANCES:
        body = {"instances": [{"b64": base64.b64encode(example(distance, "Cash")).decode()}]}
        answer = httpx.post(f"http://127.0.0.1:{scene.keeper.port}/v1/models/taxi:predict", json=body)
        assert answer.status_code == 200 and answer.headers["x-model-version"] == "12"
    eventually(lambda: status().mirrored.get(11) == (40, 0, 40, 0))
    # A server logs behind its answers, and the look below is ahead of the time that it has for that.
    eventually(lambda: len(list(logged_requests(scene.requests))) == 80, 20)
    # `far` begins at 1.95 for one and at 0.95 for the other: ten of forty.
    assert eventually(lambda: scene.controller.look().progress.totals.get("disagreement"), 20) == {11: (10.0, 40)}
    rollout = state.read_rollout(scene.places)
    assert rollout.status == "back" and rollout.reason.startswith("disagreement: 10 of 40 (25 %)")
