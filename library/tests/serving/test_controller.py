"""The controller with a real registry and the files of a gateway: what it decides, tells and finishes after a kill."""

import contextlib
import json
import threading
from collections import Counter

import pytest

from millrace.base.errors import BadInput
from millrace.config.rollout_section import Ab, Canary, Judged, Limit, Shadow, Step
from millrace.registry.registry import Registry
from millrace.registry.version import VersionFacts
from millrace.serving import controller, state
from millrace.serving.candidates import CandidatePolicy
from millrace.serving.controller import Controller, new_rollout
from millrace.serving.envoy_config import Traffic
from millrace.serving.labels import Labelled, LabelStore
from millrace.serving.metric_limits import MeasuredMetric, MetricLimit
from millrace.serving.state import GatewayStatus, Mirrored, Order, Places, UnreadableState

CANARY = Canary(steps=(Step(percent=10, minutes=10, requests=50), Step(percent=50, minutes=10, requests=50)))
QUICK = Canary(steps=(Step(percent=10, minutes=1, requests=5),))
MINUTE = 60.0


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Killed(BaseException):
    """In the place of `kill -9`: nothing catches it."""


class Scene:
    """A pipeline with the versions 1, champion, and 2; requests and orders are written as the gateway and people do."""

    def __init__(self, folder) -> None:
        self.clock = Clock()
        self.places = Places(folder / "rollout")
        self.places.gateway.mkdir(parents=True)
        self.file, self.serving = folder / "registry.db", folder / "serving"
        self.opened: list[Registry] = []
        self.registry = self.open_registry()
        for number in (1, 2, 3):
            model = self.serving / str(number)
            model.mkdir(parents=True)
            (model / "saved_model.pb").touch()
            self.registry.take_in([(number, "run", VersionFacts(folder=str(model)))])
            self.registry.approve(self.registry.version(str(number)), "it is good")
        self.registry.move("champion", self.registry.version("1"), "first")
        self.controller = Controller(self.places, self.registry, clock=self.clock)

    def open_registry(self) -> Registry:
        registry = Registry(
            self.file, "taxi", str(self.serving), str(self.serving.parent), approval="manual", clock=self.clock
        )
        self.opened.append(registry)
        return registry

    def begin(self, policy=CANARY, version="2"):
        one, other = self.registry.version("champion"), self.registry.version(version)
        started = new_rollout(one, other, policy.kind, policy, self.clock.now)
        state.give_order(self.places, Order("start", "try it", "ann@desk", state=started))
        return self.controller.look()

    def ask(self, kind):
        state.give_order(self.places, Order(kind, "because", "ann@desk"))
        return self.controller.look()

    def answer(self, version, number, code=200):
        fields = {
            "time": "1.0",
            "id": "a",
            "cluster": f"{version}-rest",
            "path": "/v1/models/taxi:predict",
            "code": code,
            "grpc": None,
        }
        line = json.dumps({**fields, "ms": 3, "flags": "-"}) + "\n"
        with open(self.places.gateway / "access.log", "a") as file:
            file.write(line * number)

    def minutes(self, number, bad=0):
        """Ninety good answers of the champion and ten of the candidate a minute, of which some are bad."""
        for _ in range(number):
            self.clock.now += MINUTE
            self.answer(1, 90)
            self.answer(2, 10 - bad)
            self.answer(2, bad, code=500)
            rollout = self.controller.look()
        return rollout

    def traffic(self):
        return state.read_deployment(self.places).traffic

    def told(self):
        return [event.kind for event in self.registry.events() if event.kind.startswith("rollout")]

    def champion(self):
        return self.registry.aliases()["champion"].number


@pytest.fixture
def scene(tmp_path):
    scene = Scene(tmp_path)
    yield scene
    for registry in scene.opened:
        registry.close()


