"""Which version a person may roll out, over which, and when an order waits; the lock says whether a gateway runs."""

import fcntl

import pytest
from registered_versions import pushed

from millrace.base.errors import BadInput
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.registry.intake import open_registry
from millrace.serving import gateway_process, rollouts, state
from millrace.serving.gateway_process import keep
from millrace.serving.rollouts import ask, gateway_runs, places_of, start


def order(config):
    return state.read_order(places_of(config))


def refused(config, words, version="12", policy="canary"):
    with pytest.raises(BadInput, match=words):
        start(config, version, policy, "try it")
    assert order(config) is None


def test_an_order_says_who_asked_for_which_versions_and_waits_for_a_gateway(config):
    asked, waiting = start(config, "12", "canary", "it is better"), order(config)
    assert asked.taken is False and asked.rollout == waiting.state
    assert (waiting.kind, waiting.because, "@" in waiting.who) == ("start", "it is better", True)
    progress = waiting.state.progress
    assert (progress.champion, progress.candidate, progress.weight) == (11, 12, 100)
    assert waiting.state.folders[12].endswith("serving/taxi/12")
    with pytest.raises(BadInput, match="asked for start, and the controller has not taken it yet"):
        start(config, "12", "shadow", "or this")
    assert order(config) == waiting


@pytest.mark.parametrize("policy", ["canary", "shadow", "blue-green"])
def test_what_must_not_be_served_is_not_rolled_out_and_not_mirrored(config, policy):
    refused(config, "version 11 is champion already", "11", policy)
    refused(config, "version 11 is champion already", "champion", policy)
    with open_registry(config) as registry:
        [trial] = registry.take_in([pushed(places_of(config).folder.parents[1], 13, trial=True)])
        registry.reject(registry.version("12"), "unfair")
        assert trial.trial
    refused(config, "a trial's, and lies where no server looks", "13", policy)
    refused(config, "version 12 was rejected: unfair", "12", policy)
    with open_registry(config) as registry:
        registry.approve(registry.version("12"), "measured again")
        (registry.version("12").folder / "saved_model.pb").unlink()
    refused(config, "version 12 is not there any more", "12", policy)
    refused(config, "no version and no alias 14", "14", policy)


def test_what_nobody_approved_is_seen_by_no_user_and_may_be_a_shadow(config):
    manual = config.model_copy(update={"registry": config.registry.model_copy(update={"approval": "manual"})})
    with open_registry(manual) as registry:
        registry.take_in([pushed(places_of(config).folder.parents[1], 13)])
    for policy in ("canary", "ab", "bandit", "blue-green"):
        refused(manual, "version 13 is not approved", "13", policy)
    start(manual, "13", "shadow", "look at it")
    assert order(manual).state.policy.kind == "shadow"


def test_without_a_champion_there_is_nothing_to_roll_out_over_and_nothing_to_serve(tmp_path, monkeypatch):
    config = load("conf/taxi.yaml", [f"root={tmp_path / 'new'}", "registry.approval=manual"])
    with open_registry(config) as registry:
        registry.take_in([pushed(tmp_path / "new", 11)])
    refused(config, "no version of taxi is champion", "11")
    monkeypatch.setattr(gateway_process, "require_envoy", lambda: tmp_path / "envoy")
    with pytest.raises(BadInput, match="no version of taxi is champion"):
        keep(config, (), lambda host, port: None)


def test_one_rollout_runs_at_a_time_and_is_asked_for_what_it_is_not_yet(config):
    places = places_of(config)
    with pytest.raises(BadInput, match="no rollout runs") as refusal:
        ask(config, "abort", "x")
    assert "the last one" not in str(refusal.value)
    start(config, "12", "canary", "try it")
    rollout = order(config).state
    places.order_file.unlink()
    for status, kind, words in (
        ("running", "resume", "the rollout of version 12 is running"),
        ("paused", "pause", "the rollout of version 12 is paused"),
        ("back", "promote", "no rollout runs; the last one is back"),
    ):
        state.write_rollout(places, rollout.__class__(**{**vars(rollout), "status": status}))
        with pytest.raises(BadInput, match=words):
            ask(config, kind, "x")
        assert order(config) is None
        if status != "back":
            refused(config, f"a rollout of version 12 is {status}")
            for allowed in ("abort", "promote", "resume" if status == "paused" else "pause"):
                ask(config, allowed, "because")
                assert (order(config).kind, order(config).because, order(config).state) == (allowed, "because", None)
                places.order_file.unlink()
    start(config, "12", "canary", "once more")
    assert order(config).kind == "start"


def test_a_gateway_runs_as_long_as_its_keeper_holds_the_lock_and_no_second_one_does(config):
    places = places_of(config)
    assert not gateway_runs(places)
    places.folder.mkdir(parents=True)
    with gateway_process._alone(places):
        assert gateway_runs(places) and gateway_runs(places), "who looks takes nothing away"
        with pytest.raises(BadInput, match="a gateway of this pipeline runs already"), gateway_process._alone(places):
            pass
        assert gateway_runs(places)
    assert not gateway_runs(places)


def test_who_asks_waits_while_a_gateway_runs_and_only_so_long(config, monkeypatch):
    monkeypatch.setattr(rollouts, "_TAKEN_SECONDS", 0.02)
    monkeypatch.setattr(rollouts, "_LOOK_SECONDS", 0.01)
    places = places_of(config)
    places.folder.mkdir(parents=True)
    with open(places.lock, "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert start(config, "12", "canary", "the controller hangs").taken is False
        places.order_file.unlink()
        monkeypatch.setattr(state, "give_order", lambda *_: None)
        assert start(config, "12", "canary", "the controller was quick").taken is True


def test_a_service_in_a_cloud_has_no_gateway_here(config):
    away = config.model_copy(update={"push": config.push.model_copy(update={"directory": "gs://bucket/models"})})
    with pytest.raises(BadInput, match="the gateway serves models from a folder of this machine"):
        places_of(away)


def test_a_policy_that_is_misspelt_is_told_with_the_nearest(config):
    refused(config, r"there is no policy canry; did you mean canary\?", policy="canry")


def test_labels_are_those_of_the_one_column_that_is_predicted(config):
    assert rollouts.label_column(config.label) == "big_tipper"
    assert rollouts.label_store(places_of(config)) is not None and layout(config).requests
