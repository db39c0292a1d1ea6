"""Rollouts while clients ask: Envoy, the keeper, the controller and the registry as they are, over quick servers."""

import csv
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from version_servers import USER, Started, eventually

from millrace.config.rollout_section import Canary, Judged, Limit, Shadow, SlowAnswers, Step
from millrace.registry.registry import Registry
from millrace.registry.version import VersionFacts
from millrace.serving import state
from millrace.serving.controller import Controller, new_rollout
from millrace.serving.keeper import Keeper
from millrace.serving.labels import LabelStore, add_labels
from millrace.serving.state import Order, Places

pytestmark = pytest.mark.slow
SECONDS = 1 / 60
JUDGED = Judged(errors=Limit(worse_by=0.02), slow=SlowAnswers(over_ms=150, worse_by=0.1))
CANARY = Canary(
    judged=JUDGED,
    steps=(Step(percent=10, minutes=3 * SECONDS, requests=30), Step(percent=50, minutes=3 * SECONDS, requests=30)),
)
LABELLED = CANARY.model_copy(update={"judged": JUDGED.model_copy(update={"wrong": Limit(worse_by=0.05), "labels": 20})})


class Clients(threading.Thread):
    """Some users who ask one request after the other."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._stop_asking = threading.Event()
        self.answers: list[tuple[float, str, int, str]] = []

    def run(self) -> None:
        number = 0
        with httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=20) as client:
            while not self._stop_asking.is_set():
                number += 1
                began = time.monotonic()
                answer = client.post("/v1/models/taxi:predict", content=b"{}", headers={USER: f"user-{number % 997}"})
                version = answer.headers.get("x-model-version", "")
                self.answers.append((began, version, answer.status_code, answer.headers["x-request-id"]))

    def end(self) -> None:
        self._stop_asking.set()
        self.join()


class Stage:
    """All of it in this process but Envoy; the clients ask from the beginning to the end."""

    def __init__(self, envoy, listener, folder) -> None:
        self.places, self.started = Places(folder / "rollout"), {}
        self.places.gateway.mkdir(parents=True)
        listener = type(listener)(**{**vars(listener), "folder": self.places.gateway})
        self.registry = Registry(folder / "registry.db", "taxi", str(folder / "s"), str(folder), approval="manual")
        for number in (1, 2):
            model = folder / "s" / str(number)
            model.mkdir(parents=True)
            (model / "saved_model.pb").touch()
            self.registry.take_in([(number, "run", VersionFacts(folder=str(model)))])
            self.registry.approve(self.registry.version(str(number)), "it is good")
        self.registry.move("champion", self.registry.version("1"), "first")
        self.labels = LabelStore(self.places.folder / "labels.db")
        self.keeper = Keeper(self.places, envoy, listener, drain_seconds=1.0, start_server=self._start)
        self._file, self._folder = folder / "registry.db", folder
        self.stop = threading.Event()
        self.threads = [
            threading.Thread(target=self.keeper.run, args=(self.stop,)),
            threading.Thread(target=self._control),
        ]
        for thread in self.threads:
            thread.start()
        eventually(lambda: self.keeper.port)
        self.clients = Clients(self.keeper.port)
        self.clients.start()

    def _start(self, version: int, _: Path) -> Started:
        self.started[version] = Started(version)
        return self.started[version]

    def _control(self) -> None:
        registry = Registry(self._file, "taxi", str(self._folder / "s"), str(self._folder), approval="manual")
        with registry:
            Controller(self.places, registry, self.labels).run(self.stop)

    def begin(self, policy) -> None:
        one, two = self.registry.version("1"), self.registry.version("2")
        order = Order("start", "try", "ann", state=new_rollout(one, two, policy.kind, policy, time.time()))
        state.give_order(self.places, order)
        eventually(lambda: 2 in self.started)

    def ended(self, seconds: float) -> state.RolloutState:
        def over():
            rollout = state.read_rollout(self.places)
            return rollout if rollout and rollout.over and not rollout.unsaid else None

        return eventually(over, seconds)

    def wait_for(self, answers: int) -> None:
        there = len(self.clients.answers)
        eventually(lambda: len(self.clients.answers) > there + answers)

    def close(self) -> None:
        self.registry.close()
        self.clients.end()
        self.stop.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def stage(envoy, listener, tmp_path):
    running = Stage(envoy, listener, tmp_path)
    yield running
    running.close()


def test_a_good_candidate_gets_everyone_and_no_request_fails_then_nor_on_the_way_back(stage):
    stage.begin(CANARY)
    rollout = stage.ended(30)
    assert rollout.status == "promoted", rollout.reason
    stage.wait_for(100)
    assert {version for _, version, *_ in stage.clients.answers[-50:]} == {"2"}
    stage.registry.roll_back(stage.registry.version("1"), "the test goes back", expected=2)
    eventually(lambda: {version for _, version, *_ in stage.clients.answers[-20:]} == {"1"})
    stage.wait_for(100)
    answers = stage.clients.answers
    assert Counter(code for _, _, code, *_ in answers) == {200: len(answers)} and len(answers) > 500


def test_errors_send_it_back_in_its_first_step(stage):
    stage.begin(CANARY)
    stage.started[2].server.status = 500
    rollout = stage.ended(30)
    assert rollout.status == "back" and rollout.reason.startswith("errors:") and rollout.progress.step == 0
    eventually(lambda: {(version, code) for _, version, code, *_ in stage.clients.answers[-20:]} == {("1", 200)})


def test_slow_answers_send_it_back_before_it_has_everyone(stage):
    stage.begin(CANARY)
    stage.started[2].server.seconds = 0.2
    rollout = stage.ended(30)
    assert rollout.status == "back" and rollout.reason.startswith("slow:")
    assert rollout.progress.weight <= 5_000


def test_wrong_answers_send_it_back_once_their_labels_come(stage, tmp_path):
    stage.begin(LABELLED)
    table, told, rollout = tmp_path / "labels.csv", 0, None
    for _ in range(40):
        time.sleep(0.5)
        # Envoy writes its log in the background, so labels are told of what was answered a while ago.
        late = [one for one in stage.clients.answers[told:] if one[0] < time.monotonic() - 2]
        told += len(late)
        with open(table, "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["request_id", "good"])
            rows.writerows([name, 0.2 if version == "2" else 0.9] for _, version, _, name in late)
        if late:
            add_labels(stage.labels, table, "request_id", "", "good", stage.places.gateway, tmp_path / "no requests")
        rollout = state.read_rollout(stage.places)
        if rollout and rollout.over:
            break
    assert rollout.status == "back" and rollout.reason.startswith("wrong:"), rollout.reason


def test_a_crash_sends_it_back_and_only_what_was_under_way_is_lost(stage):
    stage.begin(CANARY)
    eventually(lambda: any(version == "2" for _, version, *_ in stage.clients.answers))
    stage.started[2].crash()
    rollout = stage.ended(20)
    assert rollout.status == "back" and "ended by itself" in rollout.reason
    failed = [code for _, _, code, *_ in stage.clients.answers if code != 200]
    assert len(failed) < len(stage.clients.answers) / 10


def test_a_shadow_that_hangs_costs_the_champion_nothing(stage):
    stage.begin(Shadow(minutes=1, requests=10, judged=Judged(slow=None)))
    shadow = stage.started[2].server
    shadow.wait.clear()
    copies = shadow.asked["mirror"]
    eventually(lambda: shadow.asked["mirror"] > copies)
    # It answers nothing from here on: a client that waited for it would wait too.
    stage.wait_for(300)
    shadow.wait.set()
    assert {(version, code) for _, version, code, *_ in stage.clients.answers} == {("1", 200)}


def test_the_split_is_that_of_the_weights(stage):
    stage.begin(Canary(judged=Judged(slow=None), steps=(Step(percent=30, minutes=1),)))
    eventually(lambda: any(version == "2" for _, version, *_ in stage.clients.answers))
    with httpx.Client(base_url=f"http://127.0.0.1:{stage.keeper.port}") as client:
        versions = [client.post("/", content=b"{}").headers["x-model-version"] for _ in range(500)]
    share, deviation = versions.count("2") / 500, (0.3 * 0.7 / 500) ** 0.5
    assert abs(share - 0.3) < 4 * deviation