def test_without_a_rollout_the_champion_is_served_whoever_moves_it(scene):
    assert scene.controller.look() is None
    assert scene.traffic() == Traffic({1: 10_000})
    scene.registry.move("champion", scene.registry.version("3"), "better")
    scene.controller.look()
    deployment = state.read_deployment(scene.places)
    assert deployment.traffic == Traffic({3: 10_000})
    assert deployment.folders == {3: str(scene.serving / "3")}


def test_a_good_candidate_is_promoted_step_by_step_and_all_of_it_is_in_the_registry(scene):
    scene.begin()
    assert scene.traffic() == Traffic({1: 9_000, 2: 1_000}) and scene.champion() == 1
    scene.minutes(10)
    assert scene.traffic() == Traffic({1: 5_000, 2: 5_000})
    assert scene.minutes(10).status == "promoted"
    assert scene.traffic() == Traffic({2: 10_000}) and scene.champion() == 2
    assert scene.told() == ["rollout started", "rollout step", "rollout promoted"]
    last = scene.registry.events(2)[-1]
    assert "nothing speaks against it" in last.because
    assert last.details["seen"]["errors"] == {"1": [0, 1800], "2": [0, 200]}
    moved = scene.registry.events(alias="champion")[-1]
    assert "rollout 2-20270115-080000-" in moved.because
    assert (last.who, moved.who) == ("controller", "controller")
    assert scene.controller.look().status == "promoted" and len(scene.told()) == 3


def test_a_bad_one_goes_back_and_the_registry_says_why(scene):
    scene.begin()
    rollout = scene.minutes(1, bad=9)
    assert rollout.status == "back" and scene.traffic() == Traffic({1: 10_000}) and scene.champion() == 1
    assert scene.told() == ["rollout started", "rollout went back"]
    assert "errors: 9 of 10 (90 %)" in scene.registry.events(2)[-1].because


def test_a_candidate_that_refuses_everything_stays_at_its_step_and_that_is_said(scene):
    scene.begin(QUICK)
    for _ in range(3):
        scene.clock.now += MINUTE
        scene.answer(1, 90)
        scene.answer(2, 10, code=400)
        rollout = scene.controller.look()
    assert rollout.status == "running" and scene.traffic() == Traffic({1: 9_000, 2: 1_000})
    assert "0 of 5 answers, and it refused 30 requests as wrong (4xx)" in rollout.reason
    assert rollout.progress.totals["refused"] == {1: (0, 270), 2: (30, 30)}


def by_itself(scene, *candidates):
    scene.controller = Controller(scene.places, scene.registry, clock=scene.clock, candidates=candidates)


SHADOW = CandidatePolicy("shadow", Shadow(minutes=1, requests=5))


def test_a_candidate_goes_through_a_shadow_and_a_canary_with_nobody_at_the_keyboard(scene):
    by_itself(scene, SHADOW, CandidatePolicy("quick", QUICK))
    assert scene.controller.look() is None, "nothing is candidate"
    scene.registry.move("candidate", scene.registry.version("2"), "a push")
    rollout = scene.controller.look()
    assert (rollout.policy_name, rollout.status) == ("shadow", "running")
    assert scene.traffic() != Traffic({1: 10_000}), "it is mirrored"
    ended = scene.minutes(1)
    assert (ended.policy_name, ended.status, scene.champion()) == ("shadow", "done", 1)
    begun = scene.controller.look()
    assert (begun.policy_name, begun.status) == ("quick", "running")
    assert scene.minutes(1).status == "promoted" and scene.champion() == 2
    assert scene.told() == ["rollout started", "rollout done", "rollout started", "rollout promoted"]
    [first, *_] = [event for event in scene.registry.events(2) if event.kind == "rollout started"]
    assert (first.who, first.because) == ("controller", "it has become candidate (rollout.candidates)")
    assert scene.controller.look().status == "promoted" and len(scene.told()) == 4


def test_a_candidate_that_went_back_is_left_alone_until_it_is_candidate_again(scene):
    by_itself(scene, CandidatePolicy("quick", QUICK))
    scene.registry.move("candidate", scene.registry.version("2"), "a push")
    scene.controller.look()
    assert scene.minutes(1, bad=9).status == "back"
    for _ in range(3):
        assert scene.minutes(1).status == "back"
    scene.registry.move("candidate", scene.registry.version("3"), "another push")
    assert scene.controller.look().progress.candidate == 3
    assert scene.ask("abort").status == "aborted"
    assert scene.controller.look().status == "aborted", "a person has said no"
    scene.registry.move("candidate", scene.registry.version("2"), "it was the network")
    assert scene.controller.look().progress.candidate == 2


def test_a_candidate_that_may_not_be_champion_and_one_that_is_it_start_nothing(scene):
    by_itself(scene, CandidatePolicy("quick", QUICK))
    scene.registry.reject(scene.registry.version("2"), "it is unfair")
    scene.registry.move("candidate", scene.registry.version("3"), "a push")
    (scene.serving / "3" / "saved_model.pb").unlink()
    assert scene.controller.look() is None
    scene.registry.move("candidate", scene.registry.version("1"), "a slip")
    assert scene.controller.look() is None and scene.told() == []


def test_without_policies_for_candidates_a_person_starts(scene):
    scene.registry.move("candidate", scene.registry.version("2"), "a push")
    assert scene.controller.look() is None


class FixedMetrics:
    """In the place of the Evaluator's code: an AUC that is given, on the labels of the present step."""

    def __init__(self, auc, labels):
        self.auc, self.labels, self.asked = auc, labels, []

    def of_versions(self, limits, versions, answered_since, least):
        self.asked.append((versions, answered_since, least))
        return {"AUC": {version: MeasuredMetric(self.auc[version], 0.02, self.labels) for version in versions}}


def test_metrics_are_measured_when_a_step_ends_and_are_in_the_event_that_they_decide(scene):
    metrics = FixedMetrics({1: 0.9, 2: 0.9}, labels=80)
    scene.controller = Controller(scene.places, scene.registry, clock=scene.clock, metrics=metrics)
    policy = CANARY.model_copy(update={"judged": Judged(metrics=("AUC",), labels=80)})
    one, two = scene.registry.version("1"), scene.registry.version("2")
    limit = MetricLimit("AUC", True, worse_by=0.01)
    started = new_rollout(one, two, "canary", policy, scene.clock.now, measured=[limit])
    state.give_order(scene.places, Order("start", "try it", "ann@desk", state=started))
    scene.controller.look()
    began = scene.clock.now
    assert scene.minutes(9).status == "running" and metrics.asked == []
    scene.minutes(1)
    assert metrics.asked == [((1, 2), began, 80)] and scene.traffic() == Traffic({1: 5_000, 2: 5_000})
    metrics.auc[2], metrics.labels = 0.6, 79
    assert "79 of 80 labelled answers of the candidate" in scene.minutes(10).reason
    metrics.labels = 200
    rollout = scene.minutes(1)
    assert rollout.status == "back" and scene.champion() == 1
    last = scene.registry.events(2)[-1]
    assert last.because.startswith("AUC 0.6 on 200 labels, the champion's 0.9 on 200; not worse than")
    assert last.details["metrics"]["AUC"]["2"] == {"value": 0.6, "chance": 0.02, "labels": 200}


class AddedLabels:
    """Labels in their order, each with the version that answered and how wrong it was."""

    def __init__(self) -> None:
        self.labels: list[tuple[int, float]] = []
        self.corrected = 0

    def since(self, number, most=None):
        tallies: dict[int, Counter] = {}
        read = self.labels[number : None if most is None else number + most]
        for version, wrong in read:
            tallies.setdefault(version, Counter())[wrong] += 1
        return dict(tallies), number + len(read)

    def labelled(self, answered_since):
        return Counter(version for version, _ in self.labels)

    def corrections(self):
        return self.corrected


def test_what_corrected_labels_said_before_is_forgotten(scene):
    """All of the champion's answers are told to be wrong, a third of the candidate's are, then the truth is told."""
    labels = AddedLabels()
    labels.labels = [(1, 1.0)] * 50
    scene.controller = Controller(scene.places, scene.registry, labels, clock=scene.clock)
    scene.begin(CANARY.model_copy(update={"judged": Judged(wrong=Limit(worse_by=0.01), labels=20)}))
    labels.labels += [(1, 1.0)] * 400
    assert scene.minutes(1).progress.totals["wrong"] == {1: (400.0, 400)}
    labels.labels += [(1 + number % 2, float(number % 20 == 0 or number % 20 in (1, 3, 7))) for number in range(600)]
    poisoned = scene.minutes(1)
    assert poisoned.status == "running" and poisoned.progress.totals["wrong"][1] == (430.0, 700)
    labels.labels[50:450] = [(1, float(number % 20 == 0)) for number in range(400)]
    labels.corrected += 1
    corrected = scene.minutes(1)
    assert corrected.progress.totals["wrong"] == {1: (50.0, 700), 2: (90.0, 300)}, "none of before the rollout"
    assert corrected.status == "back" and "wrong: 90 of 300" in corrected.reason
    assert corrected.progress.tests["errors worse_by"].champion_of == 270, "what rests on no label is kept"


def test_a_crash_sends_back_and_what_crashed_before_the_rollout_does_not(scene):
    state.write_gateway(scene.places, GatewayStatus(1, "127.0.0.1", 80, ended={2: 3}))
    scene.begin()
    assert scene.minutes(1).status == "running"
    state.write_gateway(scene.places, GatewayStatus(1, "127.0.0.1", 80, ended={2: 4}))
    assert scene.minutes(1).status == "back"


def test_a_shadow_is_counted_by_its_mirror(scene):
    policy = Shadow(minutes=5, requests=100, judged=Judged(slow=None))
    scene.begin(policy)
    assert scene.traffic() == Traffic({1: 10_000, 2: 0}, {2: 100})
    for minute in range(1, 6):
        scene.answer(1, 40)
        state.write_gateway(scene.places, GatewayStatus(1, "127.0.0.1", 80, mirrored={2: Mirrored(40 * minute)}))
        scene.clock.now += MINUTE
        rollout = scene.controller.look()
    assert rollout.status == "done" and scene.champion() == 1 and scene.traffic() == Traffic({1: 10_000})
    assert rollout.progress.totals["errors"] == {1: (0.0, 200), 2: (0.0, 200)}
    scene.begin(policy)
    state.write_gateway(scene.places, GatewayStatus(1, "127.0.0.1", 80, mirrored={2: Mirrored(220, 180)}))
    scene.answer(1, 200)
    assert scene.controller.look().status == "back"


def test_a_shadow_that_refuses_what_the_champion_takes_goes_back_and_one_that_a_broken_client_asks_does_not(scene):
    policy = Shadow(minutes=5, requests=100, judged=Judged(slow=None))

    def look(good, refused):
        mirrored = Mirrored(good=good, taken=good, refused=refused)
        state.write_gateway(scene.places, GatewayStatus(1, "127.0.0.1", 80, mirrored={2: Mirrored(*mirrored)}))
        scene.clock.now += MINUTE
        return scene.controller.look()

    scene.begin(policy)
    for minute in range(1, 6):
        scene.answer(1, 40)
        scene.answer(1, 20, code=400)
        rollout = look(40 * minute, 20 * minute)
    assert rollout.status == "done"
    assert rollout.progress.totals["refused"] == {1: (100.0, 300), 2: (100.0, 300)}
    scene.begin(policy)
    scene.answer(1, 60)
    rollout = look(210, 150)
    assert rollout.status == "back"
    assert rollout.reason.startswith("refused: 50 of 60 (83.3 %), the champion's 0 of 60 (0 %)")


def test_a_pause_is_no_time_of_a_step(scene):
    scene.begin()
    scene.minutes(9)
    scene.ask("pause")
    assert scene.minutes(30).status == "paused"
    scene.ask("resume")
    # Nine minutes before, and half of one since.
    scene.clock.now += MINUTE / 2
    assert scene.controller.look().progress.step == 0
    scene.clock.now += MINUTE / 2
    assert scene.controller.look().progress.step == 1
    assert scene.told() == ["rollout started", "rollout paused", "rollout resumed", "rollout step"]


def test_a_person_ends_it_either_way(scene):
    scene.begin()
    assert scene.ask("abort").status == "aborted"
    assert scene.traffic() == Traffic({1: 10_000})
    scene.begin()
    assert scene.ask("promote").status == "promoted"
    assert scene.champion() == 2 and scene.traffic() == Traffic({2: 10_000})
    assert scene.registry.events(2)[-1].because == "because"
    by = [(one.kind, one.who) for one in scene.registry.events(2) if one.who == "ann@desk"]
    kinds = ["rollout started", "rollout aborted", "rollout started", "alias moved", "rollout promoted by hand"]
    assert by == [(kind, "ann@desk") for kind in kinds]


def test_a_champion_that_was_moved_by_somebody_ends_it(scene):
    scene.begin()
    scene.registry.move("champion", scene.registry.version("3"), "urgent")
    assert scene.controller.look().status == "aborted"
    assert scene.traffic() == Traffic({3: 10_000})


def test_a_promotion_undoes_no_move_that_its_decision_did_not_see(scene):
    """Somebody moves the alias in the very second in which another promotes by hand."""
    scene.begin()
    scene.registry.move("champion", scene.registry.version("3"), "urgent", "bob@bench")
    rollout = scene.ask("promote")
    assert rollout.status == "back" and scene.champion() == 3 and scene.traffic() == Traffic({3: 10_000})
    assert "champion was moved from version 1 to 3 in the meantime by bob@bench: urgent" in rollout.reason


@pytest.mark.parametrize("change", ["gone", "rejected"])
def test_what_may_not_be_champion_is_not_promoted_by_hand_either(scene, change):
    scene.begin()
    if change == "gone":
        (scene.serving / "2" / "saved_model.pb").unlink()
    else:
        scene.registry.reject(scene.registry.version("2"), "its data was wrong")
    rollout = scene.ask("promote")
    assert rollout.status == "back" and scene.champion() == 1 and scene.traffic() == Traffic({1: 10_000})
    assert {"gone": "is not there any more", "rejected": "was rejected"}[change] in rollout.reason
    assert scene.told()[-1] == "rollout went back"


def test_who_takes_up_what_runs_already_moves_no_time(scene):
    scene.begin()
    scene.ask("pause")
    scene.clock.now += 5 * MINUTE
    before = scene.ask("resume").progress
    scene.clock.now += 5 * MINUTE
    after = scene.ask("resume").progress
    assert (after.started, after.step_started) == (before.started, before.step_started)
    assert before.started == 1_800_000_000.0 + 5 * MINUTE


def test_the_time_until_its_server_answers_belongs_to_no_step(scene):
    scene.begin(QUICK)
    state.write_gateway(scene.places, GatewayStatus(1, "127.0.0.1", 8080, {1: True, 2: False}))
    for _ in range(3):
        scene.clock.now += MINUTE
        assert scene.controller.look().reason == "0 of 1 minutes and 0 of 5 answers"
    # The step's minute begins here, and not when somebody asked for the rollout.
    state.write_gateway(scene.places, GatewayStatus(1, "127.0.0.1", 8080, {1: True, 2: True}))
    scene.clock.now += MINUTE / 2
    scene.answer(2, 5)
    assert scene.controller.look().reason == "0.5 of 1 minutes"
    # Gone in the middle of the step, and back.
    state.write_gateway(scene.places, GatewayStatus(1, "127.0.0.1", 8080, {1: True, 2: False}))
    scene.clock.now += 60 * MINUTE
    assert scene.controller.look().reason == "0.5 of 1 minutes"
    state.write_gateway(scene.places, GatewayStatus(1, "127.0.0.1", 8080, {1: True, 2: True}))
    scene.clock.now += MINUTE / 2
    assert scene.controller.look().status == "promoted"


def test_a_server_that_never_answers_ends_the_rollout_after_its_hours(scene):
    scene.begin(QUICK)
    state.write_gateway(scene.places, GatewayStatus(1, "127.0.0.1", 8080, {1: True, 2: False}))
    scene.clock.now += QUICK.hours * 60 * MINUTE + 1
    rollout = scene.controller.look()
    assert rollout.status == "back" and rollout.reason.startswith("after 72 hours it is not decided")


def test_a_start_that_comes_while_another_rollout_runs_is_not_taken(scene):
    running = scene.begin()
    other = scene.begin(version="3")
    assert other.id == running.id and other.progress.candidate == 2
    assert scene.told() == ["rollout started"] and not scene.places.order_file.exists()


def test_a_keeper_that_was_started_anew_counts_from_nothing(scene):
    def told(ended, mirrored):
        status = GatewayStatus(1, "127.0.0.1", 80, ended={2: ended}, mirrored={2: Mirrored(*mirrored)})
        state.write_gateway(scene.places, status)
        return scene.controller.look()

    told(3, (100, 5))
    scene.begin(Shadow(minutes=5, requests=1000, judged=Judged(slow=None, crashes=1)))
    assert told(3, (110, 6)).progress.totals["errors"][2] == (1.0, 11)
    anew = told(0, (20, 2))
    assert anew.progress.totals["errors"][2] == (3.0, 33) and anew.progress.crashes == 0
    assert told(1, (20, 2)).progress.crashes == 1
    assert told(2, (20, 2)).status == "back"


def labelled(store, version, wrong, number):
    """So many more labels of a version, of which some say that it was wrong."""
    begun = store.since(0)[1]
    store.add({f"{begun + at}": Labelled(version, 1.0, float(at < wrong)) for at in range(number)})


def test_labels_decide_an_ab_test_and_those_from_before_it_do_not(scene):
    store = LabelStore(scene.places.folder / "labels.db")
    scene.controller = Controller(scene.places, scene.registry, store, clock=scene.clock)
    labelled(store, 2, 300, 300)
    scene.begin(Ab(minutes=2, requests=400, judged=Judged(slow=None, wrong=Limit(worse_by=0.01))))
    labelled(store, 1, 60, 200)
    labelled(store, 2, 20, 200)
    rollout = scene.minutes(1)
    assert rollout.status == "running" and rollout.progress.totals["wrong"] == {1: (60.0, 200), 2: (20.0, 200)}
    scene.controller = Controller(scene.places, scene.open_registry(), store, clock=scene.clock)
    labelled(store, 1, 60, 200)
    labelled(store, 2, 20, 200)
    rollout = scene.minutes(1)
    assert rollout.status == "promoted" and scene.champion() == 2
    assert rollout.progress.totals["wrong"] == {1: (120.0, 400), 2: (40.0, 400)}


class Compared:
    """In the place of the log of requests: of each look ten requests, of which some were decided differently."""

    def __init__(self, differing):
        self.differing, self.asked = differing, []

    def since(self, when, champion, candidate):
        self.asked.append((when, champion, candidate))
        return {1.0: self.differing, 0.0: 10 - self.differing}, when + 1


@pytest.mark.parametrize(("differing", "ends", "looks"), [(0, "done", 2), (9, "back", 1)])
def test_a_shadow_is_compared_from_its_start_on(scene, differing, ends, looks):
    comparison = Compared(differing)
    scene.controller = Controller(scene.places, scene.registry, comparison=comparison, clock=scene.clock)
    began = scene.clock.now
    judged = Judged(slow=None, disagreement=Limit(at_most=0.2))
    scene.begin(Shadow(minutes=1, requests=1, judged=judged))
    state.write_gateway(scene.places, GatewayStatus(1, "127.0.0.1", 80, mirrored={2: (10, 0)}))
    scene.clock.now += MINUTE
    assert scene.controller.look().status == ends and scene.champion() == 1
    assert comparison.asked == [(began, 1, 2), (began + 1, 1, 2)][:looks]


def test_a_look_that_fails_leaves_the_traffic_and_the_next_one_is_tried(scene, monkeypatch):
    monkeypatch.setattr(controller, "_LOOK_SECONDS", 0.0)
    scene.begin()
    looks, stop, look = [], threading.Event(), scene.controller.look

    def failing():
        looks.append(len(looks))
        if len(looks) <= 2:
            raise [BadInput("the registry is held"), OSError("the disk is full")][len(looks) - 1]
        look()
        stop.set()

    monkeypatch.setattr(scene.controller, "look", failing)
    scene.controller.run(stop)
    assert looks == [0, 1, 2] and scene.traffic() == Traffic({1: 9_000, 2: 1_000})


def test_a_candidate_that_is_rejected_goes_back_at_once(scene):
    scene.begin()
    scene.minutes(19)
    scene.registry.reject(scene.registry.version("2"), "its data was wrong")
    rollout = scene.controller.look()
    assert rollout.status == "back" and scene.champion() == 1 and scene.traffic() == Traffic({1: 10_000})
    assert "was rejected: its data was wrong" in rollout.reason


@pytest.mark.parametrize("bad", [0, 9])
@pytest.mark.parametrize("allowed", range(8))
def test_a_controller_that_is_killed_at_any_write_is_finished_by_the_next(scene, monkeypatch, allowed, bad):
    """Kills the deciding look before its `allowed`-th write or registry change, and lets another controller look."""
    scene.begin(QUICK)
    scene.clock.now += MINUTE
    scene.answer(1, 90)
    scene.answer(2, 10 - bad)
    scene.answer(2, bad, code=500)
    left = allowed

    def killed_after(function):
        def call(*arguments, **keywords):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return function(*arguments, **keywords)

        return call

    with monkeypatch.context() as patch:
        for name in ("write_rollout", "write_deployment"):
            patch.setattr(state, name, killed_after(getattr(state, name)))
        for name in ("move", "record"):
            patch.setattr(scene.registry, name, killed_after(getattr(scene.registry, name)))
        with contextlib.suppress(Killed):
            scene.controller.look()
    after = Controller(scene.places, scene.open_registry(), clock=scene.clock)
    for _ in range(2):
        rollout = after.look()
    served = 1 if bad else 2
    assert rollout.status == ("back" if bad else "promoted") and not rollout.unsaid
    assert scene.champion() == served and scene.traffic() == Traffic({served: 10_000})
    assert scene.told() == ["rollout started", "rollout went back" if bad else "rollout promoted"]
    assert rollout.progress.totals["errors"][1] == (0.0, 90)


@pytest.mark.parametrize("content", ["{}", "[]", '{"folders": {"1', '{"folders": 1, "weights": {}, "mirrored": {}}'])
def test_a_file_that_another_millrace_wrote_is_named_and_a_deployment_is_written_anew(scene, content):
    for name in ("rollout.json", "order.json", "gateway.json"):
        (scene.places.folder / name).write_text(content)
    for read in (state.read_rollout, state.read_order, state.read_gateway):
        with pytest.raises(UnreadableState, match=r"cannot be read: it (is cut off|was written by another Millrace)"):
            read(scene.places)
    for name in ("rollout.json", "order.json", "gateway.json"):
        (scene.places.folder / name).unlink()
    (scene.places.folder / "deployment.json").write_text(content)
    scene.controller.look()
    assert scene.traffic() == Traffic({1: 10_000})


def test_an_order_that_was_taken_and_not_removed_is_taken_once(scene):
    scene.begin()
    scene.ask("abort")
    started = scene.begin()
    again = Order("start", "try it", "ann@desk", id=started.order, state=started)
    state.give_order(scene.places, again)
    assert scene.controller.look().number == started.number
